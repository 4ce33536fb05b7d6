//! Which of redb's headers counts? redb rewrites one header of 320 bytes in place; here every such
//! write goes to one of two slots, so that there is always a whole one.
//!
//! What a slot holds, sealed (`seal`) with its position as its number; 368 bytes, one sector:
//!
//! ```text
//! OFFSET  SIZE  MEANING
//! 0       40    nonce and tag
//! 40      8     sequence, u64, little-endian: of two good slots the higher counts
//! 48      320   redb's header
//! ```
//!
//! - A header is written to the slot that is not known to be durable, with the next sequence. With
//!   both durable the lower sequence is overwritten. So a durable slot, and with it the last state
//!   that was synced, stays until the other one is durable too.
//! - A sync makes durable only what was written before it began.
//! - After a commit the same header goes into the other slot as well (the mirror): otherwise one bad
//!   bit in the newest slot would be a silent step back to the commit before.
//! - Opening chooses the higher sequence, writes the identical bytes again and syncs before anything
//!   else is written: after a kill, or a sync that failed, that slot may exist in the page cache
//!   alone, and the next write would go over the only durable one.
//! - Unless the other slot is damaged: then the chosen one is the last good one, and must not be
//!   touched, since a power cut may leave anything of what is being written. The header goes into the
//!   other slot instead.

use std::io;

use super::controls::Control;
use super::disk::Disk;
use super::layout::SLOT_OFFSETS;
use super::owner::Owner;
use super::seal::{Domain, Refused, SEAL_BYTES, Seal};
use crate::base::sync::Mutex;
use crate::base::{Error, Result};

/// Bytes of redb's header.
pub(super) const REDB_HEADER_BYTES: usize = 320;

const CONTENT_BYTES: usize = 8 + REDB_HEADER_BYTES;
const SLOT_BYTES: usize = SEAL_BYTES + CONTENT_BYTES;

/// Where redb keeps its flags: the god byte, behind nine bytes of magic.
const GOD_BYTE: usize = 9;
const RECOVERY_REQUIRED: u8 = 2;
const TWO_PHASE_COMMIT: u8 = 4;

/// No sequence reaches this.
const SEQUENCE_END: u64 = 1 << 63;

/// redb's header, and what Larder needs to know of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct RedbHeader(pub(super) [u8; REDB_HEADER_BYTES]);

impl RedbHeader {
    fn flags(&self) -> u8 {
        self.0.get(GOD_BYTE).copied().unwrap_or_default()
    }

    /// Whether the file was closed as it should be.
    pub(super) fn is_clean(&self) -> bool {
        self.flags() & RECOVERY_REQUIRED == 0
    }

    /// How long redb's file must be at least: it grows, durably, before a header says so, and is cut
    /// only after a header did.
    pub(super) fn least_len(&self) -> u64 {
        let number = |at: usize| {
            let bytes = self.0.get(at..).and_then(|rest| rest.first_chunk::<4>());
            u64::from(bytes.map_or(0, |bytes| u32::from_le_bytes(*bytes)))
        };
        let (page_bytes, header_pages, region_pages) = (number(12), number(16), number(20));
        let (full_regions, last_pages) = (number(24), number(28));
        let last = if last_pages > 0 {
            header_pages + last_pages
        } else {
            0
        };
        (header_pages + region_pages)
            .checked_mul(full_regions)
            .and_then(|pages| pages.checked_add(1 + last))
            .and_then(|pages| pages.checked_mul(page_bytes))
            .unwrap_or(u64::MAX)
    }

    /// Whether the commit it stands for was two-phase, so that what it points to is whole.
    pub(super) fn is_two_phase(&self) -> bool {
        self.flags() & TWO_PHASE_COMMIT != 0
    }
}

/// The two slots of an open file.
#[derive(Debug)]
pub(super) struct Superblocks(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    slots: [Slot; 2],
    /// The newest header, as redb reads it.
    header: Option<RedbHeader>,
    /// Whether it was written since the last mirror.
    unmirrored: bool,
}

impl std::fmt::Debug for RedbHeader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedbHeader")
            .field("clean", &self.is_clean())
            .field("two_phase", &self.is_two_phase())
            .finish_non_exhaustive()
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    /// 0 where nothing good is.
    sequence: u64,
    durable: bool,
}

/// What a slot was read as.
type Read = Result<(u64, RedbHeader, [u8; SLOT_BYTES]), Refused>;

impl Superblocks {
    /// The slots of a file that is being created.
    pub(super) fn fresh() -> Self {
        Self(Mutex::default())
    }

    /// Reads both slots and chooses.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt) when neither is good.
    pub(super) fn read(owner: &Owner, seal: &Seal) -> Result<(Self, Chosen)> {
        let [first, second] = [read_slot(owner, seal, 0)?, read_slot(owner, seal, 1)?];
        let sequence = |read: &Read| read.as_ref().map_or(0, |(sequence, ..)| *sequence);
        let slots = [sequence(&first), sequence(&second)].map(|sequence| Slot {
            sequence,
            durable: false,
        });
        let position = usize::from(sequence(&second) > sequence(&first));
        let chosen = if position == 0 { first } else { second };
        let Ok((_, header, bytes)) = chosen else {
            return Err(Error::corrupt(
                "both superblocks of the file are damaged: nothing says where its data begins",
            ));
        };
        let state = State {
            slots,
            header: Some(header),
            unmirrored: false,
        };
        Ok((
            Self(Mutex::new(state)),
            Chosen {
                position,
                bytes,
                header,
            },
        ))
    }

    /// Makes the chosen header durable, whatever it is now.
    pub(super) fn settle(&self, owner: &Owner, seal: &Seal, chosen: &Chosen) -> io::Result<()> {
        let mut state = self.0.lock();
        let alone = state.slots.iter().any(|slot| slot.sequence == 0);
        if let Some(slot) = state.slots.get_mut(chosen.position) {
            slot.durable = true;
        }
        if owner.controls.has(Control::NoRewrite) {
            return Ok(());
        }
        if alone {
            write_slot(&mut state, owner, seal, &chosen.header)?;
        } else {
            let offset = SLOT_OFFSETS.get(chosen.position).copied();
            owner.write_at(offset.unwrap_or_default(), &chosen.bytes)?;
        }
        owner.sync()?;
        if alone {
            state.slots.iter_mut().for_each(|slot| slot.durable = true);
        }
        Ok(())
    }

    /// The newest header; none in a file that is being created.
    pub(super) fn header(&self) -> Option<RedbHeader> {
        self.0.lock().header
    }

    /// Writes a header where no durable one is lost.
    pub(super) fn write(&self, owner: &Owner, seal: &Seal, header: &RedbHeader) -> io::Result<()> {
        let mut state = self.0.lock();
        write_slot(&mut state, owner, seal, header)?;
        state.unmirrored = true;
        Ok(())
    }

    /// Writes the newest header once more, into the other slot. Says whether there was need to.
    pub(super) fn mirror(&self, owner: &Owner, seal: &Seal) -> io::Result<bool> {
        let mut state = self.0.lock();
        let Some(header) = state.header.filter(|_| state.unmirrored) else {
            return Ok(false);
        };
        write_slot(&mut state, owner, seal, &header)?;
        state.unmirrored = false;
        Ok(true)
    }

    /// How many headers were ever written: while this stays, so does the state that opens.
    pub(super) fn written(&self) -> u64 {
        self.0
            .lock()
            .slots
            .map(|slot| slot.sequence)
            .into_iter()
            .fold(0, u64::max)
    }

    /// What a sync that begins now will have made durable.
    pub(super) fn before_sync(&self) -> [u64; 2] {
        self.0.lock().slots.map(|slot| slot.sequence)
    }

    /// A sync that began with that succeeded.
    pub(super) fn after_sync(&self, before: [u64; 2]) {
        for (slot, sequence) in self.0.lock().slots.iter_mut().zip(before) {
            if slot.sequence == sequence && sequence > 0 {
                slot.durable = true;
            }
        }
    }
}

/// Writes a header where no durable one is lost.
fn write_slot(
    state: &mut State,
    owner: &Owner,
    seal: &Seal,
    header: &RedbHeader,
) -> io::Result<()> {
    let position = match &state.slots {
        _ if owner.controls.has(Control::SingleSlot) => 0,
        [first, second] if first.durable == second.durable => {
            usize::from(second.sequence < first.sequence)
        }
        [first, _] => usize::from(first.durable),
    };
    let sequence = 1 + state
        .slots
        .iter()
        .map(|slot| slot.sequence)
        .max()
        .unwrap_or(0);
    let mut place = [0; SLOT_BYTES];
    let content = place.iter_mut().skip(SEAL_BYTES);
    let bytes = sequence.to_le_bytes().into_iter().chain(header.0);
    content.zip(bytes).for_each(|(to, from)| *to = from);
    let [nonce] = seal.nonces(1).map_err(io::Error::other)?[..] else {
        return Err(io::Error::other("no nonce"));
    };
    seal.seal(Domain::Superblock, position as u64, &nonce, &mut place);
    let slot = state.slots.get_mut(position);
    if let Some(slot) = slot {
        // Before the write: a failed one may have reached the disk in part.
        *slot = Slot {
            sequence,
            durable: false,
        };
    }
    let offset = SLOT_OFFSETS.get(position).copied().unwrap_or_default();
    owner.write_at(offset, &place)?;
    state.header = Some(*header);
    Ok(())
}

/// The slot that opening chose.
pub(super) struct Chosen {
    position: usize,
    bytes: [u8; SLOT_BYTES],
    pub(super) header: RedbHeader,
}

/// Reads a slot; an error of the disk is an error, damage is not.
pub(super) fn read_slot(owner: &Owner, seal: &Seal, position: usize) -> Result<Read> {
    let mut bytes = [0; SLOT_BYTES];
    let offset = SLOT_OFFSETS.get(position).copied().unwrap_or_default();
    owner
        .read_at(offset, &mut bytes)
        .map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => {
                Error::corrupt("the file ends within its superblocks: the rest was cut off")
            }
            _ => super::error::from_io(error, "a superblock cannot be read"),
        })?;
    let (Some(front), Some(mut content)) = (
        bytes.first_chunk::<SEAL_BYTES>(),
        bytes.last_chunk::<CONTENT_BYTES>().copied(),
    ) else {
        return Ok(Err(Refused::Damaged));
    };
    if let Err(refused) = seal.open(Domain::Superblock, position as u64, front, &mut content) {
        return Ok(Err(refused));
    }
    let (Some(sequence), Some(header)) = (
        content.first_chunk::<8>(),
        content.last_chunk::<REDB_HEADER_BYTES>(),
    ) else {
        return Ok(Err(Refused::Damaged));
    };
    Ok(match u64::from_le_bytes(*sequence) {
        // Nobody gets there; and the next sequence must be one that can be said.
        0 | SEQUENCE_END.. => Err(Refused::Damaged),
        sequence => Ok((sequence, RedbHeader(*header), bytes)),
    })
}

#[cfg(test)]
mod tests {
    use super::super::controls::Controls;
    use super::super::disk::MemoryDisk;
    use super::super::random::Random;
    use super::*;

    fn seal() -> Seal {
        Seal::new([1; 16], None, Random::seeded(1), Controls::default())
    }

    /// A header that only its number tells from others.
    fn header(number: u8) -> RedbHeader {
        RedbHeader([number; REDB_HEADER_BYTES])
    }

    struct Fixture {
        disk: MemoryDisk,
        owner: Owner,
        superblocks: Superblocks,
    }

    impl Fixture {
        fn new() -> Self {
            let disk = MemoryDisk::default();
            disk.set_len(0x4000).unwrap();
            Self {
                owner: Owner::new(Box::new(disk.clone()), Controls::default()),
                superblocks: Superblocks::fresh(),
                disk,
            }
        }

        fn write(&self, number: u8) {
            self.superblocks
                .write(&self.owner, &seal(), &header(number))
                .unwrap();
        }

        fn sync(&self) {
            let before = self.superblocks.before_sync();
            self.superblocks.after_sync(before);
        }

        /// Sequence and number of the header in each slot.
        fn slots(&self) -> [Option<(u64, u8)>; 2] {
            [0, 1].map(|position| {
                let read = read_slot(&self.owner, &seal(), position).unwrap();
                read.ok()
                    .map(|(sequence, header, _)| (sequence, header.0[0]))
            })
        }

        fn damage(&self, position: usize) {
            self.disk
                .write_at(SLOT_OFFSETS[position] + 100, &[0xEE])
                .unwrap();
        }

        fn reopen(&self) -> Result<RedbHeader> {
            Superblocks::read(&self.owner, &seal()).map(|(_, chosen)| chosen.header)
        }
    }

    #[test]
    fn a_slot_has_golden_bytes() {
        let fixture = Fixture::new();
        fixture.write(7);
        let mut bytes = [0; 4096];
        fixture.disk.read_at(SLOT_OFFSETS[0], &mut bytes).unwrap();
        let mut covered = b"larder super v1\0".to_vec();
        covered.extend_from_slice(&[1; 16]);
        covered.extend_from_slice(&[0; 8]);
        let mut content = vec![1, 0, 0, 0, 0, 0, 0, 0];
        content.extend_from_slice(&[7; 320]);
        covered.extend_from_slice(&content);
        let mut expected = vec![0; 24];
        expected.extend_from_slice(&crc32fast::hash(&covered).to_le_bytes());
        expected.extend_from_slice(b"larder plain");
        expected.extend_from_slice(&content);
        assert_eq!(bytes[..368], expected);
        assert!(bytes[368..].iter().all(|byte| *byte == 0));
    }

    #[test]
    fn the_only_durable_slot_is_never_overwritten() {
        let fixture = Fixture::new();
        fixture.write(1);
        fixture.sync();
        for number in 2..6 {
            fixture.write(number);
            assert_eq!(fixture.slots()[0], Some((1, 1)));
        }
        assert_eq!(fixture.slots()[1], Some((5, 5)));
        fixture.sync();
        // Now both are durable: the older goes.
        fixture.write(6);
        assert_eq!(fixture.slots(), [Some((6, 6)), Some((5, 5))]);
        fixture.write(7);
        assert_eq!(fixture.slots(), [Some((7, 7)), Some((5, 5))]);
    }

    #[test]
    fn a_sync_makes_durable_only_what_was_written_before_it_began() {
        let fixture = Fixture::new();
        fixture.write(1);
        fixture.sync();
        fixture.write(2);
        let before = fixture.superblocks.before_sync();
        fixture.write(3);
        fixture.superblocks.after_sync(before);
        fixture.write(4);
        assert_eq!(fixture.slots(), [Some((1, 1)), Some((4, 4))]);
    }

    #[test]
    fn with_a_mirror_no_single_damage_is_a_step_back() {
        for position in [0, 1] {
            let fixture = Fixture::new();
            fixture.write(1);
            fixture.sync();
            fixture.write(2);
            fixture.sync();
            assert!(fixture.superblocks.mirror(&fixture.owner, &seal()).unwrap());
            assert!(!fixture.superblocks.mirror(&fixture.owner, &seal()).unwrap());
            fixture.sync();
            assert_eq!(fixture.slots(), [Some((3, 2)), Some((2, 2))]);
            fixture.damage(position);
            assert_eq!(fixture.reopen().unwrap(), header(2));
            fixture.damage(1 - position);
            let error = fixture.reopen().unwrap_err();
            assert!(error.is(crate::base::ErrorKind::Corrupt), "{error}");
        }
    }

    #[test]
    fn after_opening_the_chosen_slot_is_the_durable_one() {
        let fixture = Fixture::new();
        fixture.write(1);
        fixture.sync();
        fixture.write(2);
        let (superblocks, chosen) = Superblocks::read(&fixture.owner, &seal()).unwrap();
        assert_eq!(chosen.header, header(2));
        superblocks
            .settle(&fixture.owner, &seal(), &chosen)
            .unwrap();
        superblocks
            .write(&fixture.owner, &seal(), &header(3))
            .unwrap();
        assert_eq!(fixture.slots(), [Some((3, 3)), Some((2, 2))]);
    }

    /// The story: a power cut tore one slot, and another one, while the file was being opened, tore the
    /// other slot as opening wrote it again. Both were gone. The simulated disk found it with garbage
    /// in what was being written; to write the same bytes again is harmless only where a device never
    /// leaves anything but old or new ones.
    #[test]
    fn the_last_good_slot_is_not_written_again() {
        for position in [0, 1] {
            let fixture = Fixture::new();
            fixture.write(1);
            fixture.sync();
            fixture.superblocks.mirror(&fixture.owner, &seal()).unwrap();
            fixture.sync();
            fixture.damage(position);
            let good = fixture.slots()[1 - position];
            let (superblocks, chosen) = Superblocks::read(&fixture.owner, &seal()).unwrap();
            // A cut in the only write that opening makes.
            superblocks
                .settle(&fixture.owner, &seal(), &chosen)
                .unwrap();
            assert_eq!(fixture.slots()[1 - position], good);
            let (sequence, number) = fixture.slots()[position].unwrap();
            assert_eq!((sequence, number), (good.unwrap().0 + 1, 1));
            fixture.damage(position);
            assert_eq!(fixture.reopen().unwrap(), header(1));
        }
    }

    #[test]
    fn a_sequence_that_nobody_reaches_is_damage() {
        let fixture = Fixture::new();
        fixture.write(1);
        fixture.superblocks.0.lock().slots[0].sequence = SEQUENCE_END - 1;
        fixture.write(2);
        assert_eq!(fixture.slots()[0], Some((1, 1)));
        assert_eq!(fixture.slots()[1], None);
    }
}
