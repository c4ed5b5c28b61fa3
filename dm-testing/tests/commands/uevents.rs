//! What commands send to udev, and the cookies in it.

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

/// All uevents of the kernel, from now on.
struct Listener(OwnedFd);

type Uevent = HashMap<String, String>;

impl Listener {
    fn new() -> Self {
        let protocol = SockProtocol::NetlinkKObjectUEvent;
        let socket = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol).unwrap();
        // The kernel's own group; udev sends its results to another one.
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

/// A uevent's action, cookie and news about the size.
fn facts(uevent: &Uevent) -> [Option<&str>; 3] {
    ["ACTION", "DM_COOKIE", "RESIZE"].map(|key| uevent.get(key).map(String::as_str))
}

/// A cookie with no semaphore behind it: udev's rules look for one in vain, and do nothing else.
fn cookie(base: u16) -> UdevCookie {
    let nothing = UdevFlags::DISABLE_DM_RULES | UdevFlags::DISABLE_DISK_RULES | UdevFlags::DISABLE_OTHER_RULES;
    UdevCookie::new(base, nothing)
}

/// The cookie of commands that are given none: no semaphore, and the flag that libdm always sets.
fn command_flags() -> String {
    UdevCookie::flags_only(UdevFlags::PRIMARY_SOURCE).to_string()
}

/// A device without a table, whose number no device had before: uevents are known by it, and may come late.
fn create(scratch: &Scratch, minor: u32) -> MappedDevice {
    scratch.create_with("device", CreateOptions::new().minor(far_minor(minor))).unwrap()
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn cookies_go_into_uevents() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let listener = Listener::new();
    let device = create(&scratch, 2);
    // The first load makes the disk, which is no doing of the command: no cookie can be for it.
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
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
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
fn what_changes_nothing_sends_no_uevent() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let listener = Listener::new();
    let device = create(&scratch, 4);
    let options = RenameOptions::new().cookie(cookie(1));
    let new = scratch.name("new").unwrap();
    // The device has no disk before its first table.
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
