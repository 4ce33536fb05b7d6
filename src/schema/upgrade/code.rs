//! What code did the program give for the steps that need some?

use std::collections::HashMap;

use crate::base::sync::{Arc, RwLock};
use crate::schema::step::{Convert, Revert, Step};

/// The code of every collection, as far as the program has registered it. It is no part of the file.
#[derive(Default)]
pub(crate) struct CodeBook(RwLock<HashMap<(String, u32, u32), Arc<Code>>>);

/// The way from one version to the next, and back.
pub(crate) struct Code {
    pub(crate) up: Convert,
    pub(crate) down: Option<Revert>,
}

impl CodeBook {
    /// The code for a step of a collection.
    pub(crate) fn find(&self, collection: &str, from: u32, to: u32) -> Option<Arc<Code>> {
        let book = self.0.read();
        book.get(&(collection.to_owned(), from, to)).cloned()
    }

    /// Notes the code for a step; the last that was noted holds.
    pub(crate) fn note(&self, collection: &str, from: u32, to: u32, code: Code) {
        let step = (collection.to_owned(), from, to);
        self.0.write().insert(step, Arc::new(code));
    }
}

/// Notes the steps that lead to a record.
pub(crate) fn note_steps(book: &CodeBook, steps: &[Step]) {
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
