//! Cookies that several processes share.

use dm_core::paths::is_device;
use dm_core::udev::{SharedCookie, Udev, cookies};
use dm_core::{DmName, UdevFlags};
use dm_testing::wait_until;

use crate::original::{dmsetup, scratch};
use crate::support::{SOON, zero};

fn number(cookie: SharedCookie) -> String {
    format!("{:#x}", cookie.key())
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_cookie_made_here_counts_what_dmsetup_does() {
    let Some(scratch) = scratch() else { return };
    let names = ["a", "b"].map(|suffix| scratch.name(suffix).unwrap());
    let cookie = SharedCookie::create().unwrap();
    assert!(cookie.is_done().unwrap());
    for name in &names {
        dmsetup(&["--udevcookie", &number(cookie), "create", &name.to_string(), "--table", "0 64 zero"]).unwrap();
    }
    cookie.wait(&Udev::default()).unwrap();
    for name in &names {
        let info = scratch.host().info(name).unwrap();
        assert!(is_device(&dm_core::paths::mapper_path(name), info.number()));
    }
    assert!(cookies().unwrap().iter().all(|left| left.key != cookie.key()));
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_cookie_made_by_dmsetup_is_adopted_and_it_waits_for_our_commands() {
    let Some(scratch) = scratch() else { return };
    let made = dmsetup(&["udevcreatecookie"]).unwrap();
    let key = u32::from_str_radix(made.trim().trim_start_matches("0x"), 16).unwrap();
    let cookie = SharedCookie::adopt(key).unwrap();
    let host = scratch.host().clone().with_udev(Udev::default().on_cookie(cookie));
    let name = scratch.name("device").unwrap();
    let number = host.create(&name, [zero()]).unwrap().number();
    // Nothing sends a uevent, so the count does not change.
    host.resume(&name).unwrap();
    wait_until("udev", SOON, || cookie.is_done().unwrap()).unwrap();
    host.rename(&name, scratch.name("renamed").unwrap()).unwrap();
    dmsetup(&["udevreleasecookie", made.trim()]).unwrap();
    let path = dm_core::paths::mapper_path(DmName::new(&format!("{}renamed", scratch.prefix())).unwrap());
    assert!(is_device(&path, number));
    assert!(cookie.is_done().unwrap_err().is_not_found());
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_batch_whose_cookie_another_program_removes_is_carried_out_to_its_end() {
    let Some(scratch) = scratch() else { return };
    let names = ["a", "b", "c"].map(|suffix| scratch.name(suffix).unwrap());
    let batch = scratch.host().batch();
    for name in &names {
        batch.create(name, [zero()]).unwrap();
        dmsetup(&["udevcomplete_all", "-y"]).unwrap();
    }
    assert!(batch.create(&names[0], [zero()]).unwrap_err().is_already_exists());
    batch.finish().unwrap();
    for name in &names {
        let number = scratch.host().info(name).unwrap().number();
        assert!(is_device(&dm_core::paths::mapper_path(name), number));
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn each_program_completes_and_removes_the_cookies_of_the_other() {
    let Some(_scratch) = scratch() else { return };
    let cookie = SharedCookie::create().unwrap();
    let sent = cookie.expect(UdevFlags::PRIMARY_SOURCE).unwrap();
    assert_eq!(cookie.pending().unwrap(), 1);
    dmsetup(&["udevcomplete", &sent.to_string()]).unwrap();
    assert_eq!(cookie.pending().unwrap(), 0);
    let listed = dmsetup(&["udevcookies"]).unwrap();
    assert!(listed.contains(&number(cookie)), "{listed}");
    dmsetup(&["udevcomplete_all", "-y"]).unwrap();
    assert!(cookie.remove().unwrap_err().is_not_found());
}
