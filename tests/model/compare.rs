//! What must a collection hold, and does it? Everything is computed from the model's records alone.

use std::collections::{BTreeMap, BTreeSet};

use larder::{AsKey, Collection, Folded, IndexToken, Result, Reverse};

use super::item::Item;

/// The records by key, each with the revision that it must have.
pub(super) type Model = BTreeMap<String, (Item, u64)>;

/// The keys of an item in each unique index, with the index they belong to.
pub(super) fn unique_keys(item: &Item) -> BTreeSet<(&'static str, String)> {
    let mut keys = BTreeSet::from([("slug", item.slug.clone())]);
    keys.extend(item.badge.map(|badge| ("badge", badge.to_string())));
    keys.extend(item.codes.iter().map(|code| ("codes", code.to_string())));
    keys.extend(pair(item).map(|(pair, group)| ("pair", format!("{pair} {group}"))));
    keys
}

fn pair(item: &Item) -> Option<(u8, String)> {
    (item.pair < 3).then(|| (item.pair, item.group.clone()))
}

fn is_hot(item: &Item) -> bool {
    item.score > 1 && item.group == "a" || item.size.is_none()
}

/// Whether another record than the item's holds one of its unique keys.
pub(super) fn clashes(model: &Model, item: &Item) -> bool {
    let keys = unique_keys(item);
    let others = model.iter().filter(|(key, _)| **key != item.key);
    others
        .into_iter()
        .any(|(_, (other, _))| !unique_keys(other).is_disjoint(&keys))
}

pub(super) fn compare(items: &Collection<'_, Item>, model: &Model) {
    compare_all(items, model).expect("everything can be read");
}

fn compare_all(items: &Collection<'_, Item>, model: &Model) -> Result<()> {
    let mut stored = Model::new();
    for item in items.iter()? {
        let item = item?;
        let revision = item.revision();
        let item = item.to_owned()?;
        stored.insert(item.key.clone(), (item, revision));
    }
    assert_eq!(&stored, model);
    let keys: Vec<String> = keys(items.iter()?)?;
    assert!(keys.iter().eq(model.keys()), "order of {keys:?}");
    let back: Vec<String> = self::keys(items.iter()?.rev())?;
    assert!(back.iter().eq(model.keys().rev()), "order of {back:?}");
    assert_eq!(items.len()?, model.len() as u64);
    let after_a = model.range("a".to_owned()..).map(|(key, _)| key);
    assert!(self::keys(items.range("a"..)?)?.iter().eq(after_a));

    let one = BTreeSet::from;
    let some = |key: Option<_>| key.into_iter().collect();
    index(items, model, Item::BY_SLUG, |item| one([item.slug.clone()]))?;
    index(items, model, Item::BY_COLOR, |item| {
        one([item.color.clone()])
    })?;
    index(items, model, Item::BY_SIZE, |item| {
        item.size.into_iter().collect()
    })?;
    index(items, model, Item::BY_BADGE, |item| {
        item.badge.into_iter().collect()
    })?;
    index(items, model, Item::BY_TAGS, |item| {
        item.tags.iter().cloned().collect()
    })?;
    index(items, model, Item::BY_CODES, |item| {
        item.codes.iter().copied().collect()
    })?;
    index(items, model, Item::BY_NAME, |item| {
        BTreeSet::from([Folded::new(&item.name)])
    })?;
    index(items, model, Item::BY_FOLDED_NOTES, |item| {
        item.note.iter().map(|note| Folded::new(note)).collect()
    })?;
    index(items, model, Item::BY_GROUP_SCORE, |item| {
        BTreeSet::from([(item.group.clone(), Reverse(item.score))])
    })?;
    index(items, model, Item::BY_NOTE_COLOR, |item| {
        BTreeSet::from([(
            item.note.clone(),
            Folded::new(&item.color),
            Reverse(item.size),
        )])
    })?;
    index(items, model, Item::BY_PAIR, |item| some(pair(item)))?;
    index(items, model, Item::BY_HOT, |item| {
        is_hot(item).then_some(item.score).into_iter().collect()
    })?;
    index(items, model, Item::BY_ZONE, |item| {
        BTreeSet::from([item.place.zone])
    })?;
    index(items, model, Item::BY_SPOT, |item| {
        item.place.spot.into_iter().collect()
    })
}

/// Compares one index with what the records imply: order from both ends, counts, and each key.
fn index<I, K>(
    items: &Collection<'_, Item>,
    model: &Model,
    token: I,
    keys_of: impl Fn(&Item) -> BTreeSet<K>,
) -> Result<()>
where
    I: IndexToken<Item>,
    K: Ord + Clone + AsKey<I::Key>,
{
    let name = token.name();
    let mut entries: BTreeMap<K, Vec<&String>> = BTreeMap::new();
    for (key, (item, _)) in model {
        for index_key in keys_of(item) {
            entries.entry(index_key).or_default().push(key);
        }
    }
    let expected: Vec<&String> = entries.values().flatten().copied().collect();
    let reader = items.by(token);
    let front = keys(reader.iter()?)?;
    assert!(
        front.iter().eq(expected.iter().copied()),
        "{name}: {front:?}, not {expected:?}"
    );
    let back = keys(reader.iter()?.rev())?;
    assert!(
        back.iter().eq(expected.iter().rev().copied()),
        "{name} backwards: {back:?}"
    );
    assert_eq!(reader.len()?, expected.len() as u64, "{name}");
    for (index_key, keys) in entries.iter().take(3) {
        let found = self::keys(reader.equal(index_key.clone())?)?;
        assert!(
            found.iter().eq(keys.iter().copied()),
            "{name}: {found:?}, not {keys:?}"
        );
        let range = index_key.clone()..=index_key.clone();
        assert_eq!(reader.count(range)?, keys.len() as u64, "{name}");
        assert!(reader.contains(index_key.clone())?, "{name}");
    }
    if let Some((middle, _)) = entries.iter().nth(entries.len() / 2) {
        let expected: Vec<_> = entries.range(middle..).flat_map(|(_, keys)| keys).collect();
        let found = self::keys(reader.range(middle.clone()..)?)?;
        assert!(
            found.iter().eq(expected.into_iter().copied()),
            "{name} from its middle: {found:?}"
        );
    }
    Ok(())
}

fn keys<'a>(records: impl Iterator<Item = Result<larder::View<'a, Item>>>) -> Result<Vec<String>> {
    records
        .map(|record| record.map(|record| record.key.to_string()))
        .collect()
}
