//! The encodings of device numbers.

use dm_units::DeviceNumber;
use proptest::prelude::*;

#[test]
fn the_kernels_encoding() {
    for (major, minor, huge) in [
        (0, 0, 0),
        (8, 0, 0x800),
        (253, 0, 0xfd00),
        (253, 255, 0xfdff),
        (253, 256, 0x10_fd00),
        (7, 0x1_2345, 0x1230_0745),
        (0xfff, 0xf_ffff, 0xffff_ffff),
    ] {
        let number = DeviceNumber::new(major, minor);
        assert_eq!(number.to_huge(), Some(huge), "{number}");
        assert_eq!(DeviceNumber::from_huge(huge), Some(number), "{number}");
        assert_eq!(number.to_dev_t(), huge, "{number}");
    }
}

#[test]
fn numbers_that_do_not_fit_the_kernels_encoding_have_none() {
    assert_eq!(DeviceNumber::new(0x1000, 0).to_huge(), None);
    assert_eq!(DeviceNumber::new(0, 0x10_0000).to_huge(), None);
    assert_eq!(DeviceNumber::from_huge(0x1_0000_0000), None);
    assert_eq!(DeviceNumber::from_huge(u64::MAX), None);
}

#[test]
fn to_dev_t_is_the_encoding_of_the_c_library() {
    assert_eq!(DeviceNumber::new(0x1234_5678, 0x9abc_def0).to_dev_t(), 0x1234_59ab_cde6_78f0);
}

/// `/dev/null` has the number 1:3 on every Linux.
#[cfg(target_os = "linux")]
#[test]
fn the_number_of_a_real_node() {
    use std::os::unix::fs::MetadataExt;

    let node = std::fs::metadata("/dev/null").unwrap();
    assert_eq!(DeviceNumber::from_dev_t(node.rdev()), DeviceNumber::new(1, 3));
}

proptest! {
    #[test]
    fn huge_reads_back(major in 0..0x1000_u32, minor in 0..0x10_0000_u32) {
        let number = DeviceNumber::new(major, minor);
        let (wide_major, wide_minor) = (u64::from(major), u64::from(minor));
        // The formula of the kernel's header.
        let huge = (wide_minor & 0xff) | (wide_major << 8) | ((wide_minor & !0xff) << 12);
        prop_assert_eq!(number.to_huge(), Some(huge));
        prop_assert_eq!(DeviceNumber::from_huge(huge), Some(number));
    }

    #[test]
    fn every_32_bits_are_a_number(huge: u32) {
        let number = DeviceNumber::from_huge(huge.into()).unwrap();
        prop_assert_eq!(number.to_huge(), Some(huge.into()));
    }

    #[test]
    fn dev_t_reads_back(major: u32, minor: u32, dev: u64) {
        let number = DeviceNumber::new(major, minor);
        prop_assert_eq!(DeviceNumber::from_dev_t(number.to_dev_t()), number);
        prop_assert_eq!(DeviceNumber::from_dev_t(dev).to_dev_t(), dev);
    }
}
