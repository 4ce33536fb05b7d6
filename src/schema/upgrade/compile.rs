//! How does one descriptor become another without code? The plan of the conversion, or what is in its way.
//!
//! What needs no code: fields added with a default or as an `Option`, removed, renamed, put in another
//! order; integers that became wider, `f32` to `f64`, `T` to `Option<T>`, `T` to `Vec<T>`; variants added
//! or renamed; and all of it within parts, lists, maps, tuples and arrays.

use super::conversion::{
    Conversion, Convert, Elements, FieldPlan, Origin, VariantPlan, root_of_default,
};
use super::sources::sources;
use crate::base::{Error, Result};
use crate::schema::layout::{Kind, Layout, Scalar};
use crate::schema::types::{FieldType, RecordType, Type, VariantType};

/// How a version follows from the one before it.
#[derive(Debug)]
pub(crate) struct Compared {
    /// `None` where it takes code.
    pub(crate) conversion: Option<Conversion>,
    /// What is in the way of converting without code.
    pub(crate) refused: Vec<String>,
    /// What changes, to be read by people.
    pub(crate) changes: Vec<String>,
    /// Whether a field is lost.
    pub(crate) lossy: bool,
}

/// Compares two versions of a record; how their keys compare is for the caller to see.
///
/// # Errors
/// `Corrupt` where a descriptor is none; `Limit` where one is too large.
pub(crate) fn compare_versions(old: &RecordType, new: &RecordType) -> Result<Compared> {
    let (from, to) = (Layout::of_record(old)?, Layout::of_record(new)?);
    let mut compiler = Compiler::default();
    let fields = compiler.fields(&old.fields, &new.fields, 0)?;
    let Compiler {
        refused,
        changes,
        lossy,
        ..
    } = compiler;
    Ok(Compared {
        conversion: refused.is_empty().then_some(Conversion {
            from,
            fields,
            size: to.size,
            before: None,
        }),
        refused,
        changes,
        lossy,
    })
}

/// The plan that leaves a value of this type as it is.
pub(super) fn unchanged(ty: &Type) -> Result<Convert> {
    let mut compiler = Compiler::default();
    let plan = compiler.value(ty, ty)?;
    plan.ok_or_else(|| Error::corrupt("a type in a descriptor does not convert to itself"))
}

#[derive(Default)]
struct Compiler {
    /// The names from the record down to what is looked at.
    path: Vec<String>,
    refused: Vec<String>,
    changes: Vec<String>,
    lossy: bool,
}

impl Compiler {
    /// The plans of the fields of a struct or variant; offsets count from `start` in both.
    fn fields(
        &mut self,
        old: &[FieldType],
        new: &[FieldType],
        start: usize,
    ) -> Result<Vec<FieldPlan>> {
        let offsets = offsets(old, start)?;
        let sources = sources(old, new);
        let mut plans = Vec::new();
        let mut to = start;
        for (field, source) in new.iter().zip(&sources) {
            let found = source.and_then(|i| old.get(i).zip(offsets.get(i)));
            match found {
                Some((before, from)) => {
                    self.path.push(field.name.clone());
                    if before.name != field.name {
                        let now = self.here();
                        self.changes
                            .push(format!("`{}` is renamed to `{now}`", before.name));
                    }
                    if let Some(convert) = self.value(&before.ty, &field.ty)? {
                        push_plan(&mut plans, to, *from, convert);
                    }
                    self.path.pop();
                }
                None => plans.extend(self.new_field(field, to)?),
            }
            to += size(&field.ty)?;
        }
        for (i, field) in old.iter().enumerate() {
            if !sources.contains(&Some(i)) {
                self.lossy = true;
                let lost = self.below(&field.name);
                self.changes
                    .push(format!("`{lost}` is removed, and what it holds is lost"));
            }
        }
        Ok(plans)
    }

    /// The plan of a field that the old version does not have.
    fn new_field(&mut self, field: &FieldType, to: usize) -> Result<Option<FieldPlan>> {
        let name = self.below(&field.name);
        if let Some(plan) = default_plan(field, to)? {
            self.changes
                .push(format!("`{name}` is added, with its default"));
            return Ok(Some(plan));
        }
        if matches!(field.ty, Type::Option(_)) {
            self.changes.push(format!("`{name}` is added, as `None`"));
        } else {
            self.refused.push(format!(
                "field `{name}: {}` is new, and has neither `#[default]` nor is it an `Option`",
                field.ty
            ));
        }
        Ok(None)
    }

    /// The plan of a value; `None` where there is none, which is noted. What is noted of a part without a
    /// name is said of the whole.
    fn value(&mut self, old: &Type, new: &Type) -> Result<Option<Convert>> {
        let noted = (self.refused.len(), self.changes.len());
        let plan = self.value_of(old, new)?;
        let here = self.here();
        for (notes, from) in [(&mut self.refused, noted.0), (&mut self.changes, noted.1)] {
            let later = notes.split_off(from);
            let count = later.len();
            let own = format!("`{here}` is ");
            notes.extend(later.into_iter().filter(|note| !note.starts_with(&own)));
            if notes.len() < from + count {
                notes.push(format!("{own}{new}, was {old}"));
            }
        }
        Ok(plan)
    }

    fn value_of(&mut self, old: &Type, new: &Type) -> Result<Option<Convert>> {
        let plan = match (old, new) {
            (Type::Option(old), Type::Option(new)) => {
                self.value(old, new)?.map(Convert::within_option)
            }
            (old, Type::Option(inner)) => {
                self.widened(old, new);
                self.value(old, inner)?
                    .map(|inner| Convert::Some(Box::new(inner)))
            }
            (Type::List(old), Type::List(new)) => {
                let elements = self.elements(old, new)?;
                elements.map(|elements| Convert::List(Box::new(elements)))
            }
            (Type::Array(old, length), Type::Array(new, new_length)) if length == new_length => {
                let length = *length as usize;
                let elements = self.elements(old, new)?;
                elements.map(|elements| elements.repeated(length))
            }
            (Type::Map(key, value), Type::Map(new_key, new_value)) => {
                let keys = self.elements(key, new_key)?;
                let values = self.elements(value, new_value)?;
                keys.zip(values).map(|(keys, values)| entries(keys, values))
            }
            (Type::Tuple(old), Type::Tuple(new)) if old.len() == new.len() => {
                let (old, new) = (numbered(old), numbered(new));
                Some(folded(self.fields(&old, &new, 0)?, size_of_fields(&new)?))
            }
            (Type::Struct(old), Type::Struct(new)) => {
                Some(folded(self.fields(old, new, 0)?, size_of_fields(new)?))
            }
            (Type::Enum(old), Type::Enum(new)) => self.variants(old, new)?,
            (Type::String, Type::String) => Some(Convert::Text),
            (old, Type::List(element)) => {
                self.widened(old, new);
                let elements = self.elements(old, element)?;
                elements.map(|elements| Convert::One(Box::new(elements)))
            }
            _ => match scalars(old, new)? {
                Some((old, new)) if old == new => Some(Convert::Copy(old.size())),
                Some((from, to)) if to.has_all_of(from) => {
                    self.widened(old, new);
                    Some(Convert::Integer(from, to))
                }
                Some((Scalar::F32, Scalar::F64)) => {
                    self.widened(old, new);
                    Some(Convert::Widen)
                }
                _ => {
                    let here = self.here();
                    self.refused.push(format!("`{here}` is {new}, was {old}"));
                    None
                }
            },
        };
        Ok(plan)
    }

    fn elements(&mut self, old: &Type, new: &Type) -> Result<Option<Elements>> {
        let (from, to) = (size(old)?, size(new)?);
        let convert = self.value(old, new)?;
        Ok(convert.map(|convert| Elements { convert, from, to }))
    }

    fn variants(&mut self, old: &[VariantType], new: &[VariantType]) -> Result<Option<Convert>> {
        let sources = sources(old, new);
        let mut plans = Vec::new();
        for (i, before) in old.iter().enumerate() {
            let found = sources.iter().position(|source| *source == Some(i));
            let Some((position, after)) = found.and_then(|at| Some((at, new.get(at)?))) else {
                let gone = self.below(&before.name);
                self.refused.push(format!("the variant `{gone}` is gone"));
                continue;
            };
            self.path.push(after.name.clone());
            if before.name != after.name {
                let now = self.here();
                self.changes.push(format!(
                    "the variant `{}` is renamed to `{now}`",
                    before.name
                ));
            }
            let fields = self.fields(&before.fields, &after.fields, 1)?;
            self.path.pop();
            let tag =
                u8::try_from(position).map_err(|_| Error::corrupt("more than 256 variants"))?;
            plans.push(Some(VariantPlan { tag, fields }));
        }
        for (variant, source) in new.iter().zip(&sources) {
            if source.is_none() {
                let added = self.below(&variant.name);
                self.changes.push(format!("the variant `{added}` is added"));
            }
        }
        Ok(Some(Convert::Variants(plans)))
    }

    fn widened(&mut self, old: &Type, new: &Type) {
        let here = self.here();
        self.changes.push(format!("`{here}` is {new}, was {old}"));
    }

    fn here(&self) -> String {
        self.path.join(".")
    }

    fn below(&self, name: &str) -> String {
        let names = self.path.iter().map(String::as_str).chain([name]);
        names.collect::<Vec<_>>().join(".")
    }
}

/// The plan of a field that has its default, where it has one.
pub(super) fn default_plan(field: &FieldType, to: usize) -> Result<Option<FieldPlan>> {
    let Some((body, at)) = default_of(field)? else {
        return Ok(None);
    };
    Ok(Some(FieldPlan {
        to,
        convert: unchanged(&field.ty)?,
        origin: Origin::Default(body, at),
    }))
}

/// A field's default and where it lies in its body.
pub(super) fn default_of(field: &FieldType) -> Result<Option<(Vec<u8>, usize)>> {
    let Some(body) = &field.default else {
        return Ok(None);
    };
    let at = root_of_default(body, &Layout::of_type(&field.ty)?)
        .map_err(|error| error.during(format!("the default of field {:?}", field.name)))?;
    Ok(Some((body.clone(), at)))
}

/// Appends a plan, or makes the last one longer where both copy what lies side by side.
pub(super) fn push_plan(plans: &mut Vec<FieldPlan>, to: usize, from: usize, convert: Convert) {
    if let (
        Convert::Copy(size),
        Some(FieldPlan {
            to: last_to,
            convert: Convert::Copy(last_size),
            origin: Origin::Record(last_from),
        }),
    ) = (&convert, plans.last_mut())
        && *last_to + *last_size == to
        && *last_from + *last_size == from
    {
        *last_size += size;
        return;
    }
    plans.push(FieldPlan {
        to,
        convert,
        origin: Origin::Record(from),
    });
}

/// The plan of a map: it is a list of entries. That a wider key sorts as it did keeps them in order.
pub(super) fn entries(keys: Elements, values: Elements) -> Convert {
    let (from, to) = (keys.from + values.from, keys.to + values.to);
    let mut plans = Vec::new();
    push_plan(&mut plans, 0, 0, keys.convert);
    push_plan(&mut plans, keys.to, keys.from, values.convert);
    let convert = folded(plans, to);
    Convert::List(Box::new(Elements { convert, from, to }))
}

/// The plan of a struct: a mere copy where all of it is.
pub(super) fn folded(plans: Vec<FieldPlan>, size: usize) -> Convert {
    match plans.as_slice() {
        [
            FieldPlan {
                to: 0,
                convert: Convert::Copy(copied),
                origin: Origin::Record(0),
            },
        ] if *copied == size => Convert::Copy(size),
        _ => Convert::Fields(plans),
    }
}

/// Where each field starts.
pub(super) fn offsets(fields: &[FieldType], start: usize) -> Result<Vec<usize>> {
    let mut at = start;
    let mut offsets = Vec::with_capacity(fields.len());
    for field in fields {
        offsets.push(at);
        at += size(&field.ty)?;
    }
    Ok(offsets)
}

/// The elements of a tuple as fields.
pub(super) fn numbered(types: &[Type]) -> Vec<FieldType> {
    let field = |(i, ty): (usize, &Type)| FieldType {
        name: i.to_string(),
        ty: ty.clone(),
        renamed_from: Vec::new(),
        default: None,
    };
    types.iter().enumerate().map(field).collect()
}

pub(super) fn size(ty: &Type) -> Result<usize> {
    Ok(Layout::of_type(ty)?.size)
}

pub(super) fn size_of_fields(fields: &[FieldType]) -> Result<usize> {
    fields.iter().map(|field| size(&field.ty)).sum()
}

/// Both as scalars, where both are.
pub(super) fn scalars(old: &Type, new: &Type) -> Result<Option<(Scalar, Scalar)>> {
    let scalar = |ty: &Type| -> Result<Option<Scalar>> {
        // Nothing else is without parts.
        let plain = !matches!(
            ty,
            Type::Option(_)
                | Type::List(_)
                | Type::Array(..)
                | Type::Tuple(_)
                | Type::Map(..)
                | Type::Struct(_)
                | Type::Enum(_)
        );
        Ok(match plain.then(|| Layout::of_type(ty)).transpose()? {
            Some(Layout {
                kind: Kind::Scalar(scalar),
                ..
            }) => Some(scalar),
            _ => None,
        })
    };
    Ok(scalar(old)?.zip(scalar(new)?))
}
