//! Does every command say what it should? Transcripts, run as they stand in `transcripts/*.md`, and what no
//! transcript can show: a second program, a pipe, Ctrl-C.
//!
//! `TRYCMD=overwrite cargo test -p larder-cli --test transcripts` writes what the commands said into the
//! transcripts, and the tour of the command line into the README. Look at the difference before it is kept.

#![allow(
    clippy::pedantic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    unreachable_pub,
    unused_qualifications,
    reason = "a test that cannot go on fails, and nothing depends on it"
)]

mod support;

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use larder::Database;

use crate::support::{cities, fixtures, text};

/// The transcripts, each in a directory of its own that holds the same files (`support::fixtures`).
#[test]
fn transcripts() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    let work = support::fresh_directory("transcripts");
    let mut names = Vec::new();
    for entry in fs::read_dir(&source).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_owned();
        fs::copy(&path, work.join(&name)).unwrap();
        names.push(name);
    }
    let inputs = work.join(&names[0]).with_extension("in");
    fixtures(&inputs);
    for name in &names {
        let of = work.join(name);
        support::copy_directory(&inputs, &of.with_extension("in"));
        // That there is one makes trycmd run each transcript in a copy of its own.
        fs::create_dir_all(of.with_extension("out")).unwrap();
    }
    let ran = std::panic::catch_unwind(|| {
        trycmd::TestCases::new()
            // As wide as where nobody looks.
            .env("COLUMNS", "100")
            .register_bin("larder", Path::new(env!("CARGO_BIN_EXE_larder")).to_owned())
            .case(work.join("*.md"))
            .run();
    });
    if is_overwriting() {
        for name in &names {
            fs::copy(work.join(name), source.join(name)).unwrap();
        }
    }
    if let Err(panic) = ran {
        std::panic::resume_unwind(panic);
    }
    readme(&source.join("readme.md"));
}

fn is_overwriting() -> bool {
    std::env::var_os("TRYCMD").is_some_and(|mode| mode == "overwrite")
}

/// The README has the tour as it ran, but for what is left out there.
fn readme(tour: &Path) {
    const BEGIN: &str = "<!-- command line: cli/tests/transcripts/readme.md -->\n";
    const END: &str = "<!-- end -->";
    let tour = fs::read_to_string(tour).unwrap().replace("\r\n", "\n");
    let tour = tour.replace("[..]", "…").replace("\n\n```\n", "\n```\n");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = fs::read_to_string(&path).unwrap().replace("\r\n", "\n");
    let (before, rest) = readme.split_once(BEGIN).expect("the README has the tour");
    let (within, after) = rest.split_once(END).expect("the tour ends");
    if is_overwriting() {
        fs::write(&path, format!("{before}{BEGIN}{tour}{END}{after}")).unwrap();
    } else {
        assert_eq!(
            within, tour,
            "TRYCMD=overwrite writes the tour into the README"
        );
    }
    // The exit codes are those of the help text.
    let help = done(&support::fresh_directory("help"), &["--help"], "");
    let codes = help.split_once("EXIT CODES\n").unwrap().1.lines();
    let mut count = 0;
    for line in codes.take_while(|line| !line.is_empty()) {
        let (code, meaning) = line.trim().split_once(' ').unwrap();
        let row = format!("| {code} | {} |\n", meaning.trim());
        assert!(after.contains(&row), "{row}");
        count += 1;
    }
    assert_eq!(count, 11);
}

/// `larder` in a directory.
fn larder(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_larder"));
    command
        .current_dir(directory)
        .args(arguments)
        .env_remove("LARDER_PASSPHRASE")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// What became of it, with this on its standard input.
struct Ran {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

fn run(directory: &Path, arguments: &[&str], input: impl AsRef<[u8]>) -> Ran {
    let mut child = larder(directory, arguments).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // One that is refused does not read it.
    drop(stdin.write_all(input.as_ref()));
    drop(stdin);
    let output: Output = child.wait_with_output().unwrap();
    Ran {
        code: output.status.code(),
        stdout: text(&output.stdout),
        stderr: text(&output.stderr),
    }
}

/// The same, of one that goes well; what it wrote on standard output.
fn done(directory: &Path, arguments: &[&str], input: impl AsRef<[u8]>) -> String {
    let ran = run(directory, arguments, input);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(ran.stderr, "");
    ran.stdout
}

fn packages() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/packages.ndjson");
    fs::read_to_string(path).unwrap().replace("\r\n", "\n")
}

/// Names of what lies in a directory.
fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_file_that_another_program_has_open_is_refused_at_once() {
    let directory = support::fresh_directory("in_use");
    cities(&directory.join("cities.larder"));
    let held = Database::open(directory.join("cities.larder")).unwrap();
    for arguments in [
        ["info", "cities.larder"].as_slice(),
        &["find", "cities.larder", "cities"],
        &["put", "cities.larder", "notes", "{}"],
        &["check", "cities.larder"],
        &["compact", "cities.larder"],
        &["shell", "cities.larder"],
        &["snapshot", "take", "cities.larder", "backup.snapshot"],
    ] {
        let begun = std::time::Instant::now();
        let ran = run(&directory, arguments, "");
        assert_eq!(ran.code, Some(4), "{arguments:?}");
        assert!(begun.elapsed().as_secs() < 5, "{arguments:?}");
        assert_eq!(ran.stdout, "");
        assert_eq!(
            ran.stderr,
            "larder: open cities.larder: another program has the file open\n\
             hint: close it there, or read a snapshot that it takes\n"
        );
    }
    // The other program goes on, and what was refused left nothing.
    held.write(|tx| {
        tx.documents("notes")?
            .insert(larder::Document::from_json("{}")?)
            .map(drop)
    })
    .unwrap();
    held.close().unwrap();
    assert_eq!(names(&directory), ["cities.larder"]);
    assert_eq!(
        done(&directory, &["count", "cities.larder", "notes"], ""),
        "1\n"
    );
}

#[test]
fn what_comes_through_pipes_is_what_went_in() {
    let directory = support::fresh_directory("pipes");
    let packages = packages();
    let imported = done(
        &directory,
        &["import", "a.larder", "packages", "-"],
        &packages,
    );
    assert_eq!(imported, "12 documents imported into packages\n");
    let exported = done(&directory, &["export", "a.larder", "packages"], "");
    assert_eq!(exported, packages);
    let dumped = done(&directory, &["dump", "a.larder"], "");
    assert_eq!(dumped.lines().count(), 14);
    done(&directory, &["load", "b.larder", "-"], &dumped);
    assert_eq!(
        done(&directory, &["export", "b.larder", "packages"], ""),
        packages
    );
    // Compressed, as the bytes say and no name does.
    done(
        &directory,
        &["export", "a.larder", "packages", "packages.zst"],
        "",
    );
    let compressed = fs::read(directory.join("packages.zst")).unwrap();
    assert!(compressed.len() < packages.len());
    done(
        &directory,
        &["import", "c.larder", "packages", "-"],
        &compressed,
    );
    assert_eq!(
        done(&directory, &["export", "c.larder", "packages"], ""),
        packages
    );
    // An array, and a document and a patch that are too long for a command line.
    done(
        &directory,
        &["import", "a.larder", "other", "-", "--format", "json"],
        "[{\"_id\": 1}, {\"_id\": 2}]",
    );
    done(
        &directory,
        &["put", "a.larder", "other", "-"],
        "{\"_id\": 2, \"title\": \"Jam\"}",
    );
    done(
        &directory,
        &["patch", "a.larder", "other", "2", "-"],
        "{\"stars\": 5}",
    );
    assert_eq!(
        done(&directory, &["export", "a.larder", "other"], ""),
        "{\"_id\":1}\n{\"_id\":2,\"title\":\"Jam\",\"stars\":5}\n"
    );
}

#[test]
fn a_shell_takes_commands_from_a_pipe() {
    let directory = support::fresh_directory("shell");
    fs::write(directory.join("packages.ndjson"), packages()).unwrap();
    done(
        &directory,
        &["import", "a.larder", "packages", "packages.ndjson"],
        "",
    );
    let commands = "
# Comments and empty lines are passed over.

count packages '{\"section\": \"utils\"}'
put packages '{\"_id\": \"vim\", \"section\": \"editors\"}'
get packages vim
index create packages section
find packages '{\"section\": \"editors\"}'
snapshot take backup.snapshot
snapshot verify backup.snapshot
snapshot restore backup.snapshot restored.larder
exit
no command, and not reached
";
    let said = done(&directory, &["shell", "a.larder"], commands);
    let (first, rest) = said
        .split_once("snapshot taken into backup.snapshot\n")
        .unwrap();
    assert_eq!(
        first,
        "4\nadded \"vim\"\n{\n  \"_id\": \"vim\",\n  \"section\": \"editors\"\n}\n\
         created section_1 (section), ready, 13 entries\n\
         | _id | section |\n|-----|---------|\n| vim | editors |\n1 document found\n"
    );
    assert!(rest.contains(": every block is whole\n"), "{rest}");
    assert!(
        rest.ends_with("restored.larder is the database as of commit 4\n"),
        "{rest}"
    );
    // Each command was done when the next one began, and the first that fails ends it.
    let ran = run(
        &directory,
        &["shell", "restored.larder"],
        "remove packages vim\nfind\ncount packages\n",
    );
    assert_eq!(ran.code, Some(2));
    assert_eq!(ran.stdout, "1 document removed\n");
    assert!(ran.stderr.contains("required arguments"), "{}", ran.stderr);
    assert_eq!(
        done(&directory, &["count", "restored.larder", "packages"], ""),
        "12\n"
    );
    // What is opened to read is not written.
    let ran = run(
        &directory,
        &["shell", "restored.larder", "--read-only"],
        "count packages\nremove packages bash\n",
    );
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(8), "12\n"));
    assert_eq!(
        ran.stderr,
        "larder: restored.larder was opened to be read only\n"
    );
}

/// More than a pipe takes in: what writes it waits for the reader, or finds that there is none.
fn much(directory: &Path) {
    let lines: String = (0..20_000)
        .map(|id| format!("{{\"_id\":{id},\"text\":\"some words that are said again\"}}\n"))
        .collect();
    done(directory, &["import", "a.larder", "notes", "-"], &lines);
}

#[test]
fn a_reader_that_has_had_enough_is_no_error() {
    let directory = support::fresh_directory("broken_pipe");
    much(&directory);
    for arguments in [
        ["export", "a.larder", "notes"].as_slice(),
        &["find", "a.larder", "notes"],
        &["find", "a.larder", "notes", "--json"],
        &["dump", "a.larder"],
    ] {
        let mut child = larder(&directory, arguments).spawn().unwrap();
        let mut stdout = child.stdout.take().unwrap();
        stdout.read_exact(&mut [0; 10]).unwrap();
        drop(stdout);
        let output = child.wait_with_output().unwrap();
        assert_eq!(text(&output.stderr), "", "{arguments:?}");
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
    }
    let checked = done(&directory, &["check", "a.larder"], "");
    assert!(
        checked.contains("everything is as it should be"),
        "{checked}"
    );
}

#[cfg(unix)]
mod interrupts {
    use super::*;

    /// Begins a command that reads from a pipe, which stays open, and gives it Ctrl-C.
    fn interrupted(directory: &Path, arguments: &[&str], input: &str) -> Ran {
        let mut child = larder(directory, arguments).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(input.as_bytes()).unwrap();
        // It has read that when it waits for more.
        std::thread::sleep(std::time::Duration::from_millis(700));
        assert!(child.try_wait().unwrap().is_none(), "it waits");
        let id = child.id().to_string();
        let killed = Command::new("kill").args(["-INT", &id]).status().unwrap();
        assert!(killed.success());
        let begun = std::time::Instant::now();
        while child.try_wait().unwrap().is_none() {
            if begun.elapsed().as_secs() > 10 {
                child.kill().unwrap();
                panic!("{arguments:?} does not end");
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        Ran {
            code: output.status.code(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }

    const INTACT: &str =
        "larder: interrupted; the file is intact: what was not committed is not in it\n";

    #[test]
    fn ctrl_c_leaves_the_file_as_it_was_and_says_so() {
        let directory = support::fresh_directory("interrupted");
        let packages = packages();
        done(
            &directory,
            &["import", "a.larder", "packages", "-"],
            &packages,
        );
        let dumped = done(&directory, &["dump", "a.larder"], "");
        let begun = dumped.rsplit_once("{\"end\"").unwrap().0;
        for (arguments, input) in [
            (
                ["import", "a.larder", "more", "-"].as_slice(),
                packages.as_str(),
            ),
            (&["import", "new.larder", "more", "-"], &packages),
            (&["import", "new.larder", "more", "-"], ""),
            (&["load", "loaded.larder", "-"], begun),
            (&["put", "a.larder", "more", "-"], "{\"_id\": 1"),
            (&["shell", "a.larder"], "count packages\n"),
        ] {
            let ran = interrupted(&directory, arguments, input);
            assert_eq!(ran.stderr, INTACT, "{arguments:?}");
            assert_eq!(ran.code, Some(10), "{arguments:?}");
        }
        assert_eq!(names(&directory), ["a.larder"]);
        assert_eq!(
            done(&directory, &["export", "a.larder", "packages"], ""),
            packages
        );
        let ran = run(&directory, &["count", "a.larder", "more"], "");
        assert_eq!(ran.code, Some(3));
    }
}
