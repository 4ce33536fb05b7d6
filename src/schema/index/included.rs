//! What does an index have beside its keys? The values of its parts, of the primary key and of the fields
//! that it includes, as a document that has them where the record has them: a filter and a selection of these read it as they
//! would read the record.
//!
//! Where a path leads through an option that is `None`, the document has nothing.

use crate::base::Result;
use crate::codec::value::write::Writer;
use crate::schema::document::write;
use crate::schema::filter::Path;
use crate::schema::layout::{Layout, Route};
use crate::schema::types::IndexDefinition;
use crate::schema::view::{Budget, Slot};

/// The fields that an index includes, its parts and the primary key.
#[derive(Debug)]
pub(crate) struct Included {
    members: Vec<(String, Member)>,
    /// Where there is something to be read.
    pub(crate) paths: Vec<Path>,
}

#[derive(Debug)]
enum Member {
    Value(Route),
    Object(Vec<(String, Member)>),
}

impl Included {
    /// What a definition includes, if anything.
    pub(super) fn resolve(
        definition: &IndexDefinition,
        key: &[String],
        record: &Layout,
        collection: &str,
    ) -> Result<Option<Self>> {
        if definition.include.is_empty() {
            return Ok(None);
        }
        let parts = definition.parts.iter().filter(|part| !part.each);
        let mut names: Vec<&[String]> = parts
            .map(|part| part.path.as_slice())
            .chain(definition.include.iter().map(Vec::as_slice))
            .chain(key.iter().map(std::slice::from_ref))
            .collect();
        // What lies within another is there with it.
        names.sort_unstable();
        names.dedup_by(|longer, shorter| longer.starts_with(shorter));
        let mut included = Self {
            members: Vec::new(),
            paths: Vec::new(),
        };
        for path in names {
            let route = Route::resolve(record, path, collection)?;
            insert(&mut included.members, path, route);
            included.paths.push(Path::parse(&path.join(".")));
        }
        Ok(Some(included))
    }

    /// Appends the document of a record.
    pub(super) fn append(&self, record: Slot<'_>, out: &mut Vec<u8>) -> Result<()> {
        let mut budget = Budget::new(record.body.len());
        append_members(&self.members, record, &mut budget, &mut Writer::new(out))
    }

    /// Whether what is at a path can be read.
    pub(crate) fn has(&self, path: &Path) -> bool {
        self.paths.iter().any(|included| path.starts_with(included))
    }
}

fn insert(members: &mut Vec<(String, Member)>, path: &[String], route: Route) {
    let Some((name, rest)) = path.split_first() else {
        return;
    };
    if rest.is_empty() {
        members.push((name.clone(), Member::Value(route)));
        return;
    }
    if let Some((_, Member::Object(inner))) = members.iter_mut().find(|(other, _)| other == name) {
        insert(inner, rest, route);
        return;
    }
    let mut inner = Vec::new();
    insert(&mut inner, rest, route);
    members.push((name.clone(), Member::Object(inner)));
}

fn append_members(
    members: &[(String, Member)],
    record: Slot<'_>,
    budget: &mut Budget,
    writer: &mut Writer<'_>,
) -> Result<()> {
    let open = writer.begin_object(members.len())?;
    for (name, member) in members {
        match member {
            Member::Value(route) => {
                if let Some(at) = route.follow(record.body, record.at)? {
                    let slot = Slot {
                        body: record.body,
                        at,
                        layout: &route.layout,
                    };
                    writer.member(&open, name)?;
                    write(slot.value()?, budget, writer)?;
                }
            }
            Member::Object(inner) => {
                writer.member(&open, name)?;
                append_members(inner, record, budget, writer)?;
            }
        }
    }
    writer.end_object(&open)
}
