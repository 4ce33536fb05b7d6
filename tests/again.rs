//! Does everything hold over encrypted files, too? One test runs the others once more.

use std::process::Command;

/// Tests that do not touch a file, or choose its seal themselves.
const SKIPPED: [&str; 10] = [
    "again::",
    "damage::",
    "encryption::",
    "keys::",
    "macros::",
    "misuse::",
    "model::",
    "power::",
    "records::",
    "tidy::",
];

/// Far fewer than there are: what matters is that a wrong filter does not go unseen.
const TESTS_MIN: u64 = 80;

#[test]
fn everything_holds_over_encrypted_files_too() {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env("LARDER_TEST_ENCRYPTED", "1");
    for skipped in SKIPPED {
        command.args(["--skip", skipped]);
    }
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "over encrypted files:\n{text}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let passed: u64 = text
        .lines()
        .find_map(|line| line.strip_prefix("test result: ok. "))
        .and_then(|rest| rest.split_once(" passed")?.0.parse().ok())
        .expect("the result of a test run");
    println!("over encrypted files: {passed} tests passed");
    assert!(passed >= TESTS_MIN, "only {passed} tests ran");
}
