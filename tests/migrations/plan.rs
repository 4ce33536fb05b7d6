//! What would happen is said before it happens.

use larder::ErrorKind;

use super::cities::{found, second, v1, v2, v3};
use crate::support::{db, kind};

#[test]
fn a_plan_says_what_would_change_before_and_after_registering() {
    let db = db();
    assert_eq!(
        kind(db.migration_plan_for::<v2::City>()),
        ErrorKind::NotFound
    );
    found(&db, 10);
    assert!(db.migration_plan_for::<v1::City>().unwrap().is_empty());
    let plan = db.migration_plan_for::<v2::City>().unwrap();
    assert_eq!((plan.from, plan.to, plan.records), (1, 2, 10));
    assert_eq!(plan.earlier.iter().collect::<Vec<_>>(), [(&1, &10)]);
    assert!(plan.is_destructive() && plan.undo_bytes == plan.bytes && plan.bytes > 1000);
    assert_eq!(plan.built, ["by_population", "by_zone"]);
    assert_eq!(plan.dropped, ["by_pop", "by_country"]);
    let [step] = plan.steps.as_slice() else {
        panic!("{plan}");
    };
    assert!(step.destructive && !step.by_code);
    for told in [
        "`pop` is renamed to `population`",
        "`population` is u64, was u32",
        "`zone` is added, with its default",
        "`founded` is added, as `None`",
        "`place.height` is added, with its default",
        "`place.datum` is removed, and what it holds is lost",
        "`mayor` is removed, and what it holds is lost",
        "the variant `kind.Hamlet` is added",
        "the variant `Village` is renamed to `kind.Rural`",
        "`aliases` is Vec<String>, was String",
    ] {
        assert!(
            step.changes.iter().any(|change| change == told),
            "{told}: {plan}"
        );
    }
    let text = plan.to_string();
    assert!(
        text.contains("10 of 10 records") && text.contains("destructive"),
        "{text}"
    );
    // Nothing was done by it.
    assert!(db.migration_plan().unwrap().is_empty());
    db.register::<v2::City>().unwrap();
    db.write(|tx| tx.collection::<v2::City>()?.put(&second(1)).map(drop))
        .unwrap();
    let [plan] = &db.migration_plan().unwrap()[..] else {
        panic!("one collection");
    };
    assert_eq!(plan.earlier.iter().collect::<Vec<_>>(), [(&1, &9)]);
    assert_eq!((plan.from, plan.to), (2, 2));
    assert!(plan.built.is_empty());
    let plan = db.migration_plan_for::<v3::City>().unwrap();
    assert_eq!(
        plan.earlier.iter().collect::<Vec<_>>(),
        [(&1, &9), (&2, &1)]
    );
    assert_eq!(plan.steps.len(), 2);
    assert!(plan.steps[1].by_code);
    let before = db.migrate().unwrap();
    assert_eq!(before.records, 9);
    assert!(db.migration_plan().unwrap().is_empty());
}

#[test]
fn what_loses_nothing_is_not_destructive() {
    #[larder::record(name = "things")]
    struct Thing {
        #[key]
        id: u64,
        name: String,
    }
    #[larder::record(name = "things", version = 2)]
    struct Later {
        #[key]
        id: u64,
        #[renamed(from = "name")]
        title: String,
        more: Option<u8>,
    }
    let db = db();
    db.write(|tx| {
        tx.collection::<Thing>()?.insert(&Thing {
            id: 1,
            name: "one".to_owned(),
        })
    })
    .unwrap();
    let plan = db.migration_plan_for::<Later>().unwrap();
    assert!(!plan.is_destructive() && plan.undo_bytes == 0);
    db.register::<Later>().unwrap();
    db.migrate().unwrap();
    assert_eq!(db.forget_migration("things").unwrap(), 0);
    db.write(|tx| {
        tx.collection::<Later>()?.insert(&Later {
            id: 2,
            title: "two".to_owned(),
            more: Some(1),
        })
    })
    .unwrap();
    // And is undone without anything that was kept.
    assert_eq!(db.undo_migration::<Later>().unwrap(), 2);
    let tx = db.read().unwrap();
    let things = tx.collection::<Thing>().unwrap();
    assert_eq!(
        things.field(2, Thing::NAME).unwrap().as_deref(),
        Some("two")
    );
}
