//! Which field of an older version is this one? By its name, or by what it was called.

use crate::schema::types::{FieldType, VariantType};

/// What has a name, and had others.
pub(super) trait Named {
    fn name(&self) -> &str;
    fn renamed_from(&self) -> &[String];
}

impl Named for FieldType {
    fn name(&self) -> &str {
        &self.name
    }

    fn renamed_from(&self) -> &[String] {
        &self.renamed_from
    }
}

impl Named for VariantType {
    fn name(&self) -> &str {
        &self.name
    }

    fn renamed_from(&self) -> &[String] {
        &self.renamed_from
    }
}

/// The old one that the new one of that name was.
pub(crate) fn source_of<'o>(
    old: &'o [FieldType],
    new: &[FieldType],
    name: &str,
) -> Option<&'o FieldType> {
    let position = new.iter().position(|new| new.name == name)?;
    let source = sources(old, new).get(position).copied().flatten()?;
    old.get(source)
}

/// For each of the new ones the position of the old one that it was.
///
/// - A former name goes before the own one: a field may take the name of another that is gone.
/// - A rename that has happened already does not happen again, though it is still written in the source:
///   the old version has the field under its new name, and knows that it was called otherwise.
/// - What one was renamed from is no other's.
pub(super) fn sources<T: Named>(old: &[T], new: &[T]) -> Vec<Option<usize>> {
    let position = |name: &str| old.iter().position(|old| old.name() == name);
    let former = |new: &T| {
        let own = position(new.name()).and_then(|i| old.get(i));
        new.renamed_from()
            .iter()
            .filter(|name| !own.is_some_and(|own| own.renamed_from().contains(name)))
            .find_map(|name| position(name))
    };
    let renamed: Vec<Option<usize>> = new.iter().map(former).collect();
    new.iter()
        .zip(&renamed)
        .map(|(new, former)| {
            former.or_else(|| position(new.name()).filter(|own| !renamed.contains(&Some(*own))))
        })
        .collect()
}
