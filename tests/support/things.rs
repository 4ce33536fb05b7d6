//! A database with one of everything, what must be in it, and whether it is.

use larder::{Bucket, Collection, CollectionOptions, Database, Error, Result, record};

use super::random::Random;

/// One index of each kind, and bodies from short to several blocks, some of them compressed.
#[record(name = "quagga-things", index(by_group_size = (group, desc(size))))]
#[derive(Clone, Debug, PartialEq)]
pub struct Thing {
    #[key(auto)]
    pub id: u64,
    #[unique]
    pub code: String,
    pub group: u32,
    pub size: u64,
    #[index(each)]
    pub tags: Vec<String>,
    pub text: String,
    pub noise: Vec<u8>,
}

/// What a database holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Contents {
    pub things: Vec<Thing>,
    pub bucket: Vec<(String, Vec<u8>)>,
    pub sequence: u64,
}

pub const BUCKET: &str = "okapi-bucket";

/// Every word that is in a value, key or name, none of which is in an encrypted file.
pub const WORDS: [&str; 6] = [
    "quagga", "okapi", "narwhal", "pangolin", "axolotl", "wombat",
];

/// A number in every size, easily told from others.
pub const SIZE_BASE: u64 = 0x5EED_CAFE_F00D_0000;

/// What there is to be under the number.
pub fn thing(id: u64) -> Thing {
    let mut random = Random(id);
    Thing {
        id,
        code: format!("narwhal-{id:04}"),
        group: (id % 3) as u32,
        size: SIZE_BASE + id * 7 % 50,
        tags: (0..id % 4).map(|tag| format!("pangolin-{tag}")).collect(),
        // Now and then long and compressible, and now and then long and not.
        text: "axolotl ".repeat(if id.is_multiple_of(5) { 900 } else { 3 }),
        noise: random.bytes(if id % 7 == 3 { 9_000 } else { 20 }),
    }
}

/// Registers the record in a database.
pub fn register(db: &Database) -> Result<()> {
    db.register_with::<Thing>(CollectionOptions::new().compress_above(1000))
}

/// Fills an empty database in several commits, so that blocks have older copies; `after` sees each.
pub fn populate(db: &Database, count: u64, mut after: impl FnMut()) -> Contents {
    register(db).unwrap();
    let mut contents = Contents::default();
    let step = count.div_ceil(4).max(1);
    for from in (1..=count).step_by(step as usize) {
        db.write(|tx| {
            let mut things = tx.collection::<Thing>()?;
            let mut bucket = tx.bucket(BUCKET)?;
            for id in from..(from + step).min(count + 1) {
                assert_eq!(things.insert(&Thing { id: 0, ..thing(id) })?, id);
                contents.things.push(thing(id));
                let entry = (format!("wombat-{id:04}"), vec![id as u8; id as usize % 50]);
                bucket.put(entry.0.as_str(), &entry.1)?;
                contents.bucket.push(entry);
            }
            Ok(())
        })
        .unwrap();
        after();
    }
    // Some go and some change, as in life.
    for round in 0..2 {
        contents.change(db, round).unwrap();
        after();
    }
    contents.sequence = db.commit_sequence();
    contents
}

impl Contents {
    /// Changes a bit of everything in one transaction, and says so here when it was acknowledged.
    pub fn change(&mut self, db: &Database, round: u64) -> Result<()> {
        let mut changed = self.clone();
        let next = changed.things.last().map_or(1, |thing| thing.id + 1);
        let gone = changed.things.len() / 2;
        let gone = changed.things.remove(gone).id;
        let grown = changed.things[1].id;
        db.write(|tx| {
            let mut things = tx.collection::<Thing>()?;
            assert_eq!(
                things.insert(&Thing {
                    id: 0,
                    ..thing(next)
                })?,
                next
            );
            assert!(things.remove(gone)?);
            things.update(grown, |thing| {
                thing.group += 1;
                thing.noise.extend(Random(round).bytes(3000));
            })?;
            tx.bucket(BUCKET)?.put("wombat", round.to_le_bytes())?;
            Ok(())
        })?;
        changed.things.push(thing(next));
        changed.things[1].group += 1;
        changed.things[1].noise.extend(Random(round).bytes(3000));
        let entry = ("wombat".to_owned(), round.to_le_bytes().to_vec());
        match changed.bucket.iter_mut().find(|(key, _)| *key == entry.0) {
            Some(found) => *found = entry,
            None => {
                changed.bucket.push(entry);
                changed.bucket.sort();
            }
        }
        changed.sequence += 1;
        *self = changed;
        Ok(())
    }

    /// Reads everything by every way there is. Gives the first error; whatever was read without one
    /// must be right, or `wrong` is told.
    pub fn compare(&self, db: &Database, wrong: &mut Vec<String>) -> Result<()> {
        let mut looks = Looks { first: None, wrong };
        if db.commit_sequence() != self.sequence {
            looks.wrong.push(format!(
                "the last commit is {}, not {}",
                db.commit_sequence(),
                self.sequence
            ));
        }
        let tx = db.read()?;
        match tx.collection::<Thing>() {
            Ok(things) => self.compare_things(&things, &mut looks),
            Err(error) => looks.fail(error),
        }
        match tx.bucket(BUCKET) {
            Ok(bucket) => self.compare_bucket(&bucket, &mut looks),
            Err(error) => looks.fail(error),
        }
        looks.first.map_or(Ok(()), Err)
    }

    fn compare_things(&self, things: &Collection<'_, Thing>, looks: &mut Looks<'_>) {
        looks.same(
            "the number of things",
            things.len(),
            self.things.len() as u64,
        );
        let by_key = things.iter();
        looks.same("things", by_key.and_then(owned), self.things.clone());
        let mut backwards = self.things.clone();
        backwards.reverse();
        let found = things.iter().and_then(|iter| owned(iter.rev()));
        looks.same("things, backwards", found, backwards);

        let mut by_code: Vec<_> = self.things.iter().map(|t| (t.code.clone(), t.id)).collect();
        by_code.sort();
        let index = things.by(Thing::BY_CODE);
        looks.both_ways("by code", || index.iter(), ids(by_code));
        for thing in self.things.iter().step_by(self.things.len() / 20 + 1) {
            let found = index.get(thing.code.as_str());
            let found = found.and_then(|found| found.map(|view| view.to_owned()).transpose());
            looks.same("a thing by its code", found, Some(thing.clone()));
            looks.same("a thing", things.get_owned(thing.id), Some(thing.clone()));
        }
        let mut by_group: Vec<_> = self
            .things
            .iter()
            .map(|t| ((t.group, std::cmp::Reverse(t.size)), t.id))
            .collect();
        by_group.sort();
        let index = things.by(Thing::BY_GROUP_SIZE);
        looks.both_ways("by group and size", || index.iter(), ids(by_group));
        let mut by_tag: Vec<_> = self
            .things
            .iter()
            .flat_map(|t| t.tags.iter().map(|tag| (tag.clone(), t.id)))
            .collect();
        by_tag.sort();
        let index = things.by(Thing::BY_TAGS);
        looks.both_ways("by tag", || index.iter(), ids(by_tag));
    }

    fn compare_bucket(&self, bucket: &Bucket<'_>, looks: &mut Looks<'_>) {
        let read = |backwards: bool| {
            let mut entries = Vec::new();
            let mut iter = bucket.iter()?;
            while let Some(entry) = if backwards {
                iter.next_back()
            } else {
                iter.next()
            } {
                let (key, value) = entry?;
                entries.push((
                    String::from_utf8_lossy(key.as_ref()).into_owned(),
                    value.to_vec(),
                ));
            }
            Ok(entries)
        };
        looks.same("the bucket", read(false), self.bucket.clone());
        let mut backwards = self.bucket.clone();
        backwards.reverse();
        looks.same("the bucket, backwards", read(true), backwards);
        if let Some((key, value)) = self.bucket.first() {
            let found = bucket
                .get(key.as_str())
                .map(|found| found.map(|v| v.to_vec()));
            looks.same("an entry", found, Some(value.clone()));
        }
    }
}

struct Looks<'a> {
    first: Option<Error>,
    wrong: &'a mut Vec<String>,
}

impl Looks<'_> {
    fn fail(&mut self, error: Error) {
        self.first.get_or_insert(error);
    }

    fn same<T: PartialEq>(&mut self, what: &str, found: Result<T>, expected: T) {
        match found {
            Ok(found) if found == expected => {}
            Ok(_) => self.wrong.push(format!("{what}: not what was written")),
            Err(error) => self.fail(error),
        }
    }

    fn both_ways<'c>(
        &mut self,
        what: &str,
        iter: impl Fn() -> Result<larder::IndexEntries<'c, Thing>>,
        mut expected: Vec<u64>,
    ) {
        let ids = |found: Result<Vec<Thing>>| found.map(|t| t.iter().map(|t| t.id).collect());
        self.same(what, ids(iter().and_then(owned)), expected.clone());
        expected.reverse();
        let found = iter().and_then(|iter| owned(iter.rev()));
        self.same(&format!("{what}, backwards"), ids(found), expected);
    }
}

fn ids<K>(sorted: Vec<(K, u64)>) -> Vec<u64> {
    sorted.into_iter().map(|(_, id)| id).collect()
}

fn owned<'c>(views: impl Iterator<Item = Result<larder::View<'c, Thing>>>) -> Result<Vec<Thing>> {
    views.map(|view| view?.to_owned()).collect()
}
