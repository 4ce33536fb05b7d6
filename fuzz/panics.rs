//! Which panics end a run? All but those of redb, which are caught where redb is called; one that is
//! not caught there ends the run, too, at the end of the target.

use std::sync::Once;

pub fn let_redb_panic() {
    static SET: Once = Once::new();
    SET.call_once(|| {
        let otherwise = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let of_redb = panic.location().is_some_and(|at| at.file().contains("/redb-"));
            if !of_redb {
                otherwise(panic);
            }
        }));
    });
}
