//! What would a migration do? Said before anything is done.

use std::collections::BTreeMap;
use std::fmt;

use super::database::Database;
use super::document_schema::DocumentSchema;
use super::migrate::existing;
use super::register::Declared;
use crate::base::Result;
use crate::base::error::Context;
use crate::codec::envelope::Envelope;
use crate::schema::catalog::{Records, Shape};
use crate::schema::record::Record;
use crate::schema::types::RecordType;
use crate::schema::upgrade::{compare_versions, note_steps};
use crate::store::ALL;
use crate::txn::read::ReadTx;

/// What the migration of a collection would do.
///
/// Its [`Display`](fmt::Display) form says it in a few lines.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MigrationPlan {
    /// The name of the collection.
    pub collection: String,
    /// The version that it has.
    pub from: u32,
    /// The version that it would have.
    pub to: u32,
    /// The way there, the earliest first; only what lies before records that are there.
    pub steps: Vec<PlannedStep>,
    /// How many records there are, of any version.
    pub records: u64,
    /// How many records of earlier versions there are, by version: those that would be rewritten.
    pub earlier: BTreeMap<u32, u64>,
    /// About how many bytes would be written for them: what they take now.
    pub bytes: u64,
    /// How many bytes of these would be kept for going back, since something of them is lost.
    pub undo_bytes: u64,
    /// The indexes that would be built.
    pub built: Vec<String>,
    /// The indexes that would be dropped, or replaced by one that is built.
    pub dropped: Vec<String>,
}

/// One step of a plan, between two versions.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PlannedStep {
    /// The earlier version.
    pub from: u32,
    /// The later one.
    pub to: u32,
    /// Whether it takes the program's code.
    pub by_code: bool,
    /// Whether records of the later version lack what those of the earlier one have. A step by code may
    /// lose anything.
    pub destructive: bool,
    /// What changes, a sentence each; none where code decides.
    pub changes: Vec<String>,
}

impl MigrationPlan {
    /// Whether something that is in the records now would be lost, but for what is kept for
    /// [`undo_migration`](Database::undo_migration).
    #[must_use]
    pub fn is_destructive(&self) -> bool {
        self.undo_bytes > 0
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.from == self.to
            && self.earlier.is_empty()
            && self.built.is_empty()
            && self.dropped.is_empty()
    }
}

impl fmt::Display for MigrationPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let earlier: u64 = self.earlier.values().sum();
        write!(
            f,
            "collection {:?}, version {} to {}: {earlier} of {} records to rewrite, about {} bytes",
            self.collection, self.from, self.to, self.records, self.bytes
        )?;
        for step in &self.steps {
            let code = if step.by_code { ", by code" } else { "" };
            let destructive = if step.destructive {
                ", destructive"
            } else {
                ""
            };
            write!(
                f,
                "\n  version {} to {}{code}{destructive}",
                step.from, step.to
            )?;
            for change in &step.changes {
                write!(f, "\n    {change}")?;
            }
        }
        for (what, indexes) in [("build", &self.built), ("drop", &self.dropped)] {
            if !indexes.is_empty() {
                write!(f, "\n  {what} the index {}", indexes.join(", "))?;
            }
        }
        if self.undo_bytes > 0 {
            write!(f, "\n  {} bytes are kept for going back", self.undo_bytes)?;
        }
        Ok(())
    }
}

impl Database {
    /// What [`migrate`](Database::migrate) would do to the collections that are registered: a plan for
    /// each that may have records of earlier versions. Takes a look at every record of these.
    pub fn migration_plan(&self) -> Result<Vec<MigrationPlan>> {
        let tx = self.read()?;
        let members = tx.catalog().members().iter();
        let pending = members
            .filter_map(|member| member.records().ok())
            .filter(|info| info.upgrades.are_pending());
        let plan = |info| {
            let mut plan = MigrationPlan::of(info, &versions_of(info))?;
            plan.count(&tx, info)?;
            Ok(plan)
        };
        pending.map(|info| plan(info)).collect()
    }

    /// What registering `T`, and [`migrate`](Database::migrate) behind it, would do to its collection.
    /// Nothing is written.
    ///
    /// # Errors
    /// Those of [`register`](Database::register), as far as the declaration has them;
    /// [`NotFound`](crate::ErrorKind::NotFound) when there is no such collection yet.
    pub fn migration_plan_for<T: Record>(&self) -> Result<MigrationPlan> {
        let plan = || {
            let tx = self.read()?;
            let info = existing(tx.catalog(), T::NAME)?;
            let declared = Declared::of::<T>();
            let difference = declared.compare(info)?;
            note_steps(tx.catalog().code(), T::NAME, &declared.steps);
            self.check_code(info)?;
            let mut versions = versions_of(info);
            let (mut built, mut gone) = (difference.build, difference.drop);
            gone.extend(difference.replace);
            if let Some(later) = difference.later {
                versions.extend(later.versions.into_iter().map(Version::Record));
                built = later.build;
                let kept = |id: &u32| later.kept.iter().all(|(kept, _)| kept != id);
                gone = info
                    .indexes
                    .iter()
                    .map(|index| index.id)
                    .filter(kept)
                    .collect();
            }
            let mut plan = MigrationPlan::of(info, &versions)?;
            plan.built = built.into_iter().map(|index| index.name).collect();
            let named = |id: &u32| info.index(*id).map(|(_, index)| index.name.clone());
            plan.dropped = gone.iter().filter_map(named).collect();
            plan.count(&tx, info)?;
            Ok(plan)
        };
        plan().context(|| format!("plan the migration of collection {:?}", T::NAME))
    }
}

impl Database {
    /// What registering a version of documents, and [`migrate`](Database::migrate) behind it, would do to the
    /// collection. Nothing is written.
    ///
    /// # Errors
    /// Those of [`register_documents`](Database::register_documents), as far as the schema has them;
    /// [`NotFound`](crate::ErrorKind::NotFound) when there is no such collection yet.
    pub fn migration_plan_for_documents(&self, schema: &DocumentSchema) -> Result<MigrationPlan> {
        let name = schema.collection();
        let plan = || {
            let tx = self.read()?;
            let info = existing(tx.catalog(), name)?;
            let mut versions = versions_of(info);
            let later = schema.is_later_than(info)?;
            if later {
                let between = info.upgrades.current.saturating_add(1)..=schema.version()?;
                versions.extend(between.map(Version::Documents));
            }
            let mut plan = MigrationPlan::of(info, &versions)?;
            if later {
                // All of them are of what the closures make of the documents.
                let ready = info.indexes.iter().filter(|index| index.ready);
                plan.built = ready.map(|index| index.name.clone()).collect();
                plan.dropped.clone_from(&plan.built);
            }
            plan.count(&tx, info)?;
            Ok(plan)
        };
        plan().context(|| format!("plan the migration of collection {name:?}"))
    }
}

/// One version of a collection, as far as a plan needs it.
enum Version {
    Record(RecordType),
    Documents(u32),
}

impl Version {
    fn number(&self) -> u32 {
        match self {
            Self::Record(record) => record.version,
            Self::Documents(version) => *version,
        }
    }
}

/// The versions that bodies of a collection may have.
fn versions_of(info: &Records) -> Vec<Version> {
    let oldest = info.upgrades.oldest();
    let versions: Vec<Version> = match &info.shape {
        Shape::Typed(typed) => {
            let versions = typed.stored.versions.iter().cloned();
            versions.map(Version::Record).collect()
        }
        Shape::Documents(documents) => {
            let versions = documents.stored.versions().into_iter();
            versions.map(Version::Documents).collect()
        }
    };
    versions
        .into_iter()
        .filter(|version| version.number() >= oldest)
        .collect()
}

impl MigrationPlan {
    fn of(info: &Records, versions: &[Version]) -> Result<Self> {
        let mut steps = Vec::new();
        for (old, new) in versions.iter().zip(versions.iter().skip(1)) {
            let (from, to) = (old.number(), new.number());
            steps.push(match (old, new) {
                (Version::Record(old), Version::Record(new)) if !new.by_code => {
                    let compared = compare_versions(old, new)?;
                    PlannedStep {
                        from,
                        to,
                        by_code: false,
                        destructive: compared.lossy,
                        changes: compared.changes,
                    }
                }
                _ => PlannedStep {
                    from,
                    to,
                    by_code: true,
                    destructive: true,
                    changes: Vec::new(),
                },
            });
        }
        let current = info.upgrades.current;
        Ok(Self {
            collection: info.name.clone(),
            from: current,
            to: versions.last().map_or(current, Version::number),
            steps,
            records: 0,
            earlier: BTreeMap::new(),
            bytes: 0,
            undo_bytes: 0,
            built: Vec::new(),
            dropped: Vec::new(),
        })
    }

    /// Looks at every record.
    fn count(&mut self, tx: &ReadTx, info: &Records) -> Result<()> {
        let Some((slot, _)) = tx.catalog().find(&info.name) else {
            return Ok(());
        };
        for record in tx.tables(slot, info)?.records().range(ALL)? {
            let (_, stored) = record?;
            let version = Envelope::decode(&stored)?.0.version;
            self.records += 1;
            if version == self.to {
                continue;
            }
            let bytes = stored.len() as u64;
            *self.earlier.entry(version).or_default() += 1;
            self.bytes += bytes;
            let lost = |step: &PlannedStep| step.from >= version && step.destructive;
            if self.steps.iter().any(lost) {
                self.undo_bytes += bytes;
            }
        }
        let first = self.earlier.keys().next().copied().unwrap_or(self.to);
        self.steps.retain(|step| step.from >= first);
        Ok(())
    }
}
