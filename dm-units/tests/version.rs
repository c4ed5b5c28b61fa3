//! Versions as text.

use dm_units::{ParseUnitErrorKind, Version};
use proptest::prelude::*;

#[test]
fn the_error_of_a_version_says_where_the_text_is_wrong() {
    for (text, kind, offset) in [
        ("", ParseUnitErrorKind::ExpectedDigit, 0),
        ("4", ParseUnitErrorKind::ExpectedDot, 1),
        ("4-8", ParseUnitErrorKind::ExpectedDot, 1),
        ("4.48", ParseUnitErrorKind::ExpectedDot, 4),
        ("4.48.", ParseUnitErrorKind::ExpectedDigit, 5),
        ("4.48.0-rc1", ParseUnitErrorKind::ExpectedDigit, 6),
        ("4.4294967296.0", ParseUnitErrorKind::TooLarge, 2),
    ] {
        let error = text.parse::<Version>().unwrap_err();
        assert_eq!((error.kind(), error.offset()), (kind, offset), "{text:?}");
    }
    assert_eq!("4".parse::<Version>().unwrap_err().to_string(), "invalid version: expected `.` at byte 1");
}

#[test]
fn versions_are_ordered_by_number_not_by_text() {
    assert!(Version::new(1, 10, 0) > Version::new(1, 9, 9));
    assert!(Version::new(2, 0, 0) > Version::new(1, 99, 0));
}

proptest! {
    #[test]
    fn text_reads_back(major: u32, minor: u32, patch: u32) {
        let version = Version::new(major, minor, patch);
        prop_assert_eq!(version.to_string().parse(), Ok(version));
    }
}
