//! `larder`: opens any file of Larder without the types of the program that wrote it.
//!
//! It uses the public API only. Results go to standard output, everything else to standard error; exit codes
//! are in `fault.rs` and in `larder --help`.

mod args;
mod commands;
mod fault;
mod input;
mod json;
mod out;
mod progress;
mod session;
mod ycsb;

use std::process::ExitCode;

use args::{Cli, Command, IndexCommand, KeyCommand, MigrateCommand};
use clap::{CommandFactory, Parser};
use commands::{about, bench, dump, health, import, index, keys, read, shell, snapshot, write};
use fault::{Fault, Result};
use out::Out;
use session::Session;

fn main() -> ExitCode {
    let cli = Cli::parse();
    progress::catch_interrupts();
    let mut out = Out::new(cli.globals.json, cli.globals.quiet);
    let done = run(&cli, &mut out);
    // What came before an error is shown before it.
    let flushed = out.flush();
    match done.and(flushed) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            if !fault.is_quiet() {
                eprintln!("larder: {fault}");
            }
            fault.exit_code()
        }
    }
}

fn run(cli: &Cli, out: &mut Out) -> Result<()> {
    let session =
        |file: &args::FileArg| Session::new(file.file.clone(), cli.globals.credentials.clone());
    match &cli.command {
        Command::Completions { shell } => {
            clap_complete::generate(*shell, &mut Cli::command(), "larder", out.raw());
            Ok(())
        }
        Command::Shell { file, read_only } => {
            let session = session(file);
            shell::run(&session, *read_only, &cli.globals)?;
            session.close()
        }
        Command::Bench(bench) => {
            let session = Session::new(bench.file.clone(), cli.globals.credentials.clone());
            bench::run(&session, bench, out)
        }
        Command::Snapshot(command) => {
            let session = snapshot::session_of(command, &cli.globals.credentials);
            snapshot::run(&session, command, out)?;
            session.close()
        }
        command => {
            let session = session(file_of(command)?);
            run_in(&session, command, out)?;
            session.close()
        }
    }
}

/// The file that a command works on.
fn file_of(command: &Command) -> Result<&args::FileArg> {
    Ok(match command {
        Command::Info { file }
        | Command::Collections { file }
        | Command::Schema { file, .. }
        | Command::Get { file, .. }
        | Command::Count { file, .. }
        | Command::Put { file, .. }
        | Command::Patch { file, .. }
        | Command::Remove { file, .. }
        | Command::Export { file, .. }
        | Command::Check { file }
        | Command::Scrub { file, .. }
        | Command::Compact { file }
        | Command::Checkpoint { file }
        | Command::Encrypt { file, .. }
        | Command::Decrypt { file, .. }
        | Command::Dump { file, .. }
        | Command::Load { file, .. }
        | Command::Shell { file, .. }
        | Command::Index(
            IndexCommand::Create { file, .. }
            | IndexCommand::Drop { file, .. }
            | IndexCommand::List { file, .. },
        )
        | Command::Migrate(MigrateCommand::History { file })
        | Command::Key(
            KeyCommand::List { file }
            | KeyCommand::Add { file, .. }
            | KeyCommand::Remove { file, .. }
            | KeyCommand::Change { file, .. },
        ) => file,
        Command::Find(find) => &find.file,
        Command::Import(import) => &import.file,
        Command::Snapshot(_) | Command::Bench(_) | Command::Completions { .. } => {
            return Err(Fault::usage("this command works on no file"));
        }
    })
}

/// Runs a command on a file that may be open already.
fn run_in(session: &Session, command: &Command, out: &mut Out) -> Result<()> {
    match command {
        Command::Info { .. } => about::info(session, out),
        Command::Collections { .. } => about::collections(session, out),
        Command::Schema { name, .. } => about::schema(session, name, out),
        Command::Get {
            collection, key, ..
        } => read::get(session, collection, key, out),
        Command::Find(find) => read::find(session, find, out),
        Command::Count {
            collection, filter, ..
        } => read::count(session, collection, filter.as_deref(), out),
        Command::Put {
            collection,
            document,
            key,
            ..
        } => write::put(session, collection, document, key.as_deref(), out),
        Command::Patch {
            collection,
            key,
            patch,
            ..
        } => write::patch(session, collection, key, patch, out),
        Command::Remove {
            collection,
            key,
            filter,
            yes,
            ..
        } => match (key, filter) {
            (Some(key), _) => write::remove(session, collection, key, out),
            (None, Some(filter)) => write::remove_where(session, collection, filter, yes.yes, out),
            (None, None) => Err(Fault::usage(
                "what is removed? Name a key, or --where FILTER",
            )),
        },
        Command::Import(import) => import::run(session, import, out),
        Command::Export {
            collection,
            output,
            yes,
            ..
        } => read::export(session, collection, output.as_deref(), *yes, out),
        Command::Index(command) => index::run(session, command, out),
        Command::Check { .. } => health::check(session, out),
        Command::Scrub { rate, .. } => health::scrub(session, *rate, out),
        Command::Compact { .. } => health::compact(session, out),
        Command::Checkpoint { .. } => health::checkpoint(session, out),
        Command::Snapshot(command) => snapshot::run(session, command, out),
        Command::Migrate(MigrateCommand::History { .. }) => about::history(session, out),
        Command::Key(command) => keys::run(session, command, out),
        Command::Encrypt { output, new, .. } => keys::encrypt(session, output, new, out),
        Command::Decrypt { output, yes, .. } => keys::decrypt(session, output, yes.yes, out),
        Command::Dump { output, yes, .. } => dump::dump(session, output.as_deref(), *yes, out),
        Command::Load {
            input,
            records_as_documents,
            ..
        } => dump::load(session, input, *records_as_documents, out),
        Command::Shell { .. } | Command::Bench(_) | Command::Completions { .. } => {
            Err(Fault::usage("this command works on no open file"))
        }
    }
}
