//! The uevents of commands, and their cookies.

use std::collections::HashMap;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::time::Instant;

use dm_core::{CreateOptions, RemoveOptions, RenameOptions, ResumeOptions, UdevCookie, UdevFlags};
use dm_testing::{MappedDevice, Scratch, require};
use dm_units::Sectors;
use nix::sys::socket::sockopt::ReceiveTimeout;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, setsockopt, socket,
};
use nix::sys::time::TimeVal;

use crate::support::{LENGTH, SOON, far_minor, load, when_free, zero};

/// Receives all uevents of the kernel.
struct Listener(OwnedFd);

type Uevent = HashMap<String, String>;

impl Listener {
    fn new() -> Self {
        let protocol = SockProtocol::NetlinkKObjectUEvent;
        let socket = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol).unwrap();
        // The group of the kernel; udev sends its results to another one.
        bind(socket.as_raw_fd(), &NetlinkAddr::new(0, 1)).unwrap();
        setsockopt(&socket, ReceiveTimeout, &TimeVal::new(1, 0)).unwrap();
        Self(socket)
    }

    /// The next uevent of a device.
    fn next(&self, device: &MappedDevice) -> Uevent {
        let start = Instant::now();
        let name = format!("dm-{}", device.number().minor);
        while start.elapsed() < SOON {
            let mut bytes = [0; 8192];
            let Ok(len) = recv(self.0.as_raw_fd(), &mut bytes, MsgFlags::empty()) else { continue };
            let text = String::from_utf8_lossy(bytes.get(..len).unwrap()).into_owned();
            let uevent: Uevent = text.split('\0').filter_map(|field| field.split_once('=')).map(owned).collect();
            if uevent.get("DEVNAME") == Some(&name) {
                return uevent;
            }
        }
        unreachable!("no uevent of {name}");
    }
}

fn owned((key, value): (&str, &str)) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

/// The action, the cookie and the resize flag of a uevent.
fn facts(uevent: &Uevent) -> [Option<&str>; 3] {
    ["ACTION", "DM_COOKIE", "RESIZE"].map(|key| uevent.get(key).map(String::as_str))
}

/// A cookie without a semaphore: udev's rules search for it in vain, and do nothing else.
fn cookie(base: u16) -> UdevCookie {
    let nothing = UdevFlags::DISABLE_DM_RULES | UdevFlags::DISABLE_DISK_RULES | UdevFlags::DISABLE_OTHER_RULES;
    UdevCookie::new(base, nothing)
}

/// The cookie of commands without one: no semaphore, and the flag that libdm always sets.
fn command_flags() -> String {
    UdevCookie::flags_only(UdevFlags::PRIMARY_SOURCE).to_string()
}

/// A device without a table, whose number was not used before: the number identifies its uevents, which may be late.
fn create(scratch: &Scratch, minor: u32) -> MappedDevice {
    scratch.create_with("device", CreateOptions::new().minor(far_minor(minor))).unwrap()
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn cookies_go_into_uevents() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let listener = Listener::new();
    let device = create(&scratch, 2);
    // The first load creates the disk, which is not a uevent of the command and has no cookie.
    load(&scratch, &device, zero(LENGTH)).unwrap();
    assert_eq!(facts(&listener.next(&device)), [Some("add"), None, None]);

    let options = ResumeOptions::new().cookie(cookie(1));
    assert!(scratch.dm().device_resume_with(&device, options).unwrap().uevent_generated());
    let number = (0x000d << 16 | 1).to_string();
    assert_eq!(facts(&listener.next(&device)), [Some("change"), Some(&number), None]);

    let new = scratch.name("new").unwrap();
    let options = RenameOptions::new().cookie(cookie(2));
    assert!(scratch.dm().device_rename_with(device.name(), &new, options).unwrap().uevent_generated());
    let number = cookie(2).to_string();
    assert_eq!(facts(&listener.next(&device)), [Some("change"), Some(&number), None]);

    when_free(|| scratch.dm().device_remove_with(&device, RemoveOptions::new().cookie(cookie(0xffff))));
    let number = cookie(0xffff).to_string();
    assert_eq!(facts(&listener.next(&device)), [Some("remove"), Some(&number), None]);
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn without_a_cookie_the_rules_are_told_that_a_command_sent_the_uevent() {
    // Earlier kernels do not report a new size.
    let Some(scratch) = Scratch::new(&[require::target("zero"), require::interface(45)]) else { return };
    let listener = Listener::new();
    let device = create(&scratch, 3);
    let flags = command_flags();
    let flags = Some(flags.as_str());
    scratch.swap(&device, [zero(LENGTH)]).unwrap();
    assert_eq!(facts(&listener.next(&device)), [Some("add"), None, None]);
    assert_eq!(facts(&listener.next(&device)), [Some("change"), flags, None]);
    scratch.swap(&device, [zero(Sectors(100))]).unwrap();
    assert_eq!(facts(&listener.next(&device)), [Some("change"), flags, Some("1")]);
    scratch.swap(&device, [zero(Sectors(100))]).unwrap();
    assert_eq!(facts(&listener.next(&device)), [Some("change"), flags, None]);
    scratch.dm().device_rename(device.name(), scratch.name("new").unwrap()).unwrap();
    assert_eq!(facts(&listener.next(&device)), [Some("change"), flags, None]);
    when_free(|| scratch.dm().device_remove(&device));
    assert_eq!(facts(&listener.next(&device)), [Some("remove"), flags, None]);
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_command_that_changes_nothing_sends_no_uevent() {
    // Since Linux 5.15, a device has no disk before its first table.
    let Some(scratch) = Scratch::new(&[require::target("zero"), require::interface(45)]) else { return };
    let listener = Listener::new();
    let device = create(&scratch, 4);
    let options = RenameOptions::new().cookie(cookie(1));
    let new = scratch.name("new").unwrap();
    // Before its first table, the device has no disk.
    assert!(!scratch.dm().device_rename_with(device.name(), &new, options).unwrap().uevent_generated());
    let resume = ResumeOptions::new().cookie(cookie(2));
    assert!(!scratch.dm().device_resume_with(&device, resume).unwrap().uevent_generated());
    scratch.swap(&device, [zero(LENGTH)]).unwrap();
    assert!(!scratch.dm().device_resume_with(&device, resume).unwrap().uevent_generated());
    when_free(|| scratch.dm().device_remove_with(&device, RemoveOptions::new().cookie(cookie(3))));
    let number = cookie(3).to_string();
    let uevents = [(); 3].map(|()| listener.next(&device));
    let flags = command_flags();
    let change = [Some("change"), Some(flags.as_str()), None];
    let expected = [[Some("add"), None, None], change, [Some("remove"), Some(&number), None]];
    assert_eq!(uevents.each_ref().map(facts), expected);
}
