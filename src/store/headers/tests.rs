//! Does a file always open with one of its keys, wherever a change of its header is cut?

use std::io;

use zeroize::Zeroizing;

use super::*;
use crate::base::sync::Mutex;
use crate::store::cipher::CipherKind;
use crate::store::kdf::{DERIVATIONS, KdfParameters};
use crate::store::random::Random;

const SECTOR: usize = 512;

/// A file in memory whose operating system and device may fail.
#[derive(Debug)]
struct Simulated(Mutex<State>);

#[derive(Clone, Debug)]
struct State {
    /// What the device has for certain.
    durable: Vec<u8>,
    /// What is read: the device, and over it the page cache.
    cached: Vec<u8>,
    /// Written since the last sync: of each sector, a power cut keeps or loses it.
    unsynced: Vec<(usize, Vec<u8>)>,
    /// Writes and syncs that still succeed.
    operations_left: usize,
}

/// What ends a history.
#[derive(Clone, Copy, Debug)]
enum End {
    /// The program dies; the page cache lives.
    Kill,
    /// The sync that was due fails, is not tried again, and calls its pages clean; then a kill.
    FailedSync(u64),
    /// The page cache is lost.
    PowerCut(u64),
}

impl Simulated {
    fn new(bytes: Vec<u8>) -> Self {
        Self::of(State {
            durable: bytes.clone(),
            cached: bytes,
            unsynced: Vec::new(),
            operations_left: usize::MAX,
        })
    }

    fn of(state: State) -> Self {
        Self(Mutex::new(state))
    }

    fn state(&self) -> State {
        self.0.lock().clone()
    }
}

impl State {
    /// One operation less; an error when none was left.
    fn spend(&mut self) -> io::Result<()> {
        let left = self.operations_left.checked_sub(1);
        self.operations_left = left.ok_or_else(|| io::Error::other("cut"))?;
        Ok(())
    }

    /// The file after `end`, with everything working again.
    fn after(mut self, end: End) -> Self {
        self.operations_left = usize::MAX;
        match end {
            End::Kill => {}
            End::FailedSync(seed) => self.flush_some(seed),
            End::PowerCut(seed) => {
                self.flush_some(seed);
                self.cached.clone_from(&self.durable);
            }
        }
        self
    }

    /// Sectors of what is unsynced reach the device in an order of its own: none for seed 0, all for
    /// seed 1, any for the others.
    fn flush_some(&mut self, seed: u64) {
        let random = Random::seeded(seed);
        for (offset, data) in std::mem::take(&mut self.unsynced) {
            for (number, sector) in data.chunks(SECTOR).enumerate() {
                let [coin] = random.array::<1>().unwrap();
                if seed == 1 || (seed > 1 && coin < 128) {
                    let at = offset + number * SECTOR;
                    self.durable[at..at + sector.len()].copy_from_slice(sector);
                }
            }
        }
    }
}

impl Disk for Simulated {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().cached.len() as u64)
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let at = usize::try_from(offset).unwrap();
        out.copy_from_slice(&self.0.lock().cached[at..at + out.len()]);
        Ok(())
    }

    fn write_at(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let at = usize::try_from(offset).unwrap();
        let mut state = self.0.lock();
        state.spend()?;
        state.cached[at..at + data.len()].copy_from_slice(data);
        state.unsynced.push((at, data.to_vec()));
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let len = usize::try_from(len).unwrap();
        let mut state = self.0.lock();
        state.spend()?;
        state.cached.resize(len, 0);
        state.durable.resize(len, 0);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.0.lock();
        state.spend()?;
        state.flush_some(1);
        Ok(())
    }
}

fn passphrase(text: &str) -> Credential {
    Credential::Passphrase(Zeroizing::new(text.as_bytes().to_vec()))
}

fn key(byte: u8) -> Credential {
    Credential::Key(Secret::new([byte; 32]))
}

const KEPT: fn() -> Credential = || key(1);
const OLD: fn() -> Credential = || passphrase("old");
const NEW: fn() -> Credential = || passphrase("new");

/// A new encrypted file that opens with `credentials`.
fn file(seed: u64, credentials: &[Credential]) -> Vec<u8> {
    let random = Random::seeded(seed);
    let cipher = Some(CipherKind::XChaCha20Poly1305);
    let mut header = Header::fresh(&random, cipher, 1 << 20).unwrap();
    let data_key = DataKey::fresh(&random).unwrap();
    for credential in credentials {
        let kdf = KdfParameters::lowest();
        keyring::add_key(&mut header, &data_key, credential, kdf, &random).unwrap();
    }
    let disk = Simulated::new(vec![0; 2 * SIZE]);
    create(&disk, &header, Some(&data_key.header())).unwrap();
    disk.state().cached
}

fn plain_file() -> Vec<u8> {
    let disk = Simulated::new(vec![0; 2 * SIZE]);
    let header = Header::fresh(&Random::seeded(3), None, 1 << 20).unwrap();
    create(&disk, &header, None).unwrap();
    disk.state().cached
}

fn opens(bytes: &[u8], credential: &Credential) -> bool {
    read(&Simulated::new(bytes.to_vec()), credential).is_ok()
}

fn kind(bytes: &[u8], credential: &Credential) -> ErrorKind {
    let opened = read(&Simulated::new(bytes.to_vec()), credential);
    opened.unwrap_err().kind()
}

/// Opens for writing and changes the keys, as a program would.
fn change(disk: &Simulated, credential: &Credential, change: Change) -> Result<()> {
    let io = |error| from_io(error, "cut");
    let opened = read(disk, credential)?;
    heal(disk, &opened, Controls::default()).map_err(io)?;
    let data_key = opened.data_key.unwrap();
    let mut header = opened.header;
    change(&mut header, &data_key);
    let mac_key = data_key.header();
    let controls = Controls::default();
    write(disk, &header, Some(&mac_key), opened.copy, controls).map_err(io)
}

type Change = fn(&mut Header, &DataKey);

fn add_new(header: &mut Header, data_key: &DataKey) {
    let (kdf, random) = (KdfParameters::lowest(), Random::seeded(77));
    keyring::add_key(header, data_key, &NEW(), kdf, &random).unwrap();
}

fn remove_old(header: &mut Header, _: &DataKey) {
    if let Some(slot) = keyring::slot_of(header, &OLD()).unwrap() {
        keyring::remove_key(header, slot).unwrap();
    }
}

fn old_to_new(header: &mut Header, data_key: &DataKey) {
    let (kdf, random) = (KdfParameters::lowest(), Random::seeded(77));
    if let Some(slot) = keyring::slot_of(header, &OLD()).unwrap() {
        keyring::replace_key(header, data_key, slot, &NEW(), kdf, &random).unwrap();
    }
}

const CHANGES: [Change; 3] = [add_new, remove_old, old_to_new];

fn ends() -> Vec<End> {
    let mut ends = vec![End::Kill];
    ends.extend((0..6).map(End::FailedSync));
    ends.extend((0..6).map(End::PowerCut));
    ends
}

/// All files that a cut of `run` can leave, and at last the one that no cut left.
fn cuts(start: &State, run: impl Fn(&Simulated) -> Result<()>) -> Vec<State> {
    let mut left = Vec::new();
    for operations in 0.. {
        let disk = Simulated::of(State {
            operations_left: operations,
            ..start.clone()
        });
        let done = run(&disk).is_ok();
        left.extend(ends().into_iter().map(|end| disk.state().after(end)));
        if done {
            assert!(operations > 0, "nothing was cut");
            return left;
        }
    }
    left
}

#[test]
fn a_change_that_is_cut_anywhere_leaves_the_old_key_or_the_new_one() {
    for (run, removes) in CHANGES.into_iter().zip([false, true, false]) {
        let start = Simulated::new(file(1, &[KEPT(), OLD()])).state();
        for left in cuts(&start, |disk| change(disk, &KEPT(), run)) {
            assert!(opens(&left.cached, &KEPT()));
            assert!(removes || opens(&left.cached, &OLD()) || opens(&left.cached, &NEW()));
        }
    }
}

/// The story: a program dies in changing its passphrase, the next one finds the change in the page
/// cache alone, goes on from there, and then the power fails. Whoever overwrites the durable copy
/// before making the other one durable loses the file here.
#[test]
fn a_second_cut_in_healing_or_changing_again_leaves_a_key_too() {
    for first in CHANGES {
        let start = Simulated::new(file(1, &[KEPT(), OLD()])).state();
        for left in cuts(&start, |disk| change(disk, &KEPT(), first)) {
            for second in [remove_old as Change, |_, _| {}] {
                for left in cuts(&left, |disk| change(disk, &KEPT(), second)) {
                    assert!(opens(&left.cached, &KEPT()));
                    // What the device has is what the next power cut leaves.
                    let cut = left.after(End::PowerCut(0));
                    assert!(opens(&cut.cached, &KEPT()));
                }
            }
        }
    }
}

#[test]
fn opening_for_writing_ends_an_interrupted_change() {
    for (disk, opened) in healed() {
        let state = disk.state();
        assert_eq!(state.cached[..SIZE], state.cached[SIZE..]);
        let again = read(&disk, &KEPT()).unwrap();
        assert_eq!(again.other, Other::Agrees);
        assert_eq!(again.header, opened.header);
    }
}

/// What every interrupted change left, after it was opened for writing.
fn healed() -> impl Iterator<Item = (Simulated, Opened)> {
    let left = CHANGES.into_iter().flat_map(|run| {
        let start = Simulated::new(file(1, &[KEPT(), OLD()])).state();
        cuts(&start, |disk| change(disk, &KEPT(), run))
    });
    left.map(|left| {
        let disk = Simulated::of(left);
        let opened = read(&disk, &KEPT()).unwrap();
        heal(&disk, &opened, Controls::default()).unwrap();
        (disk, opened)
    })
}

/// The story: the last sync of a change of passphrase failed, so that the old one was still in one copy
/// on the device. The next opening read both copies from the page cache, where they agreed, and left
/// them alone. After a power cut the old passphrase opened the file again.
#[test]
fn a_key_that_was_seen_to_be_gone_does_not_come_back() {
    for (disk, _) in healed() {
        let state = disk.state();
        assert_eq!(state.durable, state.cached);
        assert_eq!(state.durable[..SIZE], state.durable[SIZE..]);
    }
}

/// Interrupted between the copies, the file has both passphrases; either ends the change its way.
#[test]
fn between_the_copies_the_old_and_the_new_passphrase_open() {
    let before = file(1, &[OLD()]);
    let disk = Simulated::new(before.clone());
    change(&disk, &OLD(), old_to_new).unwrap();
    let after = disk.state().cached;
    assert!(!opens(&after, &OLD()) && opens(&after, &NEW()));
    for between in [
        [&after[..SIZE], &before[SIZE..]].concat(),
        [&before[..SIZE], &after[SIZE..]].concat(),
    ] {
        for (credential, whole) in [(OLD(), &before), (NEW(), &after)] {
            let disk = Simulated::new(between.clone());
            let opened = read(&disk, &credential).unwrap();
            assert_eq!(opened.other, Other::Differs);
            heal(&disk, &opened, Controls::default()).unwrap();
            assert_eq!(&disk.state().durable, whole);
        }
        assert_eq!(kind(&between, &passphrase("other")), ErrorKind::WrongKey);
    }
}

#[test]
fn the_newer_of_two_good_copies_opens() {
    let before = file(1, &[KEPT(), OLD()]);
    let disk = Simulated::new(before.clone());
    change(&disk, &KEPT(), remove_old).unwrap();
    let after = disk.state().cached;
    for (bytes, newer) in [
        ([&after[..SIZE], &before[SIZE..]].concat(), 0),
        ([&before[..SIZE], &after[SIZE..]].concat(), 1),
    ] {
        let opened = read(&Simulated::new(bytes), &KEPT()).unwrap();
        assert_eq!(opened.copy, newer);
    }
}

#[test]
fn one_rotten_copy_is_healed_and_two_are_corrupt() {
    for (bytes, credential) in [
        (file(1, &[KEPT()]), KEPT()),
        (plain_file(), Credential::None),
    ] {
        for at in [0, 11, 30, 100, 4070, 4095] {
            for copy in [0, 1] {
                let mut rotten = bytes.clone();
                rotten[copy * SIZE + at] ^= 0x10;
                let disk = Simulated::new(rotten);
                let opened = read(&disk, &credential).unwrap();
                assert_eq!((opened.copy, opened.other), (1 - copy, Other::Damaged));
                heal(&disk, &opened, Controls::default()).unwrap();
                assert_eq!(disk.state().durable, bytes);
            }
            let mut rotten = bytes.clone();
            rotten[at] ^= 0x10;
            rotten[SIZE + 2000] ^= 0x10;
            assert_eq!(kind(&rotten, &credential), ErrorKind::Corrupt);
        }
    }
}

#[test]
fn foreign_cut_off_and_plain_files_are_told_apart() {
    let none = Credential::None;
    assert_eq!(kind(&[], &none), ErrorKind::NotADatabase);
    assert_eq!(kind(&[0; 100], &none), ErrorKind::NotADatabase);
    assert_eq!(kind(&[7; 3 * SIZE], &none), ErrorKind::NotADatabase);
    let plain = plain_file();
    assert_eq!(kind(&plain[..100], &none), ErrorKind::Corrupt);
    assert_eq!(kind(&plain[..SIZE], &none), ErrorKind::Corrupt);
    assert_eq!(kind(&plain[..2 * SIZE - 1], &none), ErrorKind::Corrupt);
    assert!(opens(&plain, &none));
    assert_eq!(kind(&plain, &KEPT()), ErrorKind::NotEncrypted);
    assert_eq!(kind(&file(1, &[KEPT()]), &none), ErrorKind::WrongKey);
    assert_eq!(kind(&file(1, &[KEPT()]), &OLD()), ErrorKind::WrongKey);
}

/// Both copies with `bytes` at `at`, and checksums that are right again.
fn mended(file: &[u8], at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut file = file.to_vec();
    for copy in file.chunks_mut(SIZE) {
        copy[at..at + bytes.len()].copy_from_slice(bytes);
        let crc = crc32fast::hash(&copy[..SIZE - 4]).to_le_bytes();
        copy[SIZE - 4..].copy_from_slice(&crc);
    }
    file
}

#[test]
fn what_somebody_without_a_key_can_do_to_both_copies_is_refused() {
    let mine = file(1, &[KEPT(), OLD()]);
    let theirs = file(2, &[KEPT(), OLD()]);
    let (first, second) = (mine[80..240].to_vec(), mine[240..400].to_vec());
    let tampered = [
        // A slot of another file with the same key, into a taken and into an empty place.
        (80, theirs[80..240].to_vec(), ErrorKind::WrongKey),
        (400, theirs[80..240].to_vec(), ErrorKind::WrongKey),
        // The whole other file's keys.
        (80, theirs[80..720].to_vec(), ErrorKind::WrongKey),
        // Slots in each other's places, and one in two places.
        (80, [second.clone(), first].concat(), ErrorKind::WrongKey),
        (400, second, ErrorKind::WrongKey),
        // A cipher, a version, a record format that the file was not written with.
        (20, vec![1], ErrorKind::WrongKey),
        (20, vec![7], ErrorKind::UnsupportedFormat),
        (20, vec![0], ErrorKind::Corrupt),
        (12, vec![1], ErrorKind::UnsupportedFormat),
        (16, vec![2], ErrorKind::UnsupportedFormat),
        // A restored epoch, a smaller log, a newer generation, no MAC.
        (56, vec![9], ErrorKind::WrongKey),
        (64, vec![0, 0, 1], ErrorKind::WrongKey),
        (72, vec![99], ErrorKind::WrongKey),
        (4060, vec![0; 32], ErrorKind::WrongKey),
        // KDF parameters that would take all memory, or for ever.
        (244, vec![0xff; 12], ErrorKind::Corrupt),
        (
            244,
            (1_u32 << 31).to_le_bytes().to_vec(),
            ErrorKind::Corrupt,
        ),
        (248, vec![0xff; 4], ErrorKind::Corrupt),
        (252, vec![0xff; 4], ErrorKind::Corrupt),
    ];
    for (at, bytes, expected) in tampered {
        let file = mended(&mine, at, &bytes);
        DERIVATIONS.set(0);
        for credential in [KEPT(), OLD()] {
            assert_eq!(kind(&file, &credential), expected, "{bytes:x?} at {at}");
        }
        // A header that is refused as it stands is refused before any memory is taken for it.
        assert!(expected == ErrorKind::WrongKey || DERIVATIONS.get() == 0);
    }
    // All that makes a file encrypted taken away: it is plain then, and says so to who has a key.
    let stripped = mended(&mine, 80, &[0; 640]);
    let stripped = mended(&mended(&stripped, 4060, &[0; 32]), 20, &[0]);
    assert_eq!(kind(&stripped, &KEPT()), ErrorKind::NotEncrypted);
}

/// A second run would double the second that a user waits to hear that it was the wrong one.
#[test]
fn a_passphrase_is_tried_once_on_equal_copies() {
    let equal = file(1, &[OLD()]);
    let disk = Simulated::new(equal.clone());
    change(&disk, &OLD(), add_new).unwrap();
    let different = [&disk.state().cached[..SIZE], &equal[SIZE..]].concat();
    for (bytes, credential, runs) in [
        (&equal, OLD(), 1),
        (&equal, passphrase("other"), 1),
        (&different, OLD(), 1),
        // Two slots in the newer copy, one in the older.
        (&different, passphrase("other"), 3),
        (&equal, KEPT(), 0),
    ] {
        DERIVATIONS.set(0);
        let _ = read(&Simulated::new(bytes.clone()), &credential);
        assert_eq!(DERIVATIONS.get(), runs);
    }
}
