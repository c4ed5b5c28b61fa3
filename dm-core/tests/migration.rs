//! The migration pages: every row is complete, no name has two rows, and a search in the docs finds each name.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const PAGES: [(&str, &str); 7] = [
    ("cryptsetup", include_str!("../src/migration/cryptsetup.rs")),
    ("devicemapper", include_str!("../src/migration/devicemapper.rs")),
    ("devicemapper_0_4", include_str!("../src/migration/devicemapper_0_4.rs")),
    ("docker", include_str!("../src/migration/docker.rs")),
    ("dmsetup", include_str!("../src/migration/dmsetup.rs")),
    ("libdevmapper", include_str!("../src/migration/libdevmapper.rs")),
    ("units", include_str!("../src/migration/units.rs")),
];

const HEADS: [&str; 3] = ["there", "task type", "option there"];

/// The cells of each row in the page's tables, without headings.
fn rows(page: &str) -> impl Iterator<Item = Vec<&str>> {
    let lines = page.lines().filter_map(|line| line.strip_prefix("//! | ")?.strip_suffix(" |"));
    lines
        .map(|line| line.split(" | ").collect::<Vec<_>>())
        .filter(|cells| cells.first().is_some_and(|head| !HEADS.contains(head)))
}

fn page(wanted: &str) -> &'static str {
    PAGES.into_iter().find(|(name, _)| *name == wanted).unwrap().1
}

/// The names in a cell.
fn names(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

#[test]
fn every_row_names_what_replaces_it_or_says_why_nothing_does() {
    for (name, page) in PAGES {
        assert!(rows(page).count() > 10, "{name} has no rows");
        for cells in rows(page) {
            let (there, here) = cells.split_first().unwrap();
            let named = here.iter().any(|cell| cell.contains('`'));
            let left_out = matches!(here, [cell] if cell.strip_prefix("—: ").is_some_and(|reason| !reason.is_empty()));
            assert!(named || left_out, "{name}: {there} leads to nothing: {here:?}");
        }
    }
}

#[test]
fn no_row_is_there_twice() {
    for (name, page) in PAGES {
        let mut seen = BTreeSet::new();
        for cells in rows(page) {
            assert!(seen.insert(cells[0]), "{name}: {} has two rows", cells[0]);
        }
    }
}

/// All functions in `libdevmapper.h` of version 1.02.185, and macros that look like functions.
const FUNCTIONS: &str = include_str!("libdevmapper-functions.txt");

#[test]
fn every_function_of_libdevmapper_is_named() {
    let named: Vec<_> = rows(page("libdevmapper")).flat_map(|cells| names(cells[0])).collect();
    let is_named = |function: &str| {
        named.iter().any(|name| name.strip_suffix('*').map_or(*name == function, |start| function.starts_with(start)))
    };
    let missing: Vec<_> = FUNCTIONS.lines().filter(|function| !is_named(function)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    let exists = |name: &str| {
        let start = name.strip_suffix('*').unwrap_or(name);
        FUNCTIONS.lines().any(|function| function.starts_with(start))
    };
    let wrong: Vec<_> = named.iter().filter(|name| name.starts_with("dm_") && !exists(name)).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

/// The commands that `dmsetup help` of version 1.02.185 lists.
const COMMANDS: &str = "create remove remove_all suspend resume load clear reload wipe_table rename measure message ls info deps \
     stats status table wait mknodes mangle udevcreatecookie udevreleasecookie udevflags udevcomplete udevcomplete_all \
     udevcookies target-version targets version setgeometry splitname";

#[test]
fn every_command_of_dmsetup_is_named() {
    let named: Vec<_> = rows(page("dmsetup")).flat_map(|cells| names(cells[0])).collect();
    let missing: Vec<_> = COMMANDS.split_whitespace().filter(|command| !named.contains(command)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// The aliases of all items in the sources.
fn add_aliases(folder: &Path, aliases: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            add_aliases(&path, aliases);
        } else {
            let text = fs::read_to_string(path).unwrap();
            let found = text.split("#[doc(alias = \"").skip(1).filter_map(|rest| rest.split_once('"'));
            aliases.extend(found.map(|(alias, _)| alias.to_owned()));
        }
    }
}

#[test]
fn a_search_in_the_docs_finds_every_name_that_has_a_replacement_here() {
    let mut aliases = BTreeSet::new();
    add_aliases(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut aliases);
    // Their replacements are in this crate, and the names are words that one would search for.
    let is_here =
        |cell: &str| !cell.starts_with('—') && cell.split("[`").skip(1).any(|link| !link.contains("](dm_units::"));
    let is_searched = |name: &&str| !name.ends_with('*') && (name.len() > 2 || !name.starts_with('-'));
    let mut missing = Vec::new();
    for name in ["libdevmapper", "dmsetup"] {
        for cells in rows(page(name)).filter(|cells| is_here(cells[1])) {
            // An option is found without its command.
            let words = names(cells[0]).filter(is_searched).map(|name| name.rsplit(' ').next().unwrap());
            missing
                .extend(words.filter(|word| !aliases.contains(*word) && !aliases.contains(&format!("dmsetup {word}"))));
        }
    }
    assert!(missing.is_empty(), "{missing:?}");
}
