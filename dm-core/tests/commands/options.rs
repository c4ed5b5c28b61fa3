//! Every option of every command sets its bits, and raises the requested interface version if necessary.

use dm_core::{
    ClearOptions, CreateOptions, DepsOptions, Dm, DmName, DmUuid, Flags, Geometry, InfoOptions, ListOptions,
    LoadOptions, Message, MessageOptions, RemoveAllOptions, RemoveOptions, RenameOptions, ResumeOptions, StatusKind,
    StatusOptions, SuspendOptions, TableSlot, TargetLine, UdevCookie, UdevFlags, VersionsOptions,
};
use dm_units::Sectors;

use crate::support::{Request, Script};

/// A command with options, the lowest minor version that supports them, their flags, and the event number or cookie.
type Case<'a> = (&'a str, &'a dyn Fn(&Dm) -> bool, u32, Flags, u32);

/// The flags for udev's rules of a command without a cookie: the uevent comes from a command.
const NO_COOKIE: u32 = 0x0040_0000;
const COOKIE: UdevCookie = UdevCookie::new(0xbeef, UdevFlags::PRIMARY_SOURCE.union(UdevFlags::DISABLE_DISK_RULES));
const NONE: Flags = Flags::empty();

fn check(cases: &[Case<'_>]) {
    for (what, call, minor, flags, event_nr) in cases {
        let request = Script::request_of(call);
        let sent = (request.minor(), request.flags(), request.event_nr());
        assert_eq!(sent, (*minor, *flags, *event_nr), "{what}");
    }
}

fn uuid() -> &'static DmUuid {
    DmUuid::new("LVM-1").unwrap()
}

fn zero() -> [TargetLine<dm_core::LineText<'static, &'static str>>; 1] {
    [TargetLine::text(Sectors(0), Sectors(8), "zero", "")]
}

#[test]
fn options_of_commands_without_a_device_set_their_flags() {
    check(&[
        ("version", &|dm| dm.version().is_ok(), 0, NONE, 0),
        ("arm_poll", &|dm| dm.arm_poll().is_ok(), 36, NONE, 0),
        ("remove_all", &|dm| dm.remove_all().is_ok(), 0, NONE, 0),
        (
            "remove_all, deferred",
            &|dm| dm.remove_all_with(RemoveAllOptions::new().deferred(true)).is_ok(),
            27,
            Flags::DEFERRED_REMOVE,
            0,
        ),
        ("list_versions", &|dm| dm.list_versions().is_err(), 1, NONE, 0),
        ("list_versions_with", &|dm| dm.list_versions_with(VersionsOptions::new()).is_err(), 1, NONE, 0),
        ("target_version", &|dm| dm.target_version("zero").is_err(), 41, NONE, 0),
        ("list_devices", &|dm| dm.list_devices().is_err(), 0, NONE, 0),
        ("uuids", &|dm| dm.list_devices_with(ListOptions::new().uuids(true)).is_err(), 45, Flags::UUID, 0),
        ("no uuids", &|dm| dm.list_devices_with(ListOptions::new().uuids(false)).is_err(), 0, NONE, 0),
        (
            "names by prefix",
            &|dm| dm.list_devices_with(ListOptions::new().name_prefix(DmName::new("vg-").unwrap())).is_err(),
            45,
            NONE,
            0,
        ),
        ("uuids by prefix", &|dm| dm.list_devices_with(ListOptions::new().uuid_prefix(uuid())).is_err(), 45, NONE, 0),
    ]);
}

#[test]
fn options_of_creation_removal_and_renaming_set_their_flags() {
    let create = |options: CreateOptions<'static>| move |dm: &Dm| dm.device_create_with("disk", options).is_ok();
    let remove = |options: RemoveOptions| move |dm: &Dm| dm.device_remove_with("disk", options).is_ok();
    let rename = |options: RenameOptions| move |dm: &Dm| dm.device_rename_with("disk", "new", options).is_ok();
    let set_uuid = |options: RenameOptions| move |dm: &Dm| dm.device_set_uuid_with("disk", uuid(), options).is_ok();
    check(&[
        ("create", &|dm| dm.device_create("disk").is_ok(), 0, NONE, 0),
        ("create, uuid", &create(CreateOptions::new().uuid(uuid())), 0, NONE, 0),
        ("create, minor", &create(CreateOptions::new().minor(7)), 0, Flags::PERSISTENT_DEV, 0),
        ("remove", &|dm| dm.device_remove("disk").is_ok(), 0, NONE, NO_COOKIE),
        ("remove, cookie", &remove(RemoveOptions::new().cookie(COOKIE)), 15, NONE, COOKIE.number()),
        ("remove, deferred", &remove(RemoveOptions::new().deferred(true)), 27, Flags::DEFERRED_REMOVE, NO_COOKIE),
        ("rename", &|dm| dm.device_rename("disk", "new").is_ok(), 0, NONE, NO_COOKIE),
        ("rename, cookie", &rename(RenameOptions::new().cookie(COOKIE)), 15, NONE, COOKIE.number()),
        ("set uuid", &|dm| dm.device_set_uuid("disk", uuid()).is_ok(), 19, Flags::UUID, NO_COOKIE),
        ("set uuid, cookie", &set_uuid(RenameOptions::new().cookie(COOKIE)), 19, Flags::UUID, COOKIE.number()),
    ]);
}

#[test]
fn options_that_an_older_kernel_may_ignore_require_no_version() {
    let inactive = StatusOptions::table().slot(TableSlot::Inactive).noflush(true).if_possible(true);
    let deps = DepsOptions::new().slot(TableSlot::Inactive).if_possible(true);
    let inactive = inactive.secure(true);
    let flags = Flags::STATUS_TABLE | Flags::QUERY_INACTIVE_TABLE | Flags::NOFLUSH | Flags::SECURE_DATA;
    let info = InfoOptions::new().slot(TableSlot::Inactive).if_possible(true);
    let load = LoadOptions::new().secure(true).if_possible(true);
    let message = MessageOptions::new().secure(true).if_possible(true);
    let send = move |dm: &Dm| dm.target_msg_with("disk", Message::new("key set"), message).is_ok();
    let remove = RemoveOptions::new().deferred(true).if_possible(true);
    let all = RemoveAllOptions::new().deferred(true).if_possible(true);
    let uuids = ListOptions::new().uuids(true).if_possible(true);
    let prefix = uuids.uuid_prefix(uuid());
    check(&[
        ("status", &|dm| dm.table_status_with("disk", inactive).is_err(), 0, flags, 0),
        ("deps", &|dm| dm.table_deps_with("disk", deps).is_err(), 0, Flags::QUERY_INACTIVE_TABLE, 0),
        ("info", &|dm| dm.device_info_with("disk", info).is_ok(), 0, Flags::QUERY_INACTIVE_TABLE, 0),
        ("load", &|dm| dm.table_load_with("disk", zero(), load).is_ok(), 0, Flags::SECURE_DATA, 0),
        ("message", &send, 2, Flags::SECURE_DATA, 0),
        ("remove", &|dm| dm.device_remove_with("disk", remove).is_ok(), 0, Flags::DEFERRED_REMOVE, NO_COOKIE),
        ("remove all", &|dm| dm.remove_all_with(all).is_ok(), 0, Flags::DEFERRED_REMOVE, 0),
        ("list", &|dm| dm.list_devices_with(uuids).is_err(), 0, Flags::UUID, 0),
        ("list, prefix", &|dm| dm.list_devices_with(prefix).is_err(), 45, Flags::UUID, 0),
    ]);
}

#[test]
fn options_of_suspend_and_resume_set_their_flags() {
    let suspend = |options: SuspendOptions| move |dm: &Dm| dm.device_suspend_with("disk", options).is_ok();
    let resume = |options: ResumeOptions| move |dm: &Dm| dm.device_resume_with("disk", options).is_ok();
    let by = |suspend: SuspendOptions| resume(ResumeOptions::new().suspend(suspend));
    let noflush = SuspendOptions::new().noflush(true);
    let skip_lockfs = SuspendOptions::new().skip_lockfs(true);
    let both = Flags::NOFLUSH | Flags::SKIP_LOCKFS;
    check(&[
        ("suspend", &|dm| dm.device_suspend("disk").is_ok(), 0, Flags::SUSPEND, 0),
        ("suspend, noflush", &suspend(noflush), 12, Flags::SUSPEND | Flags::NOFLUSH, 0),
        ("suspend, noflush if possible", &suspend(noflush.if_possible(true)), 0, Flags::SUSPEND | Flags::NOFLUSH, 0),
        ("suspend, skip_lockfs", &suspend(skip_lockfs), 0, Flags::SUSPEND | Flags::SKIP_LOCKFS, 0),
        ("suspend without flush", &suspend(SuspendOptions::without_flush()), 12, Flags::SUSPEND | both, 0),
        ("resume", &|dm| dm.device_resume("disk").is_ok(), 0, NONE, NO_COOKIE),
        ("resume, noflush", &by(noflush), 12, Flags::NOFLUSH, NO_COOKIE),
        ("resume, skip_lockfs", &by(skip_lockfs), 0, Flags::SKIP_LOCKFS, NO_COOKIE),
        ("resume, cookie", &resume(ResumeOptions::new().cookie(COOKIE)), 15, NONE, COOKIE.number()),
        (
            "resume, all",
            &resume(ResumeOptions::new().suspend(noflush).cookie(COOKIE)),
            15,
            Flags::NOFLUSH,
            COOKIE.number(),
        ),
    ]);
}

#[test]
fn flags_for_udev_need_no_semaphore_and_no_newer_kernel() {
    let flags = UdevCookie::flags_only(UdevFlags::DISABLE_OTHER_RULES);
    let resume = move |dm: &Dm| dm.device_resume_with("disk", ResumeOptions::new().cookie(flags)).is_ok();
    check(&[("resume, flags alone", &resume, 0, NONE, UdevFlags::DISABLE_OTHER_RULES.bits() << 16)]);
}

#[test]
fn options_of_loads_statuses_and_waits_set_their_flags() {
    let load = |options: LoadOptions| move |dm: &Dm| dm.table_load_with("disk", zero(), options).is_ok();
    let status = |options: StatusOptions| move |dm: &Dm| dm.table_status_with("disk", options).is_ok();
    let wait = |options: StatusOptions| move |dm: &Dm| dm.device_wait_with("disk", 9, options).is_ok();
    let inactive = TableSlot::Inactive;
    let query = Flags::QUERY_INACTIVE_TABLE;
    let table_secure = StatusOptions::table().secure(true);
    check(&[
        ("load", &|dm| dm.table_load("disk", zero()).is_ok(), 0, NONE, 0),
        ("load, read-only", &load(LoadOptions::new().read_only(true)), 0, Flags::READONLY, 0),
        ("load, secure", &load(LoadOptions::new().secure(true)), 20, Flags::SECURE_DATA, 0),
        ("clear", &|dm| dm.table_clear("disk").is_ok(), 0, NONE, 0),
        ("clear_with", &|dm| dm.table_clear_with("disk", ClearOptions::new()).is_ok(), 0, NONE, 0),
        ("info", &|dm| dm.device_info("disk").is_ok(), 0, NONE, 0),
        ("info, slot", &|dm| dm.device_info_with("disk", InfoOptions::new().slot(inactive)).is_ok(), 16, query, 0),
        ("deps", &|dm| dm.table_deps("disk").is_ok(), 0, NONE, 0),
        ("deps, slot", &|dm| dm.table_deps_with("disk", DepsOptions::new().slot(inactive)).is_ok(), 16, query, 0),
        ("status", &|dm| dm.table_status("disk").is_ok(), 0, NONE, 0),
        ("table", &status(StatusOptions::table()), 0, Flags::STATUS_TABLE, 0),
        ("ima", &status(StatusOptions::new().kind(StatusKind::Ima)), 45, Flags::IMA_MEASUREMENT, 0),
        ("noflush", &status(StatusOptions::new().noflush(true)), 12, Flags::NOFLUSH, 0),
        ("slot", &status(StatusOptions::new().slot(inactive)), 16, query, 0),
        ("secure", &status(table_secure), 20, Flags::STATUS_TABLE | Flags::SECURE_DATA, 0),
        ("wait", &|dm| dm.device_wait("disk", 9).is_ok(), 0, NONE, 9),
        ("wait, table", &wait(table_secure), 20, Flags::STATUS_TABLE | Flags::SECURE_DATA, 9),
    ]);
}

#[test]
fn options_of_messages_and_geometry_set_their_flags() {
    let message = |options: MessageOptions| {
        Script::request_of(|dm| dm.target_msg_with("disk", Message::new("set 1 2").sector(Sectors(5)), options).is_ok())
    };
    let sent = |request: &Request| (request.minor(), request.flags(), request.bytes.len());
    let request = message(MessageOptions::new());
    assert_eq!(sent(&request), (2, NONE, 312 + 1024));
    assert_eq!((request.u64(312), request.text(320)), (5, &b"set 1 2"[..]));
    assert_eq!(sent(&message(MessageOptions::new().secure(true))), (20, Flags::SECURE_DATA, 312 + 1024));
    assert_eq!(sent(&message(MessageOptions::new().reply_size(5000))), (2, NONE, 312 + 5000));
    // The message itself is longer than the requested reply.
    assert_eq!(sent(&message(MessageOptions::new().reply_size(0))), (2, NONE, 312 + 16));
    assert_eq!(sent(&message(MessageOptions::default())), (2, NONE, 312 + 1024));

    let short = Script::request_of(|dm| dm.target_msg("disk", "set 1 2").is_ok());
    assert_eq!((sent(&short), short.u64(312)), ((2, NONE, 312 + 1024), 0));

    let geometry = Geometry::new(u16::MAX, u8::MAX, u8::MAX).start(Sectors(u64::MAX));
    let request = Script::request_of(|dm| dm.set_geometry("disk", geometry).is_ok());
    assert_eq!(request.text(312), b"65535 255 255 18446744073709551615");
    assert_eq!((request.minor(), request.payload().last()), (6, Some(&0)));
}
