//! The integrity metadata of encrypted sectors.

use core::fmt::{self, Write};

use crate::option::keywords::keywords;
use crate::{Limits, Printer, Problem, Value, Word};

pub(super) const TAG_SIZES: Limits = Limits::new("integrity", 1, 480);

/// The integrity metadata of each encryption sector. The word is `<tag_size>:<profile>`, such as `28:aead`.
///
/// The underlying device must store this metadata, and its integrity block size must be the encryption sector size.
/// Linux 6.1 requires that the underlying device is an [`integrity`](crate::integrity) device or has one below it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CryptIntegrity {
    /// The number of bytes per encryption sector, from 1 to 480. The device must store at least this number per block,
    /// and in Linux 6.1 exactly this number.
    pub tag_size: u32,
    /// What the bytes hold.
    pub profile: IntegrityProfile,
}

keywords! {
    exact;
    /// What the integrity metadata holds. The kernel ignores the case of the word. It prints the word as given, so a
    /// word in upper case becomes `Other`.
    pub enum IntegrityProfile {
        /// The authentication tag of an authenticated cipher, and the IV if it is random. Requires a cipher with the
        /// prefix `capi:`.
        Aead = "aead",
        /// Only the random IV.
        None = "none",
    }
}

impl CryptIntegrity {
    /// Stores `tag_size` bytes: the tag of an authenticated cipher, and the IV if it is random.
    #[must_use]
    pub const fn aead(tag_size: u32) -> Self {
        Self { tag_size, profile: IntegrityProfile::Aead }
    }

    /// Stores the IV of the generator `random`. `tag_size` is the size of the IV.
    #[must_use]
    pub const fn none(tag_size: u32) -> Self {
        Self { tag_size, profile: IntegrityProfile::None }
    }

    pub(super) fn is_aead(&self) -> bool {
        self.profile.as_str().eq_ignore_ascii_case("aead")
    }
}

impl Value for CryptIntegrity {
    fn read(word: Word<'_>) -> Result<Self, Problem> {
        let (size, profile) = word.split_once(':').ok_or(Problem::Expected("a size and a profile, such as 28:aead"))?;
        let tag_size = u32::read(size)?;
        TAG_SIZES.check(tag_size).map_err(|invalid| invalid.problem())?;
        Ok(Self { tag_size, profile: IntegrityProfile::read(profile)? })
    }

    fn print(&self, out: &mut Printer<'_, '_>) -> fmt::Result {
        self.tag_size.print(out)?;
        out.write_char(':')?;
        self.profile.print(out)
    }
}
