//! Files that use each other in a circle.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::modules::ModulePath;

/// The files that each file uses, and the line of the first use.
pub(super) type Uses = BTreeMap<ModulePath, BTreeMap<ModulePath, usize>>;

/// The shortest circle of each group of files that use each other, unless all are in one room. It starts with the first
/// file.
pub(super) fn circles(uses: &Uses, room: impl Fn(&ModulePath) -> Option<String>) -> Vec<Vec<&ModulePath>> {
    let reach: BTreeMap<_, _> = uses.keys().map(|file| (file, reachable(uses, file))).collect();
    let meet = |a: &ModulePath, b: &ModulePath| {
        let reaches = |from, to| reach.get(from).is_some_and(|found| found.contains(to));
        reaches(a, b) && reaches(b, a)
    };
    let mut found = Vec::new();
    let mut seen: BTreeSet<&ModulePath> = BTreeSet::new();
    for file in uses.keys() {
        if seen.contains(file) {
            continue;
        }
        let knot: BTreeSet<_> = uses.keys().filter(|other| meet(file, other)).collect();
        seen.extend(&knot);
        let mut crossing =
            knot.iter().flat_map(|from| uses.get(*from).into_iter().flatten().map(|(to, _)| (*from, to)));
        if let Some(circle) = crossing
            .by_ref()
            .filter(|(from, to)| knot.contains(to) && room(from) != room(to))
            .filter_map(|(from, to)| way(uses, to, from))
            .min_by_key(Vec::len)
        {
            found.push(from_first(circle));
        }
    }
    found
}

/// All files that a file uses, directly or indirectly. The file itself is among them only if it is in a circle.
fn reachable<'a>(uses: &'a Uses, from: &ModulePath) -> BTreeSet<&'a ModulePath> {
    let next = |file: &ModulePath| uses.get(file).into_iter().flat_map(BTreeMap::keys);
    let mut found: BTreeSet<_> = BTreeSet::new();
    let mut open: Vec<_> = next(from).collect();
    while let Some(file) = open.pop() {
        if found.insert(file) {
            open.extend(next(file));
        }
    }
    found
}

/// The shortest path from one file to another, including both.
fn way<'a>(uses: &'a Uses, from: &'a ModulePath, to: &'a ModulePath) -> Option<Vec<&'a ModulePath>> {
    let mut before: BTreeMap<&ModulePath, &ModulePath> = BTreeMap::new();
    let mut open = VecDeque::from([from]);
    while let Some(file) = open.pop_front() {
        if file == to {
            let mut back = vec![file];
            while let Some(previous) = back.last().filter(|last| **last != from).and_then(|last| before.get(last)) {
                back.push(previous);
            }
            back.reverse();
            return Some(back);
        }
        for next in uses.get(file).into_iter().flat_map(BTreeMap::keys) {
            if next != from && !before.contains_key(next) {
                before.insert(next, file);
                open.push_back(next);
            }
        }
    }
    None
}

/// Rotates a circle so that it starts with the file whose name sorts first.
fn from_first(mut circle: Vec<&ModulePath>) -> Vec<&ModulePath> {
    let first = circle.iter().zip(0..).min().map_or(0, |(_, index)| index);
    circle.rotate_left(first);
    circle
}

#[cfg(test)]
mod tests {
    use super::{Uses, circles};

    fn found(arrows: &[(&str, &str)]) -> Vec<String> {
        let path = |text: &str| text.split("::").map(str::to_owned).collect::<Vec<_>>();
        let mut uses = Uses::new();
        for (from, to) in arrows {
            uses.entry(path(to)).or_default();
            uses.entry(path(from)).or_default().insert(path(to), 1);
        }
        let circles = circles(&uses, |file| file.first().cloned());
        circles.iter().map(|circle| circle.iter().map(|file| file.join("::")).collect::<Vec<_>>().join(" ")).collect()
    }

    #[test]
    fn a_circle_through_several_rooms_is_found() {
        assert_eq!(found(&[("b", "c"), ("c", "a::x"), ("a::x", "b"), ("a::y", "b")]), ["a::x b c"]);
        assert_eq!(found(&[("a", "b"), ("b", "a"), ("c", "d"), ("d", "c")]), ["a b", "c d"]);
    }

    #[test]
    fn the_shortest_circle_of_a_group_is_found() {
        assert_eq!(found(&[("a", "b"), ("b", "c"), ("c", "d"), ("d", "a"), ("d", "c")]), ["c d"]);
    }

    #[test]
    fn a_circle_within_a_room_is_allowed() {
        assert_eq!(found(&[("a::x", "a::y"), ("a::y", "a::x"), ("a::y", "b")]), [""; 0]);
    }

    #[test]
    fn arrows_without_a_circle_are_allowed() {
        assert_eq!(found(&[("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")]), [""; 0]);
    }
}
