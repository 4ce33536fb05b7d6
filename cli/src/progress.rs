//! How does somebody who waits see how far it is, and what happens to Ctrl-C?

use std::io::{self, IsTerminal, Read};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::fault::{Code, Fault};

/// Set by the first Ctrl-C, if what goes on looks at it.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Whether what goes on looks at that, and ends by itself.
static LISTENING: AtomicBool = AtomicBool::new(false);

/// What is said of a file whose command was interrupted: commits are whole or not there.
const INTACT: &str = "interrupted; the file is intact: what was not committed is not in it";

/// From now on Ctrl-C ends the program with its own exit code: at once, or, where something goes on that looks
/// at it, in order. A second one always ends it at once, which leaves a file intact, too: it is as after a
/// crash.
pub(crate) fn catch_interrupts() {
    let caught = ctrlc::set_handler(|| {
        let again = INTERRUPTED.swap(true, Ordering::SeqCst);
        if again || !LISTENING.load(Ordering::SeqCst) {
            eprintln!("larder: {INTACT}");
            std::process::exit(Code::Interrupted as i32);
        }
    });
    // Without it Ctrl-C ends the program all the same, only with another exit code.
    drop(caught);
}

pub(crate) fn is_interrupted() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}

pub(crate) fn interrupted() -> Fault {
    Fault::new(Code::Interrupted, INTACT)
}

/// A bar on standard error, where somebody sees it; looks out for Ctrl-C as long as it lives.
pub(crate) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// Of so many bytes, or of nobody knows how many.
    pub(crate) fn bytes(quiet: bool, total: Option<u64>) -> Self {
        Self::new(quiet, total, "{bytes} of {total_bytes}", "{bytes}")
    }

    /// Of so many pieces.
    pub(crate) fn pieces(quiet: bool, total: Option<u64>) -> Self {
        Self::new(quiet, total, "{pos} of {len}", "{pos}")
    }

    fn new(quiet: bool, total: Option<u64>, of: &str, so_far: &str) -> Self {
        LISTENING.store(true, Ordering::SeqCst);
        let bar = if quiet || !io::stderr().is_terminal() {
            ProgressBar::hidden()
        } else {
            let (bar, template) = match total {
                Some(total) => (
                    ProgressBar::new(total),
                    format!("{{bar:40}} {of} {{msg}} ({{eta}} left)"),
                ),
                None => (
                    ProgressBar::new_spinner(),
                    format!("{{spinner}} {so_far} {{msg}} ({{elapsed}})"),
                ),
            };
            if let Ok(style) = ProgressStyle::with_template(&template) {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        };
        Self { bar }
    }

    pub(crate) fn set(&self, done: u64) {
        self.bar.set_position(done);
    }

    pub(crate) fn add(&self, done: u64) {
        self.bar.inc(done);
    }

    pub(crate) fn set_total(&self, total: u64) {
        self.bar.set_length(total);
    }

    /// Fails when Ctrl-C was pressed.
    #[expect(clippy::unused_self, reason = "it listens while it lives")]
    pub(crate) fn go_on(&self) -> Result<(), Fault> {
        if is_interrupted() {
            return Err(interrupted());
        }
        Ok(())
    }

    /// A reader that moves the bar, and ends when Ctrl-C is pressed.
    pub(crate) fn reader<R: Read>(&self, reader: R) -> Reading<'_, R> {
        Reading {
            reader,
            progress: self,
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        LISTENING.store(false, Ordering::SeqCst);
        self.bar.finish_and_clear();
    }
}

pub(crate) struct Reading<'p, R> {
    reader: R,
    progress: &'p Progress,
}

impl<R: Read> Read for Reading<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if is_interrupted() {
            // Of the kind `Interrupted` it would be tried again.
            return Err(io::Error::other(INTACT));
        }
        let read = self.reader.read(buffer)?;
        self.progress.add(read as u64);
        Ok(read)
    }
}
