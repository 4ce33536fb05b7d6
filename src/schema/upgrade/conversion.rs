//! How does the body of one version become that of another? Value by value, by a plan that was made once
//! from the two descriptors; no Rust type of either is needed.
//!
//! The bytes are those that rkyv would write of the same record (see `schema/layout.rs`): what a value
//! points to is written before it, in the order of the fields.

use std::ops::Range;

use crate::base::limits::BODY_BYTES_MAX;
use crate::base::{Error, ErrorKind, Result};
use crate::schema::json::to_text;
use crate::schema::layout::{Layout, Scalar};
use crate::schema::view::ValueRef;
use crate::schema::view::{
    Budget, STRING_SIZE, Slot, read, read_scalar, read_text_bytes, root_of, row,
};

/// The plan of a whole record.
#[derive(Debug)]
pub(crate) struct Conversion {
    pub(super) from: Layout,
    pub(super) fields: Vec<FieldPlan>,
    /// Bytes of the record that is written.
    pub(super) size: usize,
    /// The layout of what [`Origin::Before`] reads.
    pub(super) before: Option<Layout>,
}

/// What a record was before it came to be of a later version.
#[derive(Clone, Copy)]
pub(super) struct Before<'b> {
    pub(super) body: &'b [u8],
    /// And what it became by that.
    pub(super) became: &'b [u8],
}

/// How one value becomes another.
#[derive(Clone, Debug)]
pub(super) enum Convert {
    /// So many bytes as they are.
    Copy(usize),
    /// An integer of up to 64 bits becomes another; where it does not fit, it cannot be.
    Integer(Scalar, Scalar),
    /// `f32` becomes `f64`.
    Widen,
    /// `f64` becomes `f32`, where that is the same number.
    Narrow,
    Text,
    /// `T` becomes `Option<T>`.
    Some(Box<Convert>),
    /// `Option<T>` becomes `T`, where there is one.
    Unwrap(Box<Convert>),
    Option(Box<Convert>),
    List(Box<Elements>),
    /// `T` becomes a list of one.
    One(Box<Elements>),
    /// A list of one becomes `T`.
    Only(Box<Elements>),
    Array(Box<Elements>, usize),
    Fields(Vec<FieldPlan>),
    /// By the tag of the variant; `None` where there is no such variant any more.
    Variants(Vec<Option<VariantPlan>>),
}

/// How each element becomes another, and how many bytes each takes.
#[derive(Clone, Debug)]
pub(super) struct Elements {
    pub(super) convert: Convert,
    pub(super) from: usize,
    pub(super) to: usize,
}

impl Convert {
    /// An option becomes another by what its content does: a mere copy where that is one.
    pub(super) fn within_option(self) -> Self {
        match self {
            Self::Copy(size) => Self::Copy(size + 1),
            inner => Self::Option(Box::new(inner)),
        }
    }

    /// Whether it lacks something that was lost.
    pub(super) fn lacks(&self) -> bool {
        match self {
            Self::Copy(_) | Self::Integer(..) | Self::Widen | Self::Narrow | Self::Text => false,
            Self::Some(inner) | Self::Unwrap(inner) | Self::Option(inner) => inner.lacks(),
            Self::List(elements) | Self::One(elements) | Self::Only(elements) => {
                elements.convert.lacks()
            }
            Self::Array(elements, _) => elements.convert.lacks(),
            Self::Fields(fields) => fields.iter().any(FieldPlan::lacks),
            Self::Variants(variants) => variants
                .iter()
                .flatten()
                .any(|variant| variant.fields.iter().any(FieldPlan::lacks)),
        }
    }
}

impl FieldPlan {
    fn lacks(&self) -> bool {
        !matches!(self.origin, Origin::Record(_)) || self.convert.lacks()
    }
}

impl Elements {
    /// An array of so many: a mere copy where all of it is.
    pub(super) fn repeated(self, length: usize) -> Convert {
        match self.convert {
            Convert::Copy(size) if self.copies() => Convert::Copy(size * length),
            _ => Convert::Array(Box::new(self), length),
        }
    }

    /// Whether each element is copied as it lies, and nothing between them.
    fn copies(&self) -> bool {
        matches!(self.convert, Convert::Copy(size) if size == self.from && size == self.to)
    }
}

#[derive(Clone, Debug)]
pub(super) struct VariantPlan {
    pub(super) tag: u8,
    pub(super) fields: Vec<FieldPlan>,
}

/// Where a field comes from. One that stays `None` is none of these.
#[derive(Clone, Debug)]
pub(super) struct FieldPlan {
    /// Bytes from the start of what holds the field that is written.
    pub(super) to: usize,
    pub(super) convert: Convert,
    pub(super) origin: Origin,
}

#[derive(Clone, Debug)]
pub(super) enum Origin {
    /// So many bytes from the start of what holds it in the record.
    Record(usize),
    /// The value that every such field has, and where it lies in that body.
    Default(Vec<u8>, usize),
    /// From the record as it was before; where there is none, the other.
    Before(Lost, Box<Otherwise>),
    /// What it was before, if it still is what that became; else what is made of it now.
    Unchanged(Box<Unchanged>),
    /// Nothing has it, and it is `None`.
    Nothing,
    /// Nothing has it: a record that needs it cannot be.
    Nowhere(String),
}

/// A value that lost something within lists and the like, so that it is taken as it was where nobody has
/// changed it.
#[derive(Clone, Debug)]
pub(super) struct Unchanged {
    /// Bytes from the start of what holds it in the record, and from the start of the record.
    pub(super) from: usize,
    pub(super) from_root: usize,
    /// How it lies there.
    pub(super) layout: Layout,
    /// Where it lies in the record as it was before.
    pub(super) before: Lost,
    /// The options that hold it in the record, which have to be `Some` in what became of that.
    pub(super) tags: Vec<usize>,
    /// How it is taken from there.
    pub(super) copy: Convert,
}

/// A place in the record as it was before.
#[derive(Clone, Debug)]
pub(super) struct Lost {
    /// Bytes from its start.
    pub(super) at: usize,
    /// The options that hold it, which have to be `Some`.
    pub(super) tags: Vec<usize>,
}

/// What a field is where there is no earlier record.
#[derive(Clone, Debug)]
pub(super) enum Otherwise {
    None,
    Default(Vec<u8>, usize),
    Nowhere(String),
}

impl Conversion {
    /// Appends the other version's body of the record in `body`. `before` is the record that the fields
    /// which were lost are taken from.
    pub(super) fn apply(
        &self,
        body: &[u8],
        before: Option<Before<'_>>,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let start = out.len();
        let written = self.write(body, before, out);
        if written.is_err() {
            out.truncate(start);
        }
        written
    }

    fn write(&self, body: &[u8], before: Option<Before<'_>>, out: &mut Vec<u8>) -> Result<()> {
        let before = match (before, &self.before) {
            (Some(Before { body, became }), Some(layout)) => Some(Earlier {
                was: Source::root(body, layout)?,
                became: Source::root(became, &self.from)?,
            }),
            _ => None,
        };
        let mut writer = Writer {
            start: out.len(),
            out,
            inline: vec![0; self.size],
            pointers: Vec::new(),
            before,
        };
        let source = Source::root(body, &self.from)?;
        writer.fields(source, &self.fields, 0, &mut Budget::new(body.len()))?;
        writer.finish(0, 0)?;
        Ok(())
    }
}

/// A place in a body that is read.
#[derive(Clone, Copy)]
struct Source<'b> {
    body: &'b [u8],
    at: usize,
}

/// What a record was, and what it became.
#[derive(Clone, Copy)]
struct Earlier<'b> {
    was: Source<'b>,
    became: Source<'b>,
}

impl<'b> Earlier<'b> {
    /// Where a value lies in what was before, if it is still what that became.
    fn unchanged(self, now: Source<'_>, unchanged: &Unchanged) -> Result<Option<Source<'b>>> {
        let Some(was) = self.was.lost(&unchanged.before)? else {
            return Ok(None);
        };
        if !self.became.are_some(&unchanged.tags)? {
            return Ok(None);
        }
        let became = self.became.plus(unchanged.from_root);
        Ok(now.same(became, &unchanged.layout)?.then_some(was))
    }
}

impl<'b> Source<'b> {
    /// A place in what was before, if it is there.
    fn lost(self, lost: &Lost) -> Result<Option<Self>> {
        Ok(self.are_some(&lost.tags)?.then(|| self.plus(lost.at)))
    }

    /// Whether the options are all `Some` whose tags lie so many bytes from here. The outer ones come first.
    fn are_some(self, tags: &[usize]) -> Result<bool> {
        for tag in tags {
            if !is_some(self.plus(*tag))? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn root(body: &'b [u8], layout: &Layout) -> Result<Self> {
        let at = root_of(body, layout)?;
        Ok(Self { body, at })
    }

    /// Whether both have the same value there.
    fn same(self, other: Self, layout: &Layout) -> Result<bool> {
        let text = |source: Self| {
            let Self { body, at } = source;
            let slot = Slot { body, at, layout };
            to_text(slot.value()?, body.len())
        };
        Ok(text(self)? == text(other)?)
    }

    fn plus(self, bytes: usize) -> Self {
        Self {
            at: self.at + bytes,
            ..self
        }
    }
}

/// What writes a body. Values of known size are gathered in `inline`, innermost last, until what they
/// point to is written and their own place is known.
struct Writer<'w> {
    out: &'w mut Vec<u8>,
    /// Where the body starts in `out`.
    start: usize,
    inline: Vec<u8>,
    /// The pointers within `inline`.
    pointers: Vec<Pointer>,
    before: Option<Earlier<'w>>,
}

/// A relative pointer that cannot be written yet.
struct Pointer {
    /// Where its four bytes are in `inline`.
    at: usize,
    /// From where it counts, in `inline`.
    from: usize,
    /// Where it points, in the body.
    to: usize,
}

impl<'w> Writer<'w> {
    /// Appends what was gathered from `block` on; gives where it lies in the body.
    fn finish(&mut self, block: usize, pointers: usize) -> Result<usize> {
        let place = self.out.len() - self.start;
        for pointer in self.pointers.drain(pointers..) {
            let from = place + (pointer.from - block);
            let distance = i64::try_from(pointer.to).ok().zip(i64::try_from(from).ok());
            let offset = distance.and_then(|(to, from)| i32::try_from(to - from).ok());
            let offset = offset.ok_or_else(too_large)?;
            put(&mut self.inline, pointer.at, &offset.to_le_bytes());
        }
        let bytes = self.inline.get(block..).unwrap_or_default();
        grow(self.out.len() - self.start, bytes.len())?;
        self.out.extend_from_slice(bytes);
        self.inline.truncate(block);
        Ok(place)
    }

    /// What was before in a place, if there was something.
    fn lost(&self, lost: &Lost) -> Result<Option<Source<'w>>> {
        match self.before {
            Some(Earlier { was, .. }) => was.lost(lost),
            None => Ok(None),
        }
    }

    /// Makes room for a row of elements; gives where it is in `inline`.
    fn block(&mut self, elements: usize, size: usize) -> Result<usize> {
        let block = self.inline.len();
        let bytes = elements.checked_mul(size).ok_or_else(too_large)?;
        grow(self.out.len() - self.start + block, bytes)?;
        self.inline.resize(block + bytes, 0);
        Ok(block)
    }

    fn fields(
        &mut self,
        source: Source<'_>,
        fields: &[FieldPlan],
        to: usize,
        budget: &mut Budget,
    ) -> Result<()> {
        for field in fields {
            let to = to + field.to;
            match &field.origin {
                Origin::Record(at) => {
                    self.value(source.plus(*at), &field.convert, to, budget)?;
                }
                Origin::Default(body, at) => self.default(body, *at, &field.convert, to)?,
                Origin::Unchanged(unchanged) => {
                    let now = source.plus(unchanged.from);
                    match self.before.map(|before| before.unchanged(now, unchanged)) {
                        Some(Ok(Some(was))) => {
                            let mut budget = Budget::new(was.body.len());
                            self.value(was, &unchanged.copy, to, &mut budget)?;
                        }
                        Some(Err(error)) => return Err(error),
                        Some(Ok(None)) | None => self.value(now, &field.convert, to, budget)?,
                    }
                }
                Origin::Before(lost, otherwise) => match (self.lost(lost)?, &**otherwise) {
                    (Some(was), _) => {
                        let mut budget = Budget::new(was.body.len());
                        self.value(was, &field.convert, to, &mut budget)?;
                    }
                    (None, Otherwise::None) => {}
                    (None, Otherwise::Default(body, at)) => {
                        self.default(body, *at, &field.convert, to)?;
                    }
                    (None, Otherwise::Nowhere(name)) => return Err(nowhere(name)),
                },
                Origin::Nothing => {}
                Origin::Nowhere(name) => return Err(nowhere(name)),
            }
        }
        Ok(())
    }

    fn default(&mut self, body: &[u8], at: usize, convert: &Convert, to: usize) -> Result<()> {
        let source = Source { body, at };
        self.value(source, convert, to, &mut Budget::new(body.len()))
    }

    fn value(
        &mut self,
        source: Source<'_>,
        convert: &Convert,
        to: usize,
        budget: &mut Budget,
    ) -> Result<()> {
        let Source { body, at } = source;
        match convert {
            Convert::Copy(size) => {
                put(&mut self.inline, to, part(body, at..at + size)?);
            }
            Convert::Integer(from, wanted) => self.integer(source, *from, *wanted, to)?,
            Convert::Widen => {
                let value = f64::from(f32::from_le_bytes(read(body, at)?));
                put(&mut self.inline, to, &value.to_le_bytes());
            }
            Convert::Narrow => {
                let value = narrow(f64::from_le_bytes(read(body, at)?))?;
                put(&mut self.inline, to, &value.to_le_bytes());
            }
            Convert::Text => self.text(read_text_bytes(body, at)?, to, budget)?,
            Convert::Some(convert) => {
                put(&mut self.inline, to, &[1]);
                self.value(source, convert, to + 1, budget)?;
            }
            Convert::Option(convert) => {
                if is_some(source)? {
                    put(&mut self.inline, to, &[1]);
                    self.value(source.plus(1), convert, to + 1, budget)?;
                }
            }
            Convert::Unwrap(convert) => {
                if !is_some(source)? {
                    return Err(unfit("there is none, and the earlier version needs one"));
                }
                self.value(source.plus(1), convert, to, budget)?;
            }
            Convert::List(elements) => {
                let (at, length) = row(body, at, elements.from)?;
                budget.spend(length.saturating_mul(elements.from))?;
                self.list(Source { body, at }, length, elements, to, budget)?;
            }
            Convert::One(elements) => self.list(source, 1, elements, to, budget)?,
            Convert::Only(elements) => {
                let (at, length) = row(body, at, elements.from)?;
                if length != 1 {
                    return Err(unfit(format!(
                        "a list has {length} elements, and the earlier version has place for one"
                    )));
                }
                budget.spend(elements.from)?;
                self.value(Source { body, at }, &elements.convert, to, budget)?;
            }
            Convert::Array(elements, length) => {
                for i in 0..*length {
                    let element = source.plus(i * elements.from);
                    self.value(element, &elements.convert, to + i * elements.to, budget)?;
                }
            }
            Convert::Fields(fields) => self.fields(source, fields, to, budget)?,
            Convert::Variants(variants) => {
                let [tag] = read::<1>(body, at)?;
                let Some(variant) = variants.get(usize::from(tag)) else {
                    return Err(Error::corrupt(format!("there is no variant {tag}")));
                };
                let Some(variant) = variant else {
                    return Err(unfit("it has a variant that the earlier version lacks"));
                };
                put(&mut self.inline, to, &[variant.tag]);
                self.fields(source, &variant.fields, to, budget)?;
            }
        }
        Ok(())
    }

    fn integer(
        &mut self,
        source: Source<'_>,
        from: Scalar,
        wanted: Scalar,
        to: usize,
    ) -> Result<()> {
        let value = match read_scalar(from, source.body, source.at)? {
            ValueRef::U64(value) => i128::from(value),
            ValueRef::I64(value) => i128::from(value),
            ValueRef::I128(value) => value,
            ValueRef::U128(value) => i128::try_from(value).map_err(|_| too_great(value))?,
            _ => return Err(Error::corrupt("a number is none")),
        };
        let bytes = wanted
            .integer_bytes(value)
            .ok_or_else(|| too_great(value))?;
        let size = wanted.size();
        put(&mut self.inline, to, bytes.get(..size).unwrap_or_default());
        Ok(())
    }

    fn text(&mut self, text: &[u8], to: usize, budget: &mut Budget) -> Result<()> {
        if text.len() <= STRING_SIZE {
            let mut inline = [0xFF; STRING_SIZE];
            put(&mut inline, 0, text);
            put(&mut self.inline, to, &inline);
            return Ok(());
        }
        budget.spend(text.len())?;
        let place = self.out.len() - self.start;
        grow(place, text.len())?;
        self.out.extend_from_slice(text);
        let length = u32::try_from(text.len()).map_err(|_| too_large())?;
        let length = (length & 0x3F) | 0x80 | ((length & !0x3F) << 2);
        put(&mut self.inline, to, &length.to_le_bytes());
        self.pointers.push(Pointer {
            at: to + 4,
            from: to,
            to: place,
        });
        Ok(())
    }

    fn list(
        &mut self,
        source: Source<'_>,
        length: usize,
        elements: &Elements,
        to: usize,
        budget: &mut Budget,
    ) -> Result<()> {
        let place = match elements.convert {
            Convert::Copy(size) if elements.copies() => {
                let bytes = part(source.body, source.at..source.at + length * size)?;
                let place = self.out.len() - self.start;
                grow(place, bytes.len())?;
                self.out.extend_from_slice(bytes);
                place
            }
            _ => {
                let (block, pointers) = (self.block(length, elements.to)?, self.pointers.len());
                for i in 0..length {
                    let element = source.plus(i * elements.from);
                    let to = block + i * elements.to;
                    self.value(element, &elements.convert, to, budget)?;
                }
                self.finish(block, pointers)?
            }
        };
        let length = u32::try_from(length).map_err(|_| too_large())?;
        put(&mut self.inline, to + 4, &length.to_le_bytes());
        self.pointers.push(Pointer {
            at: to,
            from: to,
            to: place,
        });
        Ok(())
    }
}

/// Writes bytes into a place that is there.
fn put(place: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(place) = place.get_mut(at..at + bytes.len()) {
        place.copy_from_slice(bytes);
    }
}

fn part(body: &[u8], range: Range<usize>) -> Result<&[u8]> {
    body.get(range)
        .ok_or_else(|| Error::corrupt("a value lies outside its record"))
}

fn is_some(option: Source<'_>) -> Result<bool> {
    match read::<1>(option.body, option.at)? {
        [0] => Ok(false),
        [1] => Ok(true),
        [tag] => Err(Error::corrupt(format!(
            "an option's tag is {tag}, not 0 or 1"
        ))),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "whether something was lost is what is asked"
)]
fn narrow(value: f64) -> Result<f32> {
    let narrow = value as f32;
    if f64::from(narrow).to_bits() == value.to_bits() || value.is_nan() {
        return Ok(narrow);
    }
    Err(unfit(format!(
        "{value} is no `f32`, which the earlier version has there"
    )))
}

/// Whether a body may grow by so many bytes.
fn grow(bytes: usize, more: usize) -> Result<()> {
    if more > BODY_BYTES_MAX.saturating_sub(bytes) {
        return Err(too_large());
    }
    Ok(())
}

#[cold]
fn too_large() -> Error {
    unfit(format!(
        "it would be larger than {BODY_BYTES_MAX} bytes, the most a body can have"
    ))
}

#[cold]
fn too_great(value: impl std::fmt::Display) -> Error {
    unfit(format!(
        "{value} does not fit the type that the other version has there"
    ))
}

#[cold]
fn nowhere(name: &str) -> Error {
    unfit(format!(
        "the earlier version has a field `{name}`, and nothing tells what it is in this record: it was \
         written since, or changed there"
    ))
}

/// The error of a record that has no counterpart in the other version.
#[cold]
fn unfit(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::NotMigrated, message)
}

/// The value of a default that is a body by itself.
pub(super) fn root_of_default(body: &[u8], layout: &Layout) -> Result<usize> {
    let slot = Slot::root(body, layout)?;
    slot.value()?.walk(&mut Budget::new(body.len()))?;
    Ok(slot.at)
}
