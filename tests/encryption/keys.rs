//! What opens a file, and how does that change?

use larder::{Database, ErrorKind, KdfParameters, KeyKind};

use super::{KEY, PASSPHRASE, PATH, assert_holds, builder, filled, key, open, passphrase};
use crate::support::memory::MemoryVolume;

fn kinds(db: &Database) -> Vec<(usize, KeyKind)> {
    let keys = db.list_keys();
    keys.iter().map(|info| (info.slot, info.kind)).collect()
}

fn refused<T: std::fmt::Debug>(result: larder::Result<T>) -> ErrorKind {
    result.unwrap_err().kind()
}

#[test]
fn a_builder_with_the_passphrase_or_the_key_opens_and_others_get_wrong_key() {
    let volume = MemoryVolume::default();
    let builder = || builder(&volume).kdf(KdfParameters::lowest());
    let db = builder().passphrase(PASSPHRASE).create(PATH).unwrap();
    assert!(db.is_encrypted());
    assert_eq!(db.add_key(&larder::Unlock::key(KEY)).unwrap(), 1);
    db.close().unwrap();
    for good in [builder().passphrase(PASSPHRASE), builder().key(KEY)] {
        let db = good.open_existing(PATH).unwrap();
        assert_eq!(kinds(&db), [(0, KeyKind::Passphrase), (1, KeyKind::Key)]);
        db.close().unwrap();
    }
    let before = volume.bytes(PATH);
    let wrong = [
        builder().passphrase("correct horse battery stapler"),
        builder().passphrase(""),
        builder().key([0; 32]),
        builder(),
    ];
    for wrong in wrong {
        let error = wrong.open_existing(PATH).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WrongKey, "{error}");
        assert!(error.to_string().contains(PATH), "{error}");
    }
    let read_only = builder().key([0; 32]).open_read_only(PATH);
    assert_eq!(refused(read_only), ErrorKind::WrongKey);
    assert!(volume.bytes(PATH) == before, "the file was written");
}

#[test]
fn a_wrong_key_a_plain_file_and_damage_are_told_apart() {
    let volume = MemoryVolume::default();
    let contents = filled(&volume, None);
    for unlock in [passphrase(PASSPHRASE), key(1)] {
        assert_eq!(refused(open(&volume, unlock)), ErrorKind::NotEncrypted);
    }
    let db = builder(&volume).open_existing(PATH).unwrap();
    assert!(!db.is_encrypted());
    assert!(db.list_keys().is_empty());
    assert_eq!(refused(db.add_key(&key(1))), ErrorKind::NotEncrypted);
    assert_eq!(refused(db.remove_key(0)), ErrorKind::NotEncrypted);
    let changed = db.change_key(&key(1), &key(2));
    assert_eq!(refused(changed), ErrorKind::NotEncrypted);
    assert_eq!(
        refused(db.reencrypt_to("other", &key(1))),
        ErrorKind::NotEncrypted
    );
    assert_holds(&db, &contents);

    let volume = MemoryVolume::default();
    filled(&volume, Some(key(1)));
    let mut bytes = volume.bytes(PATH);
    for copy in [0, 1] {
        bytes[copy * 4096 + 100] ^= 1;
    }
    volume.put(PATH, bytes);
    // The wrong key must not be told so of a header that says nothing.
    for unlock in [key(1), key(2)] {
        assert_eq!(refused(open(&volume, unlock)), ErrorKind::Corrupt);
    }
}

#[test]
fn keys_come_and_go_on_an_open_database_and_the_file_opens_by_what_is_left() {
    let volume = MemoryVolume::default();
    let contents = filled(&volume, Some(passphrase(PASSPHRASE)));
    let db = open(&volume, passphrase(PASSPHRASE)).unwrap();
    assert_eq!(db.add_key(&key(1)).unwrap(), 1);
    assert_eq!(db.add_key(&passphrase("second")).unwrap(), 2);
    assert_eq!(db.add_key(&key(3)).unwrap(), 3);
    assert_eq!(refused(db.add_key(&key(4))), ErrorKind::Limit);
    assert_eq!(refused(db.remove_key(4)), ErrorKind::NotFound);
    assert_eq!(
        refused(db.add_key(&passphrase(""))),
        // Four are there already; that it is empty is told where there is room.
        ErrorKind::Limit
    );
    // Another handle of the same database, while transactions live.
    let reading = db.read().unwrap();
    db.clone().remove_key(0).unwrap();
    drop(reading);
    assert_eq!(refused(db.remove_key(0)), ErrorKind::NotFound);
    assert_eq!(refused(db.add_key(&passphrase(""))), ErrorKind::Invalid);
    assert_holds(&db, &contents);
    db.close().unwrap();

    assert_eq!(
        refused(open(&volume, passphrase(PASSPHRASE))),
        ErrorKind::WrongKey
    );
    for unlock in [key(1), passphrase("second"), key(3)] {
        let db = open(&volume, unlock).unwrap();
        assert_holds(&db, &contents);
        db.close().unwrap();
    }
    let db = open(&volume, key(3)).unwrap();
    db.remove_key(1).unwrap();
    db.remove_key(2).unwrap();
    assert_eq!(refused(db.remove_key(3)), ErrorKind::Invalid);
    assert_eq!(kinds(&db), [(3, KeyKind::Key)]);
    drop(db);
    assert_eq!(refused(open(&volume, key(1))), ErrorKind::WrongKey);
    let db = open(&volume, key(3)).unwrap();
    assert_holds(&db, &contents);
}

#[test]
fn a_changed_passphrase_or_key_takes_the_place_of_the_old_one() {
    let volume = MemoryVolume::default();
    let mut contents = filled(&volume, Some(passphrase("old")));
    let db = open(&volume, passphrase("old")).unwrap();
    let error = db.change_key(&passphrase("guess"), &passphrase("new"));
    assert_eq!(refused(error), ErrorKind::WrongKey);
    assert_eq!(
        refused(db.change_passphrase("guess", "new")),
        ErrorKind::WrongKey
    );
    db.change_key(&passphrase("old"), &passphrase("new"))
        .unwrap();
    assert_eq!(kinds(&db), [(0, KeyKind::Passphrase)]);
    // What follows is sealed as before: the data key stays.
    contents.change(&db, 1).unwrap();
    db.change_key(&passphrase("new"), &key(9)).unwrap();
    assert_eq!(kinds(&db), [(0, KeyKind::Key)]);
    drop(db);
    for unlock in [passphrase("old"), passphrase("new"), key(8)] {
        assert_eq!(refused(open(&volume, unlock)), ErrorKind::WrongKey);
    }
    let db = open(&volume, key(9)).unwrap();
    assert_holds(&db, &contents);
    // This one at the cost that users have.
    db.change_key(&key(9), &passphrase("low")).unwrap();
    db.change_passphrase("low", "high").unwrap();
    db.close().unwrap();
    assert_eq!(
        refused(open(&volume, passphrase("low"))),
        ErrorKind::WrongKey
    );
    let db = open(&volume, passphrase("high")).unwrap();
    assert_holds(&db, &contents);
}

#[test]
fn a_database_opened_read_only_lists_its_keys_and_changes_none() {
    let volume = MemoryVolume::default();
    let contents = filled(&volume, Some(key(1)));
    let before = volume.bytes(PATH);
    let db = builder(&volume)
        .unlock(key(1))
        .open_read_only(PATH)
        .unwrap();
    assert_eq!(kinds(&db), [(0, KeyKind::Key)]);
    assert_eq!(refused(db.add_key(&key(2))), ErrorKind::ReadOnly);
    assert_eq!(refused(db.remove_key(0)), ErrorKind::ReadOnly);
    assert_eq!(
        refused(db.change_key(&key(1), &key(2))),
        ErrorKind::ReadOnly
    );
    assert_eq!(refused(db.change_passphrase("a", "b")), ErrorKind::ReadOnly);
    assert_holds(&db, &contents);
    db.close().unwrap();
    assert!(volume.bytes(PATH) == before, "the file was written");
}

#[test]
fn nothing_of_a_secret_is_printed() {
    let volume = MemoryVolume::default();
    filled(&volume, Some(passphrase("hunter2")));
    let unlock = passphrase("hunter2");
    let builder = builder(&volume).unlock(unlock.clone());
    let mut printed = vec![format!("{unlock:?}"), format!("{builder:?}")];
    let secret = larder::Unlock::key(*b"SECRETsecretSECRETsecretSECRETse");
    printed.push(format!("{secret:?}"));
    let db = builder.open_existing(PATH).unwrap();
    db.add_key(&secret).unwrap();
    printed.push(format!("{db:?}"));
    printed.push(format!("{:?}", db.list_keys()));
    let error = db.change_key(&passphrase("hunter3"), &secret).unwrap_err();
    printed.push(format!("{error:?} {error}"));
    let numbers = format!("{:?}", b"SECRET").replace(['[', ']'], "");
    let numbers_of_passphrase = format!("{:?}", b"hunter").replace(['[', ']'], "");
    for text in printed {
        for secret in [
            "hunter",
            "SECRET",
            "secretS",
            &numbers,
            &numbers_of_passphrase,
        ] {
            assert!(!text.contains(secret), "{secret} is in {text}");
        }
        assert!(!text.to_lowercase().contains("534543524554"), "{text}");
    }
}

#[test]
fn an_older_copy_of_the_file_is_told_from_the_newest() {
    for unlock in [None, Some(key(1))] {
        let volume = MemoryVolume::default();
        let mut contents = filled(&volume, unlock.clone());
        let older = volume.bytes(PATH);
        let builder = || match &unlock {
            Some(unlock) => builder(&volume).unlock(unlock.clone()),
            None => builder(&volume),
        };
        let db = builder().open_existing(PATH).unwrap();
        contents.change(&db, 1).unwrap();
        let newest = db.commit_sequence();
        db.close().unwrap();
        for least in [0, newest - 1, newest] {
            let db = builder().open_at_least(PATH, least).unwrap();
            assert_holds(&db, &contents);
            db.close().unwrap();
        }
        assert_eq!(
            refused(builder().open_at_least(PATH, newest + 1)),
            ErrorKind::RolledBack
        );
        volume.put(PATH, older.clone());
        let error = builder().open_at_least(PATH, newest).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::RolledBack, "{error}");
        assert_eq!(
            refused(builder().open_at_least("nowhere", 0)),
            ErrorKind::NotFound
        );
    }
}

/// The file may have grown by as many commits as it lacked by what was registered, and was taken for the
/// newest.
#[test]
fn an_older_copy_does_not_catch_up_by_what_is_registered() {
    #[larder::record(name = "afterwards")]
    struct Afterwards {
        #[key]
        id: u64,
    }
    let volume = MemoryVolume::default();
    let mut contents = filled(&volume, None);
    let older = volume.bytes(PATH);
    let db = builder(&volume).open_existing(PATH).unwrap();
    let sequence = db.commit_sequence();
    contents.change(&db, 1).unwrap();
    let newest = db.commit_sequence();
    assert_eq!(newest, sequence + 1);
    db.close().unwrap();
    volume.put(PATH, older);
    let opened = builder(&volume)
        .register::<Afterwards>()
        .open_at_least(PATH, newest);
    assert_eq!(refused(opened), ErrorKind::RolledBack);
    let db = builder(&volume).open_existing(PATH).unwrap();
    assert_eq!(db.commit_sequence(), sequence);
    db.read().unwrap().collection::<Afterwards>().unwrap();
}

/// A handle that had been closed wrote its own header, without the lock of the file, over one in which
/// another program had changed the passphrase: the old one opened the file again, the new one did not.
#[test]
fn a_closed_handle_changes_no_keys_and_scrubs_nothing() {
    let volume = MemoryVolume::default();
    filled(&volume, Some(key(1)));
    let closed = open(&volume, key(1)).unwrap();
    closed.clone().close().unwrap();
    let other = open(&volume, key(1)).unwrap();
    other.change_key(&key(1), &key(2)).unwrap();
    assert_eq!(refused(closed.add_key(&key(3))), ErrorKind::Closed);
    assert_eq!(refused(closed.remove_key(0)), ErrorKind::Closed);
    let changed = closed.change_key(&key(1), &key(3));
    assert_eq!(refused(changed), ErrorKind::Closed);
    assert_eq!(refused(closed.scrub(None, |_| {})), ErrorKind::Closed);
    assert_eq!(refused(closed.check()), ErrorKind::Closed);
    other.close().unwrap();
    for old in [key(1), key(3)] {
        assert_eq!(refused(open(&volume, old)), ErrorKind::WrongKey);
    }
    open(&volume, key(2)).unwrap();
}

/// It got the default costs, whatever the owner of the file had chosen.
#[test]
fn a_changed_passphrase_costs_what_it_did_unless_told_otherwise() {
    let volume = MemoryVolume::default();
    let costs = |memory, iterations| KdfParameters::new(memory, iterations, 1).unwrap();
    let stored = || {
        let word = |at: usize| {
            let bytes = volume.bytes(PATH);
            u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
        };
        (word(84), word(88))
    };
    let db = builder(&volume)
        .kdf(costs(64, 2))
        .unlock(larder::Unlock::passphrase("one"))
        .create(PATH)
        .unwrap();
    assert_eq!(stored(), (64, 2));
    db.change_passphrase("one", "two").unwrap();
    assert_eq!(stored(), (64, 2));
    let three = larder::Unlock::passphrase("three").kdf(costs(32, 3));
    db.change_key(&larder::Unlock::passphrase("two"), &three)
        .unwrap();
    assert_eq!(stored(), (32, 3));
}
