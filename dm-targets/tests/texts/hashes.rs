//! Equal values have equal hashes, and different ones different hashes unless a secret is all that differs.

use std::fmt::Debug;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hash};

use dm_targets::{Key, OtherTable, SecretWord, Table};

fn check<T: Hash + Eq + Debug>(one: &T, same: &T, other: &T) {
    let hash = |value: &T| BuildHasherDefault::<DefaultHasher>::default().hash_one(value);
    assert_eq!((one, hash(one)), (same, hash(same)));
    assert!(one != other && hash(one) != hash(other), "{other:?} has the hash of {one:?}");
}

#[test]
fn tables_with_different_lines_have_different_hashes() {
    let table = |text: &str| text.parse::<Table>().unwrap();
    let one = table("0 8 linear 8:0 0");
    for other in ["0 8 linear 8:0 1", "0 16 linear 8:0 0", "0 8 error", "0 8 linear 8:0 0\n8 8 error"] {
        check(&one, &table("0 8 linear 8:0 0"), &table(other));
    }
    check(&one.lines()[0], &one.lines()[0], &table("0 8 linear 8:0 1").lines()[0]);
}

#[test]
fn secrets_of_different_sizes_have_different_hashes() {
    let key = |text: &str| Key::from_hex(text).unwrap();
    check(&key("00ff"), &key("00FF"), &key("00ff00"));
    let word = |text: &str| SecretWord::new(text).unwrap();
    check(&word("ab"), &word("ab"), &word("abc"));
    let other = |target_type: &str, params: &str| OtherTable::new(target_type, params);
    check(&other("new", "8:0 1"), &other("new", "8:0 1"), &other("new", "8:0 11"));
    check(&other("new", "8:0 1"), &other("new", "8:0 1"), &other("newer", "8:0 1"));
}
