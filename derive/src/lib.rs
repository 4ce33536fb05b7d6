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
#[proc_macro_attribute]
pub fn part(arguments: TokenStream, item: TokenStream) -> TokenStream {
    part::expand(arguments.into(), &item.into()).into()
}
