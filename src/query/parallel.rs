//! How do several threads go through one table? Each goes through a span of its keys; whoever has nothing
//! left takes half of what another has still before it.

use std::ops::Bound;

use super::find::{Find, Met};
use super::walk::Seen;
use crate::base::sync::{Condvar, Mutex};
use crate::base::{Result, threads};
use crate::codec::key::between;
use crate::schema::catalog::Records;
use crate::store::{ReadTable, SnapshotTable};

/// Most threads of one query: more would wait for memory.
const THREADS_MAX: usize = 8;

/// Below so many records threads cost more than they bring.
pub(crate) const RECORDS_MIN: u64 = 4096;

/// How many records are gone through between two looks at whether somebody waits.
const LOOK_EVERY: u32 = 256;

/// What to do with the records that the filter takes.
pub(crate) struct Work<'w, A> {
    /// What a thread begins with.
    pub(crate) begin: &'w (dyn Fn() -> A + Sync),
    pub(crate) add: &'w Add<'w, A>,
}

/// What a record that was found adds to what is made.
pub(crate) type Add<'f, A> = dyn Fn(&mut A, Met<'_>) -> Result<()> + Sync + 'f;

/// Goes through the records between two keys, `upper` excluded, on several threads; gives what each made of
/// those that the filter takes.
pub(crate) fn scan<A: Send>(
    table: &SnapshotTable,
    info: &Records,
    find: &Find,
    work: &Work<'_, A>,
) -> Result<(Vec<A>, Seen)> {
    let Some(last) = last_key(table)? else {
        return Ok((Vec::new(), Seen::default()));
    };
    let shared = Shared::new(Part {
        after: None,
        to: last,
    });
    let run = || {
        let mut made = (work.begin)();
        let mut seen = Seen::default();
        shared.run(&mut |part| {
            part.go(table, &shared, &mut seen, |key, stored| {
                let met = Met::stored(key, stored);
                if find.takes(info, met)? {
                    (work.add)(&mut made, met)?;
                }
                Ok(())
            })
        })?;
        Ok((made, seen))
    };
    let results: Vec<Result<(A, Seen)>> = std::thread::scope(|scope| {
        // Where there is no thread to be had, those that there are do it all.
        let spawned: Vec<_> = (1..threads::up_to(THREADS_MAX))
            .filter_map(|_| std::thread::Builder::new().spawn_scoped(scope, run).ok())
            .collect();
        let mut results = vec![run()];
        for thread in spawned {
            match thread.join() {
                Ok(result) => results.push(result),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        results
    });
    let mut made = Vec::with_capacity(results.len());
    let mut all = Seen::default();
    for result in results {
        let (one, seen) = result?;
        made.push(one);
        all.keys += seen.keys;
        all.records += seen.records;
    }
    Ok((made, all))
}

fn last_key(table: &SnapshotTable) -> Result<Option<Vec<u8>>> {
    let mut range = ReadTable::Snapshot(table).range(crate::store::ALL)?;
    let last = range.next_back_with(|key, _| Ok(key.to_vec()));
    last.transpose()
}

/// Keys that nobody has gone through: behind one, up to and with another.
struct Part {
    after: Option<Vec<u8>>,
    to: Vec<u8>,
}

#[derive(Default)]
struct State {
    /// What nobody has begun.
    parts: Vec<Part>,
    /// How many threads are at a part, of which they may leave some to others.
    working: usize,
    /// How many threads wait for one.
    waiting: usize,
    /// Whether nothing more is to be done: everything is, or something failed.
    ended: bool,
}

struct Shared {
    state: Mutex<State>,
    woken: Condvar,
}

impl Shared {
    fn new(whole: Part) -> Self {
        let state = State {
            parts: vec![whole],
            ..State::default()
        };
        Self {
            state: Mutex::new(state),
            woken: Condvar::default(),
        }
    }

    /// Does one part after the other, until there is none and nobody who could leave one.
    fn run(&self, go: &mut dyn FnMut(Part) -> Result<()>) -> Result<()> {
        while let Some((part, mut working)) = self.next() {
            go(part)?;
            working.is_done = true;
        }
        Ok(())
    }

    fn next(&self) -> Option<(Part, Working<'_>)> {
        let mut state = self.state.lock();
        while !state.ended {
            if let Some(part) = state.parts.pop() {
                state.working += 1;
                let working = Working {
                    shared: self,
                    is_done: false,
                };
                return Some((part, working));
            }
            if state.working == 0 {
                state.ended = true;
                self.woken.notify_all();
                break;
            }
            state.waiting += 1;
            self.woken.wait(&mut state);
            state.waiting -= 1;
        }
        None
    }

    /// Leaves half of what lies between two keys to whoever waits, if somebody does; gives where to stop.
    fn share(&self, at: &[u8], to: &[u8]) -> Option<Vec<u8>> {
        let mut state = self.state.lock();
        if state.waiting <= state.parts.len() {
            return None;
        }
        let middle = between(at, to)?;
        state.parts.push(Part {
            after: Some(middle.clone()),
            to: to.to_vec(),
        });
        self.woken.notify_one();
        Some(middle)
    }
}

/// A thread that is at a part. Where it does not get to its end, by an error or a panic, all end.
struct Working<'s> {
    shared: &'s Shared,
    is_done: bool,
}

impl Drop for Working<'_> {
    fn drop(&mut self) {
        let mut state = self.shared.state.lock();
        state.working -= 1;
        state.ended |= !self.is_done;
        if state.ended || state.working == 0 {
            self.shared.woken.notify_all();
        }
    }
}

impl Part {
    fn go(
        self,
        table: &SnapshotTable,
        shared: &Shared,
        seen: &mut Seen,
        mut at: impl FnMut(&[u8], &[u8]) -> Result<()>,
    ) -> Result<()> {
        let lower = match &self.after {
            Some(after) => Bound::Excluded(after.as_slice()),
            None => Bound::Unbounded,
        };
        let mut to = self.to;
        let mut left = LOOK_EVERY;
        ReadTable::Snapshot(table).each(lower, |key, stored| {
            if key > to.as_slice() {
                return Ok(false);
            }
            seen.keys += 1;
            seen.records += 1;
            at(key, stored)?;
            left -= 1;
            if left == 0 {
                left = LOOK_EVERY;
                if let Some(middle) = shared.share(key, &to) {
                    to = middle;
                }
            }
            Ok(true)
        })
    }
}
