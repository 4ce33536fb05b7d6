//! Whose turn is it to write, and who commits? One thread at a time has the baton; whoever has it passes
//! it on to the next, together with what is not committed yet, or commits for all of them.
//!
//! - Turns are given in the order in which they were asked for, and each thread does its own work: no
//!   thread runs another's closure.
//! - Whoever is done and sees others waiting passes the batch on; whoever sees nobody commits it. A single
//!   writer commits at once: nobody lingers for others to come.
//! - A thread that passed its batch on waits for its *fate*: what it read and wrote counts only when the
//!   batch is committed, and fails with it. A batch that is lost on the way, by a panic, has failed.
//! - Whoever asked to write alone begins with a batch of its own.

use std::collections::VecDeque;
use std::time::Duration;

use crate::base::sync::{Arc, Condvar, Mutex, MutexGuard, ThreadId, this_thread};
use crate::base::{Error, ErrorKind, Result, clock};

/// Those who write, and those who wait to; `B` is what they write together.
#[derive(Debug)]
pub(crate) struct Group<B>(Mutex<State<B>>);

#[derive(Debug)]
struct State<B> {
    /// Who has the baton.
    holder: Option<ThreadId>,
    /// Whom the baton was passed to, until they take it, and with which batch.
    passed: Option<(u64, Option<B>)>,
    waiting: VecDeque<Waiting>,
    /// The number of the next to wait.
    next: u64,
}

#[derive(Debug)]
struct Waiting {
    number: u64,
    thread: ThreadId,
    alone: bool,
    turn: Arc<Condvar>,
}

/// The baton, until it is dropped or passed on.
#[derive(Debug)]
pub(crate) struct Turn<B>(Option<Arc<Group<B>>>);

/// How a turn is asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ask {
    /// With a batch of its own.
    pub(crate) alone: bool,
    /// For at most so long.
    pub(crate) timeout: Option<Duration>,
}

/// However long it takes, with a batch of its own.
pub(crate) const ALONE: Ask = Ask {
    alone: true,
    timeout: None,
};

impl<B> Default for Group<B> {
    fn default() -> Self {
        Self(Mutex::new(State {
            holder: None,
            passed: None,
            waiting: VecDeque::new(),
            next: 0,
        }))
    }
}

impl<B> Group<B> {
    /// Waits for a turn; gives the batch to go on with, where there is one.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) when this thread has the baton; [`Busy`](ErrorKind::Busy) when
    /// the time ran out.
    pub(crate) fn take(self: &Arc<Self>, ask: Ask) -> Result<(Turn<B>, Option<B>)> {
        let me = this_thread();
        let mut state = self.0.lock();
        if state.holder == Some(me) {
            return Err(Error::invalid(
                "this thread is in a write transaction already; pass its `tx` along instead of \
                 beginning another",
            ));
        }
        if state.holder.is_none() {
            state.holder = Some(me);
            return Ok((Turn(Some(self.clone())), None));
        }
        let number = state.next;
        state.next += 1;
        let turn = Arc::new(Condvar::default());
        state.waiting.push_back(Waiting {
            number,
            thread: me,
            alone: ask.alone,
            turn: turn.clone(),
        });
        let batch = wait(&mut state, number, &turn, ask.timeout)?;
        Ok((Turn(Some(self.clone())), batch))
    }

    /// The baton goes to the next, with a batch that is not committed yet, or is free.
    fn give(state: &mut State<B>, batch: Option<B>) {
        state.holder = None;
        if let Some(next) = state.waiting.pop_front() {
            state.holder = Some(next.thread);
            state.passed = Some((next.number, batch));
            next.turn.notify_one();
        }
    }
}

fn wait<B>(
    state: &mut MutexGuard<'_, State<B>>,
    number: u64,
    turn: &Condvar,
    timeout: Option<Duration>,
) -> Result<Option<B>> {
    let begin = clock::instant();
    loop {
        if let Some((_, batch)) = state.passed.take_if(|(to, _)| *to == number) {
            return Ok(batch);
        }
        let Some(timeout) = timeout else {
            turn.wait(state);
            continue;
        };
        let waited = clock::instant().duration_since(begin);
        let Some(left) = timeout.checked_sub(waited).filter(|left| !left.is_zero()) else {
            state.waiting.retain(|waiting| waiting.number != number);
            return Err(Error::new(
                ErrorKind::Busy,
                format!("others were writing for {timeout:?}; nothing was done: try again"),
            ));
        };
        turn.wait_for(state, left);
    }
}

impl<B> Turn<B> {
    /// Passes the baton and a batch to the next who waits and would join it; gives both back when
    /// there is none.
    pub(crate) fn pass(mut self, batch: B) -> Option<(Self, B)> {
        let group = self.0.take()?;
        let mut state = group.0.lock();
        if state.waiting.front().is_some_and(|next| !next.alone) {
            Group::give(&mut state, Some(batch));
            return None;
        }
        drop(state);
        Some((Self(Some(group)), batch))
    }
}

impl<B> Drop for Turn<B> {
    fn drop(&mut self) {
        if let Some(group) = self.0.take() {
            Group::give(&mut group.0.lock(), None);
        }
    }
}

/// What became of a batch, once that is known.
#[derive(Debug, Default)]
pub(crate) struct Fate {
    verdict: Mutex<Option<Verdict>>,
    known: Condvar,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Committed,
    /// With the error that all of it failed with.
    Failed(ErrorKind, Arc<str>),
}

impl Fate {
    /// Tells everybody. Only the first verdict counts.
    pub(crate) fn decide(&self, verdict: Verdict) {
        self.verdict.lock().get_or_insert(verdict);
        self.known.notify_all();
    }

    /// Waits until it is known.
    pub(crate) fn wait(&self) -> Verdict {
        let mut verdict = self.verdict.lock();
        loop {
            if let Some(verdict) = &*verdict {
                return verdict.clone();
            }
            self.known.wait(&mut verdict);
        }
    }
}
