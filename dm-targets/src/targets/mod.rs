//! All targets of the mainline kernel, one module each; `snapshot` has three targets.

pub(crate) mod any;
pub mod cache;
pub mod clone;
pub mod crypt;
pub mod delay;
pub mod dust;
pub mod ebs;
pub mod era;
pub mod error;
pub mod flakey;
pub mod inlinecrypt;
pub mod integrity;
pub mod linear;
pub mod log_writes;
pub mod mirror;
pub mod multipath;
pub mod pcache;
pub mod raid;
pub mod snapshot;
pub mod striped;
pub mod switch;
pub mod thin;
pub mod thin_pool;
pub mod unstriped;
pub mod vdo;
pub mod verity;
mod words;
pub mod writecache;
pub mod zero;
pub mod zoned;

use core::fmt;

use dm_units::Sectors;

use self::any::{OtherStatus, OtherTable, TargetVisitor, stored, targets};
use crate::errors::parse_error::ParseError;
use crate::errors::problem::{InvalidField, Problem};
use crate::target::Target;
use crate::target::comparison::{Comparison, TableDifference};
use crate::target::kind::{Any, LineKind};
use crate::text::fields::Fields;

/// Passes the list of all targets to a macro.
///
/// `boxed` if the table is large, so that `AnyTable` stays at 112 bytes or less.
macro_rules! with_targets {
    ($macro:ident) => {
        $macro! {
            Cache(cache::Cache, CacheTable) boxed;
            Clone(clone::CloneTarget, CloneTable) boxed;
            Crypt(crypt::Crypt, CryptTable) boxed;
            Delay(delay::Delay, DelayTable);
            Dust(dust::Dust, DustTable);
            Ebs(ebs::Ebs, EbsTable);
            Era(era::Era, EraTable);
            Error(error::ErrorTarget, ErrorTable);
            Flakey(flakey::Flakey, FlakeyTable) boxed;
            InlineCrypt(inlinecrypt::InlineCrypt, InlineCryptTable) boxed;
            Integrity(integrity::Integrity, IntegrityTable) boxed;
            Linear(linear::Linear, LinearTable);
            LogWrites(log_writes::LogWrites, LogWritesTable);
            Mirror(mirror::Mirror, MirrorTable) boxed;
            Multipath(multipath::Multipath, MultipathTable) boxed;
            Pcache(pcache::Pcache, PcacheTable);
            Raid(raid::Raid, RaidTable) boxed;
            Snapshot(snapshot::Snapshot, SnapshotTable);
            SnapshotMerge(snapshot::SnapshotMerge, SnapshotMergeTable);
            SnapshotOrigin(snapshot::SnapshotOrigin, SnapshotOriginTable);
            Striped(striped::Striped, StripedTable);
            Switch(switch::Switch, SwitchTable);
            Thin(thin::Thin, ThinTable);
            ThinPool(thin_pool::ThinPool, ThinPoolTable);
            Unstriped(unstriped::Unstriped, UnstripedTable);
            Vdo(vdo::Vdo, VdoTable) boxed;
            Verity(verity::Verity, VerityTable) boxed;
            Writecache(writecache::Writecache, WritecacheTable) boxed;
            Zero(zero::Zero, ZeroTable);
            Zoned(zoned::Zoned, ZonedTable);
        }
    };
}

with_targets!(targets);
#[cfg(feature = "devices")]
pub(crate) use with_targets;
