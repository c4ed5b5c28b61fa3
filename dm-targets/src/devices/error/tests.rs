//! For which errors each predicate is true.

use std::io;

use dm_core::block::BlockAction;
use dm_core::{DmName, Host, TargetLine, TargetParams};
use dm_testing::{FailAt, MemoryKernel};
use dm_units::Bytes;

use super::*;
use crate::devices::{PoolToolErrorKind, ThinPoolDev};
use crate::table::{Table, TableLine};
use crate::thin::ThinDevId;
use crate::thin_pool::ThinPoolTable;

type Predicate = fn(&DevError) -> bool;

const PREDICATES: [(&str, Predicate); 11] = [
    ("already exists", DevError::is_already_exists),
    ("busy", DevError::is_busy),
    ("interrupted", DevError::is_interrupted),
    ("invalid", DevError::is_invalid),
    ("no data", DevError::is_no_data),
    ("no space", DevError::is_no_space),
    ("not found", DevError::is_not_found),
    ("permission denied", DevError::is_permission_denied),
    ("read-only", DevError::is_read_only),
    ("timed out", DevError::is_timed_out),
    ("unsupported", DevError::is_unsupported),
];

const EPERM: i32 = 1;
const ENOENT: i32 = 2;
const EINTR: i32 = 4;
const EIO: i32 = 5;
const ENXIO: i32 = 6;
const ENOMEM: i32 = 12;
const EACCES: i32 = 13;
const EBUSY: i32 = 16;
const EEXIST: i32 = 17;
const EINVAL: i32 = 22;
const ENOSPC: i32 = 28;
const EROFS: i32 = 30;
const ENODATA: i32 = 61;
const EOPNOTSUPP: i32 = 95;
const ETIMEDOUT: i32 = 110;

fn line() -> [TargetLine<impl TargetParams>; 1] {
    [TargetLine::text(Sectors(0), Sectors(8), "zero", "")]
}

fn kernel() -> MemoryKernel {
    let memory = MemoryKernel::new();
    memory.host().create("home", line()).unwrap();
    memory
}

/// The errors of a command and of an operation that fails at a command, both with this errno.
fn failed(errno: i32) -> [DevError; 2] {
    let dm = kernel().dm();
    let command = FailAt::new(&dm, 1, errno).dm().device_suspend("home").unwrap_err();
    let operation = Host::new(FailAt::new(&dm, 2, errno).dm()).suspend("home").unwrap_err();
    [command.into(), operation.into()]
}

/// The error of a message to a pool that is read-only.
fn refused_message() -> DevError {
    let memory = MemoryKernel::new();
    let [metadata, data] = [(); 2].map(|()| memory.disk(Bytes(2 << 20)).number());
    let params = ThinPoolTable::new(metadata, data, Sectors(128), DataBlocks(0));
    let table = Table::new([TableLine::new(Sectors(0), Sectors(4096), params)]).unwrap();
    let pool = ThinPoolDev::create(&memory.host(), "pool", &table).unwrap();
    pool.set_features(&memory.host(), |features| features.read_only = true).unwrap();
    pool.delete_id(&memory.host(), ThinDevId::new(1).unwrap()).unwrap_err()
}

fn block(action: BlockAction, errno: i32) -> BlockError {
    BlockError::refused(action, "/dev/sda".to_owned(), &io::Error::from_raw_os_error(errno))
}

/// Errors, each with the predicate that is true for it, or an empty text.
fn cases() -> Vec<(DevError, &'static str)> {
    let errnos = [
        (EPERM, "permission denied"),
        (EACCES, "permission denied"),
        (EINTR, "interrupted"),
        (ENXIO, "not found"),
        (ENOMEM, ""),
        (EBUSY, "busy"),
        (EEXIST, "already exists"),
        (EINVAL, "invalid"),
        (ENOSPC, "no space"),
        (EROFS, "read-only"),
        (ENODATA, "no data"),
    ];
    let mut cases: Vec<_> = errnos.iter().flat_map(|(errno, is)| failed(*errno).map(|error| (error, *is))).collect();
    // Only an operation waits with a timeout of this library.
    let [command, operation] = failed(ETIMEDOUT);
    cases.extend([(command, ""), (operation, "timed out")]);

    let blocks = [
        (BlockAction::Open, ENOENT, "not found"),
        (BlockAction::Open, EBUSY, "busy"),
        (BlockAction::Open, EACCES, "permission denied"),
        (BlockAction::Open, EROFS, "read-only"),
        (BlockAction::Discard, EPERM, "read-only"),
        (BlockAction::Discard, EOPNOTSUPP, "unsupported"),
        (BlockAction::Read, EIO, ""),
    ];
    for (action, errno, is) in blocks {
        cases.push((block(action, errno).into(), is));
        #[cfg(feature = "verity-format")]
        cases.push((VerityError::Block(block(action, errno)).into(), is));
    }

    let old = MemoryKernel::with_interface(Version::new(4, 11, 0));
    old.dm().device_create("home").unwrap();
    let lists = dm_core::ListOptions::new().uuid_prefix(dm_core::DmUuid::new("U").unwrap());
    let device = DevIdBuf::Name(DmName::new("home").unwrap().to_owned());
    let [since, found] = [Version::new(4, 48, 0), Version::new(4, 11, 0)];
    cases.extend([
        (kernel().dm().device_create("home").unwrap_err().into(), "already exists"),
        (kernel().host().create("home", line()).unwrap_err().into(), "already exists"),
        (old.dm().list_devices_with(lists).unwrap_err().into(), "unsupported"),
        (DevError::Unsupported { device: device.clone(), what: "grow", since, found }, "unsupported"),
        (refused_message(), "read-only"),
        (DmName::new("a/b").unwrap_err().into(), "invalid"),
        (DevError::PoolFailed(device.clone()), ""),
        (DevError::NoTable(device), ""),
    ]);
    cases
}

fn true_for(error: &DevError) -> Vec<&'static str> {
    PREDICATES.iter().filter(|(_, predicate)| predicate(error)).map(|(name, _)| *name).collect()
}

#[test]
fn each_predicate_is_true_for_its_errors_and_for_no_other() {
    assert_eq!(include_str!("predicates.rs").matches("pub fn is_").count(), PREDICATES.len());
    let cases = cases();
    for (name, _) in PREDICATES {
        assert!(cases.iter().any(|(_, is)| *is == name), "no error is {name}");
    }
    for (error, is) in cases {
        let expected: Vec<_> = [is].into_iter().filter(|name| !name.is_empty()).collect();
        assert_eq!(true_for(&error), expected, "{error:?}");
        // The error of an undo is not the reason for the failure.
        let other = || DevError::NoTable(DevIdBuf::Name(DmName::new("other").unwrap().to_owned()));
        assert_eq!(true_for(&other().undo(Err(error.clone()))), Vec::<&str>::new(), "undo: {error:?}");
        assert_eq!(true_for(&error.clone().undo(Err(other()))), expected, "{error:?}");
        assert_eq!(true_for(&error.undo(Ok(()))), expected);
    }
}

#[test]
fn the_errno_is_that_of_the_system_call() {
    let read = || block(BlockAction::Read, EIO);
    let mut errors = Vec::from(failed(EIO));
    errors.push(read().into());
    #[cfg(feature = "verity-format")]
    errors.push(VerityError::Block(read()).into());
    for error in errors {
        assert_eq!(error.errno(), Some(EIO), "{error:?}");
        let [command, operation] = [error.command().is_some(), error.operation().is_some()];
        assert!(!operation || command, "an operation fails at a command");
        assert_eq!(error.block().is_some(), !command, "{error:?}");
    }
    let program = |kind| {
        let error = PoolToolError { program: "thin_check", device: "8:1".into(), kind };
        DevError::PoolTool(Box::new(error)).errno()
    };
    assert_eq!(program(PoolToolErrorKind::NotRun(Some(EACCES))), Some(EACCES));
    assert_eq!([PoolToolErrorKind::NotRun(None), PoolToolErrorKind::NotInstalled].map(program), [None; 2]);
    let name = DevError::from(DmName::new("a/b").unwrap_err());
    assert!(name.errno().is_none() && name.command().is_none() && name.block().is_none());
}
