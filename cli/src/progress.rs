//! How does somebody who waits see how far it is, and what happens to Ctrl-C?

use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::fault::{Code, Fault};

/// Set by the first Ctrl-C, if what goes on looks at it.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Whether what goes on looks at that, and ends by itself.
static LISTENING: AtomicBool = AtomicBool::new(false);

/// What is said of a file whose command was interrupted: commits are whole or not there.
const INTACT: &str = "interrupted; the file is intact: what was not committed is not in it";

/// How long what looks out for Ctrl-C may take to end: it may wait for input that does not come.
const PATIENCE: Duration = Duration::from_secs(2);

/// From now on Ctrl-C ends the program with its own exit code: at once, or, where something goes on that looks
/// at it, in order. A second one ends it at once in any case, which leaves a file intact, too: it is as after a
/// crash.
pub(crate) fn catch_interrupts() {
    let caught = ctrlc::set_handler(|| {
        let again = INTERRUPTED.swap(true, Ordering::SeqCst);
        if again || !LISTENING.load(Ordering::SeqCst) {
            end();
        }
        std::thread::spawn(|| {
            std::thread::sleep(PATIENCE);
            if is_interrupted() {
                end();
            }
        });
    });
    // Without it Ctrl-C ends the program all the same, only with another exit code.
    drop(caught);
}

/// Ends the program, and says what it leaves.
fn end() -> ! {
    eprintln!("larder: {INTACT}");
    for left in unfinished() {
        eprintln!(
            "larder: {} was not finished; nothing needs it",
            left.display()
        );
    }
    if let Some(path) = lock(&CREATED).take() {
        // Nobody misses what it held.
        drop(std::fs::remove_file(path));
    }
    std::process::exit(Code::Interrupted as i32);
}

/// A file that was created for what goes on, and holds nothing without it.
static CREATED: Mutex<Option<PathBuf>> = Mutex::new(None);

/// Says that a file was created, or that it holds something from now on.
pub(crate) fn created(path: Option<&Path>) {
    *lock(&CREATED) = path.map(Path::to_owned);
}

fn lock(path: &Mutex<Option<PathBuf>>) -> MutexGuard<'_, Option<PathBuf>> {
    path.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The file that is being made, where that cannot be ended in order.
static MAKING: Mutex<Option<PathBuf>> = Mutex::new(None);

/// From now on this file is being made, under another name until it is whole.
pub(crate) fn making(path: &Path) {
    *lock(&MAKING) = Some(path.to_owned());
}

/// What is there of it.
fn unfinished() -> Vec<PathBuf> {
    let making = lock(&MAKING).take();
    let Some((path, name)) = making
        .as_deref()
        .and_then(|path| Some((path, path.file_name()?)))
    else {
        return Vec::new();
    };
    let begins = format!(".{}.new-", name.to_string_lossy());
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let Ok(entries) = std::fs::read_dir(directory) else {
        return Vec::new();
    };
    let is_ours = |path: &PathBuf| {
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        name.is_some_and(|name| name.starts_with(&begins))
    };
    entries
        .flatten()
        .map(|entry| entry.path())
        .filter(is_ours)
        .collect()
}

pub(crate) fn is_interrupted() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}

/// What was interrupted was told; the next command may go on.
pub(crate) fn forget_interrupts() {
    INTERRUPTED.store(false, Ordering::SeqCst);
}

pub(crate) fn interrupted() -> Fault {
    Fault::new(Code::Interrupted, INTACT)
}

/// What somebody who waits sees on standard error.
pub(crate) struct Progress {
    bar: ProgressBar,
    /// Whether what goes on looks out for Ctrl-C.
    listens: bool,
}

impl Progress {
    /// Of so many bytes, or of nobody knows how many; looks out for Ctrl-C as long as it lives.
    pub(crate) fn bytes(quiet: bool, total: Option<u64>) -> Self {
        Self::of(quiet, total, "{bytes} of {total_bytes}", "{bytes}")
    }

    /// The same of the bytes of a file.
    pub(crate) fn file(quiet: bool, path: &Path) -> Self {
        let data = std::fs::metadata(path).ok();
        let data = data.filter(std::fs::Metadata::is_file);
        Self::bytes(quiet, data.map(|data| data.len()))
    }

    /// The same of so many pieces.
    pub(crate) fn pieces(quiet: bool, total: Option<u64>) -> Self {
        Self::of(quiet, total, "{pos} of {len}", "{pos}")
    }

    /// Of what nobody knows how far it is: Ctrl-C ends it at once.
    pub(crate) fn waiting(quiet: bool, what: &'static str) -> Self {
        let bar = shown(
            quiet,
            ProgressBar::new_spinner,
            "{spinner} {msg} ({elapsed})",
        );
        bar.set_message(what);
        Self {
            bar,
            listens: false,
        }
    }

    fn of(quiet: bool, total: Option<u64>, of: &str, so_far: &str) -> Self {
        LISTENING.store(true, Ordering::SeqCst);
        let bar = match total {
            Some(total) => {
                let template = format!("{{bar:40}} {of} ({{eta}} left)");
                shown(quiet, || ProgressBar::new(total), &template)
            }
            None => {
                let template = format!("{{spinner}} {so_far} ({{elapsed}})");
                shown(quiet, ProgressBar::new_spinner, &template)
            }
        };
        Self { bar, listens: true }
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

/// A bar, hidden where nobody sees it.
fn shown(quiet: bool, bar: impl FnOnce() -> ProgressBar, template: &str) -> ProgressBar {
    if quiet || !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = bar();
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.listens {
            LISTENING.store(false, Ordering::SeqCst);
        }
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
