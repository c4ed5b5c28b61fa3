//! Every target of the kernel, one module each.

use core::fmt;

use dm_units::Sectors;

use crate::any::{OtherStatus, OtherTable, TargetVisitor, targets};
use crate::fields::Fields;
use crate::kind::{Any, Kind};
use crate::parse_error::ParseError;
use crate::problem::{InvalidField, Problem};
use crate::target::Target;

// To add a target, write its file and add its line: the file's name and the targets in it.
targets! {
    crypt: Crypt;
    delay: Delay;
    era: Era;
    error: Error;
    linear: Linear;
    mirror: Mirror;
    pcache: Pcache;
    snapshot: Snapshot, SnapshotMerge, SnapshotOrigin;
    striped: Striped;
    thin: Thin;
    thin_pool: ThinPool;
    zero: Zero;
    zoned: Zoned;
}
