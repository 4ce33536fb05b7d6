//! Which keys does a document have in an index over paths?
//!
//! Those of `MongoDB`'s multikey indexes (its manual, "Multikey Indexes"): what is missing is null; a list
//! gives a key for each of its elements, an empty one a key of its own, before all others; two paths
//! may not go through different lists of one document.
//!
//! ```text
//! PART OF A KEY             what lies at the end of the path, as `codec/key/document.rs` has it
//!                           10 where it is missing, 08 where it is an empty list
//!                           text is folded where the part is; every byte complemented where it is descending
//! ```

use super::{Scratch, check_length};
use crate::base::{Error, Result};
use crate::codec::key::KeyReader;
use crate::codec::key::document::{self, NULL, STRING};
use crate::codec::key::folded::fold;
use crate::codec::key::text::encode_str;
use crate::codec::value::CONTAINERS_DEEP_MAX;
use crate::schema::filter::{Field, Path, Predicate, parse_text, tuples};
use crate::schema::order::encode;
use crate::schema::types::{IndexDefinition, IndexPart};
use crate::schema::view::{Budget, ValueRef};

/// Most parts of an index over paths: a bit of 32 stands for each.
const PARTS_MAX: usize = 32;

/// Documents are nested less deep.
const DEPTH_MAX: usize = CONTAINERS_DEEP_MAX + 1;

/// An empty list: below the tag of every value.
pub(crate) const EMPTY_LIST: u8 = 0x08;

/// The parts of an index over paths.
#[derive(Debug)]
pub(crate) struct PathKeys {
    pub(crate) parts: Vec<PathPart>,
    /// Whether documents without any of the paths are left out.
    pub(crate) sparse: bool,
    /// Which documents it holds; all where there is none.
    pub(crate) filter: Option<Predicate>,
}

#[derive(Debug)]
pub(crate) struct PathPart {
    pub(crate) path: Path,
    pub(crate) descending: bool,
    pub(crate) fold: bool,
}

impl PathKeys {
    pub(super) fn resolve(definition: &IndexDefinition) -> Result<Self> {
        if definition.parts.len() > PARTS_MAX {
            return Err(Error::invalid(format!(
                "an index has at most {PARTS_MAX} parts"
            )));
        }
        let parts = definition.parts.iter().map(PathPart::resolve);
        let filter = definition.filter.as_deref().map(parse_text).transpose()?;
        Ok(Self {
            parts: parts.collect::<Result<_>>()?,
            sparse: definition.sparse,
            filter,
        })
    }

    /// Appends the keys of a document of so many bytes.
    pub(super) fn keys(
        &self,
        document: ValueRef<'_>,
        bytes: usize,
        out: &mut Scratch,
    ) -> Result<()> {
        if let Some(filter) = &self.filter
            && !filter.holds(document, bytes)?
        {
            return Ok(());
        }
        let paths = self.parts.iter().map(|part| &part.path);
        let mut budget = Budget::new(bytes);
        out.lists = tuples(paths, document, &mut budget, &mut |fields| {
            if self.sparse && fields.iter().all(Field::is_missing) {
                return Ok(());
            }
            let start = out.bytes.len();
            let mut budget = Budget::new(bytes);
            for (part, field) in self.parts.iter().zip(fields) {
                part.push(*field, &mut budget, &mut out.bytes)?;
                check_length(out.bytes.len() - start)?;
            }
            out.end_key()
        })?;
        Ok(())
    }

    /// Cuts an index key off the front of an entry.
    pub(super) fn skip(&self, entry: &mut &[u8]) -> Result<()> {
        let mut reader = KeyReader::new(entry);
        for part in &self.parts {
            if part.descending {
                reader.complemented(skip_part)?;
            } else {
                skip_part(&mut reader)?;
            }
        }
        *entry = reader.rest();
        Ok(())
    }
}

impl PathPart {
    fn resolve(part: &IndexPart) -> Result<Self> {
        let path = part.path.join(".");
        if part.path.len() > DEPTH_MAX {
            return Err(Error::invalid(format!(
                "a path of {} names leads deeper than documents are, at most {DEPTH_MAX}",
                part.path.len()
            )));
        }
        if part.path.is_empty() || part.path.iter().any(|name| is_no_name(name)) {
            return Err(Error::invalid(format!(
                "{path:?} is no path of an index: it is made of names with dots between, none of them \
                 empty or with a $ in front"
            )));
        }
        if part.path.first().is_some_and(|name| name == "_id") {
            return Err(Error::invalid(
                "an index has the key of each document behind its own parts; leave `_id` out",
            ));
        }
        Ok(Self {
            path: Path::parse(&path),
            descending: part.descending,
            fold: part.fold,
        })
    }

    /// Appends this part of a key.
    fn push(&self, field: Field<'_>, budget: &mut Budget, out: &mut Vec<u8>) -> Result<()> {
        let start = out.len();
        match field {
            Field::Missing => out.push(NULL),
            Field::Empty => out.push(EMPTY_LIST),
            Field::Value(ValueRef::String(text)) if self.fold => {
                out.push(STRING);
                encode_str(&fold(text), out);
            }
            Field::Value(value) => encode(value, budget, out)?,
        }
        if self.descending {
            out.iter_mut().skip(start).for_each(|byte| *byte = !*byte);
        }
        Ok(())
    }
}

fn is_no_name(name: &str) -> bool {
    name.is_empty() || name.starts_with('$') || name.contains('.')
}

fn skip_part(reader: &mut KeyReader<'_>) -> Result<()> {
    match reader.take()? {
        [EMPTY_LIST] => Ok(()),
        [tag] => document::skip_behind_tag(tag, reader),
    }
}
