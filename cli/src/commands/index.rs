//! Which indexes does a collection have, and how does it get one?

use larder::serde_json::{Value, json};
use larder::{CollectionKind, IndexInfo, PathIndex};

use crate::args::IndexCommand;
use crate::commands::about::{index_row, index_value};
use crate::commands::write::documents_only;
use crate::fault::{Fault, Result};
use crate::json;
use crate::out::Out;
use crate::session::{Session, collection};

pub(crate) fn run(session: &Session, command: &IndexCommand, out: &mut Out) -> Result<()> {
    match command {
        IndexCommand::List { collection, .. } => list(session, collection.as_deref(), out),
        IndexCommand::Drop {
            collection, name, ..
        } => drop_one(session, collection, name, out),
        IndexCommand::Create {
            collection: name,
            paths,
            unique,
            sparse,
            folded,
            only,
            name: named,
            ..
        } => {
            let mut index = over(paths)?;
            if *unique {
                index = index.unique();
            }
            if *sparse {
                index = index.sparse();
            }
            if *folded {
                index = index.folded();
            }
            if let Some(filter) = only {
                index = index.only(json::argument("filter", filter)?);
            }
            if let Some(named) = named {
                index = index.named(named);
            }
            create(session, name, index, out)
        }
    }
}

/// An index over paths, those with `-` in front descending.
fn over(paths: &str) -> Result<PathIndex> {
    let mut index: Option<PathIndex> = None;
    for path in paths.split(',') {
        let (path, descending) = match path.strip_prefix('-') {
            Some(path) => (path, true),
            None => (path, false),
        };
        index = Some(match (index, descending) {
            (None, false) => PathIndex::on(path),
            (None, true) => PathIndex::on_descending(path),
            (Some(index), false) => index.and(path),
            (Some(index), true) => index.and_descending(path),
        });
    }
    index.ok_or_else(|| Fault::usage("an index is over one path at least"))
}

fn create(session: &Session, name: &str, index: PathIndex, out: &mut Out) -> Result<()> {
    let db = session.writer()?;
    collection(&db.read()?, name)?;
    documents_only(db, name)?;
    let before = db.read()?.documents(name)?.indexes()?;
    db.create_index(name, index)?;
    let after = db.read()?.documents(name)?.indexes()?;
    let is_new = |index: &&IndexInfo| before.iter().all(|old| old.definition != index.definition);
    let created: Vec<&IndexInfo> = after.iter().filter(is_new).collect();
    let value: Value = created.iter().map(|index| index_value(index)).collect();
    out.result(&value, |out| match created.as_slice() {
        [] => out.line("there is this index already"),
        created => created.iter().try_for_each(|index| {
            let replaces = before.iter().any(|old| old.name() == index.name());
            let what = if replaces { "replaced" } else { "created" };
            out.line(&format!("{what} {index}"))
        }),
    })
}

fn names(indexes: &[IndexInfo]) -> Vec<String> {
    indexes
        .iter()
        .map(|index| index.name().to_owned())
        .collect()
}

fn drop_one(session: &Session, name: &str, index: &str, out: &mut Out) -> Result<()> {
    let db = session.writer()?;
    let info = collection(&db.read()?, name)?;
    documents_only(db, name)?;
    if !db.drop_index(name, index)? {
        let there = match names(&info.indexes).as_slice() {
            [] => "it has none".to_owned(),
            names => format!("it has: {}", names.join(", ")),
        };
        return Err(Fault::not_found(format!(
            "{name:?} has no index {index:?}; {there}"
        )));
    }
    out.result(&json!({"dropped": index}), |out| {
        out.line(&format!("dropped {index}"))
    })
}

fn list(session: &Session, name: Option<&str>, out: &mut Out) -> Result<()> {
    let tx = session.reader()?.read()?;
    let all = match name {
        Some(name) => vec![collection(&tx, name)?],
        None => tx.collections()?,
    };
    let mut values = Vec::new();
    let mut rows = Vec::new();
    for info in &all {
        if matches!(info.kind, CollectionKind::Bucket { .. }) {
            continue;
        }
        for index in &info.indexes {
            let mut value = index_value(index);
            if let Some(members) = value.as_object_mut() {
                members.insert("collection".into(), info.name.clone().into());
            }
            values.push(value);
            rows.push([vec![info.name.clone()], index_row(index)].concat());
        }
    }
    out.result(&values, |out| {
        if rows.is_empty() {
            return out.line("no indexes");
        }
        out.table(&["collection", "index", "on", "entries"], &rows)
    })
}
