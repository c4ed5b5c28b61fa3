//! The state of a device contains only the fields that its command has filled in.

use dm_core::{Command, DeviceInfo, DmUuid, Flags};
use dm_units::{DeviceNumber, Version};

use crate::support::{Answer, Script};

fn info_of(answer: Answer) -> DeviceInfo {
    Script::new().answer(Command::DeviceInfo, answer).dm().device_info("disk").unwrap()
}

#[test]
fn every_field_and_flag_is_read() {
    let answer = Answer::device("disk", "LVM-1", 7).open_count(2).event_nr(9).target_count(3);
    let info = info_of(answer.flags(Flags::SUSPEND | Flags::READONLY));
    assert_eq!((info.name().unwrap().as_bytes(), info.uuid().unwrap().as_bytes()), (&b"disk"[..], &b"LVM-1"[..]));
    assert_eq!((info.number(), info.open_count()), (DeviceNumber::new(253, 7), 2));
    assert_eq!((info.event_nr(), info.target_count()), (9, 3));
    assert_eq!(info.interface_version(), Version::new(4, 48, 0));

    type Predicate = fn(&DeviceInfo) -> bool;
    let predicates: [(Flags, Predicate); 7] = [
        (Flags::SUSPEND, DeviceInfo::is_suspended),
        (Flags::INTERNAL_SUSPEND, DeviceInfo::is_internally_suspended),
        (Flags::READONLY, DeviceInfo::is_read_only),
        (Flags::ACTIVE_PRESENT, DeviceInfo::has_active_table),
        (Flags::INACTIVE_PRESENT, DeviceInfo::has_inactive_table),
        (Flags::DEFERRED_REMOVE, DeviceInfo::is_deferred_remove),
        (Flags::UEVENT_GENERATED, DeviceInfo::uevent_generated),
    ];
    for (flag, _) in predicates {
        let info = info_of(Answer::new().flags(flag));
        let holding: Vec<_> = predicates.iter().filter(|(_, holds)| holds(&info)).map(|(of, _)| *of).collect();
        assert_eq!(holding, [flag], "one predicate for each flag");
    }
}

#[test]
fn a_state_is_shown_with_the_names_of_its_flags() {
    let flags = Flags::SUSPEND | Flags::ACTIVE_PRESENT;
    assert_eq!(flags.to_string(), "SUSPEND | ACTIVE_PRESENT");
    let shown = format!("{:?}", info_of(Answer::device("disk", "LVM-1", 7).event_nr(9).flags(flags)));
    for part in ["\"disk\"", "\"LVM-1\"", "event_nr: 9", "ACTIVE_PRESENT"] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
}

#[test]
fn bits_that_have_no_name_are_kept() {
    let unknown = Flags::from_bits_retain(1 << 30);
    assert_eq!(info_of(Answer::new().flags(unknown)).flags(), unknown);
}

#[test]
fn after_a_rename_neither_the_old_name_nor_a_uuid_is_claimed() {
    let answer = Answer::device("old", "LVM-0", 7).event_nr(4);
    let dm = Script::new().answer(Command::DeviceRename, answer).dm();
    for info in [dm.device_rename("old", "new"), dm.device_set_uuid("old", DmUuid::new("LVM-1").unwrap())] {
        let info = info.unwrap();
        assert_eq!((info.name(), info.uuid()), (None, None));
        assert_eq!((info.number(), info.event_nr()), (DeviceNumber::new(253, 7), 4));
    }
    assert_eq!(info_of(Answer::device("old", "", 7)).uuid(), None, "an empty uuid means no uuid");
}

#[test]
fn states_are_compared_by_what_they_say_not_by_the_bytes_of_the_answer() {
    let state = || Answer::device("disk", "LVM-1", 7).event_nr(9).flags(Flags::ACTIVE_PRESENT);
    let plain = info_of(state());
    let requested = Flags::STATUS_TABLE | Flags::UUID | Flags::SECURE_DATA | Flags::UEVENT_GENERATED | Flags::DATA_OUT;
    assert_eq!(info_of(state().flags(requested)), plain, "flags of the request or of its answer");
    let older = Script::new().interface([4, 35, 0]).answer(Command::TableStatus, state());
    assert_eq!(older.dm().table_status("disk").unwrap().info(), plain, "another command and another kernel");
    let behind_the_nul = info_of(state().text(48, b"disk\0left over"));
    assert_eq!(behind_the_nul, plain);

    for other in [
        Answer::device("other", "LVM-1", 7).event_nr(9).flags(Flags::ACTIVE_PRESENT),
        Answer::device("disk", "LVM-2", 7).event_nr(9).flags(Flags::ACTIVE_PRESENT),
        Answer::device("disk", "LVM-1", 8).event_nr(9).flags(Flags::ACTIVE_PRESENT),
        state().event_nr(10),
        state().open_count(1),
        state().target_count(1),
    ] {
        assert_ne!(info_of(other), plain);
    }
    for flag in
        [Flags::SUSPEND, Flags::INTERNAL_SUSPEND, Flags::READONLY, Flags::INACTIVE_PRESENT, Flags::DEFERRED_REMOVE]
    {
        assert_ne!(info_of(state().flags(flag)), plain, "{flag}");
    }
    assert_eq!(plain.clone(), plain);
}
