//! What does a power cut leave, at every moment and whatever the disk had written by then? Some state
//! that was committed, and every one that was acknowledged.
//!
//! A history runs once on a disk that records what it is told. From the record come crash images: what
//! was synced, and of what was not, any subset, each write whole or torn at sectors of 512 bytes. Each
//! image is opened, compared with the model, checked, written to and opened again. From that second
//! record come the images of double crashes; and of a process that was killed, whose writes are still in
//! the page cache when the power goes.
//!
//! The last part breaks one rule of the file at a time, and the same harness must notice.

use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use larder::testing::{Access, CipherKind, Control, Controls, Disk, OpenError, Volume};
use larder::{Builder, Database, record};

const SECTOR: usize = 512;
const IMAGES_MIN: usize = 20_000;
const DOUBLES_MIN: usize = 2_000;

#[record(name = "things", index(by_group = (group, desc(weight))))]
#[derive(Clone, Debug, PartialEq)]
struct Thing {
    #[key]
    id: u64,
    #[unique]
    name: String,
    #[index(each)]
    tags: Vec<String>,
    group: u64,
    weight: u64,
}

type Model = BTreeMap<u64, Thing>;

// ---- the recording disk ------------------------------------------------------------------------

#[derive(Clone, Debug)]
enum Op {
    Write { offset: usize, data: Vec<u8> },
    SetLen(usize),
    Sync,
}

/// One file: as the process sees it, and what it was told.
#[derive(Debug, Default)]
struct Content {
    current: Vec<u8>,
    log: Vec<Op>,
}

#[derive(Clone, Debug, Default)]
struct Recording(Arc<Mutex<Content>>);

impl Op {
    /// What a cut at any byte leaves of it.
    fn cut(&self, random: &mut Random) -> Self {
        match self {
            Self::Write { offset, data } => Self::Write {
                offset: *offset,
                data: data[..random.below(data.len() as u64 + 1) as usize].to_vec(),
            },
            other => other.clone(),
        }
    }

    fn apply(&self, image: &mut Vec<u8>, sectors: impl Fn(usize) -> bool) {
        match self {
            Self::Sync => {}
            Self::SetLen(len) => image.resize(*len, 0),
            Self::Write { offset, data } => {
                let mut at = *offset;
                for piece in pieces(*offset, data) {
                    if sectors(at / SECTOR) {
                        if image.len() < at + piece.len() {
                            image.resize(at + piece.len(), 0);
                        }
                        image[at..at + piece.len()].copy_from_slice(piece);
                    }
                    at += piece.len();
                }
            }
        }
    }
}

/// Data cut where the disk's sectors end.
fn pieces(offset: usize, data: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = data;
    let mut at = offset;
    std::iter::from_fn(move || {
        let count = (SECTOR - at % SECTOR).min(rest.len());
        let (piece, later) = rest.split_at(count);
        (rest, at) = (later, at + count);
        (count > 0).then_some(piece)
    })
}

impl Disk for Recording {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().unwrap().current.len() as u64)
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let content = self.0.lock().unwrap();
        let from = content
            .current
            .get(offset as usize..offset as usize + out.len());
        out.copy_from_slice(from.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_at(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.tell(Op::Write {
            offset: offset as usize,
            data: data.to_vec(),
        });
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.tell(Op::SetLen(len as usize));
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.tell(Op::Sync);
        Ok(())
    }
}

impl Recording {
    fn tell(&self, op: Op) {
        let mut content = self.0.lock().unwrap();
        op.apply(&mut content.current, |_| true);
        content.log.push(op);
    }
}

/// A volume of one file; creation goes through a temporary name, which is the same file.
#[derive(Clone, Debug, Default)]
struct OneFile {
    file: Recording,
    name: Arc<Mutex<Option<PathBuf>>>,
}

impl Volume for OneFile {
    fn open(&self, path: &Path, access: Access) -> Result<Box<dyn Disk>, OpenError> {
        let mut name = self.name.lock().unwrap();
        match access {
            Access::Create => *name = Some(path.to_path_buf()),
            _ if name.as_deref() != Some(path) => {
                return Err(OpenError::Io(io::ErrorKind::NotFound.into()));
            }
            _ => {}
        }
        Ok(Box::new(self.file.clone()))
    }

    fn exists(&self, path: &Path) -> bool {
        self.name.lock().unwrap().as_deref() == Some(path)
    }

    fn rename_new(&self, _from: &Path, to: &Path) -> io::Result<()> {
        *self.name.lock().unwrap() = Some(to.to_path_buf());
        Ok(())
    }

    fn remove(&self, _path: &Path) -> io::Result<()> {
        *self.name.lock().unwrap() = None;
        Ok(())
    }

    fn sync_directory(&self, _directory: &Path) -> io::Result<()> {
        Ok(())
    }
}

const PATH: &str = "/power/test.larder";

/// What was synced, and what was told since; the page cache holds both.
#[derive(Clone)]
struct Remains {
    durable: Vec<u8>,
    pending: Vec<Op>,
}

impl Remains {
    fn volume(&self) -> OneFile {
        let mut current = self.durable.clone();
        for op in &self.pending {
            op.apply(&mut current, |_| true);
        }
        let log = self.pending.clone();
        OneFile {
            file: Recording(Arc::new(Mutex::new(Content { current, log }))),
            name: Arc::new(Mutex::new(Some(PATH.into()))),
        }
    }
}

// ---- histories and the oracle ------------------------------------------------------------------

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

/// How files are opened, with which rules broken.
#[derive(Clone, Copy)]
struct Setup {
    cipher: Option<CipherKind>,
    controls: Controls,
}

impl Setup {
    fn builder(self, volume: &OneFile, seed: u64) -> Builder {
        let builder = Database::builder()
            .cache_size(48 << 10)
            .log_size(64 << 10)
            .volume(Arc::new(volume.clone()))
            .seed(seed)
            .controls(self.controls);
        match self.cipher {
            Some(kind) => builder.key([7; 32]).cipher(kind),
            None => builder,
        }
    }
}

fn thing(id: u64, step: u64) -> Thing {
    Thing {
        id,
        name: format!("SECRET-name-{id}-{step}"),
        tags: vec!["SECRET-tag".into(), format!("SECRET-{}", step % 3)],
        group: step % 2,
        weight: step,
    }
}

/// What a history did: the record, when it acknowledged what, and the states it went through.
struct History {
    begin: Remains,
    log: Vec<Op>,
    /// For each operation of the log, how many transactions had been acknowledged when it came.
    acknowledged: Vec<usize>,
    models: Vec<Model>,
}

/// Up to three transactions of up to three operations over two keys, and a large one now and then.
fn history(setup: Setup, seed: u64) -> History {
    let mut random = Random(seed);
    let volume = OneFile::default();
    let db = setup.builder(&volume, seed).create(PATH).unwrap();
    db.register::<Thing>().unwrap();
    db.close().unwrap();
    let begin = Remains {
        durable: std::mem::take(&mut volume.file.0.lock().unwrap().current),
        pending: Vec::new(),
    };
    let volume = begin.volume();
    let db = setup.builder(&volume, seed + 1).open(PATH).unwrap();
    let log_len = || volume.file.0.lock().unwrap().log.len();
    let (mut models, mut ends) = (vec![Model::new()], Vec::new());
    let mut step = 0;
    for _ in 0..=random.below(3) {
        let mut model = models.last().unwrap().clone();
        db.write(|tx| {
            let mut things = tx.collection::<Thing>()?;
            let large = random.below(8) == 0;
            for _ in 0..if large { 400 } else { 1 + random.below(3) } {
                step += 1;
                let id = if large { step } else { random.below(2) };
                if random.below(4) == 0 {
                    things.remove(id)?;
                    model.remove(&id);
                } else {
                    let thing = thing(id, step);
                    things.put(&thing)?;
                    model.insert(id, thing);
                }
            }
            // So that no transaction is empty, and each state is another one.
            step += 1;
            things.put(&thing(1_000, step))?;
            model.insert(1_000, thing(1_000, step));
            Ok(())
        })
        .unwrap();
        models.push(model);
        ends.push(log_len());
    }
    let log = volume.file.0.lock().unwrap().log.clone();
    let acknowledged = (0..log.len())
        .map(|at| ends.iter().filter(|end| **end <= at).count())
        .collect();
    std::mem::forget(db);
    History {
        begin,
        log,
        acknowledged,
        models,
    }
}

/// Opens what a crash left; gives which of the states it is, the record from there on, and where in it a
/// further write was acknowledged. An error says what rule of the oracle was broken.
fn examine(
    setup: Setup,
    remains: &Remains,
    states: &[Model],
    seed: u64,
) -> Result<(usize, Vec<Op>, usize), String> {
    let volume = remains.volume();
    let open = |seed| setup.builder(&volume, seed).open_existing(PATH);
    let db = open(seed).map_err(|error| format!("it does not open: {error}"))?;
    let read = |db: &Database| -> larder::Result<Model> {
        let tx = db.read()?;
        let things = tx.collection::<Thing>()?;
        let all = things.iter()?.map(|thing| thing?.to_owned());
        all.map(|thing| thing.map(|thing| (thing.id, thing)))
            .collect()
    };
    let found = read(&db).map_err(|error| format!("it cannot be read: {error}"))?;
    // Two transactions may lead to the same state: the newest counts.
    let state = states
        .iter()
        .rposition(|state| *state == found)
        .ok_or_else(|| format!("a state that never was, of {} records", found.len()))?;
    if db.was_repaired() {
        return Err("redb walked the file".into());
    }
    let sequence = db.commit_sequence();
    db.write(|tx| tx.collection::<Thing>()?.put(&thing(2_000, 0)))
        .map_err(|error| format!("it cannot be written: {error}"))?;
    let written = volume.file.0.lock().unwrap().log.len();
    let report = db.check().map_err(|error| format!("no check: {error}"))?;
    if !report.is_ok() {
        return Err(report.to_string());
    }
    if db.commit_sequence() != sequence + 1 {
        return Err("the sequence went astray".into());
    }
    let log = volume.file.0.lock().unwrap().log.clone();
    drop(db);
    let again = open(seed + 1).map_err(|error| format!("it does not open again: {error}"))?;
    let mut expected = found;
    expected.insert(2_000, thing(2_000, 0));
    match read(&again) {
        Ok(found) if found == expected => Ok((state, log, written)),
        Ok(_) => Err("the further write is not there".into()),
        Err(error) => Err(format!("it cannot be read again: {error}")),
    }
}

// ---- crash images ------------------------------------------------------------------------------

#[derive(Default)]
struct Tally {
    seen: HashSet<u64>,
    images: usize,
    encrypted: usize,
    lost: usize,
    torn: usize,
    kills: usize,
    doubles: usize,
    violations: Vec<String>,
}

impl Tally {
    fn is_new(&mut self, image: &[u8]) -> bool {
        let mut hasher = DefaultHasher::new();
        image.hash(&mut hasher);
        self.seen.insert(hasher.finish())
    }
}

/// The subsets of so many pending operations that have the last one: as bits.
fn subsets(count: usize, random: &mut Random) -> Vec<Vec<bool>> {
    let earlier = count - 1;
    let with_last = |mut kept: Vec<bool>| {
        kept.push(true);
        kept
    };
    if earlier <= 3 {
        return (0..1_u32 << earlier)
            .map(|bits| with_last((0..earlier).map(|i| bits >> i & 1 == 1).collect()))
            .collect();
    }
    let mut all = vec![
        with_last(vec![true; earlier]),
        with_last(vec![false; earlier]),
    ];
    for _ in 0..6 {
        all.push(with_last(
            (0..earlier).map(|_| random.below(2) == 0).collect(),
        ));
    }
    all
}

/// Every crash in a record from operation `from` on: calls `check` with the image, and the operation.
fn crashes(
    begin: &Remains,
    log: &[Op],
    from: usize,
    random: &mut Random,
    tally: &mut Tally,
    check: &mut dyn FnMut(&mut Tally, &mut Random, Remains, usize),
) {
    let mut durable = begin.durable.clone();
    let mut pending: Vec<Op> = Vec::new();
    for (at, op) in log.iter().enumerate() {
        if matches!(op, Op::Sync) {
            for op in pending.drain(..) {
                op.apply(&mut durable, |_| true);
            }
            continue;
        }
        pending.push(op.clone());
        // Of a long record only some moments, so that there is time for many histories.
        if at < from || random.below(log.len() as u64 / 100 + 1) != 0 {
            continue;
        }
        for kept in subsets(pending.len(), random) {
            let tear = random.below(3) == 0;
            let pattern = random.next();
            // Now and then every write is cut, at any byte.
            let cut = random.below(4) == 0;
            let mut image = durable.clone();
            for (i, (op, kept)) in pending.iter().zip(&kept).enumerate() {
                if *kept {
                    let torn = tear && i + 1 == pending.len();
                    let op = if cut { &op.cut(random) } else { op };
                    op.apply(&mut image, |sector| {
                        !torn || pattern >> (sector % 64) & 1 == 1
                    });
                }
            }
            if tally.is_new(&image) {
                tally.images += 1;
                tally.torn += usize::from(tear);
                tally.lost += usize::from(kept.contains(&false));
                let image = Remains {
                    durable: image,
                    pending: Vec::new(),
                };
                check(tally, random, image, at);
            }
        }
        // A kill: everything is in the page cache still, and the power goes later.
        if random.below(6) == 0 {
            tally.kills += 1;
            let killed = Remains {
                durable: durable.clone(),
                pending: pending.clone(),
            };
            check(tally, random, killed, at);
        }
    }
}

/// Runs a history and crashes everywhere in it.
fn torture(setup: Setup, seed: u64, doubles: u64, tally: &mut Tally) {
    let history = history(setup, seed);
    let mut random = Random(!seed);
    let before = tally.images;
    let History {
        begin,
        log,
        acknowledged,
        models,
    } = &history;
    crashes(
        begin,
        log,
        0,
        &mut random,
        tally,
        &mut |tally, random, remains, at| {
            let acked = acknowledged[at];
            let states = &models[acked..models.len().min(acked + 2)];
            let what = |why: String| format!("seed {seed}, operation {at} of {}: {why}", log.len());
            let examined = examine(setup, &remains, states, random.next());
            let (state, second, written) = match examined {
                Ok(found) => found,
                Err(why) => return tally.violations.push(what(why)),
            };
            let killed = !remains.pending.is_empty();
            if !killed && random.below(doubles) != 0 {
                return;
            }
            // Before the further write is durable, a killed process's writes may still be lost.
            let mut early: Vec<Model> = if killed {
                states.to_vec()
            } else {
                vec![states[state].clone()]
            };
            let mut late = states[state].clone();
            late.insert(2_000, thing(2_000, 0));
            early.push(late.clone());
            let late = [late];
            // A few moments of the second record, not all.
            let skipped = if killed {
                0
            } else {
                random.below(second.len() as u64) as usize
            };
            let wanted = remains.pending.len() + skipped;
            let mut budget = if killed { 12 } else { 4 };
            crashes(
                &remains,
                &second,
                wanted,
                random,
                tally,
                &mut |tally, random, image, at| {
                    if budget == 0 || !image.pending.is_empty() {
                        return;
                    }
                    budget -= 1;
                    tally.doubles += 1;
                    let states: &[Model] = if at >= written { &late } else { &early };
                    if let Err(why) = examine(setup, &image, states, random.next()) {
                        tally.violations.push(what(format!("then {at}: {why}")));
                    }
                },
            );
        },
    );
    if setup.cipher.is_some() {
        tally.encrypted += tally.images - before;
    }
}

const SETUPS: [Option<CipherKind>; 4] = [
    None,
    Some(CipherKind::Xaes256Gcm),
    None,
    Some(CipherKind::XChaCha20Poly1305),
];

fn setup(seed: u64) -> Setup {
    Setup {
        cipher: SETUPS[seed as usize % SETUPS.len()],
        controls: Controls::default(),
    }
}

#[test]
fn a_crash_anywhere_leaves_a_committed_state_and_all_that_was_acknowledged() {
    let images = std::env::var("LARDER_CRASH_IMAGES")
        .map_or(IMAGES_MIN, |count| count.parse().expect("a number"));
    let mut tally = Tally::default();
    let mut seed = 0;
    while tally.images < images || tally.doubles < DOUBLES_MIN {
        torture(setup(seed), seed, 12, &mut tally);
        assert!(
            tally.violations.is_empty(),
            "{} violations, the first: {}",
            tally.violations.len(),
            tally.violations[0]
        );
        seed += 1;
    }
    println!(
        "{} crash images of {seed} histories ({} encrypted): {} with lost writes, {} torn, {} kills, \
         {} double crashes, 0 violations",
        tally.images, tally.encrypted, tally.lost, tally.torn, tally.kills, tally.doubles
    );
    for fired in [tally.encrypted, tally.lost, tally.torn, tally.kills] {
        assert!(
            fired > images / 100,
            "a fault that was asked for did not fire"
        );
    }
}

#[test]
fn no_crash_image_of_an_encrypted_file_shows_anything_of_it() {
    for (seed, cipher) in [
        (1, CipherKind::Xaes256Gcm),
        (2, CipherKind::XChaCha20Poly1305),
    ] {
        let setup = Setup {
            cipher: Some(cipher),
            controls: Controls::default(),
        };
        let history = history(setup, seed);
        let mut nonces = HashSet::new();
        for op in &history.log {
            let Op::Write { offset, data } = op else {
                continue;
            };
            for text in ["SECRET", "things", "redb", "larder super", "by_group"] {
                let shown = data.windows(text.len()).any(|part| part == text.as_bytes());
                assert!(!shown, "{text:?} is written at {offset}");
            }
            // Opening writes the superblock that it chose again, as it is.
            let blocks = data.chunks(if *offset < 0x4000 { 368 } else { 4136 });
            for block in blocks {
                nonces.insert((block[..24].to_vec(), block.to_vec()));
            }
        }
        let distinct: HashSet<_> = nonces.iter().map(|(nonce, _)| nonce).collect();
        assert_eq!(distinct.len(), nonces.len(), "a nonce was used twice");
        assert!(distinct.len() > 20);
    }
}

// ---- broken rules --------------------------------------------------------------------------------

/// What the harness says when rules are broken.
fn violations_with(controls: Controls, cipher: Option<CipherKind>) -> Vec<String> {
    let setup = Setup { cipher, controls };
    let mut tally = Tally::default();
    for seed in 100..112 {
        torture(setup, seed, 4, &mut tally);
        if !tally.violations.is_empty() {
            break;
        }
    }
    tally.violations
}

#[test]
fn each_broken_rule_is_noticed() {
    let none = Controls::default();
    for (name, controls) in [
        ("single slot", none.with(Control::SingleSlot)),
        ("no rewrite at opening", none.with(Control::NoRewrite)),
        (
            "one-phase commits",
            none.with(Control::OnePhase).with(Control::NoPhaseGate),
        ),
        ("no quick repair", none.with(Control::NoQuickRepair)),
        (
            "acknowledged before the sync",
            none.with(Control::AcknowledgeBeforeSync),
        ),
    ] {
        let violations = violations_with(controls, None);
        println!("{name}: {:?}", violations.first());
        assert!(!violations.is_empty(), "{name} goes unseen");
    }
}

/// Damages the newest superblock of a file that was left after its last acknowledged commit.
fn step_back(controls: Controls) -> Result<(), String> {
    let setup = Setup {
        cipher: None,
        controls,
    };
    let history = history(setup, 77);
    let mut image = history.begin.durable.clone();
    for op in &history.log {
        op.apply(&mut image, |_| true);
    }
    let sequence = |at: usize| u64::from_le_bytes(image[at + 40..at + 48].try_into().unwrap());
    let newest = if sequence(0x3000) > sequence(0x2000) {
        0x3000
    } else {
        0x2000
    };
    image[newest + 100] ^= 1;
    let remains = Remains {
        durable: image,
        pending: Vec::new(),
    };
    let last = history.models.len() - 1;
    examine(setup, &remains, &history.models[last..], 1).map(drop)
}

#[test]
fn a_bad_bit_in_the_newest_superblock_is_no_step_back_thanks_to_the_mirror() {
    step_back(Controls::default()).unwrap();
    let violation = step_back(Controls::default().with(Control::NoMirror)).unwrap_err();
    assert!(violation.contains("never was"), "{violation}");
}

#[test]
fn a_reused_nonce_is_noticed() {
    let setup = Setup {
        cipher: Some(CipherKind::Xaes256Gcm),
        controls: Controls::default().with(Control::NonceReused),
    };
    let history = history(setup, 5);
    let mut nonces: HashSet<Vec<u8>> = HashSet::new();
    let reused = history.log.iter().any(|op| match op {
        Op::Write { offset, data } if *offset > 0x4000 => data
            .chunks(4136)
            .any(|block| !nonces.insert(block[..24].to_vec())),
        _ => false,
    });
    assert!(reused);
}

#[test]
fn a_byte_written_by_a_read_only_opening_is_noticed() {
    for (controls, writes) in [
        (Controls::default(), 0),
        (Controls::default().with(Control::ReadOnlyWrites), 1),
    ] {
        let setup = Setup {
            cipher: None,
            controls,
        };
        let history = history(setup, 9);
        let mut image = history.begin.durable.clone();
        for op in &history.log {
            op.apply(&mut image, |_| true);
        }
        let remains = Remains {
            durable: image,
            pending: Vec::new(),
        };
        let volume = remains.volume();
        let db = setup.builder(&volume, 3).open_read_only(PATH).unwrap();
        assert!(db.check().unwrap().is_ok());
        drop(db);
        let log = &volume.file.0.lock().unwrap().log;
        assert_eq!(log.is_empty(), writes == 0, "{} operations", log.len());
    }
}

/// redb sizes its allocator by the length of the file, and once panicked over what the last commit had
/// saved of a longer one.
#[test]
fn a_file_that_was_cut_off_is_damaged_and_not_a_panic() {
    let setup = setup(0);
    let history = history(setup, 11);
    let mut image = history.begin.durable.clone();
    for op in &history.log {
        op.apply(&mut image, |_| true);
    }
    let whole = image.len();
    let mut len = 0;
    while len < whole {
        let volume = Remains {
            durable: image[..len].to_vec(),
            pending: Vec::new(),
        }
        .volume();
        let error = setup.builder(&volume, 1).open(PATH).unwrap_err();
        let kinds = [larder::ErrorKind::Corrupt, larder::ErrorKind::NotADatabase];
        assert!(kinds.contains(&error.kind()), "{len} of {whole}: {error}");
        len += 4136 / 2;
    }
}
