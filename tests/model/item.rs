//! The record of the model test: one index of every kind there is.

use larder::{part, record};

#[part]
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Place {
    pub(super) zone: u8,
    pub(super) spot: Option<i16>,
}

#[record(
    name = "items",
    index(by_group_score = (group, desc(score))),
    index(by_note_color = (note, fold(color), desc(size))),
    unique(by_pair = (pair, group), when = pair < 3),
    index(by_hot = score, when = score > 1 && group == "a" || size.is_none()),
    index(by_zone = place.zone),
    index(by_spot = place.spot),
    index(by_folded_notes = fold(note)),
)]
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Item {
    /// Keys of several lengths, some of which begin others.
    #[key]
    pub(super) key: String,
    #[unique]
    pub(super) slug: String,
    #[index]
    pub(super) color: String,
    #[index]
    pub(super) size: Option<i8>,
    #[unique]
    pub(super) badge: Option<u32>,
    #[index(each)]
    pub(super) tags: Vec<String>,
    #[unique(each)]
    pub(super) codes: Vec<u16>,
    #[index(fold)]
    pub(super) name: String,
    pub(super) note: Option<String>,
    pub(super) group: String,
    pub(super) pair: u8,
    pub(super) score: i16,
    pub(super) place: Place,
}
