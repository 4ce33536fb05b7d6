//! The same commands from a prompt, on a file that stays open.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::PathBuf;

use clap::{CommandFactory, Parser};
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{Context, Editor, Helper, Highlighter, Hinter, Validator};

use crate::args::{Cli, Command, Globals};
use crate::fault::{Fault, Result};
use crate::out::Out;
use crate::progress::forget_interrupts;
use crate::session::Session;

/// Commands that have a command of their own behind them: the file stands behind both.
const TWO_WORDS: [&str; 4] = ["index", "snapshot", "key", "migrate"];

/// What makes no sense from within, or needs the file for itself.
const OUTSIDE: [&str; 5] = ["shell", "bench", "completions", "encrypt", "decrypt"];

const HELP: &str = "The file is left out: find notes '{\"stars\": 5}' --limit 3. HELP of a command: find --help.\n\
                    exit or Ctrl-D leaves.";

pub(crate) fn run(session: &Session, read_only: bool, globals: &Globals) -> Result<()> {
    if read_only {
        session.reader()?;
    } else {
        session.writer()?;
    }
    if !std::io::stdin().is_terminal() {
        return piped(session, globals);
    }
    let mut editor = Editor::<Completion, FileHistory>::new().map_err(no_prompt)?;
    editor.set_helper(Some(Completion {
        words: words(session)?,
    }));
    let history = history_file();
    if let Some(history) = &history {
        // There is none yet the first time.
        drop(editor.load_history(history));
    }
    println!("{}: {HELP}", session.file.display());
    loop {
        match editor.readline("larder> ") {
            Ok(line) => {
                if line.trim() == "exit" || line.trim() == "quit" {
                    break;
                }
                if !line.trim().is_empty() {
                    drop(editor.add_history_entry(&line));
                }
                let done = one(session, &line, globals);
                forget_interrupts();
                if let Err(fault) = done
                    && !fault.is_quiet()
                {
                    eprintln!("larder: {fault}");
                }
            }
            Err(ReadlineError::Interrupted) => {}
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(no_prompt(error)),
        }
    }
    if let Some(history) = &history {
        // Not worth an error: nothing of the file depends on it.
        drop(editor.save_history(history));
    }
    Ok(())
}

/// Commands that come from a file or a program: the first that fails ends it.
fn piped(session: &Session, globals: &Globals) -> Result<()> {
    for line in std::io::stdin().lines() {
        let line = line?;
        if line.trim() == "exit" || line.trim() == "quit" {
            break;
        }
        one(session, &line, globals)?;
    }
    Ok(())
}

fn no_prompt(error: ReadlineError) -> Fault {
    Fault::from(std::io::Error::other(error))
}

/// Where the lines are kept that were typed.
fn history_file() -> Option<PathBuf> {
    let home = std::env::var_os("HOME").or_else(|| std::env::var_os("USERPROFILE"))?;
    Some(PathBuf::from(home).join(".larder_history"))
}

/// One line.
fn one(session: &Session, line: &str, globals: &Globals) -> Result<()> {
    let words = shell_words::split(line).map_err(|error| Fault::usage(error.to_string()))?;
    let Some(first) = words.first().map(String::as_str) else {
        return Ok(());
    };
    if first.starts_with('#') {
        return Ok(());
    }
    if OUTSIDE.contains(&first) {
        return Err(Fault::usage(format!("{first} is for outside of the shell")));
    }
    if first == "help" && words.len() == 1 {
        help();
        return Ok(());
    }
    let cli = match Cli::try_parse_from(with_file(&words, session)) {
        Ok(cli) => cli,
        Err(error) => {
            // Help is an error to clap, too; where it goes it knows.
            drop(error.print());
            return if error.use_stderr() {
                Err(Fault::usage(""))
            } else {
                Ok(())
            };
        }
    };
    let mut out = Out::new(
        globals.json || cli.globals.json,
        globals.quiet || cli.globals.quiet,
    );
    let done = dispatch(session, &cli.command, &mut out);
    let flushed = out.flush();
    done.and(flushed)
}

/// What was typed, with the file where it stands outside.
fn with_file(words: &[String], session: &Session) -> Vec<OsString> {
    let first = words.first().map_or("", String::as_str);
    // A snapshot, or a directory of them, is named within, too; `take` has both.
    let takes_file =
        first != "help" && (first != "snapshot" || words.get(1).is_some_and(|word| word == "take"));
    let at = if TWO_WORDS.contains(&first) { 2 } else { 1 };
    let mut all: Vec<OsString> = vec!["larder".into()];
    for (i, word) in words.iter().enumerate() {
        if i == at && takes_file {
            all.push(session.file.clone().into());
        }
        all.push(word.into());
    }
    if words.len() <= at && takes_file {
        all.push(session.file.clone().into());
    }
    all
}

fn dispatch(session: &Session, command: &Command, out: &mut Out) -> Result<()> {
    crate::run_in(session, command, out)
}

fn help() {
    for command in Cli::command().get_subcommands() {
        let name = command.get_name();
        if !OUTSIDE.contains(&name) {
            println!(
                "{name:12} {}",
                command
                    .get_about()
                    .map(ToString::to_string)
                    .unwrap_or_default()
            );
        }
    }
    println!("\n{HELP}");
}

/// Completes commands, and the names of collections.
#[derive(Helper, Highlighter, Hinter, Validator)]
struct Completion {
    words: Vec<Vec<String>>,
}

/// What can stand first; what can stand behind it.
fn words(session: &Session) -> Result<Vec<Vec<String>>> {
    let commands = Cli::command();
    let names = commands
        .get_subcommands()
        .map(|command| command.get_name().to_owned());
    let names = names.filter(|name| !OUTSIDE.contains(&name.as_str()));
    let mut behind: Vec<String> = commands
        .get_subcommands()
        .flat_map(clap::Command::get_subcommands)
        .map(|command| command.get_name().to_owned())
        .collect();
    for info in session.reader()?.read()?.collections()? {
        behind.push(info.name);
    }
    behind.sort();
    behind.dedup();
    Ok(vec![
        names.chain(["help".into(), "exit".into()]).collect(),
        behind,
    ])
}

impl Completer for Completion {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        at: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        let typed = line.get(..at).unwrap_or_default();
        let start = typed.rfind(' ').map_or(0, |space| space + 1);
        let begun = typed.get(start..).unwrap_or_default();
        let words = self.words.get(usize::from(start > 0));
        let fit = words
            .into_iter()
            .flatten()
            .filter(|word| word.starts_with(begun));
        Ok((start, fit.cloned().collect()))
    }
}
