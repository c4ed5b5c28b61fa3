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
    cache: Cache;
    clone: Clone;
    crypt: Crypt;
    delay: Delay;
    dust: Dust;
    ebs: Ebs;
    era: Era;
    error: Error;
    flakey: Flakey;
    inlinecrypt: InlineCrypt;
    integrity: Integrity;
    linear: Linear;
    log_writes: LogWrites;
    mirror: Mirror;
    multipath: Multipath;
    pcache: Pcache;
    raid: Raid;
    snapshot: Snapshot, SnapshotMerge, SnapshotOrigin;
    striped: Striped;
    switch: Switch;
    thin: Thin;
    thin_pool: ThinPool;
    unstriped: Unstriped;
    vdo: Vdo;
    verity: Verity;
    writecache: Writecache;
    zero: Zero;
    zoned: Zoned;
}
