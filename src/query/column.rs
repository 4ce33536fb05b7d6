//! What are the tables sorted by that a query may read? By columns: the parts of an index, or the key.

use super::bounds;
use super::field_bounds::FieldColumn;
use super::span::Spans;
use crate::base::Result;
use crate::codec::key::folded::folding_version;
use crate::collection::document::ID;
use crate::collection::entry;
use crate::collection::tables::Tables;
use crate::schema::catalog::{Index, Records, Shape};
use crate::schema::condition::predicate_of;
use crate::schema::filter::{Path, Predicate, Test};
use crate::schema::index::{Keys, Part, PathPart};
use crate::schema::types::{IndexDefinition, IndexPart};

/// A table that a query may go through.
#[derive(Debug)]
pub(crate) struct Source<'c> {
    /// The index, by its position; `None` is the table of the records.
    pub(crate) index: Option<(usize, &'c Index)>,
    /// Its own, and then those of the key, by which equal entries are sorted.
    pub(crate) columns: Vec<Column<'c>>,
    /// How many of these are its own.
    pub(crate) own: usize,
    /// Whether no two entries have the same in all columns.
    pub(crate) is_unique: bool,
    /// How many entries it has.
    pub(crate) entries: u64,
    /// Which records it holds, where not all: those for which this holds.
    pub(crate) only: Option<Predicate>,
    /// Where it leaves records out that have no value, what tells that one has.
    pub(crate) holds: Holds,
}

/// Which records have entries in an index, as far as they have values there.
#[derive(Debug)]
pub(crate) enum Holds {
    All,
    /// Those that have something at one of its paths.
    Present,
    /// Those that have an element in the list that it is over.
    Elements,
}

/// One of the things that a table is sorted by.
#[derive(Debug)]
pub(crate) struct Column<'c> {
    pub(crate) path: Path,
    pub(crate) descending: bool,
    /// Whether one record may have several values here.
    pub(crate) is_multiple: bool,
    /// Whether a record may have no key for want of a value here.
    pub(crate) leaves_out: bool,
    kind: Kind<'c>,
}

#[derive(Debug)]
enum Kind<'c> {
    /// As documents are ordered.
    Document {
        folded: bool,
    },
    Field(FieldColumn<'c>),
}

impl Column<'_> {
    /// The spans of keys that values have which pass all of these tests; `None` where any may.
    pub(crate) fn spans(&self, tests: &[&Test]) -> Option<Spans> {
        let telling = tests
            .iter()
            .filter(|test| !(self.leaves_out && test.passes_missing()));
        let spans = telling.filter_map(|test| match &self.kind {
            Kind::Document { folded } => bounds::of_test(test, &self.path, *folded),
            Kind::Field(field) => field.of_test(test),
        });
        let spans = spans.reduce(|one, other| one.intersection(&other))?;
        Some(if self.descending {
            spans.complemented()
        } else {
            spans
        })
    }

    /// Whether the spans of a test have no more than what passes it.
    pub(crate) fn is_exact(&self, test: &Test) -> bool {
        if self.is_multiple || (self.leaves_out && test.passes_missing()) {
            return false;
        }
        match &self.kind {
            // A document that is no object has a key, and no `_id`.
            Kind::Document { .. } if self.path.is(ID) => false,
            Kind::Document { folded } => bounds::are_exact(test, &self.path, *folded),
            Kind::Field(field) => field.are_exact(test),
        }
    }

    /// Whether a record must have a value here to pass one of these tests. The value of a field is none
    /// where the field is null.
    pub(crate) fn is_present(&self, tests: &[&Test]) -> bool {
        tests.iter().any(|test| match &self.kind {
            Kind::Document { .. } => !test.passes_missing(),
            Kind::Field(_) => !test.passes_null(),
        })
    }

    /// Whether it is in the order that a sort by its path asks for.
    pub(crate) fn sorts(&self) -> bool {
        match &self.kind {
            Kind::Document { folded } => !folded && !self.path.has_positions(),
            Kind::Field(field) => field.sorts(),
        }
    }
}

impl<'c> Source<'c> {
    /// The table of the records.
    pub(crate) fn of_records(info: &'c Records, tables: &Tables<'_>) -> Result<Self> {
        let columns = key_columns(info);
        Ok(Self {
            index: None,
            own: columns.len(),
            columns,
            is_unique: true,
            entries: tables.records().len()?,
            only: None,
            holds: Holds::All,
        })
    }

    /// An index; `None` where it is of no use to this program.
    pub(crate) fn of_index(
        info: &'c Records,
        position: usize,
        tables: &Tables<'_>,
    ) -> Result<Option<Self>> {
        let (Some(index), Some(stored)) = (
            info.indexes.get(position),
            info.stored_indexes().get(position),
        ) else {
            return Ok(None);
        };
        let definition = &stored.definition;
        if !index.ready || is_of_other_unicode(definition) {
            return Ok(None);
        }
        let table = tables.index(position)?;
        let (mut columns, only, holds) = match &index.plan.keys {
            Keys::Fields(keys) => {
                let record = &info.typed()?.layout;
                let condition = definition.condition.as_ref();
                let only = condition.map(|condition| predicate_of(condition, record));
                let leaves_out = keys.leaves_out();
                let columns = keys.parts.iter().zip(&definition.parts);
                let columns = columns.map(|(part, defined)| of_field(part, defined, leaves_out));
                let holds = match keys.parts.as_slice() {
                    [part] if part.each => Holds::Elements,
                    _ if leaves_out => Holds::Present,
                    _ => Holds::All,
                };
                (columns.collect::<Vec<_>>(), only.transpose()?, holds)
            }
            Keys::Paths(keys) => {
                let lists = entry::lists(table)?;
                let of_path = |(i, part): (u32, &PathPart)| Column {
                    path: part.path.clone(),
                    descending: part.descending,
                    is_multiple: lists >> i & 1 == 1,
                    leaves_out: keys.sparse,
                    kind: Kind::Document { folded: part.fold },
                };
                let columns = (0_u32..).zip(&keys.parts).map(of_path);
                let holds = if keys.sparse {
                    Holds::Present
                } else {
                    Holds::All
                };
                (columns.collect(), keys.filter.clone(), holds)
            }
        };
        let own = columns.len();
        let is_unique = index.plan.unique;
        if !is_unique {
            columns.extend(key_columns(info));
        }
        Ok(Some(Self {
            index: Some((position, index)),
            columns,
            own,
            is_unique,
            entries: entry::len(table)?,
            only,
            holds,
        }))
    }

    /// Whether one record may have several entries.
    pub(crate) fn is_multiple(&self) -> bool {
        self.columns.iter().any(|column| column.is_multiple)
    }
}

fn of_field<'c>(part: &'c Part, defined: &IndexPart, leaves_out: bool) -> Column<'c> {
    Column {
        path: Path::parse(&defined.path.join(".")),
        descending: part.descending,
        is_multiple: part.each,
        leaves_out,
        kind: Kind::Field(FieldColumn {
            layout: &part.key,
            folded: part.fold,
            each: part.each,
        }),
    }
}

/// What the table of the records is sorted by.
fn key_columns(info: &Records) -> Vec<Column<'_>> {
    let column = |path, leaves_out, kind| Column {
        path,
        descending: false,
        is_multiple: false,
        leaves_out,
        kind,
    };
    match &info.shape {
        // A document that is no object has a key, and no `_id`.
        Shape::Documents(_) => {
            let kind = Kind::Document { folded: false };
            vec![column(Path::parse(ID), true, kind)]
        }
        Shape::Typed(typed) => {
            let fields = typed.current.key.iter().zip(&typed.key);
            fields
                .map(|(name, route)| {
                    let kind = Kind::Field(FieldColumn {
                        layout: &route.layout,
                        folded: false,
                        each: false,
                    });
                    column(Path::parse(name), false, kind)
                })
                .collect()
        }
    }
}

/// Whether text in it was folded as another version of Unicode has it.
fn is_of_other_unicode(definition: &IndexDefinition) -> bool {
    let folding = definition.folding.as_ref();
    folding.is_some_and(|folding| *folding != folding_version())
}
