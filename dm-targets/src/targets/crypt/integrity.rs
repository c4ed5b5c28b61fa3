//! What is stored beside each sector.

use core::fmt::{self, Write};

use crate::option::keywords::keywords;
use crate::{Limits, Printer, Problem, Value, Word};

pub(super) const TAG_SIZES: Limits = Limits::new("integrity", 1, 480);

/// What is stored beside each sector, on a device with room for it such as one of [`integrity`](crate::integrity).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CryptIntegrity {
    /// How many bytes belong to each encryption sector.
    pub tag_size: u32,
    /// Who makes use of them.
    pub profile: IntegrityProfile,
}

keywords! {
    exact;
    /// Who makes use of the bytes beside each sector. Loaded in capitals it is printed in capitals, and is `Other`.
    pub enum IntegrityProfile {
        /// The cipher, which authenticates.
        Aead = "aead",
        /// Nobody but the IV mode.
        None = "none",
    }
}

impl CryptIntegrity {
    /// So many bytes, for the cipher to authenticate the sector.
    #[must_use]
    pub const fn aead(tag_size: u32) -> Self {
        Self { tag_size, profile: IntegrityProfile::Aead }
    }

    /// So many bytes, for the IV mode `random`.
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
