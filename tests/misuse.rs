//! What must not compile: wrong keys, handles that outlive their transaction, changes while reading.

#[test]
fn misuse_does_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/ui_api/*.rs");
}
