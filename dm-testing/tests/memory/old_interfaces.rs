//! Options on kernels that do not support them: refused, or ignored on request.

use dm_core::{
    CreateOptions, DepsOptions, Dm, DmUuid, Error, Host, InfoOptions, LineText, ListOptions, LoadOptions, Message,
    MessageOptions, Removal, RemoveAllOptions, RemoveOptions, RemovePolicy, ResumeOptions, SetupOptions, StatusOptions,
    SuspendOptions, SuspendPolicy, TableSlot, TargetLine,
};
use dm_testing::memory::MemoryKernel;
use dm_units::{Sectors, Version};

const HOME: &str = "home";
const SINCE_NOFLUSH: u32 = 12;
const SINCE_INACTIVE: u32 = 16;
const SINCE_SECURE: u32 = 20;
const SINCE_DEFERRED: u32 = 27;
const SINCE_UUIDS: u32 = 45;

fn zeros(sectors: u64) -> [TargetLine<LineText<'static, &'static str>>; 1] {
    [TargetLine::text(Sectors(0), Sectors(sectors), "zero", "")]
}

/// A kernel with this interface, and a device with an active table of one line.
fn kernel(minor: u32) -> MemoryKernel {
    let memory = MemoryKernel::with_interface(Version::new(4, minor, 0));
    let dm = memory.dm();
    dm.device_create_with(HOME, CreateOptions::new().uuid(DmUuid::new("U-1").unwrap())).unwrap();
    dm.table_load(HOME, zeros(8)).unwrap();
    dm.device_resume(HOME).unwrap();
    memory
}

/// An option of a command: the interface that added it, and a call with it, which an older kernel must refuse or
/// ignore.
type Case<'a> = (&'a str, u32, &'a dyn Fn(&Dm, bool) -> Result<(), Error>);

#[test]
fn an_older_kernel_refuses_each_option_unless_it_may_ignore_it() {
    let inactive = TableSlot::Inactive;
    let suspend = |may| SuspendOptions::new().noflush(true).if_possible(may);
    let resume = |may| ResumeOptions::new().suspend(suspend(may));
    let status = |may| StatusOptions::table().if_possible(may);
    let message = |may| MessageOptions::new().secure(true).if_possible(may);
    let list = |may| ListOptions::new().uuids(true).if_possible(may);
    let cases: [Case<'_>; 13] = [
        ("suspend", 12, &|dm, may| dm.device_suspend_with(HOME, suspend(may)).map(drop)),
        ("resume", 12, &|dm, may| dm.device_resume_with(HOME, resume(may)).map(drop)),
        ("status noflush", 12, &|dm, may| dm.table_status_with(HOME, status(may).noflush(true)).map(drop)),
        ("status slot", SINCE_INACTIVE, &|dm, may| dm.table_status_with(HOME, status(may).slot(inactive)).map(drop)),
        ("status secure", SINCE_SECURE, &|dm, may| dm.table_status_with(HOME, status(may).secure(true)).map(drop)),
        ("info", SINCE_INACTIVE, &|dm, may| {
            dm.device_info_with(HOME, InfoOptions::new().slot(inactive).if_possible(may)).map(drop)
        }),
        ("deps", SINCE_INACTIVE, &|dm, may| {
            dm.table_deps_with(HOME, DepsOptions::new().slot(inactive).if_possible(may)).map(drop)
        }),
        ("load", SINCE_SECURE, &|dm, may| {
            dm.table_load_with(HOME, zeros(8), LoadOptions::new().secure(true).if_possible(may)).map(drop)
        }),
        ("load of a key", SINCE_SECURE, &|dm, may| {
            let key = TargetLine::text(Sectors(0), Sectors(8), "crypt", "cipher_null-ecb - 0 /dev/disk0 0");
            dm.table_load_with(HOME, [key], LoadOptions::new().if_possible(may)).map(drop)
        }),
        ("message", SINCE_SECURE, &|dm, may| {
            dm.target_msg_with(HOME, Message::new("@stats_list"), message(may)).map(drop)
        }),
        ("list", SINCE_UUIDS, &|dm, may| dm.list_devices_with(list(may)).map(drop)),
        ("remove all", SINCE_DEFERRED, &|dm, may| {
            dm.remove_all_with(RemoveAllOptions::new().deferred(true).if_possible(may))
        }),
        ("remove", SINCE_DEFERRED, &|dm, may| {
            dm.device_remove_with(HOME, RemoveOptions::new().deferred(true).if_possible(may)).map(drop)
        }),
    ];
    for (name, since, run) in cases {
        let on = |minor| {
            let memory = kernel(minor);
            let _ = memory.disk(dm_units::Bytes(1 << 20));
            memory
        };
        let old = on(since - 1);
        let error = run(&old.dm(), false).unwrap_err();
        assert!(matches!(error, Error::Unsupported { needed_minor, .. } if needed_minor == since), "{name}: {error}");
        assert!(error.is_unsupported() && run(&old.dm(), true).is_ok(), "{name}");
        assert!(run(&on(since).dm(), false).is_ok(), "{name}");
    }
}

#[test]
fn an_option_that_is_ignored_has_the_effect_that_its_docs_state() {
    let old = kernel(SINCE_INACTIVE - 1);
    let dm = old.dm();
    dm.table_load(
        HOME,
        [TargetLine::text(Sectors(0), Sectors(4), "zero", ""), TargetLine::text(Sectors(4), Sectors(4), "error", "")],
    )
    .unwrap();
    let inactive = InfoOptions::new().slot(TableSlot::Inactive).if_possible(true);
    assert_eq!(dm.device_info_with(HOME, inactive).unwrap().target_count(), 1);
    assert_eq!(kernel(SINCE_INACTIVE).dm().device_info_with(HOME, inactive).unwrap().target_count(), 0);

    let list = dm.list_devices_with(ListOptions::new().uuids(true).if_possible(true)).unwrap();
    assert!(list.iter().all(|device| device.unwrap().uuid.is_none()));
    let filtered = ListOptions::new().uuid_prefix(DmUuid::new("U").unwrap()).if_possible(true);
    assert!(dm.list_devices_with(filtered).unwrap_err().is_unsupported());

    let deferred = RemoveOptions::new().deferred(true).if_possible(true);
    let opened = old.open(HOME).unwrap();
    assert!(dm.device_remove_with(HOME, deferred).unwrap_err().is_busy());
    dm.remove_all_with(RemoveAllOptions::new().deferred(true).if_possible(true)).unwrap();
    assert!(!dm.device_info(HOME).unwrap().is_deferred_remove());
    drop(opened);
    assert!(matches!(dm.device_remove_with(HOME, deferred).unwrap(), Removal::Done { .. }));
}

#[test]
fn operations_pass_on_which_options_may_be_ignored() {
    let memory = kernel(11);
    let host: Host = memory.host();
    let policy = RemovePolicy::new().deferred(true);
    let suspend = SuspendPolicy::new().noflush(true);
    assert!(host.suspend_with(HOME, suspend).unwrap_err().is_unsupported());
    host.suspend_with(HOME, suspend.if_possible(true)).unwrap();
    assert!(host.remove_with(HOME, policy).unwrap_err().is_unsupported());
    host.remove_with(HOME, policy.if_possible(true)).unwrap();
    let secure = SetupOptions::new().secure(true);
    let refused = host.create_with("vault", zeros(8), secure).unwrap_err();
    assert!(refused.is_unsupported() && refused.is_undone(), "{refused}");
    host.create_with("vault", zeros(8), secure.if_possible(true)).unwrap();
    let reload = dm_core::ReloadOptions::new().secure(true).if_possible(true).suspend(suspend.if_possible(true));
    host.reload_with("vault", zeros(16), reload).unwrap();
    host.remove("vault").unwrap();
}

#[test]
fn a_second_setup_needs_no_more_of_an_old_kernel_than_the_first() {
    let plain = || [TargetLine::text(Sectors(0), Sectors(8), "zero", "")];
    for minor in [SINCE_NOFLUSH - 1, SINCE_SECURE - 1, SINCE_SECURE] {
        let memory = MemoryKernel::with_interface(Version::new(4, minor, 0));
        let params = format!("cipher_null-ecb - 0 {} 0", memory.disk(dm_units::Bytes(1 << 20)).number());
        let key = || [TargetLine::text(Sectors(0), Sectors(8), "crypt", params.as_str())];
        let host = memory.host();
        let may_ignore = SetupOptions::new().if_possible(true);
        for options in [may_ignore, may_ignore.secure(true)] {
            for name in ["first", "second"] {
                host.setup(name, plain()).unwrap();
                host.setup(name, plain()).unwrap();
                host.setup_with(name, plain(), options).unwrap();
            }
            host.setup_with("keyed", key(), options).unwrap();
            host.setup_with("keyed", key(), options).unwrap();
        }
        // The caller has not allowed the kernel to keep the key.
        for options in [SetupOptions::new(), SetupOptions::new().secure(true)] {
            assert_eq!(host.setup_with("keyed", key(), options).is_err(), minor < SINCE_SECURE);
        }
        assert_eq!(host.setup_with("first", plain(), SetupOptions::new().secure(true)).is_err(), minor < SINCE_SECURE);
    }
}
