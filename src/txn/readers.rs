//! Which read transactions are alive? Compaction waits for them, and keeps new ones out for a moment.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::base::sync::{Condvar, Mutex};
use crate::base::{Error, ErrorKind, Result, clock};

/// The read transactions of a database.
#[derive(Debug, Default)]
pub(crate) struct Readers {
    state: Mutex<State>,
    /// Rings when the last one ends, and when new ones may begin again.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    /// Those that are alive, in the order they began.
    alive: BTreeMap<u64, Instant>,
    /// Whether new ones wait.
    shut: bool,
}

/// How long new ones are kept out, at most, while the last old ones end. Short ones that overlap would
/// otherwise never leave a gap.
const SHUT_MAX: Duration = Duration::from_millis(500);

impl Readers {
    /// Counts one in, once it may begin; gives the number to count it out with.
    pub(super) fn enter(&self) -> u64 {
        let mut state = self.state.lock();
        while state.shut {
            self.changed.wait(&mut state);
        }
        let number = state.next;
        state.next += 1;
        state.alive.insert(number, clock::instant());
        number
    }

    pub(super) fn leave(&self, number: u64) {
        let mut state = self.state.lock();
        state.alive.remove(&number);
        // Whoever waits may wait for some of them only.
        self.changed.notify_all();
    }

    /// How many are alive, and how long the oldest has been.
    pub(super) fn alive(&self) -> (usize, Option<Duration>) {
        let state = self.state.lock();
        (state.alive.len(), state.oldest_age())
    }

    /// Waits until those have ended that are alive now. What the wait took is taken off the patience.
    ///
    /// # Errors
    /// [`Busy`](ErrorKind::Busy) when that ran out.
    pub(super) fn outlast(&self, patience: &mut Duration) -> Result<()> {
        let end = self.state.lock().next;
        self.outlast_before(end, patience)
    }

    /// The same for those whose number is less.
    fn outlast_before(&self, end: u64, patience: &mut Duration) -> Result<()> {
        let begin = clock::instant();
        let mut state = self.state.lock();
        while state.alive.range(..end).next().is_some() {
            let Some(left) = left(*patience, begin) else {
                return Err(state.busy());
            };
            self.changed.wait_for(&mut state, left);
        }
        *patience = left(*patience, begin).unwrap_or_default();
        Ok(())
    }

    /// Waits until none is alive, and lets none begin until the result is dropped.
    ///
    /// # Errors
    /// [`Busy`](ErrorKind::Busy) when the patience ran out.
    pub(super) fn shut(&self, patience: Duration) -> Result<Shut<'_>> {
        let begin = clock::instant();
        let mut state = self.state.lock();
        while !state.alive.is_empty() {
            let Some(left) = left(patience, begin) else {
                let busy = state.busy();
                state.shut = false;
                self.changed.notify_all();
                return Err(busy);
            };
            // Readers wait for nobody, unless that alone could make an end.
            let until_shut = left.saturating_sub(SHUT_MAX);
            state.shut = until_shut.is_zero();
            let wait = if state.shut { left } else { until_shut };
            self.changed.wait_for(&mut state, wait);
        }
        state.shut = true;
        Ok(Shut(self))
    }
}

/// New readers wait until this is dropped.
pub(super) struct Shut<'r>(&'r Readers);

impl Drop for Shut<'_> {
    fn drop(&mut self) {
        self.0.state.lock().shut = false;
        self.0.changed.notify_all();
    }
}

impl State {
    fn oldest_age(&self) -> Option<Duration> {
        let (_, since) = self.alive.first_key_value()?;
        Some(clock::instant().duration_since(*since))
    }

    fn busy(&self) -> Error {
        let count = self.alive.len();
        let age = self.oldest_age().unwrap_or_default();
        Error::new(
            ErrorKind::Busy,
            format!(
                "{count} read transactions are alive, the oldest for {age:?}; nothing was changed: end \
                 them and try again"
            ),
        )
    }
}

/// What is left of a time that began then.
fn left(time: Duration, begin: Instant) -> Option<Duration> {
    let waited = clock::instant().duration_since(begin);
    time.checked_sub(waited).filter(|left| !left.is_zero())
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::base::sync::Arc;
    use std::thread;

    const LONG: Duration = Duration::from_mins(1);

    #[test]
    fn whoever_waits_for_readers_goes_on_when_the_last_has_ended() {
        let readers = Arc::new(Readers::default());
        let (first, second) = (readers.enter(), readers.enter());
        let mut none = Duration::ZERO;
        let error = readers.outlast(&mut none).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Busy);
        let waiting = {
            let readers = readers.clone();
            let later = second + 1;
            let mut patience = LONG;
            thread::spawn(move || readers.outlast_before(later, &mut patience).is_ok())
        };
        readers.leave(second);
        // One that begins later is not waited for.
        let third = readers.enter();
        thread::sleep(Duration::from_millis(5));
        let is_waiting = !waiting.is_finished();
        readers.leave(first);
        assert!(waiting.join().unwrap());
        assert!(is_waiting);
        assert!(readers.shut(Duration::ZERO).is_err());
        readers.leave(third);
        assert!(readers.shut(Duration::ZERO).is_ok());
    }

    #[test]
    fn a_reader_begins_once_the_swap_is_over_and_one_that_must_wait_too_long_is_let_in() {
        let readers = Arc::new(Readers::default());
        let shut = readers.shut(Duration::ZERO).unwrap();
        let entering = {
            let readers = readers.clone();
            thread::spawn(move || readers.enter())
        };
        thread::sleep(Duration::from_millis(5));
        assert!(!entering.is_finished());
        drop(shut);
        let number = entering.join().unwrap();
        // It is alive, so this fails, and the door is open afterwards.
        assert!(readers.shut(Duration::from_millis(5)).is_err());
        let other = readers.enter();
        readers.leave(other);
        readers.leave(number);
        assert_eq!(readers.alive().0, 0);
    }

    #[test]
    fn readers_that_overlap_come_to_an_end() {
        let readers = Arc::new(Readers::default());
        let done = Arc::new(crate::base::sync::AtomicBool::new(false));
        let begun = readers.enter();
        let threads: Vec<_> = (0..3)
            .map(|number| {
                let (readers, done) = (readers.clone(), done.clone());
                thread::spawn(move || {
                    while !done.load(crate::base::sync::Ordering::Acquire) {
                        let number_of = readers.enter();
                        thread::sleep(Duration::from_millis(2 + number));
                        readers.leave(number_of);
                    }
                })
            })
            .collect();
        thread::sleep(Duration::from_millis(5));
        readers.leave(begun);
        let shut = readers.shut(Duration::from_secs(20)).map(drop);
        done.store(true, crate::base::sync::Ordering::Release);
        for thread in threads {
            thread.join().unwrap();
        }
        shut.unwrap();
    }
}
