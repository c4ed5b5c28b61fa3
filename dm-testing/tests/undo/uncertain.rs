//! Undos on old kernels, and failures after which the state is uncertain.

use std::io;
use std::mem::offset_of;
use std::sync::{Arc, Mutex};

use dm_core::udev::Visibility;
use dm_core::{
    Command, Dm, DmName, Host, Prefix, ReloadOptions, Remains, SetupOptions, StatusOptions, Step, TargetLine,
    Transport, UdevCookie, UdevFlags,
};
use dm_sys::{DM_SUSPEND_FLAG, dm_ioctl};
use dm_testing::memory::ResumeFault;
use dm_testing::{FailAt, MemoryKernel};
use dm_units::{Bytes, Sectors, Version};
use nix::libc::{EFAULT, EINVAL, EIO, ENOMEM};

fn line(target: &str) -> [TargetLine<impl dm_core::TargetParams>; 1] {
    [TargetLine::text(Sectors(0), Sectors(8), target, "")]
}

/// The target type of the active table of the device, and whether it is suspended.
fn active(memory: &MemoryKernel) -> (String, bool) {
    let table = memory.dm().table_status("home").unwrap();
    let first = table.iter().next().unwrap().unwrap().target_type.to_string();
    (first, table.info().is_suspended())
}

#[test]
fn an_undo_needs_no_option_that_an_old_kernel_lacks() {
    for suspended in [false, true] {
        let memory = MemoryKernel::with_interface(Version::new(4, 11, 0));
        memory.host().create("home", line("zero")).unwrap();
        if suspended {
            memory.dm().device_suspend("home").unwrap();
        }
        // The reply of the resume is lost, and the state cannot be read. Between them the kernel's reason is searched for.
        let resume = if suspended { 3 } else { 4 };
        let host = Host::new(FailAt::after(&memory.dm(), resume, EIO).and(resume + 2, EIO).dm());
        let error = host.reload("home", line("error")).unwrap_err();
        assert!(error.step() == Step::Resume && error.is_undone(), "{error:?}");
        assert_eq!(active(&memory), ("zero".to_owned(), suspended));
    }
}

#[test]
fn a_load_without_a_reply_may_have_replaced_the_inactive_table() {
    for (errno, expected) in [(EFAULT, [Remains::Unknown].as_slice()), (ENOMEM, &[])] {
        let memory = MemoryKernel::new();
        memory.host().create("home", line("zero")).unwrap();
        memory.dm().table_load("home", line("zero")).unwrap();
        let error = Host::new(FailAt::after(&memory.dm(), 2, errno).dm()).reload("home", line("error")).unwrap_err();
        assert!(error.step() == Step::Load && error.remains() == expected, "{error:?}");
        assert_eq!(active(&memory), ("zero".to_owned(), false));
    }
}

/// A kernel that destroys a new table instead of making it active, and another process that then resumes the device.
#[derive(Debug)]
struct Replaced(Dm);

impl Transport for Replaced {
    fn ioctl(&self, command: Command, request: &mut [u8]) -> io::Result<()> {
        let flags = u32::from_ne_bytes(*request[offset_of!(dm_ioctl, flags)..].first_chunk().unwrap());
        if command == Command::DeviceResume && flags & DM_SUSPEND_FLAG == 0 && self.0.table_clear("home").is_ok() {
            self.0.device_resume("home").unwrap();
            return Err(io::Error::from_raw_os_error(EINVAL));
        }
        self.0.transport().ioctl(command, request)
    }
}

#[test]
fn a_failed_resume_after_which_another_process_resumed_the_old_table_is_a_failure() {
    let memory = MemoryKernel::new();
    memory.host().create("home", line("zero")).unwrap();
    let host = Host::new(Dm::with_transport(Replaced(memory.dm())));
    let error = host.reload("home", line("error")).unwrap_err();
    assert!(error.step() == Step::Resume && error.is_undone(), "{error:?}");
    memory.dm().table_load("home", line("error")).unwrap();
    assert_eq!(host.resume("home").unwrap_err().remains(), [Remains::InactiveTableDropped]);
    assert_eq!(active(&memory), ("zero".to_owned(), false));
}

/// Another process resumes the device just before a resume, which the kernel then refuses.
#[derive(Debug)]
struct Overtaken(Dm);

impl Transport for Overtaken {
    fn ioctl(&self, command: Command, request: &mut [u8]) -> io::Result<()> {
        let flags = u32::from_ne_bytes(*request[offset_of!(dm_ioctl, flags)..].first_chunk().unwrap());
        if command == Command::DeviceResume && flags & DM_SUSPEND_FLAG == 0 {
            self.0.device_resume("home").unwrap();
            return Err(io::Error::from_raw_os_error(EINVAL));
        }
        self.0.transport().ioctl(command, request)
    }
}

#[test]
fn a_suspended_device_that_another_process_resumes_meanwhile_is_recovered_or_taken_over() {
    let resumed = |operation: fn(&Host)| {
        let memory = MemoryKernel::new();
        memory.host().create("home", line("zero")).unwrap();
        memory.dm().device_suspend("home").unwrap();
        operation(&Host::new(Dm::with_transport(Overtaken(memory.dm()))));
        assert_eq!(active(&memory), ("zero".to_owned(), false));
    };
    resumed(|host| assert_eq!(host.recover(Prefix::Name(DmName::new("home").unwrap())).unwrap().len(), 1));
    resumed(|host| assert!(!host.setup("home", line("zero")).unwrap().is_suspended()));
}

#[test]
fn a_created_device_whose_state_cannot_be_read_is_unknown() {
    // Commands: create, load, search for its reason, and the read and the removal of the undo.
    let create = |fail: fn(&Dm) -> FailAt| {
        let memory = MemoryKernel::new();
        Host::new(fail(&memory.dm()).and(2, ENOMEM).dm()).create("home", line("zero")).unwrap_err()
    };
    assert_eq!(create(|dm| FailAt::new(dm, 4, EIO)).remains(), [Remains::Unknown]);
    let refused = create(|dm| FailAt::new(dm, 5, EIO));
    assert_eq!(refused.remains(), [Remains::Exists], "the removal fails, and the state can be read");
    let unread = create(|dm| FailAt::new(dm, 5, EIO).and(6, EIO));
    assert_eq!(unread.remains(), [Remains::Unknown], "the removal fails, and the state cannot be read");
    assert!(create(|dm| FailAt::after(dm, 5, EIO)).is_undone(), "only the reply of the removal is lost");
}

#[test]
fn an_undo_does_not_make_the_zeros_of_a_wiped_key_the_key() {
    let memory = MemoryKernel::new();
    let disk = memory.disk(Bytes(1 << 20)).number();
    let line = || {
        let params = format!("aes-xts-plain64 {} 0 {disk} 0", "5a".repeat(32));
        [TargetLine::text(Sectors(0), Sectors(8), "crypt", params)]
    };
    memory.host().create("home", line()).unwrap();
    memory.dm().device_suspend("home").unwrap();
    memory.dm().target_msg("home", "key wipe").unwrap();
    // The reply of the resume is lost, and the state cannot be read. Between them the kernel's reason is searched for.
    let host = Host::new(FailAt::after(&memory.dm(), 3, EIO).and(5, EIO).dm());
    let error = host.reload("home", line()).unwrap_err();
    assert!(error.step() == Step::Resume && error.remains() == [Remains::NewTable], "{error:?}");
    assert!(!memory.dm().table_status_with("home", StatusOptions::table()).unwrap().has_wiped_key());
    memory.dm().device_resume("home").unwrap();
}

#[test]
fn a_device_that_was_not_suspended_is_not_left_so_by_a_resume_that_fails() {
    for fault in [ResumeFault::Swap, ResumeFault::Targets] {
        let memory = MemoryKernel::new();
        let host = memory.host();
        host.create("home", line("zero")).unwrap();
        host.dm().table_load("home", line("error")).unwrap();
        memory.fail_next_resume(fault);
        let error = host.resume("home").unwrap_err();
        assert!(error.step() == Step::Resume && error.remains() == [Remains::InactiveTableDropped], "{error:?}");
        assert_eq!(active(&memory), ("zero".to_owned(), false), "{fault:?}");
    }
}

/// Records the cookies of resumes.
#[derive(Debug)]
struct Cookies {
    kernel: Dm,
    sent: Arc<Mutex<Vec<UdevCookie>>>,
}

impl Transport for Cookies {
    fn ioctl(&self, command: Command, request: &mut [u8]) -> io::Result<()> {
        if command == Command::DeviceResume {
            let cookie = u32::from_ne_bytes(*request[offset_of!(dm_ioctl, event_nr)..].first_chunk().unwrap());
            self.sent.lock().unwrap().push(UdevCookie::from_number(cookie));
        }
        self.kernel.transport().ioctl(command, request)
    }
}

#[test]
fn an_undo_shows_a_device_to_udevs_rules_as_its_operation_does() {
    let cases = [Visibility::Private, Visibility::Public]
        .map(|visibility| [ResumeFault::Swap, ResumeFault::Targets].map(|fault| (visibility, fault)));
    for (visibility, fault) in cases.into_iter().flatten() {
        let memory = MemoryKernel::new();
        memory.host().create_with("home", line("zero"), SetupOptions::new().visibility(visibility)).unwrap();
        let sent = Arc::<Mutex<Vec<_>>>::default();
        let host = Host::new(Dm::with_transport(Cookies { kernel: memory.dm(), sent: Arc::clone(&sent) }));
        memory.fail_next_resume(fault);
        let options = ReloadOptions::new().visibility(visibility);
        assert!(host.reload_with("home", line("error"), options).unwrap_err().is_undone());
        let sent = std::mem::take(&mut *sent.lock().unwrap());
        // Without the flag of a primary source, udev's rules would keep the flags that they have stored.
        let is_right = |cookie: &UdevCookie| {
            let is_hidden = cookie.flags().contains(UdevFlags::DISABLE_OTHER_RULES);
            cookie.flags().contains(UdevFlags::PRIMARY_SOURCE) && is_hidden == (visibility == Visibility::Private)
        };
        assert!(sent.len() > 1 && sent.iter().all(is_right), "{visibility:?}, {fault:?}: {sent:?}");
    }
}
