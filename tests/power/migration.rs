//! Is each record old or new, and none lost, wherever a change of versions is cut, and does it go on to the
//! same end? A crash at every operation of the disk: while a version is registered and its indexes are
//! built, while one that was coming is abandoned, while records are rewritten, while that is undone.
//! Interrupted once more while it goes on, and with syncs that fail.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use larder::testing::{Control, Controls, Stored, stored};
use larder::{Database, ErrorKind};

use super::number_from;
use super::oracle::{PATH, Setup, catching};
use super::sim_disk::{Call, Entry, Failure, How, Image, Op, Rng, SimVolume, Tally, Unsynced};
use super::sweep::{CUT, DOUBLE, Rule, TEARS, masks};

mod v1 {
    /// A field that goes, one that is widened, one that is renamed.
    #[larder::record(name = "animals")]
    #[derive(Clone, Debug, PartialEq)]
    pub struct Animal {
        #[key]
        pub id: u64,
        #[index]
        pub weight: u32,
        #[index]
        pub name: String,
        pub keeper: String,
        pub note: String,
    }

    #[larder::record(name = "tickets")]
    #[derive(Clone, Debug, PartialEq)]
    pub struct Ticket {
        #[key]
        pub id: u64,
        #[index]
        pub gate: u8,
        pub price: String,
    }
}

mod v2 {
    use larder::BoxError;

    /// The index by weight has other bytes, that by name stays, that by kind is new.
    #[larder::record(name = "animals", version = 2)]
    #[derive(Clone, Debug, PartialEq)]
    pub struct Animal {
        #[key]
        pub id: u64,
        #[index]
        pub weight: u64,
        #[index]
        pub name: String,
        #[default = "unknown"]
        #[index]
        pub kind: String,
        #[renamed(from = "note")]
        pub notes: Vec<String>,
    }

    #[larder::record(name = "tickets", version = 2, from = super::v1::Ticket, downgrade)]
    #[derive(Clone, Debug, PartialEq)]
    pub struct Ticket {
        #[key]
        pub id: u64,
        #[index]
        pub gate: u8,
        #[index]
        pub cents: u32,
    }

    impl TryFrom<super::v1::Ticket> for Ticket {
        type Error = std::num::ParseIntError;

        fn try_from(ticket: super::v1::Ticket) -> Result<Self, Self::Error> {
            Ok(Self {
                id: ticket.id,
                gate: ticket.gate,
                cents: ticket.price.parse()?,
            })
        }
    }

    impl larder::Downgrade<super::v1::Ticket> for Ticket {
        fn downgrade(
            self,
            _before: Option<super::v1::Ticket>,
        ) -> Result<super::v1::Ticket, BoxError> {
            Ok(super::v1::Ticket {
                id: self.id,
                gate: self.gate,
                price: self.cents.to_string(),
            })
        }
    }
}

/// Four steps of a migration, of those that the tests make.
const ANIMALS: u64 = 60;

/// Two of them.
const TICKETS: u64 = 24;

fn animal(id: u64) -> v1::Animal {
    v1::Animal {
        id,
        weight: u32::try_from(id % 7 * 100).unwrap(),
        name: format!("animal {}", id % 5),
        keeper: format!("keeper {id}, who is no part of what comes"),
        note: "a note ".repeat(usize::try_from(id % 4).unwrap()),
    }
}

fn ticket(id: u64) -> v1::Ticket {
    v1::Ticket {
        id,
        gate: u8::try_from(id % 3).unwrap(),
        // More than the number says: what it was is kept byte for byte.
        price: format!("+0{id}"),
    }
}

/// What the records are, as each version has them.
#[derive(Clone, Debug, Default, PartialEq)]
struct Model {
    old_animals: BTreeMap<u64, v1::Animal>,
    old_tickets: BTreeMap<u64, v1::Ticket>,
    animals: BTreeMap<u64, v2::Animal>,
    tickets: BTreeMap<u64, v2::Ticket>,
}

impl Model {
    fn put(&mut self, animal: v1::Animal) {
        let later = v2::Animal {
            id: animal.id,
            weight: animal.weight.into(),
            name: animal.name.clone(),
            kind: "unknown".to_owned(),
            notes: vec![animal.note.clone()],
        };
        self.animals.insert(animal.id, later);
        self.old_animals.insert(animal.id, animal);
    }

    fn put_ticket(&mut self, ticket: v1::Ticket) {
        let later = v2::Ticket {
            id: ticket.id,
            gate: ticket.gate,
            cents: ticket.price.parse().unwrap(),
        };
        self.tickets.insert(ticket.id, later);
        self.old_tickets.insert(ticket.id, ticket);
    }

    /// An animal is heavier; of what goes nothing changes.
    fn fatten(&mut self, db: &Database, id: u64) -> larder::Result<()> {
        let mut animal = self.old_animals[&id].clone();
        animal.weight += 5;
        self.put(animal);
        let later = self.animals[&id].clone();
        db.write(|tx| {
            tx.collection::<v2::Animal>()?
                .update(id, |animal| *animal = later.clone())
        })
    }

    fn remove(&mut self, db: &Database, id: u64) -> larder::Result<()> {
        self.old_animals.remove(&id);
        self.animals.remove(&id);
        db.write(|tx| tx.collection::<v2::Animal>()?.remove(id).map(drop))
    }

    /// A ticket comes, or changes.
    fn sell(&mut self, db: &Database, id: u64) -> larder::Result<()> {
        self.put_ticket(v1::Ticket {
            price: (id * 1000).to_string(),
            ..ticket(id)
        });
        let later = self.tickets[&id].clone();
        db.write(|tx| tx.collection::<v2::Ticket>()?.put(&later).map(drop))
    }
}

/// What is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    /// The later versions come.
    Register,
    /// They were coming, and the program before opens the file.
    Abandon,
    Migrate,
    Undo,
}

fn stored_both(db: &Database) -> larder::Result<[Stored; 2]> {
    let one = |name| stored(db, name).map(|found| found.expect("the collection"));
    Ok([one("animals")?, one("tickets")?])
}

impl Act {
    /// Does it, or what is left of it.
    fn perform(self, db: &Database) -> larder::Result<()> {
        match self {
            Self::Abandon => {
                db.register::<v1::Animal>()?;
                db.register::<v1::Ticket>()
            }
            Self::Register | Self::Migrate => {
                db.register::<v2::Animal>()?;
                db.register::<v2::Ticket>()?;
                if self == Self::Migrate {
                    db.migrate()?;
                }
                Ok(())
            }
            Self::Undo => {
                let [animals, tickets] = stored_both(db)?;
                if animals.version == 2 {
                    db.register::<v2::Animal>()?;
                    db.undo_migration::<v2::Animal>()?;
                }
                if tickets.version == 2 {
                    db.register::<v2::Ticket>()?;
                    db.undo_migration::<v2::Ticket>()?;
                }
                Ok(())
            }
        }
    }
}

/// A file before an act, and what it is to be.
#[derive(Clone)]
struct Base {
    act: Act,
    image: Image,
    model: Model,
    before: [Stored; 2],
    after: [Stored; 2],
    /// As the first version left them: what undoing brings back, where nothing was written since.
    first: [Stored; 2],
}

fn told(what: &'static str) -> impl Fn(larder::Error) -> String {
    move |error| format!("{what}: {error}")
}

fn setup(controls: Controls) -> Setup {
    Setup {
        controls: controls.with(Control::SmallSteps),
        ..Setup::default()
    }
}

fn volume_of(image: &Image, seed: u64) -> SimVolume {
    SimVolume::with_file(Path::new(PATH), image, seed)
}

fn image_of(volume: &SimVolume) -> Image {
    volume.image(Path::new(PATH)).unwrap()
}

/// Closes a database, or leaves it as a process does that is killed.
fn leave(db: Database, volume: &SimVolume, closed: bool) {
    if closed {
        db.close().unwrap();
    } else {
        volume.kill();
        drop(db);
    }
}

impl Base {
    /// The files before each act, closed or not.
    fn all(controls: Controls, closed: bool) -> Result<Vec<Self>, String> {
        catching(|| Self::make(controls, closed).map_err(told("it cannot be made")))
    }

    fn make(controls: Controls, closed: bool) -> larder::Result<Vec<Self>> {
        let setup = setup(controls);
        let volume = SimVolume::new(1);
        let mut model = Model::default();
        let db = setup.builder(&volume, 1).create(PATH)?;
        (1..=ANIMALS).for_each(|id| model.put(animal(id)));
        (1..=TICKETS).for_each(|id| model.put_ticket(ticket(id)));
        db.write(|tx| {
            let mut animals = tx.collection::<v1::Animal>()?;
            let mut tickets = tx.collection::<v1::Ticket>()?;
            model
                .old_animals
                .values()
                .try_for_each(|animal| animals.insert(animal).map(drop))?;
            model
                .old_tickets
                .values()
                .try_for_each(|ticket| tickets.insert(ticket).map(drop))
        })?;
        let first = stored_both(&db)?;
        leave(db, &volume, closed);

        let mut bases = Vec::new();
        let mut begin = |act: Act, image: Image, model: &Model| {
            let volume = volume_of(&image, 2).without_record();
            let db = setup.open(&volume, 2)?;
            let before = stored_both(&db)?;
            act.perform(&db)?;
            let after = stored_both(&db)?;
            volume.kill();
            bases.push(Self {
                act,
                image,
                model: model.clone(),
                before,
                after,
                first: first.clone(),
            });
            Ok::<_, larder::Error>(())
        };

        let registering = image_of(&volume);
        begin(Act::Register, registering.clone(), &model)?;
        // Half way, when the first index is built.
        for changes in 1.. {
            let volume = volume_of(&registering, 3);
            volume.kill_after(changes);
            let _ = setup
                .open(&volume, 3)
                .and_then(|db| Act::Register.perform(&db));
            volume.kill();
            let image = image_of(&volume);
            let db = setup.open(&volume_of(&image, 4).without_record(), 4)?;
            let [animals, _] = stored_both(&db)?;
            if animals
                .coming
                .is_some_and(|built| built.iter().filter(|built| **built).count() == 2)
            {
                begin(Act::Abandon, image, &model)?;
                break;
            }
        }

        let volume = volume_of(&registering, 5).without_record();
        let db = setup.open(&volume, 5)?;
        Act::Register.perform(&db)?;
        // What is written meanwhile is of the later version at once.
        for id in [7, 23] {
            model.fatten(&db, id)?;
        }
        model.remove(&db, 31)?;
        model.sell(&db, 5)?;
        model.sell(&db, 100)?;
        leave(db, &volume, closed);
        begin(Act::Migrate, image_of(&volume), &model)?;

        let db = setup.open(&volume, 6)?;
        Act::Migrate.perform(&db)?;
        model.fatten(&db, 40)?;
        model.remove(&db, 41)?;
        model.sell(&db, 6)?;
        leave(db, &volume, closed);
        begin(Act::Undo, image_of(&volume), &model)?;
        Ok(bases)
    }
}

/// Everything as the later version has it, by its indexes as well.
fn read_later(db: &Database, model: &Model) -> Result<(), String> {
    let read = || {
        let tx = db.read()?;
        let animals = tx.collection::<v2::Animal>()?;
        let mut found = Model::default();
        for animal in animals.iter()? {
            let animal = animal?.to_owned()?;
            found.animals.insert(animal.id, animal);
        }
        let tickets = tx.collection::<v2::Ticket>()?;
        for ticket in tickets.iter()? {
            let ticket = ticket?.to_owned()?;
            found.tickets.insert(ticket.id, ticket);
        }
        let heavy = animals.by(v2::Animal::BY_WEIGHT).range(500..)?;
        let heavy = heavy.map(|animal| animal.map(|animal| animal.id.to_native()));
        let dear = tickets.by(v2::Ticket::BY_CENTS).range(1000..)?;
        let dear = dear.map(|ticket| ticket.map(|ticket| ticket.id.to_native()));
        let counts = [
            animals
                .by(v2::Animal::BY_KIND)
                .range("unknown"..="unknown")?
                .count(),
            animals
                .by(v2::Animal::BY_NAME)
                .range("animal 3"..="animal 3")?
                .count(),
            tickets.by(v2::Ticket::BY_GATE).range(1..=1)?.count(),
        ];
        let heavy = heavy.collect::<larder::Result<Vec<_>>>()?;
        let dear = dear.collect::<larder::Result<Vec<_>>>()?;
        Ok((found, counts, heavy, dear))
    };
    let (found, counts, heavy, dear) = read().map_err(told("it cannot be read as version 2"))?;
    if found.animals != model.animals || found.tickets != model.tickets {
        return Err(format!("as version 2 it reads {found:?}"));
    }
    let animals = model.animals.values();
    let tickets = model.tickets.values();
    let expected = [
        animals.len(),
        animals
            .clone()
            .filter(|animal| animal.name == "animal 3")
            .count(),
        tickets.clone().filter(|ticket| ticket.gate == 1).count(),
    ];
    let mut expected_heavy: Vec<_> = animals.filter(|animal| animal.weight >= 500).collect();
    expected_heavy.sort_by_key(|animal| animal.weight);
    let mut expected_dear: Vec<_> = tickets.filter(|ticket| ticket.cents >= 1000).collect();
    expected_dear.sort_by_key(|ticket| ticket.cents);
    if counts != expected
        || !expected_heavy.iter().map(|animal| animal.id).eq(heavy)
        || !expected_dear.iter().map(|ticket| ticket.id).eq(dear)
    {
        return Err("by an index of version 2 other records are found".to_owned());
    }
    Ok(())
}

/// Everything as the first version has it.
fn read_first(db: &Database, model: &Model) -> Result<(), String> {
    let read = || {
        let tx = db.read()?;
        let animals = tx.collection::<v1::Animal>()?;
        let mut found = Model::default();
        for animal in animals.iter()? {
            let animal = animal?.to_owned()?;
            found.old_animals.insert(animal.id, animal);
        }
        let tickets = tx.collection::<v1::Ticket>()?;
        for ticket in tickets.iter()? {
            let ticket = ticket?.to_owned()?;
            found.old_tickets.insert(ticket.id, ticket);
        }
        let heavy = animals.by(v1::Animal::BY_WEIGHT).range(500..)?.count();
        let gate = tickets.by(v1::Ticket::BY_GATE).range(1..=1)?.count();
        Ok((found, heavy, gate))
    };
    let (found, heavy, gate) = read().map_err(told("it cannot be read as version 1"))?;
    if found.old_animals != model.old_animals || found.old_tickets != model.old_tickets {
        return Err(format!("as version 1 it reads {found:?}"));
    }
    let animals = model.old_animals.values();
    let tickets = model.old_tickets.values();
    if heavy != animals.filter(|animal| animal.weight >= 500).count()
        || gate != tickets.filter(|ticket| ticket.gate == 1).count()
    {
        return Err("by an index of version 1 other records are found".to_owned());
    }
    Ok(())
}

fn is_sound(db: &Database) -> Result<(), String> {
    if db.was_repaired() {
        return Err("redb walked the file in opening it".to_owned());
    }
    match db.check() {
        Ok(report) if report.is_ok() => Ok(()),
        Ok(report) => Err(report.to_string()),
        Err(error) => Err(format!("it cannot be checked: {error}")),
    }
}

/// How far a collection is from `before` to `after`: how many of the records that are to change have done
/// so. They do in the order of their keys, each with what is kept of it.
fn rewritten(found: &Stored, before: &Stored, after: &Stored) -> Result<(usize, usize), String> {
    if !found.records.keys().eq(before.records.keys()) {
        return Err("there are other records".to_owned());
    }
    let with_undo = |stored: &Stored, key: &Vec<u8>| {
        let undo = stored.undo.get(&(2, key.clone())).cloned();
        (stored.records.get(key).cloned(), undo)
    };
    let (mut old, mut new) = (0, 0);
    for key in found.records.keys() {
        let (is, was, is_to_be) = (
            with_undo(found, key),
            with_undo(before, key),
            with_undo(after, key),
        );
        if was == is_to_be && is == was {
            continue;
        }
        if is == is_to_be {
            if old > 0 {
                return Err(format!(
                    "the record {key:?} is new, and one before it is old"
                ));
            }
            new += 1;
        } else if is == was {
            old += 1;
        } else {
            return Err(format!("the record {key:?} is neither old nor new: {is:?}"));
        }
    }
    let both = before.undo.len().max(after.undo.len());
    if found.undo.len() > both {
        return Err("more is kept than was overwritten".to_owned());
    }
    Ok((new, old + new))
}

const NOT_COMING: &str = "registering: nothing is coming";
const COMING: &str = "registering: one is coming, no index of it is built";
const HALF_BUILT: &str = "registering: one is coming, some of its indexes are built";
const ONE_CAME: &str = "registering: one has come, the other not";
const BOTH_CAME: &str = "registering: both have come";
const STILL_COMING: &str = "abandoning: it is still coming";
const ABANDONED: &str = "abandoning: nothing is coming any more";
const NONE_REWRITTEN: &str = "migrating: no record is rewritten";
const SOME_REWRITTEN: &str = "migrating: some records of the first collection are";
const FIRST_REWRITTEN: &str = "migrating: all of the first, none of the second";
const SECOND_BEGUN: &str = "migrating: some of the second";
const ALL_REWRITTEN: &str = "migrating: all records are rewritten";
const NONE_UNDONE: &str = "undoing: nothing is undone";
const ONE_UNDONE: &str = "undoing: one collection is";
const BOTH_UNDONE: &str = "undoing: both are";

const PHASES: [&str; 15] = [
    NOT_COMING,
    COMING,
    HALF_BUILT,
    ONE_CAME,
    BOTH_CAME,
    STILL_COMING,
    ABANDONED,
    NONE_REWRITTEN,
    SOME_REWRITTEN,
    FIRST_REWRITTEN,
    SECOND_BEGUN,
    ALL_REWRITTEN,
    NONE_UNDONE,
    ONE_UNDONE,
    BOTH_UNDONE,
];

const REOPENED_FIRST: &str = "reopened by the program before, and by the later one again";
const TO_THE_END: &str = "brought to the end, undone and migrated again";
const FAILED_SYNC: &str = "images behind a sync that failed";

impl Base {
    /// Where between before and after a file is, if it is there.
    fn phase(&self, found: &[Stored; 2]) -> Result<&'static str, String> {
        let mut progress = [(0, 0); 2];
        for at in 0..2 {
            progress[at] = rewritten(&found[at], &self.before[at], &self.after[at])?;
        }
        let versions = [found[0].version, found[1].version];
        let coming = |built: &Stored| built.coming.is_some();
        let may_come = matches!(self.act, Act::Register | Act::Abandon);
        if !may_come && found.iter().any(coming) {
            return Err("something is coming".to_owned());
        }
        let [(new, all), (second_new, second_all)] = progress;
        Ok(match self.act {
            Act::Register | Act::Abandon if all + second_all > 0 => {
                return Err("records are to change".to_owned());
            }
            Act::Register => match (versions, &found[0].coming, &found[1].coming) {
                ([1, 1], None, None) => NOT_COMING,
                // What stays is built.
                ([1, 1], Some(built), None)
                    if built.iter().filter(|built| **built).count() == 1 =>
                {
                    COMING
                }
                ([1, 1], Some(_), None) => HALF_BUILT,
                ([2, 1], None, _) => ONE_CAME,
                ([2, 2], None, None) => BOTH_CAME,
                found => return Err(format!("registering does not lead there: {found:?}")),
            },
            Act::Abandon => match (versions, coming(&found[0]), coming(&found[1])) {
                ([1, 1], true, false) => STILL_COMING,
                ([1, 1], false, false) => ABANDONED,
                found => return Err(format!("abandoning does not lead there: {found:?}")),
            },
            Act::Migrate if versions != [2, 2] => {
                return Err(format!("they have the versions {versions:?}"));
            }
            Act::Migrate => match (new, second_new) {
                (0, 0) => NONE_REWRITTEN,
                (_, 0) if new < all => SOME_REWRITTEN,
                (_, 0) => FIRST_REWRITTEN,
                _ if new < all => return Err("the second was begun before the first ended".into()),
                _ if second_new < second_all => SECOND_BEGUN,
                _ => ALL_REWRITTEN,
            },
            Act::Undo => {
                let whole = |new, all, version| match version {
                    2 => new == 0,
                    _ => version == 1 && new == all,
                };
                if !whole(new, all, versions[0]) || !whole(second_new, second_all, versions[1]) {
                    return Err(format!(
                        "half is undone: {progress:?} with the versions {versions:?}"
                    ));
                }
                match versions {
                    [2, 2] => NONE_UNDONE,
                    [1, 2] => ONE_UNDONE,
                    [1, 1] => BOTH_UNDONE,
                    _ => return Err("the second was undone before the first".to_owned()),
                }
            }
        })
    }
}

struct Run {
    setup: Setup,
    tally: Tally,
    /// One in so many images is brought to the end.
    end_in: usize,
    rng: Rng,
}

impl Run {
    fn open(&self, volume: &SimVolume, seed: u64) -> Result<Database, String> {
        self.setup
            .open(volume, seed)
            .map_err(told("it does not open"))
    }

    /// Whether an image is one that a cut may leave, and everything can go on from it.
    fn check(&mut self, base: &Base, image: &Image) -> Result<(), String> {
        let to_the_end = self.rng.one_in(self.end_in);
        catching(|| {
            let seed = image.digest();
            let volume = volume_of(image, seed).without_record();
            let db = self.open(&volume, seed)?;
            let found = stored_both(&db).map_err(told("it cannot be read"))?;
            let phase = base.phase(&found)?;
            self.tally.add(phase);
            is_sound(&db)?;
            volume.kill();
            drop(db);
            if !to_the_end {
                let db = self.open(&volume, seed ^ 1)?;
                if seed.is_multiple_of(2) && found.iter().all(|found| found.version == 1) {
                    Act::Abandon
                        .perform(&db)
                        .map_err(told("the program before"))?;
                    read_first(&db, &base.model)?;
                } else {
                    Act::Register
                        .perform(&db)
                        .map_err(told("it cannot be registered"))?;
                    read_later(&db, &base.model)?;
                }
                volume.kill();
                return Ok(());
            }
            self.before(base, image, &found)?;
            self.go_to_the_end(base, &volume, seed)
        })
        .map_err(|error| format!("{:?}: {error}", base.act))
    }

    /// The program before opens the file unless the later version came, and nothing is changed for the
    /// later one.
    fn before(&mut self, base: &Base, image: &Image, found: &[Stored; 2]) -> Result<(), String> {
        let seed = image.digest() ^ 2;
        let volume = volume_of(image, seed).without_record();
        let db = self.open(&volume, seed)?;
        let animals = db.register::<v1::Animal>();
        let tickets = db.register::<v1::Ticket>();
        for (result, found) in [animals, tickets].into_iter().zip(found) {
            match result {
                Ok(()) if found.version == 1 => {}
                Err(error) if found.version == 2 && error.is(ErrorKind::NewerSchema) => {}
                result => {
                    return Err(format!("version 1 of {}: {result:?}", found.version));
                }
            }
        }
        if found.iter().all(|found| found.version == 1) {
            read_first(&db, &base.model)?;
            is_sound(&db)?;
            if stored_both(&db)
                .unwrap()
                .iter()
                .any(|stored| stored.coming.is_some())
            {
                return Err("the program before is there, and another version is coming".into());
            }
            leave(db, &volume, seed.is_multiple_of(2));
            self.tally.add(REOPENED_FIRST);
            return self.go_to_the_end(base, &volume, seed);
        }
        volume.kill();
        Ok(())
    }

    /// All become the later version, go back, and become it again.
    fn go_to_the_end(&mut self, base: &Base, volume: &SimVolume, seed: u64) -> Result<(), String> {
        let db = self.open(volume, seed ^ 4)?;
        Act::Register
            .perform(&db)
            .map_err(told("it cannot be registered"))?;
        read_later(&db, &base.model)?;
        Act::Migrate
            .perform(&db)
            .map_err(told("it cannot be migrated"))?;
        let found = stored_both(&db).map_err(told("it cannot be read"))?;
        all_are_of(2, &found)?;
        read_later(&db, &base.model)?;
        is_sound(&db)?;
        leave(db, volume, seed.is_multiple_of(2));
        let db = self.open(volume, seed ^ 5)?;
        Act::Undo
            .perform(&db)
            .map_err(told("it cannot be undone"))?;
        is_sound(&db)?;
        let found = stored_both(&db).map_err(told("it cannot be read"))?;
        all_are_of(1, &found)?;
        for (found, first) in found.iter().zip(&base.first) {
            as_they_were(found, first)?;
        }
        Act::Abandon
            .perform(&db)
            .map_err(told("undone, the program before"))?;
        read_first(&db, &base.model)?;
        is_sound(&db)?;
        Act::Migrate
            .perform(&db)
            .map_err(told("it cannot be migrated again"))?;
        read_later(&db, &base.model)?;
        is_sound(&db)?;
        volume.kill();
        self.tally.add(TO_THE_END);
        Ok(())
    }

    /// Does it, perhaps with a failure, and what is left of it in a second process; gives what the disk saw,
    /// and since when it is the second process.
    fn play(
        &mut self,
        base: &Base,
        image: &Image,
        failure: Option<Failure>,
    ) -> Result<(Vec<Entry>, usize), String> {
        let seed = self.rng.next();
        let volume = volume_of(image, seed);
        if let Some(failure) = failure {
            volume.fail(failure);
            let done = self
                .setup
                .open(&volume, seed)
                .and_then(|db| base.act.perform(&db));
            let fired = volume.is_disturbed();
            volume.kill();
            match done {
                Err(_) if fired => {}
                Err(error) => return Err(format!("it cannot be done: {error}")),
                Ok(()) => {}
            }
        }
        let first = volume.log().len();
        let db = self.open(&volume, seed ^ 1)?;
        base.act.perform(&db).map_err(told("it cannot go on"))?;
        leave(db, &volume, seed.is_multiple_of(2));
        self.tally.merge(&volume.tally());
        self.check(base, &image_of(&volume))?;
        Ok((volume.log(), first))
    }

    /// Cuts the power after each operation of an act.
    fn sweep(&mut self, base: &Base, rule: Rule, images_of_a_cut: usize) -> Result<u64, String> {
        let (log, _) = self.play(base, &base.image, None)?;
        let mut unsynced = Unsynced {
            durable: base.image.clone(),
            pending: Vec::new(),
        };
        let mut seen = HashSet::new();
        for (at, entry) in log.iter().enumerate() {
            unsynced.push(&entry.op);
            self.tally.add(CUT);
            let mut images = self.images(&unsynced, rule);
            while images.len() > images_of_a_cut {
                let position = self.rng.below(images.len());
                images.swap_remove(position);
            }
            for (how, image) in images {
                if !seen.insert(image.digest()) {
                    continue;
                }
                let failed =
                    |error| format!("{error}\n  after operation {at} of {}, {how}", log.len());
                self.tally.add(how);
                self.check(base, &image).map_err(failed)?;
                if self.rng.one_in(rule.again_in) {
                    self.again(base, &image, 2)
                        .map_err(|error| failed(format!("interrupted again, {error}")))?;
                }
            }
        }
        Ok(seen.len() as u64)
    }

    /// What a cut may leave.
    fn images(&mut self, unsynced: &Unsynced, rule: Rule) -> Vec<(&'static str, Image)> {
        let mut images = Vec::new();
        let count = unsynced.pending.len();
        if count > MASKED {
            for _ in 0..MASKED {
                let image = unsynced.cut(&mut self.rng, &mut self.tally);
                images.push(("any of many", image));
            }
            return images;
        }
        for mask in masks(count, rule, &mut self.rng) {
            let image = unsynced.subset(|position| mask >> position & 1 == 1);
            let how = if mask + 1 == 1 << count {
                "all kept"
            } else {
                "lost subset"
            };
            images.push((how, image));
        }
        if let Some(Op::Write { .. }) = unsynced.pending.last() {
            for (tear, how) in TEARS {
                images.push((how, unsynced.torn_last(tear, |_| true, &mut self.rng)));
                images.push((how, unsynced.torn_all(tear, &mut self.rng)));
            }
        }
        images
    }

    /// Goes on from an image, and is cut in that.
    fn again(&mut self, base: &Base, image: &Image, depth: usize) -> Result<(), String> {
        let (log, _) = self.play(base, image, None)?;
        let mut points: Vec<_> = (0..AGAIN).map(|_| self.rng.below(log.len())).collect();
        points.sort_unstable();
        self.cut_at(base, image, &log, &points, |run, image| {
            run.tally.add(DOUBLE);
            if depth < 3 && run.rng.one_in(8) {
                run.again(base, image, depth + 1)?;
            }
            Ok(())
        })
    }

    /// Cuts at those points, anything kept of what is pending.
    fn cut_at(
        &mut self,
        base: &Base,
        image: &Image,
        log: &[Entry],
        points: &[usize],
        mut and: impl FnMut(&mut Self, &Image) -> Result<(), String>,
    ) -> Result<(), String> {
        let mut unsynced = Unsynced {
            durable: image.clone(),
            pending: Vec::new(),
        };
        for (at, entry) in log.iter().enumerate() {
            unsynced.push(&entry.op);
            for _ in points.iter().filter(|point| **point == at) {
                let image = unsynced.cut(&mut self.rng, &mut self.tally);
                self.check(base, &image)
                    .map_err(|error| format!("after operation {at} of {}: {error}", log.len()))?;
                and(self, &image)?;
            }
        }
        Ok(())
    }

    /// Each sync of an act fails once; the next process finds what was written in the page cache, goes on,
    /// and is cut.
    fn failing_syncs(&mut self, base: &Base, step: usize) -> Result<(), String> {
        let (log, _) = self.play(base, &base.image, None)?;
        let syncs = log
            .iter()
            .filter(|entry| matches!(entry.op, Op::Sync))
            .count();
        for after in (self.rng.below(step)..syncs).step_by(step) {
            let failure = Failure {
                call: Call::Sync,
                after: after as u64,
                lasting: false,
                how: How::Io,
            };
            let fails = |error| format!("sync {after} of {syncs} fails: {error}");
            let (log, second) = self.play(base, &base.image, Some(failure)).map_err(fails)?;
            let left = log.len() - second;
            let mut points: Vec<_> = (0..AGAIN).map(|_| second + self.rng.below(left)).collect();
            points.push(second.saturating_sub(1));
            points.sort_unstable();
            self.cut_at(base, &base.image, &log, &points, |run, _| {
                run.tally.add(FAILED_SYNC);
                Ok(())
            })
            .map_err(fails)?;
        }
        Ok(())
    }
}

/// Up to so many pending operations, the subsets of them are taken by rule, and above at random.
const MASKED: usize = 100;

/// Images of each second crash.
const AGAIN: usize = 4;

fn all_are_of(version: u32, found: &[Stored; 2]) -> Result<(), String> {
    for stored in found {
        if stored.version != version || stored.coming.is_some() {
            return Err(format!("it has version {}, not {version}", stored.version));
        }
        if let Some((key, (found, _))) = stored.records.iter().find(|(_, (v, _))| *v != version) {
            return Err(format!("the record {key:?} is of version {found} still"));
        }
    }
    Ok(())
}

/// Whether all that nobody wrote to is byte for byte what it was, and nothing is kept any more.
fn as_they_were(found: &Stored, first: &Stored) -> Result<(), String> {
    if !found.undo.is_empty() {
        return Err("undone, something is kept still".to_owned());
    }
    let same = found
        .records
        .iter()
        .filter(|(key, record)| first.records.get(*key) == Some(record));
    let others = found.records.len() - same.count();
    if others > WRITTEN {
        return Err(format!(
            "undone, {others} records have other bytes than they had"
        ));
    }
    Ok(())
}

/// How many records of a collection are written to as the later version at most.
const WRITTEN: usize = 3;

const USUAL: Rule = Rule {
    all_up_to: 2,
    random: 1,
    again_in: 80,
};

const FULL: Rule = Rule {
    all_up_to: 8,
    random: 16,
    again_in: 30,
};

/// Cuts all acts; gives how many images were checked.
fn run(
    controls: Controls,
    rule: Rule,
    images_of_a_cut: usize,
    end_in: usize,
    sync_step: usize,
    seed: u64,
) -> Result<(Tally, u64), String> {
    let mut run = Run {
        setup: setup(controls),
        tally: Tally::default(),
        end_in,
        rng: Rng::new(seed),
    };
    let mut images = 0;
    for closed in [false, true] {
        for base in Base::all(controls, closed)? {
            let failed = |error: String| format!("closed before: {closed}, {error}");
            let count = run.sweep(&base, rule, images_of_a_cut).map_err(failed)?;
            let cuts = run.tally.count(CUT);
            run.failing_syncs(&base, sync_step).map_err(failed)?;
            println!("{:?}: {count} images, {cuts} cuts so far", base.act);
            images += count;
        }
    }
    Ok((run.tally, images))
}

fn report((tally, images): &(Tally, u64)) {
    println!("{images} distinct images of a first crash\n{tally}");
    tally.require(&PHASES);
    tally.require(&[
        CUT,
        DOUBLE,
        REOPENED_FIRST,
        TO_THE_END,
        FAILED_SYNC,
        "EIO on sync, once",
        "all kept",
        "lost subset",
        "torn at sectors",
        "torn at any byte",
        "garbage in what was being written",
    ]);
}

fn usual(controls: Controls) -> Result<(Tally, u64), String> {
    run(controls, USUAL, 3, 20, 6, 1)
}

#[test]
fn a_change_of_versions_that_is_cut_anywhere_goes_on_to_the_same_end() {
    let found = usual(Controls::default()).unwrap_or_else(|violation| panic!("{violation}"));
    report(&found);
}

/// `LARDER_CRASH_SEED=1 cargo test --release --test main -- --ignored --nocapture every_image_of_a_change`
#[test]
#[ignore = "an hour"]
fn every_image_of_a_change_of_versions_goes_on_to_the_same_end() {
    let seed = number_from("LARDER_CRASH_SEED", 1);
    let found = run(Controls::default(), FULL, usize::MAX, 1, 1, seed);
    report(&found.unwrap_or_else(|violation| panic!("{violation}")));
}

#[test]
fn a_migration_that_ends_before_its_last_record_is_seen() {
    let early = Controls::default().with(Control::MigratedEarly);
    let violation = usual(early).expect_err("it was not seen");
    let says = [
        "of version 1 still",
        "version 1, which the collection never had",
    ];
    assert!(
        says.iter().any(|words| violation.contains(words)),
        "{violation}"
    );
}
