//! Recognizes what a device contains by its first block, for error messages.

use core::fmt;

/// The bytes that are looked at: a block of metadata.
pub(super) const LOOKED_AT: usize = 4096;

/// Offset, magic bytes and name of known formats. The first that matches is taken, so the least specific one comes
/// last.
const SIGNATURES: [(usize, &[u8], &str); 24] = [
    (0, b"LUKS\xba\xbe", "a LUKS volume"),
    (0, b"XFSB", "an XFS file system"),
    (0, b"hsqs", "a squashfs file system"),
    (0, b"SnAp", "the exception store of a snapshot"),
    (0, b"verity\0\0", "hashes of a verity device"),
    (0, b"integrt\0", "an integrity device"),
    (0, b"dmvdo001", "a VDO volume"),
    (0, &0xa92b_4efc_u32.to_le_bytes(), "a leg of an MD array"),
    (0, &0x2348_9321_u32.to_le_bytes(), "the cache of a writecache device"),
    (3, b"NTFS    ", "an NTFS file system"),
    (32, &0o614_2003_u64.to_le_bytes(), "metadata of a cache"),
    (32, &2_126_579_579_u64.to_le_bytes(), "metadata of an era device"),
    (32, &0x8af2_7f64_u64.to_le_bytes(), "metadata of a clone"),
    (0, b"LABELONE", "an LVM2 physical volume"),
    (512, b"LABELONE", "an LVM2 physical volume"),
    (1024, b"LABELONE", "an LVM2 physical volume"),
    (1536, b"LABELONE", "an LVM2 physical volume"),
    (512, b"EFI PART", "a GPT partition table"),
    (1024, &0xf2f5_2010_u32.to_le_bytes(), "an F2FS file system"),
    (1024, &0xe0f5_e1e2_u32.to_le_bytes(), "an EROFS file system"),
    (1080, b"\x53\xef", "an ext2, ext3 or ext4 file system"),
    (4086, b"SWAPSPACE2", "swap space"),
    (4086, b"SWAP-SPACE", "swap space"),
    (510, b"\x55\xaa", "a partition table or a boot sector"),
];

/// Contents of a block that are neither zeros nor the expected metadata. `Display` prints the name of a known format,
/// or the first 8 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignData {
    name: Option<&'static str>,
    first: [u8; 8],
}

impl ForeignData {
    /// Looks at the first [`LOOKED_AT`] bytes.
    pub(super) fn of(block: &[u8]) -> Self {
        let is_at = |&&(at, bytes, _): &&(usize, &[u8], _)| block.get(at..).is_some_and(|rest| rest.starts_with(bytes));
        let name = SIGNATURES.iter().find(is_at).map(|(_, _, name)| *name);
        Self { name, first: block.first_chunk().copied().unwrap_or_default() }
    }

    /// As [`of`](Self::of); `None` for zeros.
    #[cfg(feature = "verity-format")]
    pub(super) fn unless_zeros(block: &[u8]) -> Option<Self> {
        block.iter().any(|byte| *byte != 0).then(|| Self::of(block))
    }
}

/// Prints `an XFS file system`, or `unknown data (it starts with 01 02 03 04 05 06 07 08)`.
impl fmt::Display for ForeignData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = self.name {
            return f.write_str(name);
        }
        f.write_str("unknown data (it starts with")?;
        self.first.iter().try_for_each(|byte| write!(f, " {byte:02x}"))?;
        f.write_str(")")
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString as _;
    use std::vec;

    use super::*;

    #[test]
    fn every_signature_is_found_where_it_stands() {
        for (at, bytes, name) in SIGNATURES {
            let mut block = vec![0; LOOKED_AT];
            block[at..at + bytes.len()].copy_from_slice(bytes);
            assert_eq!(ForeignData::of(&block).to_string(), name);
        }
    }

    #[test]
    fn other_data_are_shown_by_their_first_bytes() {
        let shown = ForeignData::of(&[1, 2, 3, 4, 5, 6, 7, 255, 9]).to_string();
        assert_eq!(shown, "unknown data (it starts with 01 02 03 04 05 06 07 ff)");
        assert!(ForeignData::of(&[1]).to_string().starts_with("unknown data"));
    }

    #[cfg(feature = "verity-format")]
    #[test]
    fn zeros_are_no_data() {
        assert_eq!(ForeignData::unless_zeros(&[0; 8]), None);
        assert_eq!(ForeignData::unless_zeros(&[0, 0, 1]), Some(ForeignData::of(&[0, 0, 1])));
    }
}
