//! The migration pages: every row is complete, and no name has two rows.

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

/// The cells of each row of the page's tables, without heads.
fn rows(page: &str) -> impl Iterator<Item = Vec<&str>> {
    let lines = page.lines().filter_map(|line| line.strip_prefix("//! | ")?.strip_suffix(" |"));
    lines
        .map(|line| line.split(" | ").collect::<Vec<_>>())
        .filter(|cells| cells.first().is_some_and(|head| !HEADS.contains(head)))
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
        let mut seen = std::collections::BTreeSet::new();
        for cells in rows(page) {
            assert!(seen.insert(cells[0]), "{name}: {} has two rows", cells[0]);
        }
    }
}

/// All functions of the header `libdevmapper.h` of version 1.02.185, and macros that look like functions.
const FUNCTIONS: &str = include_str!("libdevmapper-functions.txt");

#[test]
fn every_function_of_libdevmapper_is_named() {
    let (_, page) = PAGES.into_iter().find(|(name, _)| *name == "libdevmapper").unwrap();
    let named: Vec<_> = rows(page).flat_map(|cells| cells[0].split('`').skip(1).step_by(2)).collect();
    let is_named = |function: &str| {
        named.iter().any(|name| name.strip_suffix('*').map_or(*name == function, |start| function.starts_with(start)))
    };
    let missing: Vec<_> = FUNCTIONS.lines().filter(|function| !is_named(function)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    let is_there = |name: &str| {
        let start = name.strip_suffix('*').unwrap_or(name);
        FUNCTIONS.lines().any(|function| function.starts_with(start))
    };
    let wrong: Vec<_> = named.iter().filter(|name| name.starts_with("dm_") && !is_there(name)).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}
