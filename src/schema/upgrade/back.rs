//! How does a later version become the earlier one again? The plan of a conversion read backwards: renames
//! and widenings are undone, what was added is dropped, and what was lost is taken from the record as it
//! was before.

use super::compile::{
    default_of, entries, folded, numbered, offsets, push_plan, scalars, size, size_of_fields,
    unchanged,
};
use super::conversion::{
    Conversion, Convert, Elements, FieldPlan, Lost, Origin, Otherwise, Unchanged, VariantPlan,
};
use super::sources::sources;
use crate::base::{Error, Result};
use crate::schema::layout::{Layout, Scalar};
use crate::schema::types::{FieldType, RecordType, Type, VariantType};

/// The plan that leads from `new` back to `old`; `None` where `new` does not follow from it without code.
pub(crate) fn plan_back(old: &RecordType, new: &RecordType) -> Result<Option<Conversion>> {
    let Some(fields) = fields_back(&old.fields, &new.fields, 0, &Place::record())? else {
        return Ok(None);
    };
    let layout = Layout::of_record(old)?;
    Ok(Some(Conversion {
        from: Layout::of_record(new)?,
        fields,
        size: layout.size,
        before: Some(layout),
    }))
}

/// Something in a record.
#[derive(Clone, Default)]
struct Place {
    /// The names that lead there, in the earlier one.
    path: String,
    /// Where it lies, if that is always the same.
    inline: Option<Inline>,
}

/// Where something lies in a record, counted from its start: in the earlier one, and in the later. Each with
/// the tags of the options that hold it.
#[derive(Clone, Default)]
struct Inline {
    old: usize,
    old_tags: Vec<usize>,
    new: usize,
    new_tags: Vec<usize>,
}

impl Place {
    fn record() -> Self {
        Self {
            path: String::new(),
            inline: Some(Inline::default()),
        }
    }

    /// A field, so many bytes from here in each.
    fn field(&self, name: &str, old: usize, new: usize) -> Self {
        let dot = if self.path.is_empty() { "" } else { "." };
        Self {
            path: format!("{}{dot}{name}", self.path),
            inline: self.inline.clone().map(|inline| Inline {
                old: inline.old + old,
                new: inline.new + new,
                ..inline
            }),
        }
    }

    /// What lies in an option of the earlier record, of the later one, or of both.
    fn within_option(&self, old: bool, new: bool) -> Self {
        let mut within = self.clone();
        if let Some(inline) = &mut within.inline {
            if old {
                inline.old_tags.push(inline.old);
                inline.old += 1;
            }
            if new {
                inline.new_tags.push(inline.new);
                inline.new += 1;
            }
        }
        within
    }

    /// What lies somewhere else.
    fn elsewhere(&self) -> Self {
        Self {
            path: self.path.clone(),
            inline: None,
        }
    }
}

/// The plans of the fields of an earlier struct or variant.
fn fields_back(
    old: &[FieldType],
    new: &[FieldType],
    start: usize,
    place: &Place,
) -> Result<Option<Vec<FieldPlan>>> {
    let from = offsets(new, start)?;
    let sources = sources(old, new);
    let mut plans = Vec::new();
    for ((i, field), to) in old.iter().enumerate().zip(offsets(old, start)?) {
        let later = sources.iter().position(|source| *source == Some(i));
        let later = later.and_then(|at| new.get(at).zip(from.get(at)));
        let Some((later, from)) = later else {
            plans.push(lost_field(field, to, &place.field(&field.name, to, 0))?);
            continue;
        };
        let here = place.field(&field.name, to, *from);
        let Some(convert) = value_back(&field.ty, &later.ty, &here)? else {
            return Ok(None);
        };
        match here.inline {
            // The fields of what lies inline are looked at one by one.
            Some(here) if convert.lacks() && !matches!(convert, Convert::Fields(_)) => {
                plans.push(FieldPlan {
                    to,
                    convert,
                    origin: Origin::Unchanged(Box::new(Unchanged {
                        from: *from,
                        from_root: here.new,
                        layout: Layout::of_type(&later.ty)?,
                        before: Lost {
                            at: here.old,
                            tags: here.old_tags,
                        },
                        tags: here.new_tags,
                        copy: unchanged(&field.ty)?,
                    })),
                });
            }
            _ => push_plan(&mut plans, to, *from, convert),
        }
    }
    Ok(Some(plans))
}

/// The plan of a field that the later version does not have.
fn lost_field(field: &FieldType, to: usize, place: &Place) -> Result<FieldPlan> {
    let otherwise = match default_of(field)? {
        Some((body, at)) => Otherwise::Default(body, at),
        None if matches!(field.ty, Type::Option(_)) => Otherwise::None,
        None => Otherwise::Nowhere(place.path.clone()),
    };
    let origin = match (place.inline.clone(), otherwise) {
        (Some(Inline { old, old_tags, .. }), otherwise) => {
            let lost = Lost {
                at: old,
                tags: old_tags,
            };
            Origin::Before(lost, Box::new(otherwise))
        }
        (None, Otherwise::None) => Origin::Nothing,
        (None, Otherwise::Default(body, at)) => Origin::Default(body, at),
        (None, Otherwise::Nowhere(name)) => Origin::Nowhere(name),
    };
    Ok(FieldPlan {
        to,
        convert: unchanged(&field.ty)?,
        origin,
    })
}

/// The plan of a value, `None` where the later does not follow from the earlier without code.
fn value_back(old: &Type, new: &Type, place: &Place) -> Result<Option<Convert>> {
    Ok(match (old, new) {
        (Type::Option(old), Type::Option(new)) => {
            let within = place.within_option(true, true);
            value_back(old, new, &within)?.map(Convert::within_option)
        }
        (old, Type::Option(new)) => {
            let within = place.within_option(false, true);
            value_back(old, new, &within)?.map(|inner| Convert::Unwrap(Box::new(inner)))
        }
        (Type::List(old), Type::List(new)) => {
            elements_back(old, new, place)?.map(|elements| Convert::List(Box::new(elements)))
        }
        (Type::Array(old, length), Type::Array(new, new_length)) if length == new_length => {
            let length = *length as usize;
            elements_back(old, new, place)?.map(|elements| elements.repeated(length))
        }
        (Type::Map(key, value), Type::Map(new_key, new_value)) => {
            let keys = elements_back(key, new_key, place)?;
            let values = elements_back(value, new_value, place)?;
            keys.zip(values).map(|(keys, values)| entries(keys, values))
        }
        (Type::Tuple(old), Type::Tuple(new)) if old.len() == new.len() => {
            let (old, new) = (numbered(old), numbered(new));
            let fields = fields_back(&old, &new, 0, place)?;
            let size = size_of_fields(&old)?;
            fields.map(|fields| folded(fields, size))
        }
        (Type::Struct(old), Type::Struct(new)) => {
            let size = size_of_fields(old)?;
            fields_back(old, new, 0, place)?.map(|fields| folded(fields, size))
        }
        (Type::Enum(old), Type::Enum(new)) => variants_back(old, new, place)?,
        (Type::String, Type::String) => Some(Convert::Text),
        (old, Type::List(new)) => {
            elements_back(old, new, place)?.map(|elements| Convert::Only(Box::new(elements)))
        }
        _ => match scalars(old, new)? {
            Some((old, new)) if old == new => Some(Convert::Copy(old.size())),
            Some((old, new)) if new.has_all_of(old) => Some(Convert::Integer(new, old)),
            Some((Scalar::F32, Scalar::F64)) => Some(Convert::Narrow),
            _ => None,
        },
    })
}

fn elements_back(old: &Type, new: &Type, place: &Place) -> Result<Option<Elements>> {
    let (from, to) = (size(new)?, size(old)?);
    let convert = value_back(old, new, &place.elsewhere())?;
    Ok(convert.map(|convert| Elements { convert, from, to }))
}

fn variants_back(
    old: &[VariantType],
    new: &[VariantType],
    place: &Place,
) -> Result<Option<Convert>> {
    let mut plans = Vec::new();
    for (after, source) in new.iter().zip(sources(old, new)) {
        let Some((position, before)) = source.and_then(|i| Some((i, old.get(i)?))) else {
            plans.push(None);
            continue;
        };
        let Some(fields) = fields_back(&before.fields, &after.fields, 1, &place.elsewhere())?
        else {
            return Ok(None);
        };
        let tag = u8::try_from(position).map_err(|_| Error::corrupt("more than 256 variants"))?;
        plans.push(Some(VariantPlan { tag, fields }));
    }
    Ok(Some(Convert::Variants(plans)))
}
