//! What does somebody without a key get a file to do? Nothing but be refused, with the right word.

use larder::{ErrorKind, KdfParameters};

use super::{
    BLOCK, DATA, PAGE, PASSPHRASE, PATH, assert_holds, builder, filled, key, open, passphrase,
};
use crate::support::checksum::crc32;
use crate::support::memory::MemoryVolume;
use crate::support::random::Random;

/// What opening and then reading and writing everything says.
fn outcome(bytes: Vec<u8>, unlock: larder::Unlock) -> Result<(), ErrorKind> {
    let volume = MemoryVolume::with(PATH, bytes.clone());
    let read = || {
        let db = open(&volume, unlock)?;
        let mut wrong = Vec::new();
        let mut contents = filled(&MemoryVolume::default(), None);
        contents.compare(&db, &mut wrong)?;
        assert!(wrong.is_empty(), "{}", wrong.join("; "));
        contents.change(&db, 5)?;
        contents.compare(&db, &mut wrong)?;
        assert!(wrong.is_empty(), "{}", wrong.join("; "));
        Ok(())
    };
    let result = read().map_err(|error: larder::Error| error.kind());
    if result.is_err_and(|kind| kind != ErrorKind::Corrupt) {
        assert!(volume.bytes(PATH) == bytes, "refused, and written to");
    }
    result
}

/// Both copies of the header with other bytes at `at`, and checksums that are right again.
fn mended(bytes: &[u8], at: usize, new: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for copy in bytes[..2 * PAGE].chunks_exact_mut(PAGE) {
        copy[at..at + new.len()].copy_from_slice(new);
        let crc = crc32(&copy[..PAGE - 4]);
        copy[PAGE - 4..].copy_from_slice(&crc.to_le_bytes());
    }
    bytes
}

fn two_files(secret: &str) -> [Vec<u8>; 2] {
    [0, 1].map(|_| {
        let volume = MemoryVolume::default();
        filled(&volume, Some(passphrase(secret)));
        volume.bytes(PATH)
    })
}

#[test]
fn parts_of_another_file_under_the_same_passphrase_are_refused() {
    let [file, other] = two_files(PASSPHRASE);
    assert_eq!(file.len(), other.len());
    let unlock = || passphrase(PASSPHRASE);
    outcome(file.clone(), unlock()).unwrap();
    let splice = |range: std::ops::Range<usize>| {
        let mut bytes = file.clone();
        bytes[range.clone()].copy_from_slice(&other[range]);
        bytes
    };
    // A block: damage where it is in use. What is not in use may be anything.
    let mut refused = 0;
    for number in 0..(file.len() - DATA) / BLOCK {
        let start = DATA + number * BLOCK;
        match outcome(splice(start..start + BLOCK), unlock()) {
            Ok(()) => {}
            Err(kind) => {
                assert_eq!(kind, ErrorKind::Corrupt, "block {}", number + 1);
                refused += 1;
            }
        }
    }
    assert!(refused > 10, "only {refused} blocks are in use");
    // All of the blocks, and with the superblocks, too.
    let corrupt = Err(ErrorKind::Corrupt);
    assert_eq!(outcome(splice(DATA..file.len()), unlock()), corrupt);
    assert_eq!(outcome(splice(2 * PAGE..file.len()), unlock()), corrupt);
    // One superblock or header: the other one counts. Both: nothing does.
    for page in 2..4 {
        outcome(splice(page * PAGE..(page + 1) * PAGE), unlock()).unwrap();
    }
    assert_eq!(outcome(splice(2 * PAGE..4 * PAGE), unlock()), corrupt);
    assert_eq!(outcome(splice(0..2 * PAGE), unlock()), corrupt);
}

/// One copy of the header from another file that the same passphrase opens. Whichever opens first must
/// go with the rest of the file.
#[test]
fn one_header_of_another_file_never_leads_to_its_keys_over_this_data() {
    let [file, other] = two_files(PASSPHRASE);
    for page in 0..2 {
        let mut bytes = file.clone();
        let range = page * PAGE..(page + 1) * PAGE;
        bytes[range.clone()].copy_from_slice(&other[range]);
        let outcome = outcome(bytes, passphrase(PASSPHRASE));
        assert!(
            matches!(outcome, Ok(()) | Err(ErrorKind::Corrupt)),
            "copy {page}: {outcome:?}"
        );
    }
}

#[test]
fn a_slot_of_another_file_does_not_open_this_one() {
    let volume = MemoryVolume::default();
    filled(&volume, Some(key(1)));
    let file = volume.bytes(PATH);
    let [other, _] = two_files("theirs");
    // Their slot over ours, or beside it.
    for slot in 0..4 {
        let forged = mended(&file, 80 + slot * 160, &other[80..240]);
        for unlock in [passphrase("theirs"), passphrase("ours")] {
            assert_eq!(outcome(forged.clone(), unlock), Err(ErrorKind::WrongKey));
        }
        assert_eq!(outcome(forged, key(1)), Err(ErrorKind::WrongKey));
    }
}

#[test]
fn a_downgrade_with_a_mended_checksum_is_refused() {
    let costly = KdfParameters::new(64, 2, 1).unwrap();
    let volume = MemoryVolume::default();
    filled(
        &volume,
        Some(larder::Unlock::passphrase(PASSPHRASE).kdf(costly)),
    );
    let file = volume.bytes(PATH);
    let unlock = || passphrase(PASSPHRASE);
    outcome(mended(&file, 0, b"larder"), unlock()).unwrap();
    let cipher = u32::from_le_bytes(file[20..24].try_into().unwrap());
    let word = |value: u32| value.to_le_bytes().to_vec();
    let cases: [(&str, usize, Vec<u8>, ErrorKind); 15] = [
        (
            "an older version",
            12,
            word(1),
            ErrorKind::UnsupportedFormat,
        ),
        ("a newer version", 12, word(3), ErrorKind::UnsupportedFormat),
        (
            "another record format",
            16,
            word(0),
            ErrorKind::UnsupportedFormat,
        ),
        (
            "the other cipher",
            20,
            word(3 - cipher),
            ErrorKind::WrongKey,
        ),
        (
            "an unknown cipher",
            20,
            word(3),
            ErrorKind::UnsupportedFormat,
        ),
        ("no cipher, and keys", 20, word(0), ErrorKind::Corrupt),
        ("another file id", 24, vec![1; 16], ErrorKind::WrongKey),
        ("another database id", 40, vec![1; 16], ErrorKind::WrongKey),
        ("another epoch", 56, word(9), ErrorKind::WrongKey),
        ("another log size", 64, word(1 << 17), ErrorKind::WrongKey),
        ("another generation", 72, word(9), ErrorKind::WrongKey),
        ("a cheaper KDF", 84, word(8), ErrorKind::WrongKey),
        ("fewer iterations", 88, word(1), ErrorKind::WrongKey),
        (
            "a passphrase made a key",
            80,
            [word(2), vec![0; 12]].concat(),
            ErrorKind::WrongKey,
        ),
        ("no key at all", 80, vec![0; 160], ErrorKind::Corrupt),
    ];
    for (what, at, new, kind) in cases {
        assert_eq!(
            outcome(mended(&file, at, &new), unlock()),
            Err(kind),
            "{what}"
        );
    }
    // No cipher, no keys, no MAC: a plain file, whose superblocks are not.
    let mut plain = mended(&file, 20, &word(0));
    for copy in [0, PAGE] {
        plain[copy + 80..copy + 720].fill(0);
        plain[copy + 4060..copy + 4092].fill(0);
    }
    let plain = mended(&plain, 0, b"larder");
    assert_eq!(
        outcome(plain.clone(), unlock()),
        Err(ErrorKind::NotEncrypted)
    );
    let volume = MemoryVolume::with(PATH, plain);
    let error = builder(&volume).open_existing(PATH).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
}

#[test]
fn absurd_costs_of_a_passphrase_are_refused_before_they_are_paid() {
    let volume = MemoryVolume::default();
    filled(&volume, Some(passphrase(PASSPHRASE)));
    let file = volume.bytes(PATH);
    #[expect(
        clippy::disallowed_methods,
        reason = "a cost that was paid takes its time"
    )]
    let begin = std::time::Instant::now();
    let absurd: [[u32; 3]; 9] = [
        [u32::MAX, 1, 1],
        [(1 << 20) + 1, 1, 1],
        [8, u32::MAX, 1],
        [8, 65, 1],
        [8, 1, u32::MAX],
        [1 << 20, 1, 17],
        [0, 0, 0],
        [8, 0, 1],
        [8, 1, 2],
    ];
    for parts in absurd {
        let bytes: Vec<u8> = parts.iter().flat_map(|part| part.to_le_bytes()).collect();
        let forged = mended(&file, 84, &bytes);
        let outcome = outcome(forged, passphrase(PASSPHRASE));
        assert_eq!(outcome, Err(ErrorKind::Corrupt), "{parts:?}");
    }
    assert!(begin.elapsed().as_secs() < 5, "something was paid");
}

/// With every checksum of the header mended: what was not refused is what it was.
#[test]
fn no_change_of_a_header_with_mended_checksums_opens_the_file() {
    let volume = MemoryVolume::default();
    filled(&volume, Some(passphrase(PASSPHRASE)));
    let file = volume.bytes(PATH);
    let mut random = Random(3);
    for at in (0..720)
        .chain((720..PAGE - 4).step_by(17))
        .chain(PAGE - 36..PAGE - 4)
    {
        // Memory and iterations within their bounds can still be a gigabyte and minutes: the costs
        // that were asked for are paid before it can be known that nobody asked.
        if (86..88).contains(&at) {
            continue;
        }
        let new = file[at] ^ (1 << random.below(3));
        let forged = mended(&file, at, &[new]);
        let volume = MemoryVolume::with(PATH, forged.clone());
        let error = open(&volume, passphrase(PASSPHRASE)).unwrap_err();
        let sensible = match at {
            0..12 => error.is(ErrorKind::NotADatabase),
            12..20 => error.is(ErrorKind::UnsupportedFormat),
            _ => matches!(
                error.kind(),
                ErrorKind::WrongKey | ErrorKind::Corrupt | ErrorKind::UnsupportedFormat
            ),
        };
        assert!(sensible, "byte {at}: {error:?}");
        assert!(volume.bytes(PATH) == forged, "refused, and written to");
    }
}

#[test]
fn a_header_of_before_a_change_of_keys_does_not_bring_the_old_key_back() {
    let volume = MemoryVolume::default();
    let contents = filled(&volume, Some(passphrase("old")));
    let before = volume.bytes(PATH);
    let db = open(&volume, passphrase("old")).unwrap();
    db.change_key(&passphrase("old"), &passphrase("new"))
        .unwrap();
    db.close().unwrap();
    let after = volume.bytes(PATH);
    // One old copy: who has the new key opens the file, and opening mends it.
    for page in 0..2 {
        let mut bytes = after.clone();
        let range = page * PAGE..(page + 1) * PAGE;
        bytes[range.clone()].copy_from_slice(&before[range]);
        let volume = MemoryVolume::with(PATH, bytes);
        let db = open(&volume, passphrase("new")).unwrap();
        assert_holds(&db, &contents);
        db.close().unwrap();
        let mended = volume.bytes(PATH);
        assert!(mended[..PAGE] == after[..PAGE] && mended[..PAGE] == mended[PAGE..2 * PAGE]);
        let error = open(&volume, passphrase("old")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WrongKey, "{error}");
    }
}
