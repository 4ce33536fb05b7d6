//! What can happen: operations over small domains, so that keys meet.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::item::{Item, Place};

#[derive(Clone, Debug)]
pub(super) enum Op {
    Insert(Item),
    Put(Item),
    /// Everything but the key becomes that of the item; the key as well if it says so.
    Update {
        item: Item,
        key_too: Option<String>,
    },
    ReplaceIf {
        item: Item,
        right: bool,
    },
    Remove(String),
    Take(String),
    /// Keeps the records with that bit in the sum of score and zone.
    Retain(u8),
    Clear,
    InsertMany(Vec<Item>),
    Load(Vec<Item>),
    /// The source of the load fails behind these.
    TryLoad(Vec<Item>),
    DropCollection,
    /// Compares everything within the transaction.
    Look,
    /// The handle is dropped, and the next operation opens another.
    Reopen,
}

/// How a transaction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// `write`, the closure gives `Ok`.
    Ok,
    /// `write`, the closure gives `Err`.
    Err,
    /// `write`, the closure panics while a handle is alive.
    Panic,
    /// `begin_write` and `commit`.
    Commit,
    /// `begin_write`, dropped.
    Drop,
    /// `begin_write`, a panic while guard and handle are alive.
    PanicOfGuard,
}

impl End {
    pub(super) fn commits(self) -> bool {
        matches!(self, Self::Ok | Self::Commit)
    }
}

#[derive(Clone, Debug)]
pub(super) struct Batch {
    pub(super) ops: Vec<Op>,
    pub(super) end: End,
}

pub(super) fn history(transactions: usize, ops: usize) -> impl Strategy<Value = Vec<Batch>> {
    vec(batch(ops), 1..=transactions)
}

fn batch(ops: usize) -> impl Strategy<Value = Batch> {
    let end = prop_oneof![
        5 => Just(End::Ok),
        2 => Just(End::Commit),
        2 => Just(End::Err),
        1 => Just(End::Panic),
        1 => Just(End::Drop),
        1 => Just(End::PanicOfGuard),
    ];
    (vec(op(), 1..=ops), end).prop_map(|(ops, end)| Batch { ops, end })
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        12 => item().prop_map(Op::Insert),
        12 => item().prop_map(Op::Put),
        8 => (item(), option::weighted(0.1, key()))
            .prop_map(|(item, key_too)| Op::Update { item, key_too }),
        8 => (item(), prop::bool::weighted(0.7))
            .prop_map(|(item, right)| Op::ReplaceIf { item, right }),
        5 => key().prop_map(Op::Remove),
        3 => key().prop_map(Op::Take),
        2 => (0..3u8).prop_map(Op::Retain),
        1 => Just(Op::Clear),
        6 => vec(item(), 0..4).prop_map(Op::InsertMany),
        6 => vec(item(), 0..5).prop_map(Op::Load),
        1 => vec(item(), 0..3).prop_map(Op::TryLoad),
        1 => Just(Op::DropCollection),
        2 => Just(Op::Look),
        2 => Just(Op::Reopen),
    ]
}

const KEYS: [&str; 8] = ["", "a", "a\0", "a\0b", "ab", "b", "ä", "\u{10FFFF}"];

fn key() -> impl Strategy<Value = String> {
    select(&KEYS[..]).prop_map(str::to_owned)
}

fn text(from: &'static [&'static str]) -> impl Strategy<Value = String> {
    select(from).prop_map(str::to_owned)
}

fn item() -> impl Strategy<Value = Item> {
    let slug = (0..25u8).prop_map(|n| format!("s{n}"));
    let texts = (
        text(&["red", "RED", "re", "", "red\0"]),
        text(&["Straße", "STRASSE", "strasse", "x"]),
        option::of(text(&["n", "N", "nn"])),
        text(&["a", "b"]),
    );
    let lists = (
        vec(text(&["t", "tt", "", "u"]), 0..4),
        vec(select(&[0u16, 1, 2, 255, 256, 600, 700, 65535][..]), 0..3),
    );
    let numbers = (
        option::of(select(&[i8::MIN, -1, 0, 1, i8::MAX][..])),
        option::weighted(0.5, 0..10u32),
        0..5u8,
        -2..4i16,
        0..3u8,
        option::of(select(&[i16::MIN, -1, 0, i16::MAX][..])),
    );
    (key(), slug, texts, lists, numbers).prop_map(|(key, slug, texts, lists, numbers)| {
        let (color, name, note, group) = texts;
        let (tags, codes) = lists;
        let (size, badge, pair, score, zone, spot) = numbers;
        let place = Place { zone, spot };
        Item {
            key,
            slug,
            color,
            size,
            badge,
            tags,
            codes,
            name,
            note,
            group,
            pair,
            score,
            place,
        }
    })
}
