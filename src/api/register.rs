//! How does a declaration meet what is stored? By `register`, which does the work there is.

use super::database::Database;
use super::document_schema::DocumentSchema;
use super::index_build::{abandon, change_stored, come, delete_tables, new_index};
use super::migrate::{check_quarantine, first_up_to};
use super::register_documents::bring;
use crate::base::error::Context;
use crate::base::name::{check_name, show_key};
use crate::base::sync::Arc;
use crate::base::{Error, ErrorKind, Result};
use crate::codec::key::folded::folding_version;
use crate::collection::rebuild::Unfit;
use crate::schema::catalog::{
    BuildState, Member, Migrated, Records, StoredCollection, StoredIndex, StoredKind, StoredRecords,
};
use crate::schema::difference::{Difference, Later, compare};
use crate::schema::record::Record;
use crate::schema::step::Step;
use crate::schema::types::{IndexDefinition, RecordType};
use crate::schema::upgrade::note_steps;
use crate::txn::write::WriteTx;

/// Choices for the collection of a record, kept in the file so that every program follows them, but for
/// one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct CollectionOptions {
    pub(super) compress_above: Option<u32>,
    pub(super) set_aside: bool,
}

impl CollectionOptions {
    /// The choices that a new collection has where none are made: nothing is compressed.
    pub fn new() -> Self {
        Self::default()
    }

    /// Compresses records of more than so many bytes with zstd, where that makes them smaller.
    /// Holds for records written from now on; all can be read.
    pub fn compress_above(mut self, bytes: u32) -> Self {
        self.compress_above = Some(bytes);
        self
    }

    /// Takes the records out that the code for a later version fails on, instead of refusing that
    /// version: see [`Migration::set_aside`](crate::Migration::set_aside). All records are migrated at
    /// once, since there is no other way to find them. A choice of this call, not kept in the file: alone it
    /// leaves those that are kept as they are.
    pub fn set_aside(mut self) -> Self {
        self.set_aside = true;
        self
    }
}

impl Database {
    /// Makes the file fit the declaration of `T`: creates the collection, brings it to a later version,
    /// builds indexes that are new, rebuilds those that changed and drops those that are gone. A
    /// collection that exists keeps its [`CollectionOptions`].
    ///
    /// A later version holds once the indexes that it needs are built. The records stay as they are until
    /// they are written, or [`migrate`](Database::migrate) rewrites them; read, each is what it would be.
    /// Fields may be added with `#[default]` or as an `Option`, removed, `#[renamed(from = "..")]`, put in
    /// another order and widened; anything else takes a `TryFrom` and `from = ..`, which has to make the same
    /// of the same record each time: indexes are built from one run of it, and records read by another.
    ///
    /// Works in transactions of bounded size, between which others may write, and goes on where it was
    /// interrupted; while a later version is coming, nobody writes to its collection. Where there is nothing
    /// to do, nothing is written. Opened read-only, it only compares, and records are read as the declaration
    /// has them.
    ///
    /// # Errors
    /// [`SchemaChanged`](crate::ErrorKind::SchemaChanged) when fields or key differ under the same
    /// version, or a later one does not follow without code, naming them;
    /// [`NewerSchema`](crate::ErrorKind::NewerSchema) when the file has a newer version;
    /// [`NotMigrated`](crate::ErrorKind::NotMigrated) when the code for a later version fails on a record;
    /// [`Conflict`](crate::ErrorKind::Conflict) when a new unique index would hold one key of two
    /// records, naming them: that index is then not there, and one that it was to replace stays, as does
    /// the version.
    pub fn register<T: Record>(&self) -> Result<()> {
        self.register_type::<T>(None)
    }

    /// Like [`register`](Database::register), with choices for the collection.
    pub fn register_with<T: Record>(&self, options: CollectionOptions) -> Result<()> {
        self.register_type::<T>(Some(options))
    }

    fn register_type<T: Record>(&self, options: Option<CollectionOptions>) -> Result<()> {
        self.register_all(&[Registration::Records(Declared::of::<T>(), options)])
    }

    /// Registers all: later versions come together, or none does.
    pub(super) fn register_all(&self, registrations: &[Registration]) -> Result<()> {
        for registration in registrations {
            registration.named(self.check_room(registration))?;
        }
        // Between two transactions another thread may drop what this one builds, as its own build
        // failed or its declaration is another: only what is found at the end counts.
        let mut rounds = 0;
        while !self.are_there(registrations)? {
            if rounds == ROUNDS_MAX {
                return Err(Error::new(
                    ErrorKind::Conflict,
                    "other threads register another declaration of it at the same time; register one \
                     declaration, and use only that",
                ));
            }
            rounds += 1;
            for registration in registrations {
                registration.named(self.make_ready(registration))?;
            }
            self.write(|tx| {
                let mut all = registrations.iter();
                all.try_for_each(|registration| registration.named(registration.come(tx)))
            })?;
        }
        for registration in registrations {
            if registration.sets_aside() && !self.core.store.is_read_only() {
                registration.named(self.set_aside_unfit(registration.collection()))?;
            }
        }
        Ok(())
    }

    /// Refuses to set aside what there would be no room for.
    fn check_room(&self, registration: &Registration) -> Result<()> {
        if registration.sets_aside() {
            check_quarantine(&self.core.catalog(), registration.collection())?;
        }
        Ok(())
    }

    /// Whether all are registered. Each is looked at, so that one that cannot be is told before anything is
    /// done.
    fn are_there(&self, registrations: &[Registration]) -> Result<bool> {
        let mut all = true;
        for registration in registrations {
            all &= registration.named(self.is_there(registration))?;
        }
        Ok(all)
    }

    fn is_there(&self, registration: &Registration) -> Result<bool> {
        match registration {
            Registration::Records(declared, options) => self.is_registered(declared, *options),
            Registration::Documents(schema) => self.has_documents(schema),
        }
    }

    /// Does all that takes long: what is left is to let a later version come.
    fn make_ready(&self, registration: &Registration) -> Result<()> {
        let Registration::Records(declared, options) = registration else {
            return Ok(());
        };
        if !self.is_registered(declared, *options)? {
            self.write(|tx| prepare(tx, declared, *options))?;
            while let Some(index) = self.next_build(declared)? {
                self.build_step(registration.collection(), index, registration.unfit())?;
            }
        }
        Ok(())
    }

    /// Whether there is nothing to do, or nothing that could be done; needs no writer's turn.
    fn is_registered(
        &self,
        declared: &Declared,
        options: Option<CollectionOptions>,
    ) -> Result<bool> {
        let read_only = self.core.store.is_read_only();
        let catalog = self.core.catalog();
        let Some((_, member)) = catalog.find(&declared.record.name) else {
            return Ok(read_only);
        };
        let info = member.records()?;
        let difference = declared.compare(info)?;
        note_steps(catalog.code(), &declared.record.name, &declared.steps);
        self.check_code(info)?;
        let stored = info.compress_above();
        let same_options = compress_above(options, stored) == stored;
        if !read_only {
            return Ok(difference.is_empty() && same_options);
        }
        if let Some(later) = &difference.later {
            self.show_as(info, later)?;
        }
        Ok(true)
    }

    /// Refuses a declaration that has lost the code for records that are still there.
    pub(super) fn check_code(&self, info: &Records) -> Result<()> {
        let Some(Lacking { from, to, key }) = self.lacks_code(info)? else {
            return Ok(());
        };
        Err(Error::new(
            ErrorKind::SchemaChanged,
            format!(
                "there are records of version {from} or earlier, such as that with {}, and what leads from \
                 there to version {to} is code that the declaration has lost; keep the type of version \
                 {to} with its `from = ..`, and lead on from there, each version with its `from = ..`",
                show_key(&key)
            ),
        ))
    }

    /// The last step that a record waits for, and for which this program has no code.
    pub(super) fn lacks_code(&self, info: &Records) -> Result<Option<Lacking>> {
        let Some((from, to)) = info.upgrades.without_code().last() else {
            return Ok(None);
        };
        let key = first_up_to(&self.read()?, &info.name, from)?;
        Ok(key.map(|key| Lacking { from, to, key }))
    }

    /// Shows a collection as a later version has it, where it cannot be changed: without the indexes that
    /// would have to be built.
    fn show_as(&self, info: &Records, later: &Later) -> Result<()> {
        let mut stored = info.stored();
        if let StoredKind::Records(records) = &mut stored.kind {
            records.become_later(later, info.has_undo(later)?, Vec::new());
        }
        self.core.show(&info.name, stored)
    }

    /// The id of a declared index that is not built.
    fn next_build(&self, declared: &Declared) -> Result<Option<u32>> {
        let catalog = self.core.catalog();
        let Some((_, member)) = catalog.find(&declared.record.name) else {
            return Ok(None);
        };
        let difference = declared.compare(member.records()?)?;
        let coming = difference.later.and_then(|later| later.resume);
        Ok(coming.unwrap_or(difference.resume).first().copied())
    }
}

/// A step by code that this program does not have.
pub(super) struct Lacking {
    from: u32,
    to: u32,
    /// The key of a record that needs it.
    key: Vec<u8>,
}

/// What a program says of a collection.
#[derive(Clone)]
pub(super) enum Registration {
    Records(Declared, Option<CollectionOptions>),
    Documents(DocumentSchema),
}

impl Registration {
    fn collection(&self) -> &str {
        match self {
            Self::Records(declared, _) => &declared.record.name,
            Self::Documents(schema) => schema.collection(),
        }
    }

    fn sets_aside(&self) -> bool {
        match self {
            Self::Records(_, options) => options.is_some_and(|options| options.set_aside),
            Self::Documents(schema) => schema.sets_aside(),
        }
    }

    /// Says of an error which collection was being registered.
    fn named<R>(&self, result: Result<R>) -> Result<R> {
        result.context(|| format!("register collection {:?}", self.collection()))
    }

    /// What becomes of a record that the program's code fails on.
    fn unfit(&self) -> Unfit {
        if self.sets_aside() {
            Unfit::LeftOut
        } else {
            Unfit::Refused
        }
    }

    /// Lets a later version come that is ready.
    fn come(&self, tx: &WriteTx) -> Result<()> {
        let declared = match self {
            Self::Records(declared, _) => declared,
            Self::Documents(schema) => return bring(tx, schema, self.unfit()),
        };
        let catalog = tx.catalog();
        let Some((_, member)) = catalog.find(&declared.record.name) else {
            return Ok(());
        };
        let later = declared.compare(member.records()?)?.later;
        match later.and_then(|later| later.resume).as_deref() {
            Some([]) => come(tx, &declared.record.name),
            _ => Ok(()),
        }
    }
}

/// A record as a program declares it, and the code that leads to it.
#[derive(Clone)]
pub(super) struct Declared {
    pub(super) record: RecordType,
    pub(super) steps: Vec<Step>,
}

impl Declared {
    pub(super) fn of<T: Record>() -> Self {
        Self {
            record: declared::<T>(),
            steps: T::steps(),
        }
    }

    pub(super) fn compare(&self, info: &Records) -> Result<Difference> {
        compare(&self.record, &self.steps, info.typed()?)
    }
}

/// How often a registration begins anew when others interfere.
const ROUNDS_MAX: usize = 16;

/// The declaration of a type as it would be stored.
pub(super) fn declared<T: Record>() -> RecordType {
    let mut declared = T::describe_record();
    for index in &mut declared.indexes {
        if index.parts.iter().any(|part| part.fold) {
            index.folding = Some(folding_version());
        }
    }
    declared
}

/// Creates the collection of a type, with its indexes ready: there is nothing to index.
pub(super) fn create(
    tx: &WriteTx,
    declared: &Declared,
    compress_above: Option<u32>,
) -> Result<Arc<Records>> {
    let mut current = declared.record.clone();
    check_name("collection", &current.name)?;
    let indexes = std::mem::take(&mut current.indexes)
        .into_iter()
        .map(|definition| new_index(tx, definition, None))
        .collect::<Result<_>>()?;
    let name = current.name.clone();
    let stored = StoredRecords {
        versions: vec![current],
        indexes,
        compress_above,
        state: Migrated::default(),
        coming: None,
    };
    let id = tx.next_id()?;
    let stored = StoredCollection {
        id,
        kind: StoredKind::Records(stored),
    };
    match tx.store_member(&name, stored)? {
        Member::Records(info) => Ok(info),
        Member::Bucket(_) => Err(Error::invalid("a collection was stored as a bucket")),
    }
}

/// Above how many bytes bodies are to be compressed, where the file says `stored`.
fn compress_above(options: Option<CollectionOptions>, stored: Option<u32>) -> Option<u32> {
    match options {
        Some(options) if !options.set_aside || options.compress_above.is_some() => {
            options.compress_above
        }
        _ => stored,
    }
}

/// Brings the catalog to the declaration: all that remains is to build.
fn prepare(tx: &WriteTx, declared: &Declared, options: Option<CollectionOptions>) -> Result<()> {
    let catalog = tx.catalog();
    let Some((_, member)) = catalog.find(&declared.record.name) else {
        create(
            tx,
            declared,
            options.and_then(|options| options.compress_above),
        )?;
        return Ok(());
    };
    let info = member.records()?;
    let difference = declared.compare(info)?;
    if difference.abandon {
        abandon(tx, info)?;
    }
    let Difference {
        build, drop, later, ..
    } = difference;
    if let Some(later) = later {
        return prepare_later(tx, info, &later);
    }
    let added = to_be_built(tx, build)?;
    delete_tables(tx, info, &drop)?;
    let catalog = tx.catalog();
    let Some((_, member)) = catalog.find(&declared.record.name) else {
        return Ok(());
    };
    change_stored(tx, member.records()?, |stored| {
        let StoredKind::Records(stored) = stored else {
            return;
        };
        stored.indexes.retain(|index| !drop.contains(&index.id));
        stored.indexes.extend(added);
        stored.compress_above = compress_above(options, stored.compress_above);
    })
}

/// Notes that a later version is coming, and which indexes it waits for.
fn prepare_later(tx: &WriteTx, info: &Records, later: &Later) -> Result<()> {
    if later.resume.is_some() {
        return Ok(());
    }
    abandon(tx, info)?;
    let built = to_be_built(tx, later.build.clone())?;
    let undo = info.has_undo(later)?;
    let catalog = tx.catalog();
    let Some((_, member)) = catalog.find(&info.name) else {
        return Ok(());
    };
    change_stored(tx, member.records()?, |kind| {
        if let StoredKind::Records(records) = kind {
            let mut coming = records.clone();
            coming.become_later(later, undo, built);
            records.coming = Some(Box::new(coming));
        }
    })
}

fn to_be_built(tx: &WriteTx, definitions: Vec<IndexDefinition>) -> Result<Vec<StoredIndex>> {
    let building = |definition| new_index(tx, definition, Some(BuildState::default()));
    definitions.into_iter().map(building).collect()
}
