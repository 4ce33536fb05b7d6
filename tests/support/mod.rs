//! What the tests share: databases that check themselves when they are dropped.

pub mod apart;
pub mod checksum;
pub mod memory;
pub mod random;
pub mod sim_disk;
pub mod things;

use std::ops::Deref;
use std::path::PathBuf;

use larder::{Builder, Database, ErrorKind};

/// A database in a directory of its own. When it is dropped the whole of it is checked, so that
/// every test tests everything.
pub struct TestDb {
    db: Option<Database>,
    directory: tempfile::TempDir,
}

/// An empty database in a file.
pub fn db() -> TestDb {
    db_with(|builder| builder)
}

/// How tests open their files: small, and encrypted when `LARDER_TEST_ENCRYPTED` says so, which is how
/// one test runs the others over encrypted files.
pub fn builder() -> Builder {
    let builder = Database::builder().cache_size(1 << 20).log_size(1 << 16);
    if std::env::var_os("LARDER_TEST_ENCRYPTED").is_some() {
        builder.key(*b"a key for tests, not for secrets")
    } else {
        builder
    }
}

/// An empty database in a file, opened as `configure` says.
pub fn db_with(configure: impl FnOnce(Builder) -> Builder) -> TestDb {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let builder = configure(builder());
    let db = builder
        .open(directory.path().join("test.larder"))
        .expect("a new database");
    TestDb {
        db: Some(db),
        directory,
    }
}

impl TestDb {
    /// Where the file is.
    pub fn path(&self) -> PathBuf {
        self.directory.path().join("test.larder")
    }

    /// Closes the database and opens it again.
    pub fn reopen(self) -> Self {
        self.reopen_with(|builder| builder)
    }

    /// Closes the database and opens it again as `configure` says.
    pub fn reopen_with(mut self, configure: impl FnOnce(Builder) -> Builder) -> Self {
        let db = self.db.take().expect("an open database");
        check(&db);
        db.close().expect("a clean close");
        let builder = configure(builder());
        self.db = Some(
            builder
                .open_existing(self.path())
                .expect("the database opens again"),
        );
        self
    }
}

impl Deref for TestDb {
    type Target = Database;

    fn deref(&self) -> &Database {
        self.db.as_ref().expect("an open database")
    }
}

impl Drop for TestDb {
    fn drop(&mut self) {
        // A test that fails already is not told about its database, too.
        if let Some(db) = self.db.take()
            && !std::thread::panicking()
            && !db.read().is_err_and(|error| error.is(ErrorKind::Closed))
        {
            check(&db);
        }
    }
}

/// Fails the test when anything in the database is not as it should be.
pub fn check(db: &Database) {
    let report = db.check().expect("the check can read the file");
    assert!(report.is_ok(), "{report}");
}

/// The kind of what went wrong.
pub fn kind<T>(result: Result<T, larder::Error>) -> ErrorKind {
    match result {
        Ok(_) => panic!("nothing went wrong"),
        Err(error) => error.kind(),
    }
}
