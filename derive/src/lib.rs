//! The attribute macros of larder: `#[record]` and `#[part]`.
//!
//! A macro reads its item into a model (`model`, `record_arguments`), checks it and reports every
//! mistake at once (`errors`), and only then writes code. It decides nothing by the spelling of
//! a type: the traits `Storable` and `IndexKey` of larder do.

#[macro_use]
mod code;
mod archived;
mod archived_enum;
mod bounds;
mod condition;
mod condition_code;
mod default_value;
mod errors;
mod field_attributes;
mod field_path;
mod index;
mod index_code;
mod key_code;
mod list;
mod model;
mod names;
mod part;
mod record;
mod record_arguments;
mod record_checks;
mod refused_types;
mod renamed;
mod step_code;
mod storable_code;
mod taken_names;
mod token_code;

use proc_macro::TokenStream;

/// Makes a struct the record of a collection: `#[record(name = "cities", version = 1)]`.
///
/// Options of the struct:
///
/// - `name = "cities"`: the name of the collection; the struct's name in `snake_case` without it.
/// - `version = 2`: the version of the schema, from 1; 1 without it.
/// - `from = CityV1`: the record of the version before, from which the program's own code makes this
///   one: `impl TryFrom<CityV1> for City`, or `From`. What attributes of the fields say needs no code.
/// - `downgrade`: beside `from`, that there is a way back: `impl larder::Downgrade<CityV1> for City`.
/// - `index(by_x = (a, desc(b), part.field))`: a compound index; `desc` sorts a part from the
///   greatest to the least, `fold` folds the case of text.
/// - `index(by_x = each(tags))`: an index over one path, here over the elements of a list.
/// - `unique(by_x = (a, b))`: an index that no two records may have the same key in.
/// - `index(by_x = a, when = population > 1000 && country == "FR")`: an index that holds the
///   records for which the condition is true. Paths are compared with constants by `==`, `!=`, `<`,
///   `<=`, `>` and `>=`; there are `&&`, `||`, `!`, `.is_some()` and `.is_none()`.
/// - `index(by_x = a, include = (b, part.field))`: an index whose entries have these fields as well, so that
///   a query for them, for its parts and for the key reads no record.
///
/// Attributes of the fields:
///
/// - `#[key]`: the primary key; several make a compound one, in declaration order.
/// - `#[key(auto)]`: a `u64` that `insert` assigns.
/// - `#[index]`, `#[unique]`: an index over this field, called `by_` and the field's name; with
///   `each` over the elements of a list, with `fold` over text of folded case, with `include = (a, b)`
///   having other fields in its entries.
/// - `#[default]`: records of earlier versions have no such field; it is what `Default` gives for its
///   type there, with `#[default = 5]` that value. Text may be written as a literal for every
///   type that is `From<&str>`.
/// - `#[renamed(from = "old")]`: what the field was called in earlier versions, of which a user may have
///   skipped any: keep each name for as long as there may be files with it. Several names with the
///   latest first. Two fields may exchange their names.
///
/// `#[larder::record]` stands before std's `#[derive(Default)]`, which refuses `#[default]` before a field.
///
/// For every field there is a constant for filters and sorts, `City::POPULATION`, for every index
/// one as well, `City::BY_COUNTRY`. Beside `City` there are `ArchivedCity`, which is what a view
/// shows, and `CityResolver`, which nobody needs to name.
#[proc_macro_attribute]
pub fn record(arguments: TokenStream, item: TokenStream) -> TokenStream {
    record::expand(arguments.into(), &item.into()).into()
}

/// Lets a struct or an enum stand in a field of a record.
///
/// A part has named fields or a tuple of them; the variants of an enum may have fields as well.
/// `#[part(key)]` makes it a key, too: it sorts by its fields in declaration order, an enum by the
/// position of its variant first.
///
/// Fields, also those of variants, have `#[default]` and `#[renamed(from = "old")]` as the fields of
/// a record have; a variant has `#[renamed(from = "Old")]`. `#[default]` before a variant is std's;
/// `#[larder::part]` stands before std's `#[derive(Default)]`, which refuses it before a field.
#[proc_macro_attribute]
pub fn part(arguments: TokenStream, item: TokenStream) -> TokenStream {
    part::expand(arguments.into(), &item.into()).into()
}
