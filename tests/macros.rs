//! Do the macros accept what is right, and refuse what is wrong with a good message?

#[test]
fn the_macros_accept_what_is_right_and_refuse_what_is_wrong() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass/*.rs");
    cases.compile_fail("tests/ui/fail/*.rs");
}
