//! Files that earlier code has written open for ever: three records in three versions each, and files in
//! every state that a file can be found in. They lie in `tests/golden/` and are never written again.
//!
//! `cargo test --test main golden` opens them. A file that is missing is made by the code as it is, so a
//! new state or version is added here, and the file committed.

use std::path::Path;

use larder::testing::golden::Golden;
use larder::{Builder, Database, ErrorKind, Result};
use serde_json::json;

use crate::support::kind;

/// The first versions.
mod v1 {
    #[larder::part]
    pub struct Place {
        pub lat: f32,
        pub lon: f32,
        pub datum: String,
    }

    #[larder::record(name = "cities")]
    pub struct City {
        #[key]
        pub id: u64,
        #[index]
        pub name: String,
        #[index]
        pub pop: u32,
        pub mayor: String,
        pub place: Place,
    }

    #[larder::record(name = "people")]
    pub struct Person {
        #[key]
        pub country: String,
        #[key]
        pub number: u32,
        pub born: larder::Timestamp,
        pub nick: String,
    }

    #[larder::part]
    pub enum Kind {
        Text,
        List { items: Vec<String> },
    }

    #[larder::record(name = "notes")]
    pub struct Note {
        #[key(auto)]
        pub id: u64,
        pub kind: Kind,
        pub tags: std::collections::BTreeMap<String, u8>,
    }
}

/// The second ones: no code.
mod v2 {
    #[larder::part]
    pub struct Place {
        pub east: Option<f64>,
        #[renamed(from = "lat")]
        pub north: f64,
    }

    #[larder::record(name = "cities", version = 2)]
    pub struct City {
        #[key]
        pub id: u64,
        #[index]
        pub name: String,
        #[index]
        #[renamed(from = "pop")]
        pub population: u64,
        pub place: Place,
    }

    #[larder::record(name = "people", version = 2, index(by_born = born))]
    pub struct Person {
        #[key]
        #[renamed(from = "country")]
        pub land: String,
        #[key]
        pub number: u32,
        pub born: Option<larder::Timestamp>,
        #[renamed(from = "nick")]
        pub nicks: Vec<String>,
    }

    #[larder::part]
    pub enum Kind {
        Empty,
        #[renamed(from = "List")]
        Items {
            items: Vec<String>,
            #[default]
            done: bool,
        },
        Text,
    }

    #[larder::record(name = "notes", version = 2)]
    pub struct Note {
        #[key(auto)]
        pub id: u64,
        pub kind: Kind,
        pub tags: std::collections::BTreeMap<String, u32>,
        #[default = "nobody"]
        pub author: String,
    }
}

/// The third ones: one by code.
mod v3 {
    #[larder::record(name = "cities", version = 3, from = super::v2::City)]
    pub struct City {
        #[key]
        pub id: u64,
        #[unique]
        pub slug: String,
        pub thousands: u64,
    }

    impl From<super::v2::City> for City {
        fn from(city: super::v2::City) -> Self {
            Self {
                id: city.id,
                slug: city.name.to_lowercase().replace(' ', "-"),
                thousands: city.population / 1000,
            }
        }
    }

    #[larder::record(name = "people", version = 3, index(by_born = born))]
    pub struct Person {
        #[key]
        #[renamed(from = "country")]
        pub land: String,
        #[key]
        pub number: u32,
        pub born: Option<larder::Timestamp>,
        #[default]
        pub points: i64,
    }

    #[larder::record(name = "notes", version = 3)]
    pub struct Note {
        #[key(auto)]
        pub id: u64,
        pub kind: super::v2::Kind,
        #[renamed(from = "tags")]
        pub words: std::collections::BTreeMap<String, u64>,
        pub author: Option<String>,
    }
}

const KEY: [u8; 32] = *b"a key for tests, not for secrets";

/// Small files.
fn small() -> Builder {
    Database::builder().cache_size(1 << 20).log_size(1 << 16)
}

fn create(path: &Path) -> Result<Database> {
    small().create(path)
}

fn fill_cities(db: &Database) -> Result<()> {
    db.write(|tx| {
        let mut cities = tx.collection::<v1::City>()?;
        for id in 1..=9_u16 {
            cities.insert(&v1::City {
                id: id.into(),
                name: format!("City {id}"),
                pop: u32::from(id) * 1500,
                mayor: format!("The mayor of city number {id}"),
                place: v1::Place {
                    lat: f32::from(id) + 0.25,
                    lon: -0.5,
                    datum: "WGS 84, of course".to_owned(),
                },
            })?;
        }
        Ok(())
    })
}

fn fill_1(db: &Database) -> Result<()> {
    fill_cities(db)?;
    db.write(|tx| {
        let mut people = tx.collection::<v1::Person>()?;
        for number in 1..=4 {
            people.insert(&v1::Person {
                country: ["HR", "FR"][number as usize % 2].to_owned(),
                number,
                born: larder::Timestamp::from_micros(i64::from(number) * 1_000_000),
                nick: format!("nick {number}"),
            })?;
        }
        let mut notes = tx.collection::<v1::Note>()?;
        for number in 0..3_u8 {
            notes.insert(&v1::Note {
                id: 0,
                kind: if number % 2 == 0 {
                    v1::Kind::Text
                } else {
                    v1::Kind::List {
                        items: vec![
                            "short".to_owned(),
                            "an item that lies out of line".to_owned(),
                        ],
                    }
                },
                tags: (0..number).map(|tag| (format!("tag {tag}"), tag)).collect(),
            })?;
        }
        Ok(())
    })
}

fn fill_others(db: &Database) -> Result<()> {
    db.write(|tx| {
        let paper = json!({"title": "Pantry", "pages": [1, 2.5, null]});
        tx.documents("papers")?.put("a", paper)?;
        tx.bucket("settings")?.put(b"theme", b"dark").map(drop)
    })
}

/// What is in the log of a file that was not closed.
fn change(db: &Database) -> Result<()> {
    for pop in [1, 7_000_000] {
        db.write(|tx| {
            tx.collection::<v1::City>()?
                .update(4, |city| city.pop = pop)
        })?;
    }
    Ok(())
}

fn fill_2(db: &Database) -> Result<()> {
    db.write(|tx| {
        tx.collection::<v2::City>()?.insert(&v2::City {
            id: 20,
            name: "City of two".to_owned(),
            population: u64::MAX,
            place: v2::Place {
                east: Some(0.1),
                north: 0.2,
            },
        })?;
        tx.collection::<v2::Person>()?.insert(&v2::Person {
            land: "IT".to_owned(),
            number: 1,
            born: None,
            nicks: vec!["one".to_owned(), "two".to_owned()],
        })?;
        let note = v2::Note {
            id: 0,
            kind: v2::Kind::Empty,
            tags: [("many".to_owned(), 70_000)].into(),
            author: "somebody with a long name".to_owned(),
        };
        tx.collection::<v2::Note>()?.insert(&note).map(drop)
    })
}

fn fill_3(db: &Database) -> Result<()> {
    db.write(|tx| {
        tx.collection::<v3::City>()?.insert(&v3::City {
            id: 30,
            slug: "city-of-three".to_owned(),
            thousands: 3,
        })?;
        tx.collection::<v3::Person>()?.insert(&v3::Person {
            land: "DE".to_owned(),
            number: 3,
            born: None,
            points: -3,
        })?;
        let note = v3::Note {
            id: 0,
            kind: v2::Kind::Text,
            words: Default::default(),
            author: None,
        };
        tx.collection::<v3::Note>()?.insert(&note).map(drop)
    })
}

fn register_2(db: &Database) -> Result<()> {
    db.register::<v2::City>()?;
    db.register::<v2::Person>()?;
    db.register::<v2::Note>()
}

/// With records of the first two versions, none of them rewritten.
fn to_2(db: &Database) -> Result<()> {
    fill_1(db)?;
    register_2(db)?;
    fill_2(db)
}

/// The same with all three.
fn to_3(db: &Database) -> Result<()> {
    to_2(db)?;
    register_3(db)?;
    fill_3(db)
}

fn register_3(db: &Database) -> Result<()> {
    db.register::<v3::City>()?;
    db.register::<v3::Person>()?;
    db.register::<v3::Note>()
}

/// As the program is now.
fn open(path: &Path) -> Result<Database> {
    let encrypted = path.to_string_lossy().contains("encrypted");
    let builder = if encrypted { small().key(KEY) } else { small() };
    let db = builder.open_existing(path)?;
    register_3(&db)?;
    Ok(db)
}

/// A copy of a file that is open, as after a kill.
fn killed(path: &Path, make: impl FnOnce(&Path) -> Result<Database>) -> Result<()> {
    let living = path.with_extension("open");
    let db = make(&living)?;
    std::fs::copy(&living, path).unwrap();
    db.close()
}

fn golden() -> Golden {
    Golden::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden"))
}

/// A copy of what `make` makes, without the room that its transactions left behind.
fn compact(path: &Path, make: impl FnOnce(&Database) -> Result<()>) -> Result<()> {
    let living = path.with_extension("living");
    let db = small().key(KEY).create(&living)?;
    make(&db)?;
    db.decrypt_to(path)?;
    db.close()
}

fn keep_all(golden: &Golden) -> Result<()> {
    golden.keep("version-1", |path| {
        compact(path, |db| {
            fill_1(db)?;
            fill_others(db)
        })
    })?;
    golden.keep("version-2", |path| {
        compact(path, |db| {
            to_2(db)?;
            db.migrate().map(drop)
        })
    })?;
    golden.keep("version-3", |path| {
        compact(path, |db| {
            to_3(db)?;
            db.migrate()?;
            db.forget_migration("notes").map(drop)
        })
    })?;
    golden.keep("all-versions-side-by-side", |path| compact(path, to_3))?;
    // Some were rewritten, and what was lost of them is kept; the rest was not.
    golden.keep("mid-migration", |path| {
        compact(path, |db| {
            fill_1(db)?;
            register_2(db)?;
            db.write(|tx| {
                let mut cities = tx.collection::<v2::City>()?;
                for id in [2, 5, 9] {
                    cities.update(id, |city| city.population += 1)?;
                }
                cities.remove(3).map(drop)
            })
        })
    })?;
    golden.keep("undone", |path| {
        compact(path, |db| {
            fill_1(db)?;
            register_2(db)?;
            db.migrate()?;
            db.undo_migration::<v2::City>().map(drop)
        })
    })?;
    golden.keep("not-closed", |path| {
        killed(path, |living| {
            compact(living, fill_cities)?;
            let db = small().open_existing(living)?;
            change(&db)?;
            Ok(db)
        })
    })?;
    golden.keep("encrypted", |path| {
        let living = path.with_extension("living");
        let db = small().key(KEY).create(&living)?;
        fill_1(&db)?;
        register_2(&db)?;
        db.reencrypt_to(path, &larder::Unlock::key(KEY))?;
        db.close()
    })?;
    golden.keep("encrypted-not-closed", |path| {
        killed(path, |living| {
            let before = living.with_extension("before");
            let db = small().key(KEY).create(&before)?;
            fill_cities(&db)?;
            db.reencrypt_to(living, &larder::Unlock::key(KEY))?;
            let db = small().key(KEY).open_existing(living)?;
            change(&db)?;
            Ok(db)
        })
    })
}

#[test]
fn every_file_ever_written_opens() {
    let golden = golden();
    keep_all(&golden).unwrap();
    assert_eq!(golden.check(open).unwrap(), 9);
}

#[test]
fn a_file_that_reads_otherwise_is_told_by_its_first_line() {
    let directory = tempfile::tempdir().unwrap();
    let golden = Golden::new(directory.path());
    let keep = |id: u64| {
        golden.keep("one", |path| {
            let db = create(path)?;
            fill_1(&db)?;
            db.write(|tx| tx.collection::<v1::City>()?.remove(id).map(drop))?;
            db.close()
        })
    };
    keep(4).unwrap();
    assert_eq!(golden.check(open).unwrap(), 1);
    // What is kept is not made again.
    keep(5).unwrap();
    assert_eq!(golden.check(open).unwrap(), 1);
    let text = directory.path().join("one.jsonl");
    let read = std::fs::read_to_string(&text).unwrap();
    assert!(
        read.contains("\"slug\":\"city-5\"") && !read.contains("city-4"),
        "{read}"
    );
    std::fs::write(&text, read.replace("city-5", "city-55")).unwrap();
    let error = golden.check(open).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    for part in ["one.larder", "line 5", "city-5\"", "city-55\""] {
        assert!(error.to_string().contains(part), "{part}: {error}");
    }
    // How lines end makes no difference.
    std::fs::write(&text, read.replace('\n', "\r\n")).unwrap();
    assert_eq!(golden.check(open).unwrap(), 1);
    std::fs::write(&text, read.trim_end()).unwrap();
    assert_eq!(golden.check(open).unwrap(), 1);
    std::fs::write(&text, format!("{read}more")).unwrap();
    assert_eq!(kind(golden.check(open)), ErrorKind::Invalid);
    // A program that registers nothing has tested nothing.
    let bare = |path: &Path| small().open_existing(path);
    assert_eq!(kind(golden.check(bare)), ErrorKind::Invalid);
    assert_eq!(kind(self::golden().check(bare)), ErrorKind::NotRegistered);
    for name in ["", "..", "a/b", "../one"] {
        assert_eq!(kind(golden.keep(name, |_| Ok(()))), ErrorKind::Invalid);
    }
    // What is gone is not made again in silence.
    std::fs::remove_file(directory.path().join("one.larder")).unwrap();
    assert_eq!(kind(golden.check(open)), ErrorKind::NotFound);
    assert_eq!(kind(keep(4)), ErrorKind::NotFound);
    // A maker that fails keeps nothing.
    let failed = golden.keep("two", |path| {
        create(path)?.close()?;
        create(path)?.close()
    });
    assert_eq!(kind(failed), ErrorKind::AlreadyExists);
    assert!(!directory.path().join("two.larder").exists());
    assert_eq!(
        kind(Golden::new(directory.path().join("none")).check(open)),
        ErrorKind::Io
    );
}
