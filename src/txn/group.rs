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
//! - To wake a thread takes longer than most closures do. So the next in line is woken when the turn before
//!   its own begins, and looks for the baton for a moment before it sleeps again.

use std::collections::VecDeque;
use std::time::Duration;

use crate::base::sync::{
    Arc, AtomicBool, Condvar, Event, Mutex, MutexGuard, Ordering, ThreadId, this_thread, unlocked,
};
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
    turn: Arc<Call>,
}

/// How one who waits is told.
#[derive(Debug, Default)]
struct Call {
    bell: Condvar,
    /// That the baton was passed, for whoever looks without the lock.
    passed: AtomicBool,
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
        let turn = Arc::new(Call::default());
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
            next.turn.passed.store(true, Ordering::Release);
            next.turn.bell.notify_one();
            if let Some(after) = state.waiting.front() {
                after.turn.bell.notify_one();
            }
        }
    }
}

fn wait<B>(
    state: &mut MutexGuard<'_, State<B>>,
    number: u64,
    turn: &Call,
    timeout: Option<Duration>,
) -> Result<Option<B>> {
    let begin = clock::instant();
    let mut looked = false;
    loop {
        if let Some((_, batch)) = state.passed.take_if(|(to, _)| *to == number) {
            return Ok(batch);
        }
        let is_next = state
            .waiting
            .front()
            .is_some_and(|next| next.number == number);
        if is_next && !looked {
            looked = true;
            unlocked(state, || look_for(&turn.passed));
            continue;
        }
        let Some(timeout) = timeout else {
            turn.bell.wait(state);
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
        turn.bell.wait_for(state, left);
    }
}

/// Looks whether the baton was passed, for a moment. Other threads run meanwhile, if they want to.
fn look_for(passed: &AtomicBool) {
    let begin = clock::instant();
    while !passed.load(Ordering::Acquire) && clock::instant().duration_since(begin) < LOOK_MAX {
        std::thread::yield_now();
    }
}

/// About what a closure takes, and a thread to wake.
const LOOK_MAX: Duration = Duration::from_micros(100);

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
pub(crate) struct Fate(Event<Verdict>);

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
        self.0.set(verdict);
    }

    /// Waits until it is known.
    pub(crate) fn wait(&self) -> Verdict {
        self.0.wait()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::thread;

    const QUICK: Ask = Ask {
        alone: false,
        timeout: Some(Duration::ZERO),
    };

    #[test]
    fn turns_are_given_in_the_order_in_which_they_were_asked_for() {
        let group: Arc<Group<Vec<usize>>> = Arc::default();
        let (turn, batch) = group.take(Ask::default()).unwrap();
        assert!(batch.is_none());
        let order = Arc::new(Mutex::new(Vec::new()));
        let threads: Vec<_> = (0..8)
            .map(|number| {
                let (own, order) = (group.clone(), order.clone());
                let thread = thread::spawn(move || {
                    let (turn, batch) = own.take(Ask::default()).unwrap();
                    order.lock().push(number);
                    let mut batch = batch.unwrap();
                    batch.push(number);
                    // The last has nobody to pass it to.
                    turn.pass(batch).map(|(_, batch)| batch)
                });
                while thread_count(&group) <= number {
                    thread::yield_now();
                }
                thread
            })
            .collect();
        assert!(turn.pass(Vec::new()).is_none());
        let left: Vec<_> = threads
            .into_iter()
            .filter_map(|thread| thread.join().unwrap())
            .collect();
        let all: Vec<_> = (0..8).collect();
        assert_eq!(*order.lock(), all);
        assert_eq!(left, [all]);
    }

    fn thread_count<B>(group: &Group<B>) -> usize {
        group.0.lock().waiting.len()
    }

    #[test]
    fn whoever_writes_alone_is_not_passed_a_batch() {
        let group: Arc<Group<u8>> = Arc::default();
        let (turn, _) = group.take(Ask::default()).unwrap();
        let other = {
            let group = group.clone();
            thread::spawn(move || group.take(ALONE).unwrap().1)
        };
        while thread_count(&group) == 0 {
            thread::yield_now();
        }
        let (turn, batch) = turn.pass(1).unwrap();
        assert_eq!(batch, 1);
        drop(turn);
        assert_eq!(other.join().unwrap(), None);
    }

    #[test]
    fn whoever_waits_too_long_leaves_the_queue_and_the_next_has_the_turn() {
        let group: Arc<Group<u8>> = Arc::default();
        let (turn, _) = group.take(Ask::default()).unwrap();
        let in_a_thread = |ask| {
            let group = group.clone();
            thread::spawn(move || group.take(ask).map(|(_, batch)| batch))
        };
        for timeout in [Duration::ZERO, Duration::from_millis(5)] {
            let ask = Ask {
                timeout: Some(timeout),
                ..QUICK
            };
            let error = in_a_thread(ask).join().unwrap().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Busy);
        }
        assert_eq!(thread_count(&group), 0);
        let patient = in_a_thread(Ask {
            timeout: Some(Duration::from_mins(1)),
            ..QUICK
        });
        while thread_count(&group) == 0 {
            thread::yield_now();
        }
        assert!(turn.pass(7).is_none());
        assert_eq!(patient.join().unwrap().unwrap(), Some(7));
        // And the turn is free again.
        assert!(group.take(QUICK).is_ok());
    }

    #[test]
    fn a_thread_with_the_turn_does_not_wait_for_itself() {
        let group: Arc<Group<u8>> = Arc::default();
        let (_turn, _) = group.take(Ask::default()).unwrap();
        let error = group.take(Ask::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
    }

    #[test]
    fn only_the_first_verdict_counts() {
        let fate = Fate::default();
        fate.decide(Verdict::Committed);
        fate.decide(Verdict::Failed(ErrorKind::Io, "late".into()));
        assert_eq!(fate.wait(), Verdict::Committed);
    }
}

/// Every order in which threads can run:
/// `RUSTFLAGS="--cfg loom" cargo test --lib --target-dir target/loom loom`
#[cfg(all(test, loom))]
mod loom_models {
    use super::*;
    use loom::thread;

    /// What the store does to a batch: a map behind a lock, and a log in front of it.
    #[derive(Debug, Default)]
    struct Disk {
        synced: Vec<u64>,
        visible: Vec<u64>,
        checkpointed: usize,
        poisoned: bool,
        closed: bool,
    }

    #[derive(Debug)]
    struct Batch {
        parts: Vec<u64>,
        next: u64,
        fate: Arc<Fate>,
    }

    #[derive(Clone)]
    struct Model {
        group: Arc<Group<Batch>>,
        disk: Arc<Mutex<Disk>>,
    }

    /// What a model's closure does.
    #[derive(Clone, Copy, PartialEq)]
    enum Does {
        Write,
        Fail,
        /// It is lost with its batch, as by a panic of the store's.
        Vanish,
    }

    impl Model {
        fn new() -> Self {
            Self {
                group: Arc::default(),
                disk: Arc::new(Mutex::new(Disk::default())),
            }
        }

        /// As `WriteTx::run` does: gives the sequence, and what became of it.
        fn write(&self, does: Does, sync_fails: bool) -> (u64, Verdict) {
            let (turn, joined) = self.group.take(Ask::default()).unwrap();
            let mut batch = joined.unwrap_or_else(|| Batch {
                parts: Vec::new(),
                next: self.disk.lock().visible.len() as u64 + 1,
                fate: Arc::default(),
            });
            let fate = batch.fate.clone();
            let sequence = batch.next;
            match does {
                Does::Write => {
                    batch.parts.push(sequence);
                    batch.next += 1;
                }
                Does::Fail => {}
                Does::Vanish => {
                    batch
                        .fate
                        .decide(Verdict::Failed(ErrorKind::Io, "lost".into()));
                    return (sequence, fate.wait());
                }
            }
            if let Some((turn, batch)) = turn.pass(batch) {
                self.commit(batch, sync_fails);
                drop(turn);
            }
            (sequence, fate.wait())
        }

        fn commit(&self, batch: Batch, sync_fails: bool) {
            let mut disk = self.disk.lock();
            if disk.poisoned || disk.closed {
                drop(disk);
                batch
                    .fate
                    .decide(Verdict::Failed(ErrorKind::Poisoned, "earlier".into()));
                return;
            }
            if sync_fails {
                disk.poisoned = true;
                drop(disk);
                batch
                    .fate
                    .decide(Verdict::Failed(ErrorKind::OutcomeUnknown, "sync".into()));
                return;
            }
            disk.synced.extend(&batch.parts);
            disk.visible.extend(&batch.parts);
            drop(disk);
            batch.fate.decide(Verdict::Committed);
        }

        /// As `Core::alone` does.
        fn alone(&self, act: impl FnOnce(&mut Disk)) {
            let (_turn, batch) = self.group.take(ALONE).unwrap();
            assert!(
                batch.is_none(),
                "somebody's batch was passed to one who is alone"
            );
            act(&mut self.disk.lock());
        }

        /// What holds in the end, whatever the order.
        fn check(&self, results: &[(Does, u64, Verdict)]) {
            let disk = self.disk.lock();
            assert_eq!(disk.synced, disk.visible);
            let contiguous: Vec<u64> = (1..=disk.visible.len() as u64).collect();
            assert_eq!(
                disk.visible, contiguous,
                "a sequence was given twice, or not at all"
            );
            for (does, sequence, verdict) in results {
                if *does == Does::Write && *verdict == Verdict::Committed {
                    assert!(
                        disk.synced.contains(sequence),
                        "acknowledged, and not synced"
                    );
                }
            }
        }
    }

    fn run(threads: &'static [(Does, bool)], bound: Option<usize>) {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = bound;
        builder.check(move || {
            let model = Model::new();
            let others: Vec<_> = threads[1..]
                .iter()
                .map(|(does, fails)| {
                    let model = model.clone();
                    thread::spawn(move || model.write(*does, *fails))
                })
                .collect();
            let (first, fails) = threads[0];
            let mut results = vec![model.write(first, fails)];
            results.extend(others.into_iter().map(|thread| thread.join().unwrap()));
            let results: Vec<_> = threads
                .iter()
                .zip(results)
                .map(|((does, _), (sequence, verdict))| (*does, sequence, verdict))
                .collect();
            model.check(&results);
            if threads
                .iter()
                .all(|(does, fails)| *does == Does::Write && !fails)
            {
                assert_eq!(
                    model.disk.lock().visible.len(),
                    threads.len(),
                    "a write was lost"
                );
            }
        });
    }

    const OK: (Does, bool) = (Does::Write, false);

    #[test]
    fn two_writers_in_every_order() {
        run(&[OK, OK], None);
    }

    #[test]
    fn three_writers_with_few_preemptions() {
        run(&[OK, OK, OK], Some(2));
    }

    #[test]
    fn one_that_fails_takes_nobody_along() {
        run(&[OK, (Does::Fail, false)], None);
        run(&[(Does::Fail, false), OK, OK], Some(2));
    }

    #[test]
    fn one_that_vanishes_with_its_batch_fails_it_and_the_next_goes_on() {
        run(&[OK, (Does::Vanish, false)], None);
        run(&[OK, (Does::Vanish, false), OK], Some(2));
    }

    #[test]
    fn a_failed_sync_poisons_and_nobody_waits_for_ever() {
        run(&[(Does::Write, true), OK], None);
        run(&[(Does::Write, true), OK, OK], Some(2));
    }

    #[test]
    fn closing_and_a_checkpoint_wait_for_the_commit_in_flight() {
        for close in [false, true] {
            loom::model(move || {
                let model = Model::new();
                let other = {
                    let model = model.clone();
                    thread::spawn(move || model.write(Does::Write, false))
                };
                model.alone(|disk| {
                    disk.checkpointed = disk.synced.len();
                    disk.closed = close;
                });
                let (sequence, verdict) = other.join().unwrap();
                let disk = model.disk.lock();
                match verdict {
                    Verdict::Committed => assert_eq!(disk.synced, [sequence]),
                    Verdict::Failed(..) => assert!(close && disk.synced.is_empty()),
                }
                assert!(disk.checkpointed <= disk.synced.len());
            });
        }
    }
}
