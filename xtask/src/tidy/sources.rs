//! Forbidden content in source files.

use super::Finding;
use crate::test_root::IN_MEMORY;

/// The maximum number of lines of a source file.
const LIMIT: usize = 500;
/// The number of lines above which a warning is printed.
const USUAL: usize = 400;

/// Marks of unfinished work, in two parts so that this file is not found.
const UNFINISHED: [&str; 4] =
    [concat!("to", "do!"), concat!("unimple", "mented!"), concat!("FIX", "ME"), concat!("XX", "X")];

/// The only files that may contain unsafe code.
const PRIVILEGED: [&str; 8] = [
    "dm-core/src/id/identifier.rs",
    "dm-core/src/machine/block/ioctl.rs",
    "dm-core/src/machine/path_only.rs",
    "dm-core/src/node/transport.rs",
    "dm-core/src/node/within.rs",
    "dm-core/src/udev/semaphore.rs",
    "dm-core/tests/memory.rs",
    "dm-targets/tests/secrets/memory.rs",
];

/// The only files of the crates that may distinguish operating systems. Each chooses between a file for Linux and
/// `elsewhere.rs`, with the same functions, or a constant.
const PER_SYSTEM: [&str; 6] = [
    "dm-core/src/error/errno.rs",
    "dm-core/src/machine/block/mod.rs",
    "dm-core/src/machine/mod.rs",
    "dm-core/src/node/kernel_log.rs",
    "dm-core/src/node/mod.rs",
    "dm-core/src/udev/mod.rs",
];

/// The folder of root tests.
const ROOT_TESTS: &str = "dm-testing/tests/";
/// Test programs in that folder that also have tests in memory, without root.
const MIXED: [&str; 2] = ["conformance", "random"];
/// The attribute of every root test.
const ROOT_MARK: &str = r#"#[ignore = "needs root and device mapper: cargo xtask test-root"]"#;

/// Checks one Rust file.
pub(super) fn check(file: &str, text: &str) -> Vec<Finding> {
    let mut findings: Vec<_> = length(file, text).into_iter().collect();
    let lines = || text.lines().zip(1..);
    for (line, number) in lines() {
        if let Some(mark) = UNFINISHED.iter().find(|mark| has_word(line, mark)) {
            findings.push(Finding::new(file, number, format!("{mark} marks unfinished work: finish it")));
        }
        if !PER_SYSTEM.contains(&file) && is_of_crate(file) && has_word(code(line), "target_os") {
            findings.push(Finding::new(file, number, PER_SYSTEM_ADVICE));
        }
        if !PRIVILEGED.contains(&file) && is_unsafe(code(line)) {
            findings.push(Finding::new(file, number, "unsafe code: only the files on the list in xtask may have it"));
        }
    }
    if let Some(place) = file.strip_prefix(ROOT_TESTS) {
        let program = place.split(['/', '.']).next().unwrap_or(place);
        if IN_MEMORY.contains(&program) {
            findings.extend(memory_tests(file, text));
        } else {
            findings.extend(root_tests(file, text, MIXED.contains(&program)));
        }
    }
    findings
}

/// The finding for a file that distinguishes operating systems and is not on the list.
const PER_SYSTEM_ADVICE: &str = "target_os: only the files on the list in xtask may distinguish operating systems";

/// Whether users build the file.
fn is_of_crate(file: &str) -> bool {
    file.starts_with("dm-") && file.contains("/src/")
}

/// Checks that a program that does not run as root has no root tests.
fn memory_tests(file: &str, text: &str) -> Vec<Finding> {
    let ignored = (1..).zip(text.lines()).filter(|(_, line)| line.trim().starts_with("#[ignore"));
    let advice = "this program only runs in memory and never as root: move the test";
    ignored.map(|(number, _)| Finding::new(file, number, advice)).collect()
}

fn length(file: &str, text: &str) -> Option<Finding> {
    let count = text.lines().count();
    if !file.contains("/src/") || count <= USUAL {
        None
    } else if count <= LIMIT {
        Some(Finding::warning(file, format!("{count} lines: consider splitting it")))
    } else {
        Some(Finding::new(
            file,
            0,
            format!("{count} lines, but {LIMIT} are allowed: split it by its reasons to change"),
        ))
    }
}

/// Checks that every root test has the attribute, in the same words, unless some tests of the program need no root.
fn root_tests(file: &str, text: &str, is_mixed: bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut unmarked = None;
    for (line, number) in text.lines().map(str::trim).zip(1..) {
        if line.starts_with("#[ignore") && line != ROOT_MARK {
            findings.push(Finding::new(file, number, format!("write {ROOT_MARK}")));
        }
        if line == "#[test]" && !is_mixed {
            unmarked = Some(number);
        } else if line.starts_with("#[ignore") {
            unmarked = None;
        } else if line.starts_with("fn ") {
            if let Some(number) = unmarked.take() {
                findings.push(Finding::new(
                    file,
                    number,
                    format!("a root test without its mark: add {ROOT_MARK} below"),
                ));
            }
        }
    }
    findings
}

/// The line without its comment. A `//` in a string ends it too early, which hides nothing relevant.
fn code(line: &str) -> &str {
    line.split("//").next().unwrap_or(line)
}

/// Whether a line of code has an unsafe block, function, trait or implementation, or allows one.
fn is_unsafe(code: &str) -> bool {
    let uses = ["{", "fn", "impl", "trait", "extern"].iter().any(|word| code.contains(&format!("{} {word}", "unsafe")));
    uses || ["allow", "expect", "warn"].iter().any(|word| code.contains(&format!("{word}({}", "unsafe_code")))
}

/// Whether the text contains the word, not as a part of another word.
fn has_word(text: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(start, found)| {
        let before = text.get(..start).and_then(|text| text.chars().next_back());
        let after = text.get(start.saturating_add(found.len())..).and_then(|text| text.chars().next());
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

#[cfg(test)]
mod tests {
    use super::{PER_SYSTEM, PER_SYSTEM_ADVICE, PRIVILEGED, ROOT_MARK, UNFINISHED, check};

    fn texts(file: &str, text: &str) -> Vec<String> {
        check(file, text).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn unfinished_work_is_found() {
        for mark in UNFINISHED {
            let found = texts("dm-core/src/dm.rs", &format!("fn f() {{\n    {mark} x\n}}\n"));
            assert_eq!(found, [format!("dm-core/src/dm.rs:2: {mark} marks unfinished work: finish it")]);
        }
        assert!(texts("dm-core/src/dm.rs", &format!("let {}Y = 1;", UNFINISHED[3])).is_empty());
    }

    #[test]
    fn unsafe_code_is_allowed_only_in_listed_files() {
        let block = format!("let x = {} {{ call() }};", "unsafe");
        let expected = "unsafe code: only the files on the list in xtask may have it";
        assert_eq!(texts("dm-core/src/dm.rs", &block), [format!("dm-core/src/dm.rs:1: {expected}")]);
        assert!(texts(PRIVILEGED[0], &block).is_empty());
        assert!(texts("dm-core/src/dm.rs", &format!("// {block}")).is_empty());
        assert!(texts("dm-core/src/lib.rs", "#![forbid(unsafe_code)]").is_empty());
        assert_eq!(texts("dm-core/src/lib.rs", &format!("#![allow({})]", "unsafe_code")).len(), 1);
    }

    #[test]
    fn operating_systems_are_distinguished_only_in_listed_files() {
        let line = format!("#[cfg({} = \"linux\")]", "target_os");
        let expected = format!("dm-core/src/dm.rs:1: {PER_SYSTEM_ADVICE}");
        assert_eq!(texts("dm-core/src/dm.rs", &line), [expected]);
        for file in [PER_SYSTEM[0], "dm-core/tests/dm.rs", "xtask/src/main.rs"] {
            assert!(texts(file, &line).is_empty(), "{file}");
        }
    }

    #[test]
    fn long_files_are_found() {
        let lines = |count| "\n".repeat(count);
        assert!(texts("dm-core/src/dm.rs", &lines(400)).is_empty());
        assert!(check("dm-core/src/dm.rs", &lines(401))[0].warning);
        assert!(!check("dm-core/src/dm.rs", &lines(501))[0].warning);
        assert!(texts("dm-core/tests/dm.rs", &lines(900)).is_empty());
    }

    #[test]
    fn root_tests_are_marked() {
        let marked = format!("#[test]\n{ROOT_MARK}\nfn a() {{}}\n");
        assert!(texts("dm-testing/tests/a.rs", &marked).is_empty());
        assert!(texts("dm-testing/tests/conformance/a.rs", "#[test]\nfn a() {}\n").is_empty());
        assert!(texts("dm-testing/tests/undo/a.rs", "#[test]\nfn a() {}\n").is_empty());
        assert_eq!(texts("dm-testing/tests/undo/a.rs", &marked).len(), 1);
        assert_eq!(texts("dm-testing/tests/stats.rs", &marked).len(), 1);
        let found = texts("dm-testing/tests/a.rs", "#[test]\n#[ignore]\nfn a() {}\n\n#[test]\nfn b() {}\nfn c() {}\n");
        assert_eq!(
            found,
            [
                format!("dm-testing/tests/a.rs:2: write {ROOT_MARK}"),
                format!("dm-testing/tests/a.rs:5: a root test without its mark: add {ROOT_MARK} below"),
            ]
        );
        assert!(texts("dm-core/tests/a.rs", "#[test]\nfn a() {}\n").is_empty());
    }
}
