//! The name of the running test.

use std::path::Path;
use std::thread;

/// The name of the running test, which Rust's test harness sets as the name of the thread. In a program's main thread,
/// and in a thread without a name, the name of the program.
pub(crate) fn test_name() -> String {
    match thread::current().name() {
        Some(name) if name != "main" => name.to_owned(),
        _ => program_name(),
    }
}

/// The name of the test as a part of the names of files and mapped devices: at most 64 letters, digits, `-`, `_` and `.`.
pub(crate) fn safe_test_name() -> String {
    safe(&test_name())
}

fn safe(name: &str) -> String {
    let name = name.replace("::", ".");
    let safe = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' };
    name.chars().take(64).map(safe).collect()
}

fn program_name() -> String {
    let program = std::env::args_os().next().unwrap_or_default();
    let stem = Path::new(&program).file_stem().unwrap_or_default();
    stem.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_test_knows_its_name() {
        assert_eq!(super::test_name(), "real::test_name::tests::a_test_knows_its_name");
        assert_eq!(super::safe_test_name(), "real.test_name.tests.a_test_knows_its_name");
    }

    #[test]
    fn names_are_made_safe() {
        assert_eq!(super::safe("a::b c/\u{e4}"), "a.b_c__");
        assert_eq!(super::safe(&"x".repeat(100)).len(), 64);
    }
}
