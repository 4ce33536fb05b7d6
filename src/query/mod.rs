//! Floor 5: which records? Filters, sorting and paging over the records of one collection.

mod bounds;
pub(crate) mod column;
mod conditions;
mod field_bounds;
pub(crate) mod find;
pub(crate) mod parallel;
pub(crate) mod plan;
pub(crate) mod sort;
pub(crate) mod span;
pub(crate) mod walk;
