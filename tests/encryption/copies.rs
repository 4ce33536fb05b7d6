//! Is a copy under another key, or none, the same database; and is nothing left of one that failed?

use larder::{Database, ErrorKind, Unlock};

use super::{PASSPHRASE, PATH, assert_holds, builder, filled, key, open, passphrase};
use crate::support::memory::MemoryVolume;

const COPY: &str = "copy.larder";

fn open_copy(volume: &MemoryVolume, unlock: Option<Unlock>) -> larder::Result<Database> {
    let builder = builder(volume);
    match unlock {
        Some(unlock) => builder.unlock(unlock).open_existing(COPY),
        None => builder.open_existing(COPY),
    }
}

#[test]
fn a_copy_has_the_contents_the_id_and_the_sequence_of_its_original() {
    let plain = |db: &Database| db.decrypt_to(COPY);
    let encrypted = |db: &Database| db.encrypt_to(COPY, &passphrase("new"));
    let again = |db: &Database| db.reencrypt_to(COPY, &passphrase("new"));
    type Copy<'a> = &'a dyn Fn(&Database) -> larder::Result<()>;
    let cases: [(Option<Unlock>, Copy<'_>, Option<Unlock>); 4] = [
        (None, &encrypted, Some(passphrase("new"))),
        (Some(key(1)), &plain, None),
        (Some(key(1)), &again, Some(passphrase("new"))),
        (
            Some(passphrase(PASSPHRASE)),
            &encrypted,
            Some(passphrase("new")),
        ),
    ];
    for (from, copy, to) in cases {
        let volume = MemoryVolume::default();
        let mut contents = filled(&volume, from.clone());
        let original = match from.clone() {
            Some(unlock) => open(&volume, unlock).unwrap(),
            None => builder(&volume).open_existing(PATH).unwrap(),
        };
        let before = volume.bytes(PATH);
        copy(&original).unwrap();
        assert_eq!(volume.names(), [COPY, PATH], "something temporary is left");
        assert!(volume.bytes(PATH) == before, "the original was written");
        // Both go their own ways.
        let copied = open_copy(&volume, to.clone()).unwrap();
        assert_eq!(copied.id(), original.id());
        assert_eq!(copied.commit_sequence(), original.commit_sequence());
        assert_eq!(copied.is_encrypted(), to.is_some());
        assert_holds(&copied, &contents);
        assert_holds(&original, &contents);
        let mut elsewhere = contents.clone();
        elsewhere.change(&copied, 7).unwrap();
        contents.change(&original, 8).unwrap();
        assert_holds(&copied, &elsewhere);
        assert_holds(&original, &contents);
        copied.close().unwrap();
        let bytes = volume.bytes(COPY);
        // Id and epoch lie where they lay, and the file's own id does not.
        assert_eq!(bytes[40..64], before[40..64]);
        assert_ne!(bytes[24..40], before[24..40]);
        assert_holds(&open_copy(&volume, to).unwrap(), &elsewhere);
    }
}

#[test]
fn the_old_key_does_not_open_the_copy_nor_the_new_one_the_original() {
    let volume = MemoryVolume::default();
    filled(&volume, Some(key(1)));
    let db = open(&volume, key(1)).unwrap();
    db.add_key(&passphrase("second")).unwrap();
    db.reencrypt_to(COPY, &key(2)).unwrap();
    drop(db);
    for old in [key(1), passphrase("second")] {
        let error = open_copy(&volume, Some(old)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WrongKey, "{error}");
    }
    let error = open(&volume, key(2)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WrongKey, "{error}");
    let copy = open_copy(&volume, Some(key(2))).unwrap();
    assert_eq!(copy.list_keys().len(), 1);
    copy.close().unwrap();
    // Under the same key, even: the data key beneath is another one, so no block of the one passes in
    // the other.
    let db = open(&volume, key(1)).unwrap();
    db.reencrypt_to("same.larder", &key(1)).unwrap();
    let mut same = volume.bytes("same.larder");
    let original = volume.bytes(PATH);
    let superblocks = 0x2000..0x4000;
    same[superblocks.clone()].copy_from_slice(&original[superblocks]);
    volume.put("same.larder", same);
    let spliced = builder(&volume).unlock(key(1)).open_existing("same.larder");
    assert_eq!(spliced.unwrap_err().kind(), ErrorKind::Corrupt);
}

#[test]
fn a_copy_never_goes_over_what_exists() {
    let volume = MemoryVolume::default();
    let contents = filled(&volume, Some(key(1)));
    let db = open(&volume, key(1)).unwrap();
    for existing in [b"dear diary".to_vec(), volume.bytes(PATH), Vec::new()] {
        volume.put(COPY, existing.clone());
        for copied in [
            db.encrypt_to(COPY, &key(2)),
            db.decrypt_to(COPY),
            db.reencrypt_to(COPY, &key(2)),
        ] {
            let error = copied.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error}");
            assert!(error.to_string().contains(COPY), "{error}");
        }
        assert!(volume.bytes(COPY) == existing, "what existed was changed");
    }
    // Nor over itself.
    let error = db.decrypt_to(PATH).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error}");
    assert_eq!(volume.names(), [COPY, PATH]);
    assert_holds(&db, &contents);
}

#[test]
fn a_copy_that_fails_leaves_no_file_and_an_original_that_works() {
    let volume = MemoryVolume::default();
    let mut contents = filled(&volume, Some(key(1)));
    let db = open(&volume, key(1)).unwrap();
    let mut failed = 0;
    for writes in (0..).step_by(3) {
        volume.fail_after(writes);
        let copied = db.reencrypt_to(COPY, &key(2));
        volume.fail_after(u64::MAX);
        match copied {
            Ok(()) => break,
            Err(error) => {
                failed += 1;
                assert!(
                    matches!(
                        error.kind(),
                        ErrorKind::Io | ErrorKind::OutcomeUnknown | ErrorKind::Poisoned
                    ),
                    "after {writes} writes: {error:?}"
                );
                assert_eq!(volume.names(), [PATH], "after {writes} writes");
            }
        }
    }
    assert!(failed > 5, "only {failed} copies failed");
    assert_eq!(volume.names(), [COPY, PATH]);
    assert_holds(&open_copy(&volume, Some(key(2))).unwrap(), &contents);
    contents.change(&db, 3).unwrap();
    assert_holds(&db, &contents);
    // An empty passphrase is refused before there is anything.
    let error = db
        .reencrypt_to("third.larder", &passphrase(""))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    assert_eq!(volume.names(), [COPY, PATH]);
}

#[test]
fn a_copy_of_a_damaged_file_is_refused_and_leaves_nothing() {
    let volume = MemoryVolume::default();
    let contents = filled(&volume, Some(key(1)));
    let sound = volume.bytes(PATH);
    let blocks = (sound.len() - super::DATA) / super::BLOCK;
    let mut refused = 0;
    for number in 0..blocks {
        let mut bytes = sound.clone();
        bytes[super::DATA + number * super::BLOCK + 2000] ^= 4;
        let volume = MemoryVolume::with(PATH, bytes);
        let Ok(db) = open(&volume, key(1)) else {
            refused += 1;
            continue;
        };
        match db.reencrypt_to(COPY, &key(2)) {
            Ok(()) => assert_holds(&open_copy(&volume, Some(key(2))).unwrap(), &contents),
            Err(error) => {
                refused += 1;
                assert_eq!(error.kind(), ErrorKind::Corrupt, "{error:?}");
                assert_eq!(volume.names(), [PATH]);
            }
        }
    }
    assert!(refused > 10, "only {refused} blocks are in use");
}
