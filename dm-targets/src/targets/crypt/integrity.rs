//! The integrity metadata of encrypted sectors.

use core::fmt::{self, Write};

use crate::option::keywords::keywords;
use crate::{Limits, Printer, Problem, Value, Word};

pub(super) const TAG_SIZES: Limits = Limits::new("integrity", 1, 480);

/// The integrity metadata of each encryption sector. The word is `<tag_size>:<profile>`, such as `28:aead`.
///
/// The underlying device must store such metadata for blocks of the encryption sector size; in Linux 6.1, it must be an
/// [`integrity`](crate::integrity) device or have one below it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CryptIntegrity {
    /// The number of bytes per encryption sector, from 1 to 480: at most as many as the device stores per block, and in
    /// Linux 6.1 exactly as many.
    pub tag_size: u32,
    /// What the bytes hold.
    pub profile: IntegrityProfile,
}

keywords! {
    exact;
    /// What the integrity metadata holds. The kernel ignores the case of the word but prints it as given, so a word in
    /// upper case is `Other`.
    pub enum IntegrityProfile {
        /// The authentication tag of an authenticated cipher, and the IV if it is random. Requires a cipher with the
        /// prefix `capi:`.
        Aead = "aead",
        /// Only the random IV.
        None = "none",
    }
}

impl CryptIntegrity {
    /// `tag_size` bytes for an authenticated cipher: its tag, and the IV if it is random.
    #[must_use]
    pub const fn aead(tag_size: u32) -> Self {
        Self { tag_size, profile: IntegrityProfile::Aead }
    }

    /// `tag_size` bytes, the size of the IV, for the IV generator `random`.
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
