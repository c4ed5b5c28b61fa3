//! The status of an `integrity` target.
//!
//! Kernel: `dm_integrity_status` in `drivers/md/dm-integrity.c`.

use alloc::vec::Vec;
use core::fmt::{self, Write};

use dm_units::Sectors;

use crate::{
    Concern, Fields, Health, Params, ParseError, Printer, Problem, Usage, Value, Word, WordBuf, Work, WorkKind,
};

/// The status of an `integrity` target: mismatches, the largest length, and how far tags have been recalculated.
///
/// Old kernels print only the first field or the first two fields. The other fields are then `None`.
///
/// ```
/// use dm_targets::integrity::Recalculation;
/// use dm_targets::{Integrity, Target};
/// use dm_units::Sectors;
///
/// let status = Integrity::parse_status("6 129160 2048")?;
/// assert_eq!((status.mismatches, status.provided_sectors), (6, Some(Sectors(129160))));
/// assert_eq!(status.recalculation, Some(Recalculation::Reached(Sectors(2048))));
/// # Ok::<(), dm_targets::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct IntegrityStatus {
    /// The number of tags and MACs that did not match since the table was loaded.
    pub mismatches: u64,
    /// The largest possible length of the target; `None` from old kernels.
    pub provided_sectors: Option<Sectors>,
    /// How far tags have been recalculated; `None` from old kernels.
    pub recalculation: Option<Recalculation>,
    /// Words after the known ones, which a later kernel may print.
    #[cfg_attr(feature = "serde", serde(default))]
    pub extra: Vec<WordBuf>,
}

impl IntegrityStatus {
    pub(super) fn health(&self) -> Health {
        self.health_of(Sectors(u64::MAX))
    }

    /// The health of a target with this length, which can be less than `provided_sectors`.
    pub(crate) fn health_of(&self, length: Sectors) -> Health {
        let sync = self.recalculated(length);
        let unfinished = sync.is_some_and(|sync| sync.used < sync.total);
        let work = Work::new(WorkKind::Recalculation, sync);
        Health { sync, work: unfinished.then_some(work), repairs: self.mismatches, ..Health::default() }
            .concern(Concern::NotInSync, unfinished)
            .concern(Concern::Mismatches, self.mismatches > 0)
    }

    /// The recalculated and total sectors; `None` unless tags are being recalculated.
    fn recalculated(&self, length: Sectors) -> Option<Usage<u64>> {
        let Some(Recalculation::Reached(Sectors(used))) = self.recalculation else { return None };
        let Sectors(total) = self.provided_sectors?.min(length);
        Some(Usage { used, total })
    }
}

/// How far the tags of existing data have been recalculated. The word is `-`, or a sector such as `2048`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Recalculation {
    /// No tags are being recalculated.
    Off,
    /// All sectors before this sector have their tags. The kernel stops at
    /// [`provided_sectors`](IntegrityStatus::provided_sectors).
    Reached(Sectors),
}

impl Value for Recalculation {
    fn read(word: Word<'_>) -> Result<Self, Problem> {
        Option::read(word).map(|sector| sector.map_or(Self::Off, Self::Reached))
    }

    fn print(&self, out: &mut Printer<'_, '_>) -> fmt::Result {
        match self {
            Self::Off => out.write_char('-'),
            Self::Reached(sector) => sector.print(out),
        }
    }
}

impl Params for IntegrityStatus {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        Ok(Self {
            mismatches: fields.read("mismatches")?,
            provided_sectors: fields.read_optional("provided sectors")?,
            recalculation: fields.read_optional("recalculated sectors")?,
            extra: fields.read_rest("extra")?,
        })
    }
}

impl fmt::Display for IntegrityStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Printer::printed(f);
        out.put(&self.mismatches).all(&self.provided_sectors).all(&self.recalculation).all(&self.extra).end()
    }
}
