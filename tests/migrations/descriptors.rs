//! What cannot follow is refused by name before anything is written.

use larder::ErrorKind;

use super::cities::{found, v1};
use crate::support::{db, kind};

macro_rules! refused {
    ($($name:ident, [$($part:literal),*], { $($field:tt)* })*) => {$(
        #[test]
        fn $name() {
            #[larder::record(name = "cities", version = 2)]
            struct City { $($field)* }
            let db = db();
            found(&db, 3);
            let next = || db.write(|tx| Ok::<_, larder::Error>(tx.sequence())).unwrap();
            let before = next();
            for error in [
                db.register::<City>().unwrap_err(),
                db.migration_plan_for::<City>().unwrap_err(),
            ] {
                assert_eq!(error.kind(), ErrorKind::SchemaChanged);
                for part in [$($part),*] {
                    assert!(error.to_string().contains(part), "{part}: {error}");
                }
            }
            // Nothing was committed, and the program that was goes on.
            assert_eq!(next(), before);
            db.register::<v1::City>().unwrap();
        }
    )*};
}

refused! {
    a_field_without_a_default_is_refused,
    ["`zone: String` is new", "#[default]", "cities", "from = "],
    { #[key] id: u64, name: String, zone: String }

    a_narrower_number_is_refused,
    ["`pop` is u16, was u32"],
    { #[key] id: u64, pop: u16 }

    another_kind_of_value_is_refused,
    ["`mayor` is u64, was String", "`country` is bool, was String"],
    { #[key] id: u64, mayor: u64, country: bool }

    another_key_is_refused,
    ["key", "id: u32", "id: u64"],
    { #[key] id: u32, name: String }

    a_key_from_another_field_is_refused,
    ["key", "name: String"],
    { #[key] name: String, id: u64 }

    a_key_that_is_assigned_is_refused,
    ["key", "auto"],
    { #[key(auto)] id: u64, name: String }
}

#[test]
fn a_variant_that_goes_is_refused() {
    #[larder::part]
    enum Kind {
        Village { houses: u16 },
    }
    #[larder::record(name = "cities", version = 2)]
    struct City {
        #[key]
        id: u64,
        kind: Kind,
    }
    let db = db();
    found(&db, 3);
    let error = db.register::<City>().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SchemaChanged);
    assert!(error.to_string().contains("`kind.Town` is gone"), "{error}");
}

#[test]
fn a_changed_default_or_name_under_one_version_changes_nothing() {
    #[larder::record(name = "things")]
    struct First {
        #[key]
        id: u64,
    }
    #[larder::record(name = "things", version = 2)]
    struct Second {
        #[key]
        id: u64,
        #[default = 5]
        number: u8,
    }
    #[larder::record(name = "things", version = 2)]
    struct Same {
        #[key]
        id: u64,
        #[default = 6]
        #[renamed(from = "figure")]
        number: u8,
    }
    #[larder::record(name = "things", version = 3)]
    struct Third {
        #[key]
        id: u64,
        #[default = 7]
        number: u16,
    }
    let db = db();
    db.write(|tx| tx.collection::<First>()?.insert(&First { id: 1 }))
        .unwrap();
    db.register::<Second>().unwrap();
    db.register::<Same>().unwrap();
    // What the second version said holds for ever: a record is what it would be had it been rewritten.
    db.register::<Third>().unwrap();
    let tx = db.read().unwrap();
    assert_eq!(
        tx.collection::<Third>()
            .unwrap()
            .field(1, Third::NUMBER)
            .unwrap(),
        Some(5)
    );
    assert_eq!(kind(tx.collection::<Second>()), ErrorKind::NewerSchema);
}
