//! Files for Linux alone, and the files that replace them on other systems.
//!
//! Only `cargo xtask platforms` compiles the latter, so a function that is missing there would go unnoticed.

use super::Finding;

/// Each file for Linux, and the one with its functions for other systems.
const TWINS: [(&str, &str); 5] = [
    ("dm-core/src/machine/block/ioctl.rs", "dm-core/src/machine/elsewhere.rs"),
    ("dm-core/src/machine/path_only.rs", "dm-core/src/machine/elsewhere.rs"),
    ("dm-core/src/node/open.rs", "dm-core/src/node/elsewhere.rs"),
    ("dm-core/src/node/within.rs", "dm-core/src/node/elsewhere.rs"),
    ("dm-core/src/udev/semaphore.rs", "dm-core/src/udev/elsewhere.rs"),
];

/// Checks the files, given as name and text.
pub(super) fn check(sources: &[(String, String)]) -> Vec<Finding> {
    let text = |file: &str| sources.iter().find(|(name, _)| name == file).map_or("", |(_, text)| text.as_str());
    TWINS.iter().flat_map(|(linux, elsewhere)| compare(linux, text(linux), elsewhere, text(elsewhere))).collect()
}

fn compare(linux: &str, text: &str, elsewhere: &str, other_text: &str) -> Vec<Finding> {
    let (needed, replaced) = (functions(text), functions(other_text));
    if needed.is_empty() {
        return vec![Finding::new(
            linux,
            0,
            "no functions for Linux found: correct the list in xtask/src/tidy/twins.rs",
        )];
    }
    let lacking = needed.iter().filter(|name| !replaced.contains(name));
    let advice = |name: &&str| format!("the function {name} of {linux} is missing for other systems than Linux");
    lacking.map(|name| Finding::new(elsewhere, 0, advice(name))).collect()
}

/// The names of the functions that other files use, without those for tests.
fn functions(text: &str) -> Vec<&str> {
    let lines = || text.lines().map(str::trim);
    let shipped = lines().zip([""].into_iter().chain(lines())).filter(|(_, before)| *before != "#[cfg(test)]");
    let public = shipped.filter(|(line, _)| line.starts_with("pub"));
    public.filter_map(|(line, _)| line.split_once("fn ")?.1.split(['(', '<']).next()).collect()
}

#[cfg(test)]
mod tests {
    use super::{compare, functions};

    #[test]
    fn a_function_that_other_systems_lack_is_found() {
        let linux = "pub(super) fn a() {}\nfn private() {}\n    pub(crate) const fn b<T>(x: T) {}\n";
        let found =
            |other: &str| compare("l.rs", linux, "e.rs", other).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(
            found("pub(super) fn a() {}\n"),
            ["e.rs: the function b of l.rs is missing for other systems than Linux"]
        );
        assert!(found("mod x {\n    pub(in crate::node) fn b() {}\n    pub(crate) fn a() {}\n}").is_empty());
    }

    #[test]
    fn functions_for_tests_need_no_twin() {
        assert_eq!(functions("#[cfg(test)]\npub(super) fn a() {}\npub(super) fn b() {}\n"), ["b"]);
    }

    #[test]
    fn a_file_that_was_moved_is_found() {
        assert_eq!(compare("l.rs", "", "e.rs", "").len(), 1);
    }
}
