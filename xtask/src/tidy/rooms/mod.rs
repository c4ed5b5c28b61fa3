//! The allowed uses between the parts of a crate: rooms are the top-level modules, and each uses only rooms to its
//! left.

mod circles;
mod modules;
mod paths;
mod shipped;
mod tokens;

use std::collections::{BTreeMap, BTreeSet};

use super::Finding;
use circles::{Uses, circles};
use modules::{Module, ModulePath, Modules, Place};

/// The rooms of one crate, in order.
struct House {
    name: &'static str,
    rooms: &'static [&'static str],
}

/// The crates whose rooms have an order. A new room or use is a design decision, which is made here.
const HOUSES: [House; 2] = [
    House {
        name: "dm-core",
        rooms: &["id", "wire", "error", "node", "commands", "machine", "udev", "ops", "events", "tree", "plan"],
    },
    House {
        name: "dm-targets",
        rooms: &["errors", "text", "option", "target", "message", "targets", "table", "devices"],
    },
];

/// Top-level modules for the whole crate: they may use all of it, and no other module uses them.
const FREE: [&str; 2] = ["_documentation", "migration"];

/// Checks the Rust files of every crate, given as name and text.
pub(super) fn check(files: &[(String, String)]) -> Vec<Finding> {
    let crates: BTreeSet<_> =
        files.iter().filter_map(|(file, _)| file.split_once("/src/")).map(|(name, _)| name).collect();
    let crates = crates.into_iter().filter(|name| !name.contains('/'));
    crates.flat_map(|name| check_crate(name, files)).collect()
}

fn check_crate(name: &str, files: &[(String, String)]) -> Vec<Finding> {
    let source = format!("{name}/src/");
    let modules = Modules::new(&source, files.iter().map(|(file, text)| (file.as_str(), text.as_str())));
    let mut findings = Vec::new();
    let mut uses = Uses::new();
    let house = HOUSES.iter().find(|house| house.name == name);
    if let Some(house) = house {
        findings.extend(house.missing(&modules));
        findings.extend(house.outside(&modules));
    }
    for (from, module) in modules.0.iter().filter(|(path, _)| !is_free(path)) {
        let arrows = arrows(&modules, from, module, &mut findings);
        if let Some(house) = house {
            findings.extend(house.wrong_arrows(from, module, &arrows));
        }
        uses.insert(from.clone(), first_lines(arrows));
    }
    findings.extend(
        circles(&uses, |path| path.first().cloned()).iter().map(|circle| circle_finding(&modules, &uses, circle)),
    );
    findings
}

/// A use of another file: the line, the path as written, and the file.
type Arrow = (usize, String, ModulePath);

/// The files of the crate that a file uses. A path that leads nowhere is a finding.
fn arrows(modules: &Modules, from: &ModulePath, module: &Module, findings: &mut Vec<Finding>) -> Vec<Arrow> {
    let mut arrows = Vec::new();
    for path in module.names.all_paths() {
        match modules.resolve(from, path) {
            Place::Module(to) if to != *from && !to.is_empty() => arrows.push((path.line, path.words.join("::"), to)),
            Place::Module(_) | Place::Elsewhere => {}
            Place::Unknown(name) => findings.push(Finding::new(
                &module.file,
                path.line,
                format!("cannot tell which file crate::{name} comes from: write the path of its module"),
            )),
        }
    }
    arrows.sort();
    arrows
}

fn first_lines(arrows: Vec<Arrow>) -> BTreeMap<ModulePath, usize> {
    let mut lines = BTreeMap::new();
    for (line, _, to) in arrows {
        lines.entry(to).or_insert(line);
    }
    lines
}

/// Whether a module belongs to no room: the root, and modules for the whole crate.
fn is_free(path: &[String]) -> bool {
    path.first().is_none_or(|first| FREE.contains(&first.as_str()))
}

impl House {
    fn position(&self, room: &str) -> Option<usize> {
        self.rooms.iter().position(|name| *name == room)
    }

    /// Listed rooms that the crate does not have. Uses of a room under another name would not be checked.
    fn missing(&self, modules: &Modules) -> Vec<Finding> {
        let existing: BTreeSet<_> = modules.0.keys().filter_map(|path| path.first()).map(String::as_str).collect();
        let missing = self.rooms.iter().filter(|room| !existing.contains(*room));
        let text = "is in the order of rooms but does not exist: correct the order in xtask";
        missing.map(|room| Finding::new(&format!("{}/src/{room}", self.name), 0, text)).collect()
    }

    /// Files that are in no room.
    fn outside(&self, modules: &Modules) -> Vec<Finding> {
        let strangers = modules
            .0
            .iter()
            .filter(|(path, _)| !is_free(path) && path.first().is_some_and(|first| self.position(first).is_none()));
        let text = "is in no room: move it into one, or add a room to the order in xtask";
        strangers.map(|(_, module)| Finding::new(&module.file, 0, text)).collect()
    }

    /// The uses of a file that lead to a room on its right.
    fn wrong_arrows(&self, from: &[String], module: &Module, arrows: &[Arrow]) -> Vec<Finding> {
        let Some((room, position)) = from.first().and_then(|room| Some((room, self.position(room)?))) else {
            return Vec::new();
        };
        let mut found = BTreeSet::new();
        for (line, path, to) in arrows {
            let Some(other) = to.first() else { continue };
            if self.position(other).is_some_and(|other| other > position) || FREE.contains(&other.as_str()) {
                found.insert((*line, path.as_str(), other.as_str()));
            }
        }
        let text = |path: &str, other: &str| {
            format!(
                "{room} must not use {other} ({path}): a room uses only what is left of it in {}",
                self.rooms.join(" ")
            )
        };
        found.iter().map(|(line, path, other)| Finding::new(&module.file, *line, text(path, other))).collect()
    }
}

fn circle_finding(modules: &Modules, uses: &Uses, circle: &[&ModulePath]) -> Finding {
    let file = |path: &ModulePath| modules.0.get(path).map_or("", |module| module.file.as_str());
    let names: Vec<_> = circle.iter().chain(circle.first()).map(|path| path.join("::")).collect();
    let first = circle.first().copied();
    let second = circle.get(1).copied();
    let line = first.zip(second).and_then(|(first, second)| uses.get(first)?.get(second));
    let text = format!("these files use each other in a circle: {}; move the shared code", names.join(" -> "));
    Finding::new(first.map_or("", file), line.copied().unwrap_or_default(), text)
}

#[cfg(test)]
mod tests {
    use super::{FREE, HOUSES, House, check};

    /// The findings for files of dm-core, with an empty file for each other room.
    fn findings(files: &[(&str, &str)]) -> Vec<String> {
        findings_in(&HOUSES[0], files)
    }

    fn findings_in(house: &House, files: &[(&str, &str)]) -> Vec<String> {
        let file = |file: &str, text: &str| (format!("{}/src/{file}", house.name), text.to_owned());
        let rooms = house.rooms.iter().map(|room| file(&format!("{room}/mod.rs"), ""));
        let files: Vec<_> = rooms.chain(files.iter().map(|(name, text)| file(name, text))).collect();
        check(&files).iter().map(ToString::to_string).collect()
    }

    const ORDER: &str = "id wire error node commands machine udev ops events tree plan";

    #[test]
    fn a_room_uses_rooms_to_its_left() {
        assert_eq!(
            findings(&[(
                "ops/setup.rs",
                "use crate::id::name::DmName;\nuse crate::udev::Udev; fn f() { super::retry() }"
            )]),
            [""; 0]
        );
    }

    #[test]
    fn a_room_to_the_right_is_named_with_the_path_and_its_line() {
        assert_eq!(
            findings(&[
                ("error/kind.rs", "use crate::{id::A,\n    udev::{B, c::D}};\nfn f() { crate::ops::g() }"),
                ("udev/c.rs", ""),
            ]),
            [("2", "udev", "crate::udev::B"), ("2", "udev", "crate::udev::c::D"), ("3", "ops", "crate::ops::g"),].map(
                |(line, other, path)| format!(
                    "dm-core/src/error/kind.rs:{line}: error must not use {other} ({path}): \
                 a room uses only what is left of it in {ORDER}"
                )
            )
        );
    }

    #[test]
    fn a_name_at_the_root_counts_as_its_module() {
        let found = findings(&[
            ("lib.rs", "pub use tree::device::DeviceTree; pub use commands::*; pub fn own() {}"),
            ("tree/device.rs", ""),
            ("id/name.rs", "use crate::DeviceTree;\nfn f(a: crate::InfoOptions) { crate::own() }"),
        ]);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("dm-core/src/id/name.rs:1: id must not use tree (crate::DeviceTree): "));
        assert!(found[1].starts_with("dm-core/src/id/name.rs:2: id must not use commands (crate::InfoOptions): "));
    }

    #[test]
    fn tests_comments_and_strings_use_nothing() {
        let text =
            "// crate::tree::A\nconst A: &str = \"crate::tree::B\";\n#[cfg(test)]\nmod tests { use crate::tree::C; }";
        assert_eq!(findings(&[("id/name.rs", text)]), [""; 0]);
        assert_eq!(
            findings(&[("id/mod.rs", "#[cfg(test)] mod tests;"), ("id/tests.rs", "use crate::tree::C;")]),
            [""; 0]
        );
    }

    #[test]
    fn the_crate_itself_is_free_and_used_by_no_room() {
        let text = "use crate::id::A; use crate::tree::B;";
        assert_eq!(findings(&[("lib.rs", text), ("migration.rs", text)]), [""; 0]);
        let found = findings(&[("migration.rs", ""), ("tree/mod.rs", "use crate::migration::A;")]);
        assert_eq!(found.len(), 1, "{found:?}");
    }

    #[test]
    fn contributors_are_told_the_order() {
        let page = include_str!("../../../../.github/CONTRIBUTING.md");
        for house in HOUSES {
            let row = format!("| {} | `{}` |", house.name, house.rooms.join(" "));
            assert!(page.contains(&row), "CONTRIBUTING.md should have the row {row}");
        }
    }

    #[test]
    fn a_file_in_no_room_is_found() {
        let expected = "is in no room: move it into one, or add a room to the order in xtask";
        assert_eq!(
            findings(&[("stray.rs", ""), ("new/mod.rs", "")]),
            ["new/mod.rs", "stray.rs"].map(|file| format!("dm-core/src/{file}: {expected}"))
        );
    }

    #[test]
    fn a_listed_room_that_does_not_exist_is_found() {
        let renamed = HOUSES[1].rooms.iter().map(|room| if *room == "errors" { "error" } else { room });
        let files: Vec<_> = renamed.map(|room| (format!("dm-targets/src/{room}/mod.rs"), String::new())).collect();
        let found: Vec<_> = check(&files).iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                "dm-targets/src/errors: is in the order of rooms but does not exist: correct the order in xtask",
                "dm-targets/src/error/mod.rs: is in no room: move it into one, or add a room to the order in xtask",
            ]
        );
    }

    #[test]
    fn the_order_has_every_folder_of_the_crates() {
        for house in HOUSES {
            let folder = format!("{}/../{}/src", env!("CARGO_MANIFEST_DIR"), house.name);
            let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
            let folders = entries.filter(|entry| entry.file_type().unwrap().is_dir());
            let mut folders: Vec<_> = folders.map(|entry| entry.file_name().into_string().unwrap()).collect();
            folders.retain(|folder| !FREE.contains(&folder.as_str()));
            folders.sort();
            let mut rooms = house.rooms.to_vec();
            rooms.sort_unstable();
            assert_eq!(folders, rooms, "{}", house.name);
        }
    }

    #[test]
    fn each_crate_has_a_separate_order() {
        let found = findings_in(&HOUSES[1], &[("targets/zero.rs", "use crate::devices::A;")]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("dm-targets/src/targets/zero.rs:1: targets must not use devices"));
        let found = findings_in(&HOUSES[1], &[("errors/kind.rs", "use crate::text::A;")]);
        assert_eq!(found.len(), 1, "{found:?}");
    }

    #[test]
    fn circles_are_found_in_crates_without_an_order_as_well() {
        let files =
            [("a.rs", "\nuse crate::b::x::X;"), ("b/mod.rs", ""), ("b/x.rs", "fn f() { super::super::a::g() }")];
        let files = files.map(|(file, text)| (format!("dm-units/src/{file}"), text.to_owned()));
        let found: Vec<_> = check(&files).iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            ["dm-units/src/a.rs:2: these files use each other in a circle: a -> b::x -> a; move the shared code"]
        );
    }
}
