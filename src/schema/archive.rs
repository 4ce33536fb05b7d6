//! How does rkyv archive the types whose archived form is ours? Maps, boxes and timestamps.
//!
//! - A map is a vector of (key, value) sorted by key, so that the dynamic view reads it as it reads
//!   any vector, and a `HashMap` has one encoding whatever its order in memory.
//! - A box is what it holds, in place.

use std::borrow::Borrow;
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, Hash};
use std::marker::PhantomData;

use rkyv::primitive::ArchivedI64;
use rkyv::rancor::Fallible;
use rkyv::ser::{Allocator, Writer};
use rkyv::tuple::ArchivedTuple2;
use rkyv::vec::{ArchivedVec, VecResolver};
use rkyv::with::{ArchiveWith, DeserializeWith, SerializeWith};
use rkyv::{Archive, Deserialize, Place, Serialize};

use crate::codec::timestamp::Timestamp;

/// Archives a map as its entries sorted by key.
///
/// Decoding does not insist on the order: of two entries with one key the later wins.
pub struct SortedMap<K, V>(PhantomData<(K, V)>);

/// Archives a box as what it holds.
pub struct Boxed<W>(PhantomData<W>);

type ArchivedEntry<K, V, KW, VW> =
    ArchivedTuple2<<KW as ArchiveWith<K>>::Archived, <VW as ArchiveWith<V>>::Archived>;
type EntryResolver<K, V, KW, VW> = (
    <KW as ArchiveWith<K>>::Resolver,
    <VW as ArchiveWith<V>>::Resolver,
);

/// An entry of a map on its way into the vector.
struct Entry<'a, K, V, KW, VW>(&'a K, &'a V, PhantomData<(KW, VW)>);

impl<'a, K, V, KW, VW> Entry<'a, K, V, KW, VW> {
    fn new((key, value): (&'a K, &'a V)) -> Self {
        Self(key, value, PhantomData)
    }
}

impl<K, V, KW: ArchiveWith<K>, VW: ArchiveWith<V>> Archive for Entry<'_, K, V, KW, VW> {
    type Archived = ArchivedEntry<K, V, KW, VW>;
    type Resolver = EntryResolver<K, V, KW, VW>;

    fn resolve(&self, resolver: Self::Resolver, out: Place<Self::Archived>) {
        rkyv::munge::munge!(let ArchivedTuple2(key, value) = out);
        KW::resolve_with(self.0, resolver.0, key);
        VW::resolve_with(self.1, resolver.1, value);
    }
}

impl<K, V, KW, VW, S> Serialize<S> for Entry<'_, K, V, KW, VW>
where
    KW: SerializeWith<K, S>,
    VW: SerializeWith<V, S>,
    S: Fallible + ?Sized,
{
    fn serialize(&self, serializer: &mut S) -> Result<Self::Resolver, S::Error> {
        Ok((
            KW::serialize_with(self.0, serializer)?,
            VW::serialize_with(self.1, serializer)?,
        ))
    }
}

fn serialize_entries<'a, K, V, KW, VW, S>(
    entries: impl ExactSizeIterator<Item = (&'a K, &'a V)> + Clone,
    serializer: &mut S,
) -> Result<VecResolver, S::Error>
where
    K: 'a,
    V: 'a,
    KW: SerializeWith<K, S>,
    VW: SerializeWith<V, S>,
    S: Fallible + Allocator + Writer + ?Sized,
{
    ArchivedVec::serialize_from_iter::<Entry<'a, K, V, KW, VW>, _, _>(
        entries.map(Entry::<K, V, KW, VW>::new),
        serializer,
    )
}

fn deserialize_entries<K, V, KW, VW, D, M>(
    entries: &ArchivedVec<ArchivedEntry<K, V, KW, VW>>,
    deserializer: &mut D,
    mut map: M,
) -> Result<M, D::Error>
where
    KW: ArchiveWith<K> + DeserializeWith<<KW as ArchiveWith<K>>::Archived, K, D>,
    VW: ArchiveWith<V> + DeserializeWith<<VW as ArchiveWith<V>>::Archived, V, D>,
    D: Fallible + ?Sized,
    M: Extend<(K, V)>,
{
    for ArchivedTuple2(key, value) in entries.as_slice() {
        let key = KW::deserialize_with(key, deserializer)?;
        map.extend([(key, VW::deserialize_with(value, deserializer)?)]);
    }
    Ok(map)
}

impl<K, V, KW: ArchiveWith<K>, VW: ArchiveWith<V>> ArchiveWith<BTreeMap<K, V>>
    for SortedMap<KW, VW>
{
    type Archived = ArchivedVec<ArchivedEntry<K, V, KW, VW>>;
    type Resolver = VecResolver;

    fn resolve_with(map: &BTreeMap<K, V>, resolver: VecResolver, out: Place<Self::Archived>) {
        ArchivedVec::resolve_from_len(map.len(), resolver, out);
    }
}

impl<K, V, KW, VW, S> SerializeWith<BTreeMap<K, V>, S> for SortedMap<KW, VW>
where
    KW: SerializeWith<K, S>,
    VW: SerializeWith<V, S>,
    S: Fallible + Allocator + Writer + ?Sized,
{
    fn serialize_with(map: &BTreeMap<K, V>, serializer: &mut S) -> Result<VecResolver, S::Error> {
        serialize_entries::<K, V, KW, VW, S>(map.iter(), serializer)
    }
}

impl<K, V, KW, VW, D> DeserializeWith<ArchivedVec<ArchivedEntry<K, V, KW, VW>>, BTreeMap<K, V>, D>
    for SortedMap<KW, VW>
where
    K: Ord,
    KW: ArchiveWith<K> + DeserializeWith<<KW as ArchiveWith<K>>::Archived, K, D>,
    VW: ArchiveWith<V> + DeserializeWith<<VW as ArchiveWith<V>>::Archived, V, D>,
    D: Fallible + ?Sized,
{
    fn deserialize_with(
        entries: &ArchivedVec<ArchivedEntry<K, V, KW, VW>>,
        deserializer: &mut D,
    ) -> Result<BTreeMap<K, V>, D::Error> {
        deserialize_entries::<K, V, KW, VW, D, _>(entries, deserializer, BTreeMap::new())
    }
}

impl<K, V, H, KW: ArchiveWith<K>, VW: ArchiveWith<V>> ArchiveWith<HashMap<K, V, H>>
    for SortedMap<KW, VW>
{
    type Archived = ArchivedVec<ArchivedEntry<K, V, KW, VW>>;
    type Resolver = VecResolver;

    fn resolve_with(map: &HashMap<K, V, H>, resolver: VecResolver, out: Place<Self::Archived>) {
        ArchivedVec::resolve_from_len(map.len(), resolver, out);
    }
}

impl<K, V, H, KW, VW, S> SerializeWith<HashMap<K, V, H>, S> for SortedMap<KW, VW>
where
    K: Ord,
    KW: SerializeWith<K, S>,
    VW: SerializeWith<V, S>,
    S: Fallible + Allocator + Writer + ?Sized,
{
    fn serialize_with(map: &HashMap<K, V, H>, serializer: &mut S) -> Result<VecResolver, S::Error> {
        let mut entries: Vec<(&K, &V)> = map.iter().collect();
        entries.sort_unstable_by_key(|(key, _)| *key);
        serialize_entries::<K, V, KW, VW, S>(entries.iter().copied(), serializer)
    }
}

impl<K, V, H, KW, VW, D>
    DeserializeWith<ArchivedVec<ArchivedEntry<K, V, KW, VW>>, HashMap<K, V, H>, D>
    for SortedMap<KW, VW>
where
    K: Hash + Eq,
    H: BuildHasher + Default,
    KW: ArchiveWith<K> + DeserializeWith<<KW as ArchiveWith<K>>::Archived, K, D>,
    VW: ArchiveWith<V> + DeserializeWith<<VW as ArchiveWith<V>>::Archived, V, D>,
    D: Fallible + ?Sized,
{
    fn deserialize_with(
        entries: &ArchivedVec<ArchivedEntry<K, V, KW, VW>>,
        deserializer: &mut D,
    ) -> Result<HashMap<K, V, H>, D::Error> {
        let map = HashMap::with_capacity_and_hasher(entries.len(), H::default());
        deserialize_entries::<K, V, KW, VW, D, _>(entries, deserializer, map)
    }
}

impl<T, W: ArchiveWith<T>> ArchiveWith<Box<T>> for Boxed<W> {
    type Archived = W::Archived;
    type Resolver = W::Resolver;

    fn resolve_with(field: &Box<T>, resolver: Self::Resolver, out: Place<Self::Archived>) {
        W::resolve_with(field.borrow(), resolver, out);
    }
}

impl<T, W: SerializeWith<T, S>, S: Fallible + ?Sized> SerializeWith<Box<T>, S> for Boxed<W> {
    fn serialize_with(field: &Box<T>, serializer: &mut S) -> Result<Self::Resolver, S::Error> {
        W::serialize_with(field.borrow(), serializer)
    }
}

impl<T, A, W: DeserializeWith<A, T, D>, D: Fallible + ?Sized> DeserializeWith<A, Box<T>, D>
    for Boxed<W>
{
    fn deserialize_with(archived: &A, deserializer: &mut D) -> Result<Box<T>, D::Error> {
        W::deserialize_with(archived, deserializer).map(Box::new)
    }
}

impl Archive for Timestamp {
    type Archived = ArchivedI64;
    type Resolver = ();

    fn resolve(&self, (): (), out: Place<Self::Archived>) {
        self.as_micros().resolve((), out);
    }
}

impl<S: Fallible + ?Sized> Serialize<S> for Timestamp {
    fn serialize(&self, _: &mut S) -> Result<(), S::Error> {
        Ok(())
    }
}

impl<D: Fallible + ?Sized> Deserialize<Timestamp, D> for ArchivedI64 {
    fn deserialize(&self, _: &mut D) -> Result<Timestamp, D::Error> {
        Ok(Timestamp::from_micros(self.to_native()))
    }
}
