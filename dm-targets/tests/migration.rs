//! Rules for the migration pages: every row is complete, and no name has two rows.

const PAGES: [(&str, &str); 4] = [
    ("devicemapper", include_str!("../src/migration/devicemapper.rs")),
    ("devices", include_str!("../src/migration/devices.rs")),
    ("docker", include_str!("../src/migration/docker.rs")),
    ("monitoring", include_str!("../src/migration/monitoring.rs")),
];

const HEADS: [&str; 1] = ["there"];

/// The cells of each row of the page's tables, without headings.
fn rows(page: &str) -> impl Iterator<Item = Vec<&str>> {
    let lines = page.lines().filter_map(|line| line.strip_prefix("//! | ")?.strip_suffix(" |"));
    lines
        .map(|line| line.split(" | ").collect::<Vec<_>>())
        .filter(|cells| cells.first().is_some_and(|head| !HEADS.contains(head)))
}

#[test]
fn every_row_has_a_replacement_or_a_reason_for_none() {
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
fn no_name_has_two_rows() {
    for (name, page) in PAGES {
        let mut seen = std::collections::BTreeSet::new();
        for cells in rows(page) {
            assert!(seen.insert(cells[0]), "{name}: {} has two rows", cells[0]);
        }
    }
}
