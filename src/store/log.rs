//! How does a commit become durable with one write and one sync? It is appended to the commit log.
//!
//! The log's area (`layout`) holds frames one behind the other, from its beginning on. A frame begins at
//! a multiple of 64 bytes from there; numbers are little-endian.
//!
//! ```text
//! OFFSET  SIZE  MEANING
//! 0       4     n: bytes behind the seal
//! 4       4     CRC-32 (ISO-HDLC) of "larder frame", file id, offset in the file (u64), n (u32)
//! 8       40    nonce and tag (`seal`), with the domain "larder frame v1" and the offset in the file
//! 48      n     sealed, encrypted where the file is:
//! 48      1       1: a transaction; 2: a mark
//! 49      16      life
//! 65      8       sequence
//! 73      8       synced_through: every frame up to that sequence was synced when this was written
//! 81      8       the revision of what the transaction wrote; 0 in a mark
//! 89      4       CRC-32 of the previous frame as it lies in the file; 0 in the first
//! 93      ..      write set (`journal`); nothing in a mark
//! ```
//! - A *life* is one opening of the database. The table `larder` has the life and sequence that the last
//!   checkpoint left (`rows`); what follows it is here: the first frame is of that life and has the next
//!   sequence, the others follow without gaps. So no frame of an earlier life or round is taken for one
//!   of now, although it may lie in the right place and have the right number.
//! - The log has no ring: after a checkpoint it begins again at its beginning.
//! - The first frame that is not valid ends the log: it is what a crash tore. But if a later frame of this
//!   life says that it was synced, then it was there and is damaged: an error, and nothing is replayed.
//!   So that this is known of the last frame, too, a *mark* is written behind it after its sync, itself
//!   without one; the next frame takes its place.
//! - The checksum in front makes it cheap to look for such frames.

use std::io;

use super::controls::{Control, Controls};
use super::disk::Disk;
use super::journal::Part;
use super::layout::{LOG_OFFSET, Layout};
use super::owner::Owner;
use super::seal::{Domain, SEAL_BYTES, Seal};
use crate::base::{CommitId, Error, Result};

/// Where frames begin.
const ALIGN: usize = 64;

/// Length and its checksum.
const FRONT_BYTES: usize = 8;

/// What is in front of the write set within the seal.
const HEAD_BYTES: usize = 1 + 16 + 8 + 8 + 8 + 4;

const TRANSACTION: u8 = 1;
const MARK: u8 = 2;

/// Bytes of a mark, and of a frame beside its write set.
const FRAME_BYTES: usize = FRONT_BYTES + SEAL_BYTES + HEAD_BYTES;

/// The log as it is being written.
#[derive(Debug)]
pub(super) struct Log {
    life: u128,
    /// Bytes of its area.
    size: u64,
    /// Where the next frame begins, from the beginning of the area.
    head: u64,
    /// CRC-32 of the frame in front of it.
    previous: u32,
    /// The last sequence that is known to be durable.
    synced_through: u64,
    /// The last sequence that was logged.
    last: u64,
    /// Whether the tables have this life: frames of any other would not be replayed.
    begun: bool,
    controls: Controls,
}

impl Log {
    /// The log of a life that has not begun yet, behind that commit.
    pub(super) fn new(layout: Layout, life: u128, last: u64, controls: Controls) -> Self {
        Self {
            life,
            size: layout.data_offset() - LOG_OFFSET,
            head: 0,
            previous: 0,
            synced_through: last,
            last,
            begun: false,
            controls,
        }
    }

    /// The most a write set may have to be logged: more is cheaper to write once.
    pub(super) fn part_bytes_max(layout: Layout) -> usize {
        let size = layout.data_offset() - LOG_OFFSET;
        usize::try_from(size / 4).unwrap_or(usize::MAX)
    }

    pub(super) fn is_begun(&self) -> bool {
        self.begun
    }

    /// The sequence of the last commit, logged or not.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// Whether something is in the log that no checkpoint has.
    pub(super) fn is_pending(&self) -> bool {
        self.head > 0
    }

    /// Whether everything that was logged is durable.
    pub(super) fn is_synced(&self) -> bool {
        self.synced_through == self.last
    }

    /// Whether these fit, and the log is not so full that a checkpoint is due.
    pub(super) fn takes(&self, parts: &[Part]) -> bool {
        if self.head > self.size / 4 * 3 {
            return false;
        }
        let needed = parts
            .iter()
            .fold(0, |sum, part| sum + frame_len(part.len()));
        self.head + needed + frame_len(0) <= self.size
    }

    /// A checkpoint has everything up to that sequence.
    pub(super) fn restart(&mut self, last: u64) {
        self.head = 0;
        self.previous = 0;
        self.last = last;
        self.synced_through = last;
        self.begun = true;
    }

    /// Writes the frames of transactions that follow each other, in one go.
    pub(super) fn append(&mut self, owner: &Owner, seal: &Seal, parts: &[Part]) -> io::Result<()> {
        let mut bytes = Vec::new();
        let mut previous = self.previous;
        for (part, sequence) in parts.iter().zip(self.last + 1..) {
            previous = self.frame(seal, &mut bytes, TRANSACTION, sequence, previous, part)?;
            bytes.resize(aligned(bytes.len()), 0);
        }
        owner.write_at(LOG_OFFSET + self.head, &bytes)?;
        self.head += bytes.len() as u64;
        self.previous = previous;
        self.last += parts.len() as u64;
        Ok(())
    }

    /// Everything that was appended is durable.
    pub(super) fn synced(&mut self) {
        self.synced_through = self.last;
    }

    /// Writes behind the last frame that it was synced.
    pub(super) fn mark(&self, owner: &Owner, seal: &Seal) -> io::Result<()> {
        if !self.is_pending() || self.head + frame_len(0) > self.size {
            return Ok(());
        }
        let (mut bytes, nothing) = (Vec::new(), Part::default());
        self.frame(seal, &mut bytes, MARK, self.last, self.previous, &nothing)?;
        owner.write_at(LOG_OFFSET + self.head, &bytes)
    }

    /// Adds a frame to the bytes that are to be written from the head on; gives its CRC-32.
    fn frame(
        &self,
        seal: &Seal,
        bytes: &mut Vec<u8>,
        kind: u8,
        sequence: u64,
        previous: u32,
        part: &Part,
    ) -> io::Result<u32> {
        let begin = bytes.len();
        let offset = LOG_OFFSET + self.head + begin as u64;
        let payload = &part.payload;
        let (mut life, mut synced_through) = (self.life, self.synced_through);
        if self.controls.has(Control::FramesWithoutLife) {
            life = 0;
        }
        if self.controls.has(Control::NoSyncedThrough) {
            synced_through = 0;
        }
        let len = u32::try_from(HEAD_BYTES + payload.len()).map_err(io::Error::other)?;
        bytes.extend_from_slice(&len.to_le_bytes());
        bytes.extend_from_slice(&front_crc(seal, offset, len).to_le_bytes());
        bytes.extend_from_slice(&[0; SEAL_BYTES]);
        bytes.push(kind);
        bytes.extend_from_slice(&life.to_le_bytes());
        bytes.extend_from_slice(&sequence.to_le_bytes());
        bytes.extend_from_slice(&synced_through.to_le_bytes());
        bytes.extend_from_slice(&part.revision.to_le_bytes());
        bytes.extend_from_slice(&previous.to_le_bytes());
        bytes.extend_from_slice(payload);
        let nonces = seal.nonces(1).map_err(io::Error::other)?;
        let place = bytes.get_mut(begin + FRONT_BYTES..);
        if let (Some(nonce), Some(place)) = (nonces.first(), place) {
            seal.seal(Domain::Frame, offset, nonce, place);
        }
        Ok(crc32fast::hash(bytes.get(begin..).unwrap_or_default()))
    }
}

/// Bytes from the beginning of a frame with that write set to the next one.
fn frame_len(payload: usize) -> u64 {
    aligned(FRAME_BYTES + payload) as u64
}

fn aligned(len: usize) -> usize {
    len.next_multiple_of(ALIGN)
}

fn front_crc(seal: &Seal, offset: u64, len: u32) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(b"larder frame");
    hasher.update(seal.file_id());
    hasher.update(&offset.to_le_bytes());
    hasher.update(&len.to_le_bytes());
    hasher.finalize()
}

/// A frame that was read.
struct Frame {
    kind: u8,
    life: u128,
    sequence: u64,
    synced_through: u64,
    previous: u32,
    /// Of the frame as it lies.
    crc: u32,
    part: Part,
}

/// Reads what the transactions changed that follow that commit. Not one byte is written.
///
/// # Errors
/// [`Corrupt`](crate::ErrorKind::Corrupt) when a frame is damaged that was synced.
pub(super) fn scan(
    owner: &Owner,
    seal: &Seal,
    layout: Layout,
    after: CommitId,
) -> Result<Vec<Part>> {
    let reader = Reader {
        owner,
        seal,
        end: layout.data_offset(),
    };
    let io = |error| super::error::from_io(error, "the commit log cannot be read");
    let mut parts = Vec::new();
    let mut offset = LOG_OFFSET;
    let mut previous = 0;
    let mut sequence = after.sequence();
    loop {
        let found = reader.frame(offset).map_err(io)?;
        let next = found.filter(|frame| {
            frame.kind == TRANSACTION
                && reader.is_of(frame, after.life())
                && Some(frame.sequence) == sequence.checked_add(1)
                && frame.previous == previous
        });
        let Some(frame) = next else { break };
        offset += frame_len(frame.part.len());
        previous = frame.crc;
        sequence = frame.sequence;
        parts.push(frame.part);
    }
    let missing = sequence.saturating_add(1);
    match reader.first_behind(offset, after.life()).map_err(io)? {
        Behind::Nothing => {}
        Behind::SyncedThrough(synced) => {
            let hole_is_damage = owner.controls.has(Control::HoleIsDamage);
            if synced >= missing || hole_is_damage && synced > after.sequence() {
                return Err(Error::corrupt(format!(
                    "commit {missing} is in the log and damaged, at offset {offset} of the file; \
                     restore the file from a backup"
                )));
            }
        }
        Behind::TooMuch => {
            return Err(Error::corrupt(
                "the commit log holds frames that overlap, which were never written this way",
            ));
        }
    }
    Ok(parts)
}

struct Reader<'a> {
    owner: &'a Owner,
    seal: &'a Seal,
    /// Where the log's area ends.
    end: u64,
}

/// What lies behind the last frame that follows.
enum Behind {
    /// No frame of this life.
    Nothing,
    /// Frames of this life; the greatest sequence that one of them says was synced.
    SyncedThrough(u64),
    /// More frames than can lie there.
    TooMuch,
}

impl Reader<'_> {
    /// The frame at an offset, `None` where no valid one is.
    fn frame(&self, offset: u64) -> io::Result<Option<Frame>> {
        let mut front = [0; FRONT_BYTES];
        if offset + FRAME_BYTES as u64 > self.end {
            return Ok(None);
        }
        self.owner.read_at(offset, &mut front)?;
        match self.len_of(offset, front) {
            Some(len) => self.open(offset, len),
            None => Ok(None),
        }
    }

    /// How many bytes lie behind the seal, `None` where no frame begins.
    fn len_of(&self, offset: u64, front: [u8; FRONT_BYTES]) -> Option<usize> {
        let (len, rest) = front.split_first_chunk()?;
        let crc = rest.first_chunk()?;
        let len = u32::from_le_bytes(*len);
        let room = self.end - offset - (FRONT_BYTES + SEAL_BYTES) as u64;
        let good = len as usize >= HEAD_BYTES
            && u64::from(len) <= room
            && front_crc(self.seal, offset, len) == u32::from_le_bytes(*crc);
        good.then_some(len as usize)
    }

    fn open(&self, offset: u64, len: usize) -> io::Result<Option<Frame>> {
        let mut bytes = vec![0; FRONT_BYTES + SEAL_BYTES + len];
        self.owner.read_at(offset, &mut bytes)?;
        let crc = crc32fast::hash(&bytes);
        let sealed = bytes.get_mut(FRONT_BYTES..).unwrap_or_default();
        let Some((seal, data)) = sealed.split_first_chunk_mut::<SEAL_BYTES>() else {
            return Ok(None);
        };
        if self.seal.open(Domain::Frame, offset, seal, data).is_err() {
            return Ok(None);
        }
        Ok(parse(data, crc))
    }

    fn is_of(&self, frame: &Frame, life: u128) -> bool {
        frame.life == life || self.owner.controls.has(Control::FramesWithoutLife)
    }

    /// Looks for frames behind `from`, wherever they begin.
    fn first_behind(&self, from: u64, life: u128) -> io::Result<Behind> {
        let mut found = Behind::Nothing;
        // Frames do not overlap, so all that there can be have the size of the log.
        let mut budget = 4 * (self.end - LOG_OFFSET);
        let mut window = vec![0; WINDOW_BYTES];
        let mut offset = from;
        while offset + FRAME_BYTES as u64 <= self.end {
            let rest = usize::try_from(self.end - offset).unwrap_or(usize::MAX);
            let window = window.get_mut(..rest.min(WINDOW_BYTES)).unwrap_or_default();
            self.owner.read_at(offset, window)?;
            for (place, at) in window.chunks(ALIGN).zip((offset..).step_by(ALIGN)) {
                let Some(front) = place.first_chunk() else {
                    continue;
                };
                if at + FRAME_BYTES as u64 > self.end {
                    break;
                }
                let Some(len) = self.len_of(at, *front) else {
                    continue;
                };
                let Some(left) = budget.checked_sub(len as u64) else {
                    return Ok(Behind::TooMuch);
                };
                budget = left;
                let frame = self.open(at, len)?;
                if let Some(frame) = frame.filter(|frame| self.is_of(frame, life)) {
                    let before = match found {
                        Behind::SyncedThrough(synced) => synced,
                        _ => 0,
                    };
                    found = Behind::SyncedThrough(before.max(frame.synced_through));
                }
            }
            offset += WINDOW_BYTES as u64;
        }
        Ok(found)
    }
}

/// Bytes of the log that are looked at in one go.
const WINDOW_BYTES: usize = 1 << 16;

/// What the seal covered.
fn parse(data: &[u8], crc: u32) -> Option<Frame> {
    let (kind, rest) = data.split_first()?;
    let (life, rest) = rest.split_first_chunk()?;
    let (sequence, rest) = rest.split_first_chunk()?;
    let (synced_through, rest) = rest.split_first_chunk()?;
    let (revision, rest) = rest.split_first_chunk()?;
    let (previous, payload) = rest.split_first_chunk()?;
    Some(Frame {
        kind: *kind,
        life: u128::from_le_bytes(*life),
        sequence: u64::from_le_bytes(*sequence),
        synced_through: u64::from_le_bytes(*synced_through),
        previous: u32::from_le_bytes(*previous),
        crc,
        part: Part {
            revision: u64::from_le_bytes(*revision),
            payload: payload.to_vec(),
            bypass: false,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::super::cipher::{Cipher, CipherKind, Secret};
    use super::super::disk::MemoryDisk;
    use super::super::hex::hex;
    use super::super::journal::Journal;
    use super::super::random::Random;
    use super::*;
    use crate::base::ErrorKind;

    const LIFE: u128 = 0x0102_0304_0506_0708_090A_0B0C_0D0E_0F10;
    const AFTER: CommitId = CommitId::new(LIFE, 10);

    struct Bench {
        owner: Owner,
        seal: Seal,
        layout: Layout,
        log: Log,
    }

    impl Bench {
        fn new(encrypted: bool) -> Self {
            Self::with(encrypted, Controls::default())
        }

        fn with(encrypted: bool, controls: Controls) -> Self {
            let layout = Layout::new(1 << 16);
            let owner = Owner::new(Box::new(MemoryDisk::default()), controls);
            owner.set_len(layout.data_offset()).unwrap();
            let cipher =
                encrypted.then(|| Cipher::new(CipherKind::Xaes256Gcm, &Secret::new([7; 32])));
            let seal = Seal::new(*b"0123456789abcdef", cipher, Random::seeded(1), controls);
            let mut log = Log::new(layout, LIFE, 10, controls);
            log.restart(10);
            Self {
                owner,
                seal,
                layout,
                log,
            }
        }

        fn append(&mut self, value: &[u8]) {
            let part = part(value);
            self.log.append(&self.owner, &self.seal, &[part]).unwrap();
        }

        fn sync(&mut self) {
            self.log.synced();
            self.log.mark(&self.owner, &self.seal).unwrap();
        }

        fn scan(&self) -> Result<Vec<Part>> {
            scan(&self.owner, &self.seal, self.layout, AFTER)
        }

        fn damage(&self, at: u64) {
            let mut byte = [0];
            self.owner.read_at(LOG_OFFSET + at, &mut byte).unwrap();
            self.owner
                .write_at(LOG_OFFSET + at, &[byte[0] ^ 1])
                .unwrap();
        }
    }

    fn part(value: &[u8]) -> Part {
        let mut journal = Journal::new(1 << 14);
        let table = journal.table("t");
        journal.changed(table, b"key", Some(value), None);
        Part {
            revision: 0x0A0B,
            ..journal.take_part()
        }
    }

    #[test]
    fn what_was_appended_is_scanned_in_order_and_from_the_next_sequence_on() {
        for encrypted in [false, true] {
            let mut bench = Bench::new(encrypted);
            assert!(bench.scan().unwrap().is_empty());
            let long = vec![1; 5000];
            let values: [&[u8]; 4] = [b"", b"a", &long, &[2; 64]];
            for value in values {
                bench.append(value);
                bench.sync();
            }
            let expected: Vec<_> = values.iter().map(|value| part(value)).collect();
            assert_eq!(bench.scan().unwrap(), expected);
            // After a checkpoint none of them follows.
            let after = |life, sequence| {
                let after = CommitId::new(life, sequence);
                scan(&bench.owner, &bench.seal, bench.layout, after)
            };
            assert!(after(LIFE, 14).unwrap().is_empty());
            assert!(after(LIFE + 1, 10).unwrap().is_empty());
            bench.log.restart(14);
            bench.append(b"next");
            let found = scan(
                &bench.owner,
                &bench.seal,
                bench.layout,
                CommitId::new(LIFE, 14),
            );
            assert_eq!(found.unwrap(), [part(b"next")]);
        }
    }

    /// Every byte of three frames, the middle one synced, and of the mark.
    #[test]
    fn damage_of_what_was_synced_is_told_and_a_torn_end_is_not() {
        for encrypted in [false, true] {
            let frame = frame_len(part(b"1").len());
            for at in 0..4 * frame {
                let mut bench = Bench::new(encrypted);
                bench.append(b"1");
                bench.append(b"2");
                bench.sync();
                bench.append(b"3");
                bench.damage(at);
                let (number, within) = (at / frame, at % frame);
                let padding = within >= (FRAME_BYTES + part(b"1").len()) as u64;
                match bench.scan() {
                    Err(error) => {
                        assert_eq!(error.kind(), ErrorKind::Corrupt);
                        let named = error
                            .to_string()
                            .contains(&format!("commit {}", 11 + number));
                        assert!(number < 2 && !padding && named, "{at}: {error}");
                    }
                    Ok(found) => {
                        let expected = if number == 2 && !padding { 2 } else { 3 };
                        assert!(padding || number > 1, "{at} was not seen");
                        assert_eq!(found.len(), expected, "{at}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_mark_tells_of_damage_in_the_last_frame() {
        let mut bench = Bench::new(false);
        bench.append(b"1");
        bench.sync();
        bench.damage(60);
        assert_eq!(bench.scan().unwrap_err().kind(), ErrorKind::Corrupt);
    }

    /// An ordinary power cut: the second of two frames that nobody synced reached the disk, the first
    /// did not.
    #[test]
    fn a_hole_among_frames_that_were_not_synced_ends_the_log() {
        let mut bench = Bench::new(true);
        bench.append(b"1");
        bench.sync();
        bench.append(b"2");
        bench.append(b"3");
        bench.damage(frame_len(part(b"1").len()) + 50);
        assert_eq!(bench.scan().unwrap(), [part(b"1")]);
    }

    #[test]
    fn frames_of_a_round_or_life_before_are_not_of_now() {
        let mut bench = Bench::new(false);
        for value in [b"1", b"2", b"3"] {
            bench.append(value);
        }
        bench.sync();
        bench.log.restart(10);
        bench.append(b"4");
        // What lies behind has the next sequence, and another frame in front of it.
        assert_eq!(bench.scan().unwrap_err().kind(), ErrorKind::Corrupt);
        bench.log.restart(13);
        bench.append(b"5");
        let found = scan(
            &bench.owner,
            &bench.seal,
            bench.layout,
            CommitId::new(LIFE, 13),
        );
        assert_eq!(found.unwrap(), [part(b"5")]);
    }

    #[test]
    fn frames_that_overlap_cost_no_more_than_the_log_is_long() {
        let bench = Bench::new(false);
        let end = bench.layout.data_offset();
        for offset in (LOG_OFFSET + 64..end - FRAME_BYTES as u64).step_by(ALIGN) {
            let room = end - offset - (FRONT_BYTES + SEAL_BYTES) as u64;
            let len = u32::try_from(room).unwrap();
            let crc = front_crc(&bench.seal, offset, len);
            bench.owner.write_at(offset, &len.to_le_bytes()).unwrap();
            bench
                .owner
                .write_at(offset + 4, &crc.to_le_bytes())
                .unwrap();
        }
        let error = bench.scan().unwrap_err();
        assert!(error.to_string().contains("overlap"), "{error}");
    }

    #[test]
    fn a_log_takes_no_more_than_fits_and_nothing_once_three_quarters_full() {
        let mut bench = Bench::new(false);
        let part_len = 1 << 13;
        let mut count = 0;
        while bench.log.takes(&[part(&vec![1; part_len])]) {
            bench.append(&vec![1; part_len]);
            bench.sync();
            count += 1;
        }
        assert_eq!(count, 6);
        assert_eq!(bench.scan().unwrap().len(), count);
        assert!(!bench.log.takes(&[part(b"1")]));
        bench.log.restart(16);
        let parts: Vec<Part> = (0..8).map(|_| part(&vec![1; part_len])).collect();
        assert!(!bench.log.takes(&parts));
        assert!(bench.log.takes(&parts[..7]));
    }

    #[test]
    fn a_frame_and_a_mark_have_golden_bytes() {
        for (encrypted, golden) in [(false, GOLDEN_PLAIN), (true, GOLDEN_XAES)] {
            let mut bench = Bench::new(encrypted);
            bench.append(b"value");
            bench.sync();
            let mut bytes = vec![0; 2 * 128];
            bench.owner.read_at(LOG_OFFSET, &mut bytes).unwrap();
            assert_eq!(bytes, hex(golden), "{encrypted}");
        }
    }

    const GOLDEN_PLAIN: &str =
        "440000009d0bdd76000000000000000000000000000000000000000000000000d44561816c617264657220706c61696e
         01100f0e0d0c0b0a0908070605040302010b000000000000000a000000000000000b0a00000000000000000000010100
         0000740203000000050000006b657976616c75650000000000000000000000002d000000f4dc34500000000000000000
         000000000000000000000000000000008efff50a6c617264657220706c61696e02100f0e0d0c0b0a0908070605040302
         010b000000000000000b000000000000000000000000000000d4a312b100000000000000000000000000000000000000
         00000000000000000000000000000000";
    const GOLDEN_XAES: &str =
        "440000009d0bdd76405c601ec3035811ee5ec865e8db3a4e70061c9591d0bcba581715f718841193c11b160e9b8435a3
         7175f7e5ef1867b169ed95e2b47c0fb76608f3af2e62a2a7ead74d4eeb245b3cba98e425ece19aca7ec55d6728a8f14c
         182fd8343a205b9353636d0ab8ed6e9d6872bbaa0000000000000000000000002d000000f4dc345039cf591ae27f7bd4
         d728a7b31448ebea9917a11e7555c14ab1a1405e14de838df561dc0d3abfdb5dc8d74b4c7219f85d6b44e2bede5dbd49
         f1e1443647b5347d7434942a6a2b43666650667f29cd5619e26f4e663200000000000000000000000000000000000000
         00000000000000000000000000000000";
}
