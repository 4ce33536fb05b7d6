//! What code did the program give for the steps that need some?

use std::collections::{HashMap, HashSet};

use crate::base::sync::{Arc, RwLock};
use crate::schema::step::{Convert, Revert, Step};

/// The code of every collection, as far as the program has registered it. It is no part of the file.
#[derive(Default)]
pub(crate) struct CodeBook {
    steps: RwLock<HashMap<(String, u32, u32), Arc<Code>>>,
    /// The collections of which the program has a declaration that fits.
    known: RwLock<HashSet<String>>,
}

/// The way from one version to the next, and back.
pub(crate) struct Code {
    pub(crate) up: Convert,
    pub(crate) down: Option<Revert>,
}

impl CodeBook {
    /// The code for a step of a collection.
    pub(crate) fn find(&self, collection: &str, from: u32, to: u32) -> Option<Arc<Code>> {
        let book = self.steps.read();
        book.get(&(collection.to_owned(), from, to)).cloned()
    }

    /// Notes that the program has a declaration that fits a collection.
    pub(crate) fn note_known(&self, collection: &str) {
        self.known.write().insert(collection.to_owned());
    }

    /// Whether the program has a declaration that fits a collection.
    pub(crate) fn knows(&self, collection: &str) -> bool {
        self.known.read().contains(collection)
    }

    /// Notes the code for a step; the last that was noted holds.
    pub(crate) fn note(&self, collection: &str, from: u32, to: u32, code: Code) {
        let step = (collection.to_owned(), from, to);
        self.steps.write().insert(step, Arc::new(code));
    }
}

/// Notes that the program knows a collection of records, and the steps that lead to it.
pub(crate) fn note_steps(book: &CodeBook, collection: &str, steps: &[Step]) {
    book.note_known(collection);
    for step in steps {
        let code = Code {
            up: step.up.clone(),
            down: step.down.clone(),
        };
        book.note(&step.to.name, step.from.version, step.to.version, code);
    }
}

impl std::fmt::Debug for CodeBook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CodeBook").finish_non_exhaustive()
    }
}
