//! Conversions of random records between random versions, against a model that goes field by field and
//! knows how each version was made of the one before; it shares no code with the plans.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::match_same_arms,
    reason = "numbers of all sizes are made of the same bits, and the model says each case by itself"
)]

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::conversion::Before;
use super::{compare_versions, plan_back};
use crate::base::ErrorKind;
use crate::schema::layout::Layout;
use crate::schema::types::{FieldType, RecordType, Type, VariantType};
use crate::schema::view::{Budget, Slot, ValueRef};

/// A value, as the model has it.
#[derive(Clone, Debug, PartialEq)]
enum Value {
    Integer(i128),
    Float(f64),
    Bool(bool),
    Text(String),
    None,
    List(Vec<Value>),
    Map(Vec<(Value, Value)>),
    Struct(Vec<(String, Value)>),
    Variant(String, Vec<(String, Value)>),
}

/// What was done to a type.
#[derive(Clone, Debug)]
enum Change {
    Keep,
    /// An option around it, or what is done within the one that is there.
    Some(Box<Change>),
    Within(Box<Change>),
    /// A list around it, or what is done to each element.
    One(Box<Change>),
    Each(Box<Change>),
    Entries(Box<Change>, Box<Change>),
    Fields(Vec<Origin>),
    Variants(BTreeMap<String, (String, Vec<Origin>)>),
}

/// Where a field comes from.
#[derive(Clone, Debug)]
enum Origin {
    Field(String, String, Change),
    New(String, Value),
}

impl Change {
    fn apply(&self, value: &Value) -> Value {
        match (self, value) {
            (Self::Keep, value) => value.clone(),
            (Self::Some(change), value) => change.apply(value),
            (Self::Within(_), Value::None) => Value::None,
            (Self::Within(change), value) => change.apply(value),
            (Self::One(change), value) => Value::List(vec![change.apply(value)]),
            (Self::Each(change), Value::List(list)) => {
                Value::List(list.iter().map(|value| change.apply(value)).collect())
            }
            (Self::Entries(key, value), Value::Map(entries)) => Value::Map(
                entries
                    .iter()
                    .map(|(k, v)| (key.apply(k), value.apply(v)))
                    .collect(),
            ),
            (Self::Fields(origins), Value::Struct(fields)) => Value::Struct(made(origins, fields)),
            (Self::Fields(origins), Value::List(elements)) => Value::List(
                origins
                    .iter()
                    .zip(elements)
                    .map(|(origin, value)| match origin {
                        Origin::Field(_, _, change) => change.apply(value),
                        Origin::New(_, value) => value.clone(),
                    })
                    .collect(),
            ),
            (Self::Variants(variants), Value::Variant(name, fields)) => {
                let (name, origins) = &variants[name];
                Value::Variant(name.clone(), made(origins, fields))
            }
            (change, value) => panic!("{change:?} of {value:?}"),
        }
    }
}

fn made(origins: &[Origin], fields: &[(String, Value)]) -> Vec<(String, Value)> {
    let make = |origin: &Origin| match origin {
        Origin::Field(old, new, change) => {
            let (_, value) = fields.iter().find(|(name, _)| name == old).unwrap();
            (new.clone(), change.apply(value))
        }
        Origin::New(name, value) => (name.clone(), value.clone()),
    };
    origins.iter().map(make).collect()
}

/// Numbers that follow from a seed (splitmix64).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap()
    }

    fn one_in(&mut self, chances: usize) -> bool {
        self.below(chances) == 0
    }

    fn name(&mut self) -> String {
        format!("f{}", self.next() % 1_000_000)
    }

    fn plain(&mut self) -> Type {
        match self.below(9) {
            0 => Type::U8,
            1 => Type::U16,
            2 => Type::U32,
            3 => Type::U64,
            4 => Type::I8,
            5 => Type::I32,
            6 => Type::I64,
            7 => Type::String,
            _ => Type::Bool,
        }
    }

    fn ty(&mut self, depth: usize) -> Type {
        if depth == 0 {
            return if self.one_in(6) {
                Type::F32
            } else {
                self.plain()
            };
        }
        match self.below(9) {
            0 => match self.ty(depth - 1) {
                // There is no option of an option.
                ty @ Type::Option(_) => ty,
                ty => Type::Option(Box::new(ty)),
            },
            1 => Type::List(Box::new(self.ty(depth - 1))),
            2 => Type::Array(Box::new(self.ty(depth - 1)), 2),
            3 => Type::Map(
                Box::new(if self.one_in(2) {
                    Type::U16
                } else {
                    Type::String
                }),
                Box::new(self.ty(depth - 1)),
            ),
            4 => Type::Tuple((0..=self.below(3)).map(|_| self.plain()).collect()),
            5 | 6 => Type::Struct(self.fields(depth)),
            7 => Type::Enum(
                (0..=self.below(4))
                    .map(|_| VariantType {
                        name: self.name(),
                        fields: if self.one_in(3) {
                            Vec::new()
                        } else {
                            self.fields(depth)
                        },
                        renamed_from: Vec::new(),
                    })
                    .collect(),
            ),
            _ => self.ty(0),
        }
    }

    fn fields(&mut self, depth: usize) -> Vec<FieldType> {
        (0..=self.below(4))
            .map(|_| FieldType {
                name: self.name(),
                ty: self.ty(depth - 1),
                renamed_from: Vec::new(),
                default: None,
            })
            .collect()
    }

    fn value(&mut self, ty: &Type) -> Value {
        let bits = self.next();
        match ty {
            Type::Bool => Value::Bool(bits & 1 == 0),
            Type::U8 => Value::Integer((bits as u8).into()),
            Type::U16 => Value::Integer((bits as u16).into()),
            Type::U32 => Value::Integer((bits as u32).into()),
            Type::U64 => Value::Integer(bits.into()),
            Type::U128 => Value::Integer((u128::from(bits) << 60).cast_signed()),
            Type::I8 => Value::Integer((bits as i8).into()),
            Type::I16 => Value::Integer((bits as i16).into()),
            Type::I32 => Value::Integer((bits as i32).into()),
            Type::I64 => Value::Integer((bits as i64).into()),
            Type::I128 => Value::Integer(i128::from(bits as i64) << 60),
            Type::F32 => Value::Float(f64::from(bits as f32 / 7.0)),
            Type::F64 => Value::Float(bits as f64 / 7.0),
            Type::String => Value::Text("abcdefghijklmnopqrstuv"[..self.below(20)].to_owned()),
            Type::Option(_) if bits.is_multiple_of(4) => Value::None,
            Type::Option(inner) => self.value(inner),
            Type::List(element) => {
                Value::List((0..self.below(4)).map(|_| self.value(element)).collect())
            }
            Type::Array(element, length) => {
                Value::List((0..*length).map(|_| self.value(element)).collect())
            }
            Type::Tuple(types) => Value::List(types.iter().map(|ty| self.value(ty)).collect()),
            Type::Map(key, value) => {
                let mut entries: Vec<(Value, Value)> = (0..self.below(4))
                    .map(|i| {
                        let key = match **key {
                            Type::String => Value::Text(format!("key number {i}")),
                            _ => Value::Integer(i as i128),
                        };
                        (key, self.value(value))
                    })
                    .collect();
                entries.dedup_by(|a, b| a.0 == b.0);
                Value::Map(entries)
            }
            Type::Struct(fields) => Value::Struct(self.values(fields)),
            Type::Enum(variants) => {
                let variant = &variants[self.below(variants.len())];
                Value::Variant(variant.name.clone(), self.values(&variant.fields))
            }
            other => panic!("{other}"),
        }
    }

    fn values(&mut self, fields: &[FieldType]) -> Vec<(String, Value)> {
        let value = |field: &FieldType| (field.name.clone(), self.value(&field.ty));
        fields.iter().map(value).collect()
    }

    /// A type that needs no code to follow, and what was done.
    fn evolved(&mut self, ty: &Type) -> (Type, Change) {
        if self.one_in(8) && !matches!(ty, Type::Option(_)) {
            let (inner, change) = self.evolved(ty);
            if !matches!(inner, Type::Option(_)) {
                return (Type::Option(Box::new(inner)), Change::Some(change.into()));
            }
        }
        // A list of lists is one of which each element became one.
        if self.one_in(8) && !matches!(ty, Type::List(_) | Type::Option(_)) {
            let (inner, change) = self.evolved(ty);
            return (Type::List(Box::new(inner)), Change::One(change.into()));
        }
        match ty {
            Type::U8 if self.one_in(2) => (Type::I32, Change::Keep),
            Type::U16 if self.one_in(2) => (Type::U64, Change::Keep),
            Type::U32 if self.one_in(2) => (Type::I64, Change::Keep),
            Type::U64 if self.one_in(2) => (Type::I128, Change::Keep),
            Type::I8 if self.one_in(2) => (Type::I16, Change::Keep),
            Type::I64 if self.one_in(2) => (Type::I128, Change::Keep),
            Type::F32 if self.one_in(2) => (Type::F64, Change::Keep),
            Type::Option(inner) => match self.evolved(inner) {
                (Type::Option(inner), change) => {
                    (Type::Option(inner), Change::Within(change.into()))
                }
                (inner, change) => (Type::Option(inner.into()), Change::Within(change.into())),
            },
            Type::List(element) => {
                let (element, change) = self.evolved(element);
                (Type::List(element.into()), Change::Each(change.into()))
            }
            Type::Array(element, length) => {
                let (element, change) = self.evolved(element);
                (
                    Type::Array(element.into(), *length),
                    Change::Each(change.into()),
                )
            }
            Type::Map(key, value) => {
                let (value, change) = self.evolved(value);
                let key = match **key {
                    Type::U16 if self.one_in(2) => Type::U32,
                    ref key => key.clone(),
                };
                let change = Change::Entries(Change::Keep.into(), change.into());
                (Type::Map(key.into(), value.into()), change)
            }
            Type::Tuple(types) => {
                let mut origins = Vec::new();
                let mut evolved = Vec::new();
                for (i, ty) in types.iter().enumerate() {
                    let (ty, change) = match ty {
                        Type::U8 => (Type::U32, Change::Keep),
                        ty => (ty.clone(), Change::Keep),
                    };
                    evolved.push(ty);
                    origins.push(Origin::Field(i.to_string(), i.to_string(), change));
                }
                (Type::Tuple(evolved), Change::Fields(origins))
            }
            Type::Struct(fields) => {
                let (fields, origins) = self.evolved_fields(fields);
                (Type::Struct(fields), Change::Fields(origins))
            }
            Type::Enum(variants) => {
                let mut evolved = Vec::new();
                let mut changes = BTreeMap::new();
                for variant in variants {
                    let (fields, origins) = self.evolved_fields(&variant.fields);
                    let (name, renamed_from) = self.renamed(&variant.name);
                    changes.insert(variant.name.clone(), (name.clone(), origins));
                    evolved.push(VariantType {
                        name,
                        fields,
                        renamed_from,
                    });
                }
                if self.one_in(2) {
                    let added = VariantType {
                        name: self.name(),
                        fields: self.fields(1),
                        renamed_from: Vec::new(),
                    };
                    evolved.insert(self.below(evolved.len() + 1), added);
                }
                let last = evolved.len() - 1;
                let swapped = self.below(evolved.len());
                evolved.swap(swapped, last);
                (Type::Enum(evolved), Change::Variants(changes))
            }
            ty => (ty.clone(), Change::Keep),
        }
    }

    fn renamed(&mut self, name: &str) -> (String, Vec<String>) {
        if self.one_in(3) {
            (self.name(), vec![self.name(), name.to_owned()])
        } else {
            (name.to_owned(), Vec::new())
        }
    }

    fn evolved_fields(&mut self, fields: &[FieldType]) -> (Vec<FieldType>, Vec<Origin>) {
        let mut made: Vec<(FieldType, Origin)> = Vec::new();
        for field in fields {
            if self.one_in(6) && fields.len() > 1 {
                continue;
            }
            let (ty, change) = self.evolved(&field.ty);
            let (name, renamed_from) = self.renamed(&field.name);
            let origin = Origin::Field(field.name.clone(), name.clone(), change);
            let default = None;
            let field = FieldType {
                name,
                ty,
                renamed_from,
                default,
            };
            made.push((field, origin));
        }
        while self.one_in(3) || made.is_empty() {
            let (name, ty) = (self.name(), self.ty(1));
            let (default, value) = if matches!(ty, Type::Option(_)) {
                (None, Value::None)
            } else {
                let value = self.value(&ty);
                (Some(body(&ty, &value)), value)
            };
            let field = FieldType {
                name: name.clone(),
                ty,
                renamed_from: Vec::new(),
                default,
            };
            let at = self.below(made.len() + 1);
            made.insert(at, (field, Origin::New(name, value)));
        }
        let swapped = self.below(made.len());
        made.swap(0, swapped);
        made.into_iter().unzip()
    }
}

/// What lies in one place: bytes, and pointers to what was written before.
enum Piece {
    Bytes(Vec<u8>),
    /// Four bytes to a place, counted from so many bytes before them.
    Pointer(usize, usize),
}

/// Writes what a value points to; gives the value itself.
fn pieces(ty: &Type, value: &Value, out: &mut Vec<u8>) -> Vec<Piece> {
    let list = |elements: Vec<Vec<Piece>>, out: &mut Vec<u8>| {
        let count = u32::try_from(elements.len()).unwrap();
        let at = place(elements.into_iter().flatten().collect(), out);
        vec![
            Piece::Pointer(at, 0),
            Piece::Bytes(count.to_le_bytes().into()),
        ]
    };
    match (ty, value) {
        (Type::Option(inner), Value::None) => {
            vec![Piece::Bytes(vec![
                0;
                Layout::of_type(inner).unwrap().size + 1
            ])]
        }
        (Type::Option(inner), value) => {
            let inner = pieces(inner, value, out);
            std::iter::once(Piece::Bytes(vec![1]))
                .chain(inner)
                .collect()
        }
        (ty, Value::Integer(integer)) => {
            let size = Layout::of_type(ty).unwrap().size;
            vec![Piece::Bytes(integer.to_le_bytes()[..size].into())]
        }
        (Type::F32, Value::Float(float)) => {
            vec![Piece::Bytes((*float as f32).to_le_bytes().into())]
        }
        (_, Value::Float(float)) => vec![Piece::Bytes(float.to_le_bytes().into())],
        (_, Value::Bool(bool)) => vec![Piece::Bytes(vec![u8::from(*bool)])],
        (_, Value::Text(text)) if text.len() <= 8 => {
            let mut bytes = text.clone().into_bytes();
            bytes.resize(8, 0xFF);
            vec![Piece::Bytes(bytes)]
        }
        (_, Value::Text(text)) => {
            let at = place(vec![Piece::Bytes(text.clone().into())], out);
            let length = u32::try_from(text.len()).unwrap();
            let length = (length % 64) | 0x80 | (length / 64 * 256);
            vec![
                Piece::Bytes(length.to_le_bytes().into()),
                Piece::Pointer(at, 4),
            ]
        }
        (Type::List(element), Value::List(values)) => {
            let elements = values.iter().map(|value| pieces(element, value, out));
            let elements: Vec<Vec<Piece>> = elements.collect();
            list(elements, out)
        }
        (Type::Map(key, element), Value::Map(entries)) => {
            let mut elements = Vec::new();
            for (k, v) in entries {
                let mut entry = pieces(key, k, out);
                entry.extend(pieces(element, v, out));
                elements.push(entry);
            }
            list(elements, out)
        }
        (Type::Array(element, _), Value::List(values)) => values
            .iter()
            .flat_map(|value| pieces(element, value, out))
            .collect(),
        (Type::Tuple(types), Value::List(values)) => {
            let both = types.iter().zip(values);
            both.flat_map(|(ty, value)| pieces(ty, value, out))
                .collect()
        }
        (Type::Struct(fields), Value::Struct(values)) => pieces_of_fields(fields, values, out),
        (Type::Enum(variants), Value::Variant(name, values)) => {
            let tag = variants
                .iter()
                .position(|variant| variant.name == *name)
                .unwrap();
            let mut all = vec![Piece::Bytes(vec![u8::try_from(tag).unwrap()])];
            all.extend(pieces_of_fields(&variants[tag].fields, values, out));
            let size: usize = all.iter().map(Piece::len).sum();
            let padding = Layout::of_type(ty).unwrap().size - size;
            all.push(Piece::Bytes(vec![0; padding]));
            all
        }
        (ty, value) => panic!("{value:?} is no {ty}"),
    }
}

fn pieces_of_fields(
    fields: &[FieldType],
    values: &[(String, Value)],
    out: &mut Vec<u8>,
) -> Vec<Piece> {
    let both = fields.iter().zip(values);
    both.flat_map(|(field, (_, value))| pieces(&field.ty, value, out))
        .collect()
}

impl Piece {
    fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Pointer(..) => 4,
        }
    }
}

/// Appends pieces; gives where they lie.
fn place(pieces: Vec<Piece>, out: &mut Vec<u8>) -> usize {
    let place = out.len();
    for piece in pieces {
        match piece {
            Piece::Bytes(bytes) => out.extend(bytes),
            Piece::Pointer(to, back) => {
                let from = i32::try_from(out.len() - back).unwrap();
                out.extend((i32::try_from(to).unwrap() - from).to_le_bytes());
            }
        }
    }
    place
}

/// The body of a value by itself.
fn body(ty: &Type, value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    let pieces = pieces(ty, value, &mut out);
    place(pieces, &mut out);
    out
}

/// The value that the dynamic view shows.
fn shown(value: ValueRef<'_>) -> Value {
    let fields = |fields: crate::schema::view::StructRef<'_>| {
        let field =
            |(i, name): (usize, &str)| (name.to_owned(), shown(fields.get(i).unwrap().unwrap()));
        fields.names().enumerate().map(field).collect()
    };
    match value {
        ValueRef::Null => Value::None,
        ValueRef::Bool(value) => Value::Bool(value),
        ValueRef::I64(value) => Value::Integer(value.into()),
        ValueRef::U64(value) => Value::Integer(value.into()),
        ValueRef::I128(value) => Value::Integer(value),
        ValueRef::U128(value) => Value::Integer(value.cast_signed()),
        ValueRef::F32(value) => Value::Float(value.into()),
        ValueRef::F64(value) => Value::Float(value),
        ValueRef::String(text) => Value::Text(text.to_owned()),
        ValueRef::List(list) => Value::List(list.iter().map(|v| shown(v.unwrap())).collect()),
        ValueRef::Map(map) => {
            let entry = |entry: crate::base::Result<(ValueRef<'_>, ValueRef<'_>)>| {
                let (key, value) = entry.unwrap();
                (shown(key), shown(value))
            };
            Value::Map(map.iter().map(entry).collect())
        }
        ValueRef::Struct(part) => Value::Struct(fields(part)),
        ValueRef::Variant(variant) => {
            Value::Variant(variant.name().to_owned(), fields(variant.fields()))
        }
        other => panic!("{other:?}"),
    }
}

fn record(version: u32, fields: Vec<FieldType>) -> RecordType {
    RecordType {
        name: "things".to_owned(),
        version,
        fields,
        key: Vec::new(),
        auto: false,
        indexes: Vec::new(),
        by_code: false,
        passed: false,
    }
}

/// What a record was, and what became of it.
fn was<'b>(body: &'b [u8], became: &'b [u8]) -> Before<'b> {
    Before { body, became }
}

fn read_record(record: &RecordType, body: &[u8]) -> Value {
    let layout = Layout::of_record(record).unwrap();
    let value = Slot::record(body, &layout).unwrap();
    value.walk(&mut Budget::new(body.len())).unwrap();
    shown(value)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 20 } else { 2_000 }))]

    #[test]
    fn a_conversion_equals_the_model_byte_for_byte(seed: u64) {
        let mut dice = Dice(seed);
        let old = record(1, dice.fields(3));
        let (fields, origins) = dice.evolved_fields(&old.fields);
        let new = record(2, fields);
        let compared = compare_versions(&old, &new).unwrap();
        prop_assert!(compared.refused.is_empty(), "{:?}", compared.refused);
        let conversion = compared.conversion.unwrap();
        let back = plan_back(&old, &new).unwrap().unwrap();
        for _ in 0..4 {
            let value = dice.value(&Type::Struct(old.fields.clone()));
            let before = body(&Type::Struct(old.fields.clone()), &value);
            prop_assert_eq!(&read_record(&old, &before), &value);
            let mut after = vec![0xEE; 3];
            conversion.apply(&before, None, &mut after).unwrap();
            let wanted = Change::Fields(origins.clone()).apply(&value);
            let expected = body(&Type::Struct(new.fields.clone()), &wanted);
            prop_assert_eq!(&read_record(&new, &after[3..]), &wanted);
            prop_assert_eq!(&after[3..], expected.as_slice());
            // And the way back.
            let mut again = Vec::new();
            let undone = back.apply(&after[3..], Some(was(&before, &after[3..])), &mut again);
            if compared.lossy {
                // Without what was before, what was lost is nowhere, or has its default.
                let mut alone = Vec::new();
                if let Err(error) = back.apply(&after[3..], None, &mut alone) {
                    prop_assert_eq!(error.kind(), ErrorKind::NotMigrated);
                    prop_assert!(alone.is_empty());
                }
            }
            undone.unwrap();
            prop_assert_eq!(again, before);
        }
    }

    #[test]
    fn a_step_that_needs_code_is_refused_by_name(seed: u64) {
        let mut dice = Dice(seed);
        let mut fields = dice.fields(2);
        let (old_type, new_type) = [
            (Type::U64, Type::U32),
            (Type::I32, Type::U64),
            (Type::U64, Type::I64),
            (Type::F64, Type::F32),
            (Type::U32, Type::F64),
            (Type::String, Type::Char),
            (Type::Option(Type::U8.into()), Type::U8),
            (Type::List(Type::U8.into()), Type::U8),
            (Type::Option(Type::U8.into()), Type::List(Type::U8.into())),
            (Type::Array(Type::U8.into(), 2), Type::Array(Type::U8.into(), 3)),
            (Type::Array(Type::U8.into(), 2), Type::List(Type::U8.into())),
            (Type::Tuple(vec![Type::U8]), Type::Tuple(vec![Type::U8, Type::U8])),
            (Type::Timestamp, Type::I64),
        ][dice.below(13)].clone();
        let at = dice.below(fields.len() + 1);
        let field = |ty| FieldType {
            name: "broken".to_owned(),
            ty,
            renamed_from: Vec::new(),
            default: None,
        };
        fields.insert(at, field(old_type.clone()));
        let old = record(1, fields.clone());
        fields[at] = field(new_type.clone());
        let new = record(2, fields);
        let compared = compare_versions(&old, &new).unwrap();
        prop_assert!(compared.conversion.is_none());
        let told = format!("`broken` is {new_type}, was {old_type}");
        prop_assert!(compared.refused.iter().any(|refused| refused.contains(&told)), "{:?}", compared.refused);
    }

    #[test]
    fn hostile_bytes_are_converted_or_refused(seed: u64, mut bytes: Vec<u8>, flips: [u16; 4]) {
        let mut dice = Dice(seed);
        let old = record(1, dice.fields(3));
        let (fields, _) = dice.evolved_fields(&old.fields);
        let new = record(2, fields);
        let conversion = compare_versions(&old, &new).unwrap().conversion.unwrap();
        let back = plan_back(&old, &new).unwrap().unwrap();
        let value = dice.value(&Type::Struct(old.fields.clone()));
        let mut honest = body(&Type::Struct(old.fields.clone()), &value);
        for flip in flips {
            let at = usize::from(flip >> 3) % honest.len();
            honest[at] ^= 1 << (flip & 7);
        }
        bytes.extend(dice.next().to_le_bytes());
        for body in [honest, bytes] {
            let mut out = Vec::new();
            if conversion.apply(&body, None, &mut out).is_ok() {
                let mut again = Vec::new();
                let _ = back.apply(&out, Some(was(&body, &out)), &mut again);
            }
        }
    }
}

fn field(name: &str, from: &[&str], ty: Type) -> FieldType {
    FieldType {
        name: name.to_owned(),
        ty,
        renamed_from: from.iter().map(|name| (*name).to_owned()).collect(),
        default: None,
    }
}

#[test]
fn a_field_comes_from_its_former_name_once() {
    let source = |old: &[FieldType], new: &[FieldType], name: &str| {
        super::source_of(old, new, name).map(|field| field.name.clone())
    };
    let [a, b] = ["a", "b"].map(|name| field(name, &[], Type::U8));
    let b_from_a = field("b", &["a"], Type::U8);
    let only = std::slice::from_ref(&b_from_a);
    let both = [a.clone(), b.clone()];
    // `b` takes the place of another `b`, which is lost.
    assert_eq!(source(&both, only, "b").as_deref(), Some("a"));
    // The rename has happened already: a new `a` is not its source.
    let done = [b_from_a.clone(), a.clone()];
    assert_eq!(source(&done, only, "b").as_deref(), Some("b"));
    assert_eq!(
        source(&done, &[b_from_a.clone(), a.clone()], "a").as_deref(),
        Some("a")
    );
    // What one was is not another's.
    let new = [b_from_a.clone(), a.clone()];
    assert_eq!(source(&[a], &new, "a"), None);
    // Two that change places, and stay so.
    let swapped = [field("a", &["b"], Type::U8), field("b", &["a"], Type::U8)];
    assert_eq!(source(&both, &swapped, "a").as_deref(), Some("b"));
    assert_eq!(source(&both, &swapped, "b").as_deref(), Some("a"));
    assert_eq!(source(&swapped, &swapped, "a").as_deref(), Some("a"));
}

#[test]
fn what_was_removed_comes_back_from_what_was_before() {
    let old = record(
        1,
        vec![
            field("kept", &[], Type::U8),
            field("lost", &[], Type::String),
        ],
    );
    let new = record(2, vec![field("kept", &[], Type::U32)]);
    let compared = compare_versions(&old, &new).unwrap();
    assert!(compared.lossy);
    assert_eq!(
        compared.changes,
        [
            "`kept` is u32, was u8",
            "`lost` is removed, and what it holds is lost"
        ]
        .map(str::to_owned)
    );
    let ty = Type::Struct(old.fields.clone());
    let text = Value::Text("a text out of line".to_owned());
    let value = |kept: i128, lost: &Value| {
        Value::Struct(vec![
            ("kept".to_owned(), Value::Integer(kept)),
            ("lost".to_owned(), lost.clone()),
        ])
    };
    let before = body(&ty, &value(7, &text));
    let back = plan_back(&old, &new).unwrap().unwrap();
    let written = |kept: i128| {
        let value = Value::Struct(vec![("kept".to_owned(), Value::Integer(kept))]);
        body(&Type::Struct(new.fields.clone()), &value)
    };
    let mut out = Vec::new();
    let became = written(7);
    back.apply(&written(9), Some(was(&before, &became)), &mut out)
        .unwrap();
    assert_eq!(out, body(&ty, &value(9, &text)));
    // Without what was before it cannot be, nor where a number has grown.
    for (kept, before) in [(9, None), (256, Some(was(&before, &became)))] {
        let error = back
            .apply(&written(kept), before, &mut Vec::new())
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotMigrated);
    }
}
