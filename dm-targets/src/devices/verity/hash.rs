//! [`VerityAlgorithm`], and the computation of the hashes of blocks.

use alloc::vec::Vec;
use core::fmt;

use sha1::Sha1;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};

use super::error::VerityError;
use crate::verity::Hex;
use crate::{InvalidField, Problem};

/// The hash algorithms with which this crate creates and checks hash trees. The kernel supports more.
///
/// Requires the feature `verity-format`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum VerityAlgorithm {
    /// SHA-1, with 20-byte hashes. Avoid it in new trees: it is not collision-resistant.
    Sha1,
    /// SHA-224, with 28-byte hashes.
    Sha224,
    /// SHA-256, with 32-byte hashes. This is the default, as in `veritysetup`.
    #[default]
    Sha256,
    /// SHA-384, with 48-byte hashes.
    Sha384,
    /// SHA-512, with 64-byte hashes.
    Sha512,
}

impl VerityAlgorithm {
    /// All algorithms, in the order of the variants.
    pub const ALL: [Self; 5] = [Self::Sha1, Self::Sha224, Self::Sha256, Self::Sha384, Self::Sha512];

    /// The algorithm's name in the kernel's crypto API, in superblocks and in tables, such as `sha256`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::Sha224 => "sha224",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    /// The algorithm with this [`name`](Self::name), which must be in lower case; `None` for any other text.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// As [`of_name`](Self::of_name), with an error that lists the algorithms.
    pub(super) fn named(name: &str) -> Result<Self, InvalidField> {
        Self::of_name(name)
            .ok_or_else(|| InvalidField::new("algorithm", Problem::Expected("sha1 or of the family sha2")))
    }

    /// The bytes of a root hash, which must be as long as the hashes of this algorithm.
    pub(super) fn check_root(self, root_hash: &Hex) -> Result<Vec<u8>, VerityError> {
        let (expected, found) = (self.digest_size(), root_hash.size());
        if expected != found {
            return Err(VerityError::RootHash { algorithm: self, expected, found });
        }
        Ok(root_hash.to_bytes())
    }

    /// The length of a hash in bytes.
    #[must_use]
    pub const fn digest_size(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha224 => 28,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }
}

impl fmt::Display for VerityAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The hash of a block, or of the whole tree.
pub(super) type Hash = Vec<u8>;

/// Makes the hashes of a tree.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hasher<'a> {
    pub(super) algorithm: VerityAlgorithm,
    /// Version 0 hashes the salt after the block, version 1 before it (`verity_hash_init` in
    /// drivers/md/dm-verity-target.c).
    pub(super) version: u32,
    pub(super) salt: &'a [u8],
}

impl Hasher<'_> {
    pub(super) fn hash(&self, block: &[u8]) -> Hash {
        let parts = if self.version == 0 { [block, self.salt] } else { [self.salt, block] };
        match self.algorithm {
            VerityAlgorithm::Sha1 => of_parts::<Sha1>(parts),
            VerityAlgorithm::Sha224 => of_parts::<Sha224>(parts),
            VerityAlgorithm::Sha256 => of_parts::<Sha256>(parts),
            VerityAlgorithm::Sha384 => of_parts::<Sha384>(parts),
            VerityAlgorithm::Sha512 => of_parts::<Sha512>(parts),
        }
    }
}

fn of_parts<D: Digest>(parts: [&[u8]; 2]) -> Hash {
    let hash = parts.iter().fold(D::new(), |hash, part| hash.chain_update(part));
    hash.finalize().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_sizes_are_those_of_the_hashes() {
        for algorithm in VerityAlgorithm::ALL {
            assert_eq!(VerityAlgorithm::of_name(algorithm.name()), Some(algorithm));
            let hasher = Hasher { algorithm, version: 1, salt: b"salt" };
            assert_eq!(hasher.hash(b"data").len(), algorithm.digest_size());
        }
        assert_eq!(VerityAlgorithm::of_name("crc32c"), None);
    }

    #[test]
    fn the_version_says_on_which_side_the_salt_is() {
        let hash = |version, salt, data: &[u8]| Hasher { algorithm: VerityAlgorithm::Sha256, version, salt }.hash(data);
        assert_eq!(hash(1, b"ab", b"cd"), hash(0, b"cd", b"ab"));
        assert_ne!(hash(1, b"ab", b"cd"), hash(0, b"ab", b"cd"));
        // The hash of "abc" in FIPS 180-4's examples begins so.
        assert_eq!(hash(1, b"a", b"bc")[..4], [0xba, 0x78, 0x16, 0xbf]);
    }
}
