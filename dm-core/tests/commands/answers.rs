//! Replies are decoded whatever the padding contains, including those of old kernels.

use dm_core::{Command, Flags, ListOptions, StatusOptions, TableSlot};
use dm_units::{DeviceNumber, Sectors, Version};

use crate::support::{Answer, Layout, Script, deps, devices, lines, versions};

/// Texts of each length up to three words.
fn texts(letter: &str) -> Vec<String> {
    (1..=24).map(|len| letter.repeat(len)).collect()
}

/// The name, number, event number and uuid of each device that a kernel of this version lists.
fn listed(names: &[&str], minor: u32, layout: Layout) -> Vec<(String, DeviceNumber, Option<u32>, Option<String>)> {
    let uuids = layout == Layout::Uuids;
    let script = Script::new()
        .interface([4, minor, 0])
        .answer(Command::ListDevices, Answer::new().payload(devices(names, layout)));
    let list = script.dm().list_devices_with(ListOptions::new().uuids(uuids)).unwrap();
    let device = |device: dm_core::ListedDevice<'_>| {
        (device.name.to_string(), device.number, device.event_nr, device.uuid.map(|uuid| uuid.to_string()))
    };
    list.iter().map(|entry| device(entry.unwrap())).collect()
}

#[test]
fn lists_end_names_and_uuids_at_their_nul_whatever_the_padding_is() {
    let texts = texts("n");
    let names: Vec<&str> = texts.iter().map(String::as_str).collect();
    for (minor, layout) in [(36, Layout::Names), (37, Layout::EventNumbers), (45, Layout::Uuids), (48, Layout::Uuids)] {
        let expected: Vec<_> = (names.iter().zip(1..))
            .map(|(name, index)| {
                let event_nr = (layout != Layout::Names).then_some(index);
                let uuid = (layout == Layout::Uuids).then(|| name.to_uppercase());
                (name.to_string(), DeviceNumber::new(253, index), event_nr, uuid)
            })
            .collect();
        assert_eq!(listed(&names, minor, layout), expected, "{layout:?}");
    }
}

#[test]
fn lists_before_interface_4_37_have_no_event_numbers() {
    for minor in [0, 27, 36] {
        for (name, number, event_nr, uuid) in listed(&["a", "b"], minor, Layout::Names) {
            assert!(["a", "b"].contains(&name.as_str()) && number.major == 253);
            assert_eq!((event_nr, uuid), (None, None), "4.{minor}");
        }
    }
    assert_eq!(listed(&["a"], 37, Layout::EventNumbers)[0].2, Some(1));
}

#[test]
fn devices_without_a_uuid_stand_beside_those_with_one() {
    let uuids: Vec<_> =
        listed(&["one", "-two", "three"], 45, Layout::Uuids).into_iter().map(|device| device.3).collect();
    assert_eq!(uuids, [Some("ONE".to_owned()), None, Some("THREE".to_owned())]);
}

#[test]
fn tables_end_texts_at_their_nul_whatever_the_padding_is() {
    let texts: Vec<String> = (0..=24).map(|len| "p".repeat(len)).collect();
    let table: Vec<_> = texts.iter().map(|text| ("a23456789012345", text.as_str())).collect();
    let answer = Answer::device("disk", "", 3).lines(lines(&table), table.len());
    let dm = Script::new().answer(Command::TableStatus, answer).dm();
    let status = dm.table_status_with("disk", StatusOptions::table()).unwrap();
    assert_eq!((status.info().number(), status.info().target_count()), (DeviceNumber::new(253, 3), 25));
    for ((line, text), start) in status.iter().map(Result::unwrap).zip(&texts).zip(0..) {
        assert_eq!((line.start, line.length), (Sectors(start), Sectors(1)));
        assert_eq!((line.target_type.to_str().unwrap(), line.params.to_str().unwrap()), ("a23456789012345", &**text));
    }
    assert_eq!(status.iter().count(), 25);
    assert!(status.iter().eq(status.clone().iter()), "a copy holds the same");
}

#[test]
fn a_slot_without_a_table_has_no_lines_and_no_dependencies() {
    let dm = Script::new().dm();
    assert_eq!(dm.table_status("disk").unwrap().iter().count(), 0);
    let deps = dm.table_deps_with("disk", dm_core::DepsOptions::new().slot(TableSlot::Inactive)).unwrap();
    assert_eq!(deps.len(), 0);
    assert!(deps.is_empty() && deps.iter().next().is_none());
}

#[test]
fn dependencies_are_numbers() {
    let answer = Answer::device("disk", "", 3).payload(deps(3));
    let dm = Script::new().answer(Command::TableDeps, answer).dm();
    let deps = dm.table_deps("disk").unwrap();
    let expected = [0, 1, 2].map(|minor| DeviceNumber::new(7, minor));
    assert!(deps.iter().eq(expected) && deps.clone().iter().eq(expected));
    assert_eq!((deps.len(), deps.is_empty()), (3, false));
    assert_eq!(deps.info().name().unwrap(), "disk");
}

#[test]
fn versions_are_names_and_numbers() {
    let payload = versions(&[("linear", [1, 4, 0]), ("thin-pool", [1, 23, 0])]);
    let dm = Script::new().answer(Command::ListVersions, Answer::new().payload(payload)).dm();
    let targets = dm.list_versions().unwrap();
    let read: Vec<_> =
        targets.iter().map(Result::unwrap).map(|target| (target.target_type.to_string(), target.version)).collect();
    assert_eq!(read, [("linear".to_owned(), Version::new(1, 4, 0)), ("thin-pool".to_owned(), Version::new(1, 23, 0))]);
}

#[test]
fn a_message_is_answered_with_text_or_not() {
    let answer = Answer::device("pool", "", 3).event_nr(5);
    let text = answer.clone().flags(Flags::DATA_OUT).payload(*b"0 1024\0");
    let dm = Script::new().answer(Command::TargetMsg, text).dm();
    let reply = dm.target_msg("pool", "@stats_list").unwrap();
    assert_eq!(reply.text().unwrap(), "0 1024");
    assert_eq!((reply.info().event_nr(), reply.clone().text().unwrap().len()), (5, 6));
    let dm = Script::new().answer(Command::TargetMsg, answer).dm();
    assert!(dm.target_msg("pool", "create_thin 0").unwrap().text().is_none());
}
