//! The buffer size that is offered for replies: at first, when a reply does not fit, and after that.

use dm_core::{
    Command, DepsOptions, Dm, Error, ListOptions, Message, MessageOptions, RequestFault, StatusOptions, Transport,
};

use crate::load::line;
use crate::support::{Answer, EBUSY, EINVAL, Layout, Script, deps, devices, lines, put};

/// An empty list that needs this number of bytes including its header.
fn needs(bytes: usize) -> Answer {
    Answer::new().payload(vec![0; bytes - 312])
}

#[test]
fn the_first_calls_offer_what_most_answers_need() {
    let (dm, script) = Script::new().start();
    let _ = dm.list_devices();
    let _ = dm.list_versions();
    dm.table_deps("disk").unwrap();
    dm.table_status("disk").unwrap();
    dm.target_msg("disk", "any").unwrap();
    assert_eq!(script.sizes(), [12 * 1024, 2048, 1536, 1024, 312 + 1024]);
}

#[test]
fn lists_of_4000_devices_take_two_calls_and_with_uuids_three() {
    let (dm, script) = Script::new().answer(Command::ListDevices, needs(450_000)).start();
    drop(dm.list_devices().unwrap());
    assert_eq!(script.sizes(), [12 * 1024, 192 * 1024, 768 * 1024]);
    let (dm, script) = Script::new().answer(Command::ListDevices, needs(160_000)).start();
    drop(dm.list_devices().unwrap());
    assert_eq!(script.sizes(), [12 * 1024, 192 * 1024]);
}

#[test]
fn a_first_list_has_space_for_the_expected_devices_within_limits() {
    let first = |expected, options: ListOptions<'_>| {
        let (dm, script) = Script::new().answer(Command::ListDevices, needs(500)).expected_devices(expected).start();
        drop(dm.list_devices_with(options).unwrap());
        drop(dm.list_devices_with(options).unwrap());
        let [first, second] = script.sizes()[..] else { panic!("one call for each list") };
        assert!(second < 1000, "then by what was needed");
        first
    };
    let (plain, uuids) = (ListOptions::new(), ListOptions::new().uuids(true));
    assert_eq!([10, 4000, usize::MAX].map(|expected| first(expected, plain)), [12 * 1024, 192_000, 384 * 1024]);
    assert_eq!([4000, usize::MAX].map(|expected| first(expected, uuids)), [480_000, 960 * 1024]);
    let prefix = dm_core::DmName::new("vg-").unwrap();
    assert_eq!(first(4000, plain.name_prefix(prefix)), 12 * 1024, "of which few have the prefix");
}

#[test]
fn an_answer_with_as_many_bytes_as_offered_fits() {
    let (dm, script) = Script::new().answer(Command::ListDevices, needs(12 * 1024)).start();
    drop(dm.list_devices().unwrap());
    assert_eq!(script.sizes().len(), 1);
}

#[test]
fn the_size_that_was_needed_is_remembered_for_each_command() {
    let script = Script::new()
        .answer(Command::ListDevices, needs(200_000))
        .answer(Command::TableDeps, Answer::new().payload(deps(3)));
    let (dm, script) = script.start();
    drop(dm.list_devices().unwrap());
    drop(dm.list_devices().unwrap());
    dm.device_info("disk").unwrap();
    let sizes = script.sizes();
    assert_eq!(sizes.len(), 5, "three for the first list, one for the second");
    assert!((200_000..=220_000).contains(&sizes[3]), "what it needs and a little more: {}", sizes[3]);
    assert_eq!(sizes[4], 312);
    drop(dm.table_deps_with("disk", DepsOptions::new()).unwrap());
    assert_eq!(script.sizes()[5], 1536, "another command is offered as little as before");
    let sent = script.sent();
    assert!(sent.iter().all(|request| request.payload().iter().all(|&byte| byte == 0)), "zero before each call");
}

#[test]
fn a_handle_that_freed_its_memory_starts_anew() {
    let (dm, script) = Script::new().answer(Command::ListDevices, needs(40_000)).start();
    drop(dm.list_devices().unwrap());
    assert!(dm.idle_memory() >= 40_000, "{}", dm.idle_memory());
    dm.free_memory();
    assert_eq!(dm.idle_memory(), 0);
    drop(dm.list_devices().unwrap());
    assert_eq!(script.sizes()[2..], [12 * 1024, 192 * 1024]);
}

#[test]
fn a_table_that_does_not_fit_needs_just_one_more_call() {
    let texts: Vec<String> = (0..10_000_u64).map(|line| format!("253:0 {}", line * 2048)).collect();
    let table: Vec<_> = texts.iter().map(|text| ("linear", text.as_str())).collect();
    let answer = || Answer::new().lines(lines(&table), table.len());
    let (dm, script) = Script::new().answer(Command::TableStatus, answer()).start();
    let status = dm.table_status_with("disk", StatusOptions::table()).unwrap();
    assert_eq!(status.iter().map(Result::unwrap).count(), 10_000);
    assert_eq!(script.sizes().len(), 2);
    let exact = 312 + lines(&table).len();
    assert!(script.sizes()[1] < exact * 3 / 2, "{:?} for {exact} bytes", script.sizes());

    let (dm, script) = Script::new().answer(Command::DeviceWait, answer()).start();
    assert_eq!(dm.device_wait("disk", 0).unwrap().iter().count(), 10_000);
    assert_eq!(script.sizes().len(), 2);
}

#[test]
fn a_first_line_that_does_not_fit_makes_the_next_offer_eight_times_as_large() {
    let text = "p".repeat(6000);
    let answer = Answer::new().lines(lines(&[("linear", &text)]), 1);
    let (dm, script) = Script::new().answer(Command::TableStatus, answer).start();
    assert_eq!(dm.table_status("disk").unwrap().iter().count(), 1);
    assert_eq!(script.sizes(), [1024, 8 * 1024]);
}

#[test]
fn a_message_whose_answer_does_not_fit_is_sent_again_unless_enough_was_offered() {
    let answer = || {
        Answer::new()
            .flags(dm_core::Flags::DATA_OUT)
            .payload(vec![b'a'; 5000].into_iter().chain([0]).collect::<Vec<_>>())
    };
    let (dm, script) = Script::new().answer(Command::TargetMsg, answer()).start();
    assert_eq!(dm.target_msg("disk", "@stats_print 0").unwrap().text().unwrap().len(), 5000);
    let sent = script.sent();
    assert_eq!(script.sizes(), [312 + 1024, 8 * (312 + 1024)]);
    assert!(sent.iter().all(|request| request.text(320) == b"@stats_print 0"), "the message is there again");

    let (dm, script) = Script::new().answer(Command::TargetMsg, answer()).start();
    let options = MessageOptions::new().reply_size(5001);
    dm.target_msg_with("disk", Message::new("@stats_print 0"), options).unwrap();
    assert_eq!(script.sizes(), [312 + 5001]);
}

#[test]
fn a_larger_reply_than_the_kernel_accepts_is_refused_before_it_is_allocated() {
    let (dm, script) = Script::new().start();
    for size in [usize::MAX, (1 << 30) - 311] {
        let options = MessageOptions::new().reply_size(size);
        let error = dm.target_msg_with("disk", Message::new("@stats_print 0"), options).unwrap_err();
        assert!(matches!(error, Error::Request { fault: RequestFault::TooLarge, .. }), "{error}");
    }
    assert!(script.sizes().is_empty());
}

/// A kernel for which no buffer is large enough. It keeps no requests, whose sizes add up to two gigabytes.
#[derive(Debug)]
struct Full;

impl Transport for Full {
    fn ioctl(&self, _: Command, request: &mut [u8]) -> std::io::Result<()> {
        put(request, 28, &[dm_core::Flags::BUFFER_FULL.bits()]);
        put(request, 12, &[305]);
        Ok(())
    }
}

#[test]
fn an_answer_that_never_fits_ends_in_an_error() {
    let error = Dm::with_transport(Full).list_devices().unwrap_err();
    assert_eq!(error.to_string(), "list_devices was executed, but its reply has more than 1073741824 bytes");
}

#[test]
fn a_refused_command_is_not_sent_again_and_leaves_the_handle_usable() {
    let names = devices(&["a", "b"], Layout::EventNumbers);
    let script = Script::new().refuse_nth(1, EINVAL).answer(Command::ListDevices, Answer::new().payload(names));
    let (dm, script) = script.start();
    assert!(dm.list_devices().unwrap_err().is_invalid());
    assert_eq!(dm.list_devices().unwrap().iter().count(), 2);
    assert_eq!(script.sizes(), [12 * 1024, 12 * 1024]);
}

#[test]
fn no_command_sends_a_second_ioctl_on_success_or_when_the_device_is_busy() {
    let (dm, script) = Script::new().refuse(Command::DeviceRemove, EBUSY).start();
    assert!(dm.device_remove("disk").unwrap_err().is_busy());
    dm.table_load("disk", [line("zero", "")]).unwrap();
    dm.device_create("disk").unwrap();
    dm.device_resume("disk").unwrap();
    assert_eq!(script.sent().len(), 4);
    let _ = dm.list_devices_with(ListOptions::new());
    assert_eq!(script.sent().len(), 5);
}
