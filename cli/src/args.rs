//! What can be said on the command line?

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::ycsb::Workload;

/// Looks into any Larder file, and works on it, without the program that wrote it.
#[derive(Debug, Parser)]
#[command(name = "larder", version, max_term_width = 100, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,

    #[command(flatten)]
    pub(crate) globals: Globals,
}

const AFTER_HELP: &str = "\
EXIT CODES
  0  done
  1  anything else
  2  the command line cannot be understood
  3  what was named is not there
  4  another program has the file open
  5  the file is damaged
  6  no Larder file, or of a format that this version does not know
  7  a passphrase or key is missing or wrong
  8  refused: it would destroy or contradict something, or makes no sense
  9  a disk or another file could not be read or written
  10 interrupted from the keyboard

EXAMPLES
  larder import notes.larder notes notes.ndjson.zst
  larder info notes.larder
  larder find notes.larder notes '{\"tags\": \"jam\"}' --sort=-stars --limit 5
  larder snapshot take notes.larder backup.snapshot
  larder shell notes.larder

`larder help COMMAND` has more examples of each.";

/// What every command understands.
#[derive(Clone, Debug, Args)]
pub(crate) struct Globals {
    /// JSON on standard output: one value, or one on each line
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// No progress on standard error
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,

    #[command(flatten)]
    pub(crate) credentials: Credentials,
}

/// What opens an encrypted file. Without any, `LARDER_PASSPHRASE` is tried, and then you are asked.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Credentials {
    /// The file whose first line is the passphrase
    #[arg(long, global = true, value_name = "PATH", conflicts_with = "key_file")]
    pub(crate) passphrase_file: Option<PathBuf>,

    /// The file that is the key: 32 bytes, or 64 hexadecimal digits
    #[arg(long, global = true, value_name = "PATH")]
    pub(crate) key_file: Option<PathBuf>,
}

/// A passphrase for something new. Without one, `LARDER_NEW_PASSPHRASE` is used, or you are asked twice.
#[derive(Clone, Debug, Args)]
pub(crate) struct NewPassphrase {
    /// The file whose first line is the new passphrase
    #[arg(long, value_name = "PATH")]
    pub(crate) new_passphrase_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// What the file is: format, size, encryption, and what it holds
    #[command(
        after_help = "EXAMPLES\n  larder info notes.larder\n  larder info --json notes.larder\n  larder info backup.snapshot"
    )]
    Info {
        #[command(flatten)]
        file: FileArg,
    },
    /// The collections and buckets of the file
    #[command(after_help = "EXAMPLE\n  larder collections notes.larder")]
    Collections {
        #[command(flatten)]
        file: FileArg,
    },
    /// What the records or documents of a collection are made of
    #[command(after_help = "EXAMPLE\n  larder schema cities.larder cities")]
    Schema {
        #[command(flatten)]
        file: FileArg,
        /// The collection
        name: String,
    },
    /// One record, document or entry, by its key
    #[command(after_help = KEY_HELP)]
    Get {
        #[command(flatten)]
        file: FileArg,
        /// The collection or bucket
        collection: String,
        /// The key, as JSON; what is no JSON is text
        key: String,
    },
    /// The records or documents for which a filter holds
    #[command(after_help = FIND_HELP)]
    Find(FindArgs),
    /// How many there are, or for how many a filter holds
    #[command(
        after_help = "EXAMPLES\n  larder count cities.larder cities\n  larder count cities.larder cities '{\"country\": \"FR\"}'"
    )]
    Count {
        #[command(flatten)]
        file: FileArg,
        /// The collection or bucket
        collection: String,
        /// A filter, as JSON
        filter: Option<String>,
    },
    /// Stores a document, in place of what has its key
    #[command(
        after_help = "EXAMPLES\n  larder put notes.larder notes '{\"_id\": 7, \"title\": \"Jam\"}'\n  larder put notes.larder notes '{\"title\": \"Jam\"}' --key 7\n  larder put notes.larder notes - < note.json\n\nA document without a key gets a new one, which is printed."
    )]
    Put {
        #[command(flatten)]
        file: FileArg,
        /// The collection; it is created where there is none
        collection: String,
        /// The document, as JSON; `-` reads it from standard input
        document: String,
        /// Its key, as JSON; what is no JSON is text
        #[arg(long)]
        key: Option<String>,
    },
    /// Changes a document
    #[command(
        after_help = "EXAMPLES\n  larder patch notes.larder notes 7 '{\"stars\": 5, \"draft\": null}'\n  larder patch notes.larder notes 7 '[{\"op\": \"add\", \"path\": \"/tags/-\", \"value\": \"jam\"}]'\n\nAn object is a JSON Merge Patch (RFC 7396), a list a JSON Patch (RFC 6902)."
    )]
    Patch {
        #[command(flatten)]
        file: FileArg,
        /// The collection
        collection: String,
        /// The key, as JSON; what is no JSON is text
        key: String,
        /// The patch, as JSON; `-` reads it from standard input
        patch: String,
    },
    /// Removes a document by its key, or all for which a filter holds
    #[command(
        after_help = "EXAMPLES\n  larder remove notes.larder notes 7\n  larder remove notes.larder notes --where '{\"draft\": true}' --yes"
    )]
    Remove {
        #[command(flatten)]
        file: FileArg,
        /// The collection
        collection: String,
        /// The key, as JSON; what is no JSON is text
        key: Option<String>,
        /// Removes all documents for which it holds
        #[arg(long = "where", value_name = "FILTER", conflicts_with = "key")]
        filter: Option<String>,
        #[command(flatten)]
        yes: Yes,
    },
    /// Adds the documents of a file of NDJSON, JSON or CSV: all of them, or none
    #[command(after_help = IMPORT_HELP)]
    Import(ImportArgs),
    /// Writes a collection as NDJSON
    #[command(
        after_help = "EXAMPLES\n  larder export notes.larder notes > notes.ndjson\n  larder export notes.larder notes notes.ndjson.zst\n\nA document that does not hold its key is an object of \"$key\" and \"$document\"; `import` reads these back."
    )]
    Export {
        #[command(flatten)]
        file: FileArg,
        /// The collection
        collection: String,
        /// Where to; compressed where the name ends in `.zst`. Without it, to standard output
        output: Option<PathBuf>,
        #[command(flatten)]
        yes: Yes,
    },
    /// Creates, drops and lists indexes
    #[command(subcommand)]
    Index(IndexCommand),
    /// Reads everything and compares: blocks, records, indexes, counters
    #[command(
        after_help = "EXAMPLE\n  larder check notes.larder\n\nIt exits with 5 when something is wrong."
    )]
    Check {
        #[command(flatten)]
        file: FileArg,
    },
    /// Reads every block and verifies it
    #[command(
        after_help = "EXAMPLE\n  larder scrub notes.larder --rate 50\n\nIt exits with 5 when something is wrong."
    )]
    Scrub {
        #[command(flatten)]
        file: FileArg,
        /// MiB a second at most
        #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u64).range(1..))]
        rate: Option<u64>,
    },
    /// Rewrites the file without the room that nothing needs
    #[command(
        after_help = "EXAMPLE\n  larder compact notes.larder\n\nThe new file takes the place of the old one when it is whole; as much room again is needed until then."
    )]
    Compact {
        #[command(flatten)]
        file: FileArg,
    },
    /// Brings the commit log into the tables, so that the next opening has nothing to do
    #[command(after_help = "EXAMPLE\n  larder checkpoint notes.larder")]
    Checkpoint {
        #[command(flatten)]
        file: FileArg,
    },
    /// Takes backups, verifies, compares, restores and prunes them
    #[command(subcommand)]
    Snapshot(SnapshotCommand),
    /// What was done to the schemas of the file
    #[command(subcommand)]
    Migrate(MigrateCommand),
    /// What opens an encrypted file
    #[command(subcommand)]
    Key(KeyCommand),
    /// Makes an encrypted copy of a file
    #[command(after_help = "EXAMPLE\n  larder encrypt notes.larder notes-encrypted.larder")]
    Encrypt {
        #[command(flatten)]
        file: FileArg,
        /// The new file; nothing may have that name
        output: PathBuf,
        #[command(flatten)]
        new: NewPassphrase,
    },
    /// Makes a copy of an encrypted file that is not
    #[command(after_help = "EXAMPLE\n  larder decrypt notes-encrypted.larder notes.larder --yes")]
    Decrypt {
        #[command(flatten)]
        file: FileArg,
        /// The new file; nothing may have that name
        output: PathBuf,
        #[command(flatten)]
        yes: Yes,
    },
    /// Writes everything as NDJSON that needs no Larder to be read
    #[command(after_help = DUMP_HELP)]
    Dump {
        #[command(flatten)]
        file: FileArg,
        /// Where to; compressed where the name ends in `.zst`. Without it, to standard output
        output: Option<PathBuf>,
        #[command(flatten)]
        yes: Yes,
    },
    /// Reads what `dump` wrote: all of it, or nothing
    #[command(after_help = DUMP_HELP)]
    Load {
        #[command(flatten)]
        file: FileArg,
        /// The dump; `-` is standard input
        input: PathBuf,
        /// Makes documents of the records of typed collections, which only their program can write
        #[arg(long)]
        records_as_documents: bool,
    },
    /// Measures a disk by the YCSB core workloads, in a new file that is removed again
    #[command(after_help = BENCH_HELP)]
    Bench(BenchArgs),
    /// Takes these commands from a prompt, with history and completion
    #[command(
        after_help = "EXAMPLE\n  larder shell notes.larder\n\nIn it the file is left out: `find notes '{\"stars\": 5}'`. `help` lists the commands, `exit` or Ctrl-D leaves."
    )]
    Shell {
        #[command(flatten)]
        file: FileArg,
        /// Opens the file to read only
        #[arg(long)]
        read_only: bool,
    },
    /// Writes the completions of a shell to standard output
    #[command(
        after_help = "EXAMPLE\n  larder completions bash > ~/.local/share/bash-completion/completions/larder"
    )]
    Completions {
        /// Of which shell
        shell: clap_complete::Shell,
    },
}

const KEY_HELP: &str = "\
EXAMPLES
  larder get cities.larder cities 2988507
  larder get notes.larder notes bash
  larder get notes.larder notes '\"42\"'
  larder get notes.larder notes '[\"FR\", 7]'

A key is JSON: 42 is a number, '\"42\"' is text. What is no JSON, such as bash, is text. Where several \
fields make up the key, it is a list of them.";

const FIND_HELP: &str = "\
EXAMPLES
  larder find cities.larder cities '{\"country\": \"FR\", \"population\": {\"$gt\": 100000}}'
  larder find cities.larder cities --sort=-population --limit 5 --project name,population
  larder find cities.larder cities '{\"name\": \"Pula\"}' --explain

A filter is an object of paths and what they shall be: a value, or operators such as $gt, $in, $exists, \
$regex; $and, $or and $not join them. Without one all are found. For people they are tables, with --json \
one document on each line.";

const IMPORT_HELP: &str = "\
EXAMPLES
  larder import notes.larder notes notes.ndjson
  larder import notes.larder packages packages.ndjson.zst --key package
  larder import notes.larder cities cities.csv --replace
  zstdcat big.ndjson.zst | larder import notes.larder notes -

The file is created where there is none; with a passphrase it is encrypted. A document whose key is taken \
is an error, and nothing is imported, unless --replace says that it takes the place of the other. The cells \
of CSV are numbers, true and false where they are written like these, otherwise text; an empty cell leaves \
the field out.";

const DUMP_HELP: &str = "\
EXAMPLES
  larder dump notes.larder notes.dump.zst
  larder load new.larder notes.dump.zst
  larder dump notes.larder | larder load new.larder -

The first line is the catalog, the last one says how many entries there were; each line between is an \
object of collection, key and value.";

const BENCH_HELP: &str = "\
EXAMPLES
  larder bench bench.larder
  larder bench /mnt/disk/bench.larder --workload a --workload c --threads 4
  larder bench bench.larder --durability buffered --json

The workloads, their proportions and their distributions are those of YCSB (Cooper et al., SoCC 2010): A \
half updates, B mostly reads, C only reads, D the latest, E short scans, F read and modify. Records have \
ten fields of 100 bytes.";

/// The file that a command works on.
#[derive(Clone, Debug, Args)]
pub(crate) struct FileArg {
    /// The Larder file
    pub(crate) file: PathBuf,
}

/// Says that something is meant.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Yes {
    /// Does what cannot be taken back
    #[arg(long, short)]
    pub(crate) yes: bool,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct FindArgs {
    #[command(flatten)]
    pub(crate) file: FileArg,
    /// The collection
    pub(crate) collection: String,
    /// A filter, as JSON
    pub(crate) filter: Option<String>,
    /// Sorts by these paths; one with `-` in front from the greatest to the least
    #[arg(
        long,
        value_delimiter = ',',
        value_name = "PATHS",
        allow_hyphen_values = true
    )]
    pub(crate) sort: Vec<String>,
    /// So many at most
    #[arg(long, value_name = "COUNT")]
    pub(crate) limit: Option<u64>,
    /// Leaves so many out first
    #[arg(long, value_name = "COUNT")]
    pub(crate) skip: Option<u64>,
    /// Only what is at these paths
    #[arg(
        long,
        value_delimiter = ',',
        value_name = "PATHS",
        value_parser = clap::builder::NonEmptyStringValueParser::new()
    )]
    pub(crate) project: Vec<String>,
    /// Uses this index
    #[arg(long, value_name = "INDEX")]
    pub(crate) hint: Option<String>,
    /// Says how it would be found, and finds nothing
    #[arg(long)]
    pub(crate) explain: bool,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct ImportArgs {
    #[command(flatten)]
    pub(crate) file: FileArg,
    /// The collection; it is created where there is none
    pub(crate) collection: String,
    /// The documents; `-` is standard input. What is compressed by zstd is uncompressed
    pub(crate) input: PathBuf,
    /// What they are written as; without it, what the name ends in
    #[arg(long, value_enum)]
    pub(crate) format: Option<InputFormat>,
    /// The field that is each document's key
    #[arg(long, value_name = "FIELD")]
    pub(crate) key: Option<String>,
    /// A document takes the place of the one that has its key
    #[arg(long)]
    pub(crate) replace: bool,
    /// Every cell of CSV is text
    #[arg(long)]
    pub(crate) text: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum InputFormat {
    /// One JSON value on each line
    Ndjson,
    /// A JSON array of documents
    Json,
    /// A table whose first line names the fields
    Csv,
}

#[derive(Debug, Subcommand)]
pub(crate) enum IndexCommand {
    /// Makes documents have an index
    #[command(
        after_help = "EXAMPLES\n  larder index create notes.larder notes tags,-stars\n  larder index create notes.larder notes slug --unique --sparse\n  larder index create notes.larder notes due --only '{\"done\": false}' --name open_by_due"
    )]
    Create {
        #[command(flatten)]
        file: FileArg,
        /// The collection
        collection: String,
        /// The paths that it is over, by commas; one with `-` in front from the greatest to the least
        // One value, not a list of them, which would take options behind it for more paths.
        #[arg(allow_hyphen_values = true)]
        paths: String,
        /// No two documents may have the same there
        #[arg(long)]
        unique: bool,
        /// Without documents that have none of the paths
        #[arg(long)]
        sparse: bool,
        /// Text is compared without regard to case
        #[arg(long)]
        folded: bool,
        /// Only documents for which this filter holds
        #[arg(long, value_name = "FILTER")]
        only: Option<String>,
        /// Its name; without it, one made of the paths
        #[arg(long)]
        name: Option<String>,
    },
    /// Drops an index of documents
    #[command(after_help = "EXAMPLE\n  larder index drop notes.larder notes by_tags")]
    Drop {
        #[command(flatten)]
        file: FileArg,
        /// The collection
        collection: String,
        /// The index
        name: String,
    },
    /// The indexes of a collection, or of all
    #[command(after_help = "EXAMPLE\n  larder index list notes.larder")]
    List {
        #[command(flatten)]
        file: FileArg,
        /// The collection
        collection: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum SnapshotCommand {
    /// Takes a snapshot into a file, or into a directory of snapshots
    #[command(
        after_help = "EXAMPLES\n  larder snapshot take notes.larder backup.snapshot\n  larder snapshot take notes.larder monday.snapshot --since sunday.snapshot\n  larder snapshot take notes.larder backups/ --incremental"
    )]
    Take {
        #[command(flatten)]
        file: FileArg,
        /// A new file; or a directory, where it gets a name of its own
        out: PathBuf,
        /// Only what changed since this snapshot; given several times, since the last of a chain
        #[arg(long, value_name = "SNAPSHOT")]
        since: Vec<PathBuf>,
        /// Only what changed since the newest in the directory
        #[arg(long, conflicts_with = "since")]
        incremental: bool,
        /// How hard zstd tries, 0 to 19; 0 does not compress
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(i32).range(0..=19))]
        level: i32,
        /// Does not encrypt the snapshot of an encrypted file
        #[arg(long)]
        plain: bool,
        /// MiB a second at most
        #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u64).range(1..))]
        rate: Option<u64>,
    },
    /// The snapshots of a directory, or the one that a file is
    #[command(after_help = "EXAMPLE\n  larder snapshot list backups/")]
    List {
        /// A directory of snapshots, or a snapshot
        out: PathBuf,
    },
    /// Looks whether a snapshot can be relied on
    #[command(
        after_help = "EXAMPLES\n  larder snapshot verify backup.snapshot\n  larder snapshot verify monday.snapshot --base sunday.snapshot --depth restore"
    )]
    Verify {
        #[command(flatten)]
        chain: ChainArgs,
        /// How closely
        #[arg(long, value_enum, default_value_t = Depth::Blocks)]
        depth: Depth,
    },
    /// Makes a new file of a snapshot
    #[command(
        after_help = "EXAMPLES\n  larder snapshot restore backup.snapshot restored.larder\n  larder snapshot restore backups/ restored.larder --time 2026-11-26T10:00:00Z\n\nWith a passphrase or key for an encrypted snapshot, the new file is opened by the same."
    )]
    Restore {
        #[command(flatten)]
        chain: ChainArgs,
        /// The new file; nothing may have that name
        new_file: PathBuf,
        /// From a directory: the newest that has no later commit than this
        #[arg(long, value_name = "NUMBER", conflicts_with = "time")]
        sequence: Option<u64>,
        /// From a directory: the newest that was taken by then, as RFC 3339
        #[arg(long, value_name = "TIME")]
        time: Option<String>,
        /// Does not encrypt what is restored
        #[arg(long)]
        plain: bool,
    },
    /// What changed from one snapshot to another
    #[command(
        after_help = "EXAMPLE\n  larder snapshot diff sunday.snapshot monday.snapshot --keys"
    )]
    Diff {
        /// The earlier snapshot
        earlier: PathBuf,
        /// The later one
        later: PathBuf,
        /// Each key that changed
        #[arg(long)]
        keys: bool,
    },
    /// Removes snapshots of a directory that the rules do not keep
    #[command(
        after_help = "EXAMPLES\n  larder snapshot prune backups/ --keep-daily 7 --keep-weekly 4\n  larder snapshot prune backups/ --keep-daily 7 --keep-weekly 4 --yes\n\nWithout --yes it only says what would go. What another snapshot builds on stays."
    )]
    Prune {
        /// A directory of snapshots
        directory: PathBuf,
        /// The newest so many
        #[arg(long, value_name = "COUNT")]
        keep_last: Option<usize>,
        /// The last of each of so many days
        #[arg(long, value_name = "COUNT")]
        keep_daily: Option<usize>,
        /// The last of each of so many weeks
        #[arg(long, value_name = "COUNT")]
        keep_weekly: Option<usize>,
        /// The last of each of so many months
        #[arg(long, value_name = "COUNT")]
        keep_monthly: Option<usize>,
        #[command(flatten)]
        yes: Yes,
    },
}

/// A snapshot, and what it builds on.
#[derive(Clone, Debug, Args)]
pub(crate) struct ChainArgs {
    /// A snapshot; or a directory of snapshots, of which the newest is taken
    pub(crate) out: PathBuf,
    /// What it builds on, from the first on
    #[arg(long, value_name = "SNAPSHOT")]
    pub(crate) base: Vec<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Depth {
    /// Its beginning, its end, and what it says of itself
    Manifest,
    /// Every block
    Blocks,
    /// Restored to memory, and checked
    Restore,
}

#[derive(Debug, Subcommand)]
pub(crate) enum MigrateCommand {
    /// What was done to the schemas of the file, the earliest first
    #[command(after_help = "EXAMPLE\n  larder migrate history notes.larder")]
    History {
        #[command(flatten)]
        file: FileArg,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// What opens the file
    #[command(after_help = "EXAMPLE\n  larder key list notes.larder")]
    List {
        #[command(flatten)]
        file: FileArg,
    },
    /// Lets another passphrase open it, too
    #[command(
        after_help = "EXAMPLE\n  larder key add notes.larder --new-passphrase-file second.txt"
    )]
    Add {
        #[command(flatten)]
        file: FileArg,
        #[command(flatten)]
        new: NewPassphrase,
    },
    /// Removes a passphrase or key, which `key list` numbers
    #[command(after_help = "EXAMPLE\n  larder key remove notes.larder 1 --yes")]
    Remove {
        #[command(flatten)]
        file: FileArg,
        /// Its number
        slot: usize,
        #[command(flatten)]
        yes: Yes,
    },
    /// Puts a new passphrase in the place of the one that opens it
    #[command(
        after_help = "EXAMPLE\n  larder key change notes.larder --passphrase-file old.txt --new-passphrase-file new.txt"
    )]
    Change {
        #[command(flatten)]
        file: FileArg,
        #[command(flatten)]
        new: NewPassphrase,
    },
}

#[derive(Clone, Debug, Args)]
pub(crate) struct BenchArgs {
    /// A new file, on the disk to measure; it is removed afterwards
    pub(crate) file: PathBuf,
    /// Which workloads; without it, all from A to F
    #[arg(long, value_enum, ignore_case = true)]
    pub(crate) workload: Vec<Workload>,
    /// Records before each workload
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) records: u64,
    /// Operations of each workload
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) operations: u64,
    /// Threads that share them
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) threads: u16,
    /// When a commit is acknowledged
    #[arg(long, value_enum, default_value_t = DurabilityName::Synced)]
    pub(crate) durability: DurabilityName,
    /// What the random numbers begin with
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DurabilityName {
    /// When the disk has it
    Synced,
    /// When the operating system has it
    Buffered,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    /// The commands that a help text shows, without what the shell does with them.
    fn examples(command: &clap::Command, to: &mut Vec<String>) {
        let help = command.get_after_help().map(ToString::to_string);
        for line in help.unwrap_or_default().lines() {
            let Some(at) = line
                .strip_prefix("  ")
                .and_then(|line| line.find("larder "))
            else {
                continue;
            };
            for part in line[at + 2..].split(" | ") {
                let part = part.split(" > ").next().unwrap_or(part);
                let part = part.split(" < ").next().unwrap_or(part);
                if part.starts_with("larder ") {
                    to.push(part.to_owned());
                }
            }
        }
        for command in command.get_subcommands() {
            examples(command, to);
        }
    }

    #[test]
    fn every_example_of_a_help_text_can_be_typed() {
        Cli::command().debug_assert();
        let mut all = Vec::new();
        examples(&Cli::command(), &mut all);
        assert!(all.len() > 60, "{all:#?}");
        for example in all {
            let words = shell_words::split(&example).unwrap();
            if let Err(error) = Cli::try_parse_from(words) {
                panic!("{example}: {error}");
            }
        }
    }
}
