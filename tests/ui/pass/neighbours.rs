//! Other derives and attributes beside larder's, private modules and types, items in functions.
#![deny(warnings)]

use serde::{Deserialize, Serialize};

type Count = u64;
type Labels = std::collections::BTreeMap<String, Vec<self::inner::Private>>;

/// Before and behind.
#[derive(Clone, Debug)]
#[larder::record(unique(by_labels = (code, note)))]
#[derive(PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[must_use]
pub(crate) struct Neighbour {
    /// Documented.
    #[serde(rename = "key")]
    #[key(auto)]
    id: u64,
    #[index]
    #[serde(default)]
    count: Count,
    labels: Labels,
    code: (u8, String),
    #[serde(skip)]
    note: Option<Box<str_like::Note>>,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[larder::part(key)]
enum State {
    #[default]
    New,
    #[serde(rename = "finished")]
    Done,
}

mod inner {
    #[larder::part]
    #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    pub(super) struct Private {
        secret: u8,
    }
}

mod str_like {
    #[larder::part(key)]
    #[derive(Clone, Debug, PartialEq)]
    pub(crate) struct Note(pub(crate) String);
}

/// Public, with a private part in a private field.
#[larder::record(index(by_state = state, when = state == State::Done || hidden.is_none()))]
pub struct Public {
    #[key]
    pub id: u64,
    hidden: Option<Hidden>,
    state: Option<State>,
}

#[larder::part]
struct Hidden(u8);

fn main() {
    #[larder::record]
    struct Local {
        #[key]
        id: String,
        part: LocalPart,
    }

    #[larder::part]
    #[derive(Clone)]
    enum LocalPart {
        Only { value: i128 },
    }

    let local = Local { id: "x".to_owned(), part: LocalPart::Only { value: -1 } };
    let mut body = Vec::new();
    larder::Record::encode(&local, &mut body).unwrap();
    let local = <Local as larder::Record>::decode(&body).unwrap();
    let LocalPart::Only { value } = local.part;
    assert_eq!(value, -1);

    let public = Public { id: 1, hidden: Some(Hidden(1)), state: None };
    assert_eq!(larder::Record::key(&public), 1);
    assert_eq!(Public::STATE.path(), ["state"]);
    assert_eq!(Neighbour::COUNT.path(), ["count"]);
    assert_eq!(Neighbour::default().count, 0);
}
