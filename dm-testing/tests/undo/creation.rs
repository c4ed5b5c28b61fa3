//! A creation that fails while another process has a device of the same name.

use std::io;
use std::mem::offset_of;
use std::sync::Arc;

use dm_core::{Command, Dm, DmUuid, Host, OpError, Remains, SetupOptions, Step, TargetLine, Transport};
use dm_sys::dm_ioctl;
use dm_testing::{FailAt, MemoryKernel};
use dm_units::Sectors;
use nix::libc::{EBUSY, EFAULT, EINTR, EINVAL, ENOMEM, EPERM};

fn zeros() -> [TargetLine<impl dm_core::TargetParams>; 1] {
    [TargetLine::text(Sectors(0), Sectors(8), "zero", "")]
}

/// The devices of the other process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Other {
    None,
    WithoutTable,
    Loaded,
    Finished,
    WithUuid,
}

const OTHERS: [Other; 5] = [Other::None, Other::WithoutTable, Other::Loaded, Other::Finished, Other::WithUuid];

impl Other {
    fn kernel(self) -> MemoryKernel {
        let memory = MemoryKernel::new();
        let dm = memory.dm();
        match self {
            Self::None => {}
            Self::WithoutTable => drop(dm.device_create("home").unwrap()),
            Self::Loaded => {
                dm.device_create("home").unwrap();
                dm.table_load("home", zeros()).unwrap();
            }
            Self::Finished => drop(memory.host().create("home", zeros()).unwrap()),
            Self::WithUuid => {
                let options = dm_core::CreateOptions::new().uuid(DmUuid::new("other").unwrap());
                dm.device_create_with("home", options).unwrap();
            }
        }
        memory
    }
}

/// Creates a device on a transport, and checks that the device of the other process is unchanged.
fn create(other: Other, options: SetupOptions<'_>, fail: impl FnOnce(&Dm) -> Dm) -> OpError {
    let memory = other.kernel();
    let before = memory.dm().device_info("home").ok();
    let error = Host::new(fail(&memory.dm())).create_with("home", zeros(), options).unwrap_err();
    assert_eq!(error.step(), Step::Create, "{other:?}: {error:?}");
    if other != Other::None {
        assert_eq!(memory.dm().device_info("home").ok(), before, "{other:?}");
    }
    error
}

#[test]
fn a_device_of_another_process_is_not_reported_as_created() {
    for other in OTHERS {
        for errno in [ENOMEM, EINVAL, EFAULT] {
            let error = create(other, SetupOptions::new(), |dm| FailAt::new(dm, 1, errno).dm());
            let expected: &[Remains] = if other == Other::WithoutTable { &[Remains::Unknown] } else { &[] };
            assert_eq!(error.remains(), expected, "{other:?} {errno}: {error}");
        }
    }
}

#[test]
fn a_refusal_that_proves_that_nothing_was_created_leaves_nothing() {
    for other in OTHERS {
        let denied = create(other, SetupOptions::new(), |dm| FailAt::new(dm, 1, EPERM).dm());
        assert!(denied.is_undone() && denied.is_permission_denied(), "{other:?}: {denied:?}");
        let unsendable = create(other, SetupOptions::new().minor(1 << 20), Dm::clone);
        assert!(unsendable.is_undone() && unsendable.errno().is_none(), "{other:?}: {unsendable:?}");
        let taken = create(other, SetupOptions::new(), |dm| FailAt::new(dm, 1, EBUSY).dm());
        assert!(taken.is_undone() && taken.is_already_exists(), "{other:?}: {taken:?}");
    }
}

#[test]
fn after_a_signal_a_taken_name_may_be_that_of_the_created_device() {
    for other in [Other::WithoutTable, Other::Loaded, Other::Finished, Other::WithUuid] {
        let error = create(other, SetupOptions::new(), |dm| FailAt::new(dm, 1, EINTR).dm());
        let expected: &[Remains] = if other == Other::WithoutTable { &[Remains::Unknown] } else { &[] };
        assert!(error.is_already_exists(), "{other:?}: {error:?}");
        assert_eq!(error.remains(), expected, "{other:?}: {error}");
    }
}

#[test]
fn a_device_whose_creation_lost_its_reply_is_unknown() {
    let uuid = DmUuid::new("uuid").unwrap();
    for options in [SetupOptions::new(), SetupOptions::new().uuid(uuid).minor(7)] {
        for errno in [ENOMEM, EFAULT, EINTR] {
            let error = create(Other::None, options, |dm| FailAt::after(dm, 1, errno).dm());
            assert_eq!(error.remains(), [Remains::Unknown], "{errno}: {error}");
        }
    }
}

/// Executes a creation, and returns a name without an end.
#[derive(Debug)]
struct Garbled(Arc<dyn Transport>);

impl Transport for Garbled {
    fn ioctl(&self, command: Command, request: &mut [u8]) -> io::Result<()> {
        self.0.ioctl(command, request)?;
        if command == Command::DeviceCreate {
            request[offset_of!(dm_ioctl, name)..offset_of!(dm_ioctl, uuid)].fill(b'x');
        }
        Ok(())
    }
}

#[test]
fn a_device_whose_creation_has_a_malformed_reply_exists() {
    let error = create(Other::None, SetupOptions::new(), |dm| Dm::with_transport(Garbled(dm.transport())));
    assert_eq!(error.remains(), [Remains::Exists], "{error:?}");
}
