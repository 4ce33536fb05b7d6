//! Floor 5: which records? Filters, sorting and paging over the records of one collection.

pub(crate) mod find;
pub(crate) mod sort;
