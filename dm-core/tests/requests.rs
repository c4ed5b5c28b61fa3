//! What each command hands to the kernel, byte for byte where it matters, and what it makes of errors and of answers that do
//! not fit. The kernel is one that only writes down what it is asked.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a panic is how a test fails"
)]

use std::cell::RefCell;
use std::io;

use dm_core::{
    Buffer, Command, CreateOptions, DepsOptions, Dm, DmName, DmUuid, Error, Flags, Geometry, InfoOptions, ListOptions,
    LoadOptions, MessageOptions, Removal, RemoveAllOptions, RemoveOptions, RenameOptions, RequestFault, ResumeOptions,
    StatusKind, StatusOptions, SuspendOptions, TableSlot, TargetLine, Text, Transport, UdevCookie, UdevFlags,
};
use dm_units::Version;
use dm_units::{DeviceNumber, Sectors};

/// Answers with what `answer` makes of each request, and keeps the requests.
struct Recorder<F> {
    requests: RefCell<Vec<Vec<u8>>>,
    answer: F,
}

impl<F: Fn(usize, &mut [u8]) -> io::Result<()>> Transport for Recorder<F> {
    fn ioctl(&self, _: Command, request: &mut [u8]) -> io::Result<()> {
        let mut requests = self.requests.borrow_mut();
        requests.push(request.to_vec());
        (self.answer)(requests.len(), request)
    }
}

fn recorder<F: Fn(usize, &mut [u8]) -> io::Result<()>>(answer: F) -> Dm<Recorder<F>> {
    Dm::with_transport(Recorder { requests: RefCell::default(), answer })
}

fn requests<F>(dm: Dm<Recorder<F>>) -> Vec<Vec<u8>>
where
    Recorder<F>: Transport,
{
    dm.into_transport().requests.into_inner()
}

type Answer = fn(usize, &mut [u8]) -> io::Result<()>;

/// The one request that `call` sends.
fn request_of<R>(call: impl FnOnce(&Dm<Recorder<Answer>>) -> R) -> Request {
    let dm = recorder((|_, answer| header_only(answer)) as Answer);
    call(&dm);
    let mut requests = requests(dm);
    assert_eq!(requests.len(), 1, "one ioctl");
    Request(requests.remove(0))
}

/// A kernel to which nothing must be sent.
fn unsent() -> Dm<Recorder<Answer>> {
    recorder((|_, _| panic!("nothing is to be sent")) as Answer)
}

/// What the kernel writes where there is nothing but a header to write.
fn header_only(answer: &mut [u8]) -> io::Result<()> {
    put(answer, 0, &[4, 48, 0, 305]);
    Ok(())
}

/// What the kernel writes where the answer does not fit.
fn full(answer: &mut [u8]) -> io::Result<()> {
    put(answer, 28, &[Flags::BUFFER_FULL.bits()]);
    header_only(answer)
}

fn put(bytes: &mut [u8], at: usize, words: &[u32]) {
    for (index, word) in words.iter().enumerate() {
        bytes[at + 4 * index..][..4].copy_from_slice(&word.to_ne_bytes());
    }
}

fn size(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap()
}

struct Request(Vec<u8>);

impl Request {
    fn u32(&self, at: usize) -> u32 {
        u32::from_ne_bytes(self.0[at..][..4].try_into().unwrap())
    }

    fn u64(&self, at: usize) -> u64 {
        u64::from_ne_bytes(self.0[at..][..8].try_into().unwrap())
    }

    fn minor(&self) -> u32 {
        assert_eq!((self.u32(0), self.u32(8)), (4, 0), "interface 4.x.0");
        self.u32(4)
    }

    fn flags(&self) -> Flags {
        Flags::from_bits_retain(self.u32(28))
    }

    fn text(&self, at: usize) -> &[u8] {
        self.0[at..].split(|&byte| byte == 0).next().unwrap()
    }

    fn name(&self) -> &[u8] {
        self.text(48)
    }

    fn uuid(&self) -> &[u8] {
        self.text(176)
    }

    fn payload(&self) -> &[u8] {
        assert_eq!(self.u32(16), 312, "data_start");
        &self.0[312..]
    }
}

fn name() -> DmName<'static> {
    DmName::new("disk").unwrap()
}

fn uuid() -> DmUuid<'static> {
    DmUuid::new("LVM-1").unwrap()
}

#[test]
fn commands_without_payload_send_a_header_and_the_lowest_version() {
    let request = request_of(|dm| dm.device_info(name(), InfoOptions::new()));
    assert_eq!(request.0.len(), 312);
    assert_eq!((request.minor(), request.flags(), request.name()), (0, Flags::empty(), &b"disk"[..]));

    let request = request_of(|dm| dm.device_info(uuid(), InfoOptions::new().slot(TableSlot::Inactive)));
    assert_eq!((request.minor(), request.flags()), (16, Flags::QUERY_INACTIVE_TABLE));
    assert_eq!((request.name(), request.uuid(), request.u64(40)), (&b""[..], &b"LVM-1"[..], 0));

    let request = request_of(|dm| dm.table_clear(DeviceNumber::new(253, 0x12345)));
    assert_eq!(request.u64(40), 0x1230_fd45, "minor & 0xff | major << 8 | (minor & !0xff) << 12");

    assert_eq!(request_of(|dm| dm.arm_poll()).minor(), 36);
    assert_eq!(request_of(|dm| dm.version()).minor(), 0);
}

#[test]
fn a_number_that_no_device_can_have_is_not_taken_for_another() {
    let request = request_of(|dm| dm.device_info(DeviceNumber::new(4096 + 253, 0), InfoOptions::new()));
    assert_eq!(request.u64(40), u64::MAX);
}

#[test]
fn creation_sends_uuid_and_minor() {
    let request = request_of(|dm| dm.device_create(name(), CreateOptions::new()));
    assert_eq!((request.flags(), request.uuid()), (Flags::empty(), &b""[..]));

    let request = request_of(|dm| dm.device_create(name(), CreateOptions::new().uuid(uuid()).minor(7)));
    assert_eq!((request.name(), request.uuid()), (&b"disk"[..], &b"LVM-1"[..]));
    assert_eq!((request.flags(), request.u64(40)), (Flags::PERSISTENT_DEV, 7));
}

#[test]
fn removal_sends_deferral_and_cookie() {
    let request = request_of(|dm| dm.device_remove(name(), RemoveOptions::new()));
    assert_eq!((request.minor(), request.flags(), request.u32(32)), (0, Flags::empty(), 0));

    let cookie = UdevCookie::new(0xbeef, UdevFlags::PRIMARY_SOURCE);
    let request = request_of(|dm| dm.device_remove(name(), RemoveOptions::new().cookie(cookie)));
    assert_eq!((request.minor(), request.u32(32)), (15, 0x0040_beef));

    let request = request_of(|dm| dm.device_remove(name(), RemoveOptions::new().deferred(true)));
    assert_eq!((request.minor(), request.flags()), (27, Flags::DEFERRED_REMOVE));

    let request = request_of(|dm| dm.remove_all(RemoveAllOptions::new().deferred(true)));
    assert_eq!((request.minor(), request.flags()), (27, Flags::DEFERRED_REMOVE));

    let request = request_of(|dm| dm.cancel_deferred_remove(name()));
    assert_eq!(&request.payload()[..32], b"\0\0\0\0\0\0\0\0@cancel_deferred_remove\0");
}

#[test]
fn a_removal_says_what_became_of_it() {
    let removal = |flags: Flags| {
        let dm = recorder(move |_, answer| {
            put(answer, 28, &[flags.bits()]);
            header_only(answer)
        });
        dm.device_remove(name(), RemoveOptions::new()).unwrap()
    };
    assert_eq!(removal(Flags::DEFERRED_REMOVE), Removal::Deferred);
    assert_eq!(removal(Flags::UEVENT_GENERATED), Removal::Done { uevent_generated: true });
    assert_eq!(removal(Flags::empty()), Removal::Done { uevent_generated: false });
}

#[test]
fn renaming_sends_the_new_name_behind_the_header() {
    let new = "n".repeat(127);
    let request = request_of(|dm| dm.device_rename(name(), DmName::new(&new).unwrap(), RenameOptions::new()));
    assert_eq!((request.minor(), request.flags(), request.name()), (0, Flags::empty(), &b"disk"[..]));
    assert_eq!(request.text(312), new.as_bytes());

    let long = "u".repeat(128);
    let request = request_of(|dm| dm.device_set_uuid(name(), DmUuid::new(&long).unwrap(), RenameOptions::new()));
    assert_eq!((request.minor(), request.flags()), (19, Flags::UUID));
    assert_eq!(request.text(312), long.as_bytes());
    assert_eq!(request.payload().last(), Some(&0), "the kernel wants a NUL");
}

#[test]
fn suspending_and_resuming_differ_by_a_flag() {
    let request = request_of(|dm| dm.device_suspend(name(), SuspendOptions::new()));
    assert_eq!((request.minor(), request.flags()), (0, Flags::SUSPEND));

    let how = SuspendOptions::new().noflush(true).skip_lockfs(true);
    let request = request_of(|dm| dm.device_suspend(name(), how));
    assert_eq!((request.minor(), request.flags()), (12, Flags::SUSPEND | Flags::NOFLUSH | Flags::SKIP_LOCKFS));

    let cookie = UdevCookie::new(1, UdevFlags::empty());
    let request = request_of(|dm| dm.device_resume(name(), ResumeOptions::new().suspend(how).cookie(cookie)));
    assert_eq!((request.minor(), request.flags()), (15, Flags::NOFLUSH | Flags::SKIP_LOCKFS));
    assert_eq!(request.u32(32), 1);
}

#[test]
fn geometry_is_text() {
    let geometry = Geometry { cylinders: u16::MAX, heads: u8::MAX, sectors: u8::MAX, start: Sectors(u64::MAX) };
    let request = request_of(|dm| dm.set_geometry(name(), geometry));
    assert_eq!(request.text(312), b"65535 255 255 18446744073709551615");
    assert_eq!((request.minor(), request.payload().last()), (6, Some(&0)));
}

fn line(target_type: &'static [u8], params: &'static [u8]) -> TargetLine<'static> {
    let (target_type, params) = (Text::new(target_type), Text::new(params));
    TargetLine { start: Sectors(0), length: Sectors(8), target_type, params }
}

#[test]
fn a_table_is_a_chain_of_aligned_lines() {
    let second = TargetLine { start: Sectors(8), length: Sectors(16), ..line(b"a23456789012345", b"") };
    let request = request_of(|dm| {
        let options = LoadOptions::new().read_only(true).secure(true);
        dm.table_load(&mut Buffer::new(), name(), [line(b"linear", b"7:0 0"), second], options).unwrap();
    });
    assert_eq!((request.minor(), request.flags(), request.u32(20)), (20, Flags::READONLY | Flags::SECURE_DATA, 2));
    // 40 bytes for the fixed part, 5 for the text, 1 for its NUL, and 2 up to the next multiple of 8.
    assert_eq!((request.u64(312), request.u64(320), request.u32(332)), (0, 8, 48));
    assert_eq!((request.text(336), request.text(352)), (&b"linear"[..], &b"7:0 0"[..]));
    assert_eq!((request.u64(360), request.u64(368), request.u32(380)), (8, 16, 48));
    assert_eq!((request.text(384), request.text(400)), (&b"a23456789012345"[..], &b""[..]));
    assert_eq!(request.0.len(), 408);
}

#[test]
fn a_table_is_written_as_it_prints_or_as_it_was_read() {
    let printed = TargetLine::new(Sectors(0), Sectors(8), "linear", String::from("7:0 8"));
    let request = request_of(|dm| dm.table_load(&mut Buffer::new(), name(), [printed], LoadOptions::new()));
    assert_eq!(request.text(352), b"7:0 8");

    let odd = line(b"vdo", b"/dev/\xff\xa0 0");
    let request = request_of(|dm| dm.table_load(&mut Buffer::new(), name(), [odd], LoadOptions::new()));
    assert_eq!(request.text(352), odd.params.as_bytes());
}

#[test]
fn what_the_kernel_could_not_take_is_not_sent() {
    let fault = |lines: &[TargetLine<'static>]| match unsent().table_load(
        &mut Buffer::new(),
        name(),
        lines.iter().copied(),
        LoadOptions::new(),
    ) {
        Err(Error::Request { command: Command::TableLoad, fault }) => fault,
        other => panic!("{other:?}"),
    };
    assert_eq!(fault(&[]), RequestFault::NoLines);
    assert_eq!(fault(&[line(b"", b"")]), RequestFault::TargetType { line: Some(0) });
    assert_eq!(fault(&[line(b"a234567890123456", b"")]), RequestFault::TargetType { line: Some(0) });
    assert_eq!(fault(&[line(b"li\0ear", b"")]), RequestFault::TargetType { line: Some(0) });
    assert_eq!(fault(&[line(b"zero", b""), line(b"linear", b"7:0\0 0")]), RequestFault::Nul { line: Some(1), at: 3 });
}

#[test]
fn a_display_that_fails_or_never_ends_is_an_error() {
    struct Fails;
    impl std::fmt::Display for Fails {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            Err(std::fmt::Error)
        }
    }
    struct Endless;
    impl std::fmt::Display for Endless {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            let piece = " ".repeat(1 << 20);
            loop {
                f.write_str(&piece)?;
            }
        }
    }
    let load = |params: &dyn std::fmt::Display| {
        let line = TargetLine::new(Sectors(0), Sectors(8), "linear", params);
        unsent().table_load(&mut Buffer::new(), name(), [line], LoadOptions::new()).unwrap_err().to_string()
    };
    assert_eq!(
        load(&Fails),
        "table_load can't be sent: the text of table line 0 could not be printed: its Display returned an error"
    );
    assert_eq!(load(&Endless), "table_load can't be sent: it, or its answer, has more than 1073741824 bytes");
}

#[test]
fn too_many_lines_are_not_sent() {
    let dm = recorder(|_, answer| header_only(answer));
    let lines = |count: u64| (0..count).map(|line| TargetLine::new(Sectors(line), Sectors(1), "zero", ""));
    let mut buffer = Buffer::new();
    dm.table_load(&mut buffer, name(), lines(1 << 20), LoadOptions::new()).unwrap();
    let error = dm.table_load(&mut buffer, name(), lines((1 << 20) + 1), LoadOptions::new()).unwrap_err();
    assert_eq!(error.to_string(), "table_load can't be sent: the table has more than 1048576 lines");
}

#[test]
fn status_options_are_flags() {
    let sent = |options: StatusOptions| {
        let request = request_of(|dm| drop(dm.table_status(&mut Buffer::new(), name(), options)));
        assert!(request.payload().iter().all(|&byte| byte == 0), "zero behind the header");
        (request.minor(), request.flags())
    };
    assert_eq!(sent(StatusOptions::new()), (0, Flags::empty()));
    assert_eq!(sent(StatusOptions::table()), (0, Flags::STATUS_TABLE));
    assert_eq!(sent(StatusOptions::new().kind(StatusKind::Ima)), (45, Flags::IMA_MEASUREMENT));
    assert_eq!(sent(StatusOptions::new().noflush(true)), (12, Flags::NOFLUSH));
    assert_eq!(sent(StatusOptions::table().secure(true)), (20, Flags::STATUS_TABLE | Flags::SECURE_DATA));
    assert_eq!(sent(StatusOptions::new().slot(TableSlot::Inactive)), (16, Flags::QUERY_INACTIVE_TABLE));

    let request = request_of(|dm| drop(dm.device_wait(&mut Buffer::new(), name(), 9, StatusOptions::table())));
    assert_eq!((request.u32(32), request.flags()), (9, Flags::STATUS_TABLE));

    let inactive = DepsOptions::new().slot(TableSlot::Inactive);
    let request = request_of(|dm| drop(dm.table_deps(&mut Buffer::new(), name(), inactive)));
    assert_eq!((request.minor(), request.flags()), (16, Flags::QUERY_INACTIVE_TABLE));
}

#[test]
fn lists_ask_for_uuids_and_prefixes() {
    let request = |options: ListOptions<'_>| request_of(|dm| drop(dm.list_devices(&mut Buffer::new(), options)));
    assert_eq!(request(ListOptions::new()).minor(), 0);
    let all = request(ListOptions::new().uuids(true).name_prefix(name()).uuid_prefix(uuid()));
    assert_eq!((all.minor(), all.flags()), (45, Flags::UUID));
    assert_eq!((all.name(), all.uuid()), (&b"disk"[..], &b"LVM-1"[..]));

    assert_eq!(request_of(|dm| drop(dm.list_versions(&mut Buffer::new()))).minor(), 1);
    let version = request_of(|dm| drop(dm.target_version("thin-pool")));
    assert_eq!((version.minor(), version.name()), (41, &b"thin-pool"[..]));
    let error = unsent().target_version("a234567890123456").unwrap_err();
    assert_eq!(
        error.to_string(),
        "target_version can't be sent: the target type must have 1 to 15 bytes, none of them NUL"
    );
}

#[test]
fn messages_are_a_sector_and_text() {
    let request = request_of(|dm| {
        dm.target_msg(&mut Buffer::new(), name(), Sectors(5), "set 1 2", MessageOptions::new().secure(true)).unwrap();
    });
    assert_eq!((request.minor(), request.flags(), request.u64(312)), (20, Flags::SECURE_DATA, 5));
    assert_eq!(request.text(320), b"set 1 2");
    assert_eq!(request.0.len(), 312 + 1024, "room for an answer");

    let error = unsent().target_msg(&mut Buffer::new(), name(), Sectors(0), "a\0b", MessageOptions::new()).unwrap_err();
    assert_eq!(error.to_string(), "target_msg can't be sent: the text has a NUL at byte 1");
}

/// A kernel whose answer needs so many bytes.
fn wants(bytes: usize) -> impl Fn(usize, &mut [u8]) -> io::Result<()> {
    move |_, answer| {
        if answer.len() < bytes {
            return full(answer);
        }
        header_only(answer)?;
        put(answer, 12, &[size(bytes), 312]);
        Ok(())
    }
}

#[test]
fn an_answer_that_does_not_fit_is_asked_for_again_and_its_size_remembered_per_command() {
    let dm = recorder(wants(200_000));
    let mut buffer = Buffer::new();
    let _ = dm.list_devices(&mut buffer, ListOptions::new()).unwrap();
    let _ = dm.list_devices(&mut buffer, ListOptions::new()).unwrap();
    dm.device_info(name(), InfoOptions::new()).unwrap();
    let requests = requests(dm);
    let sizes: Vec<usize> = requests.iter().map(Vec::len).collect();
    assert_eq!((sizes[0], sizes[1], sizes[3]), (16 * 1024, 256 * 1024, 312));
    assert!((200_000..=220_000).contains(&sizes[2]), "what it needs and a little more: {}", sizes[2]);
    assert!(requests.iter().all(|request| request[312..].iter().all(|&byte| byte == 0)), "zero before each call");

    let request = request_of(|dm| drop(dm.table_deps(&mut buffer, name(), DepsOptions::new())));
    assert_eq!(request.0.len(), 1024, "another command is offered as little as ever");
}

#[test]
fn a_fresh_buffer_lists_4000_devices_in_three_ioctls() {
    // The longest name and the longest uuid there are, each padded, with the fixed part and the trailer.
    const LONGEST: usize = (12 + 127 + 1usize).next_multiple_of(8) + 8 + (128 + 1usize).next_multiple_of(8);
    let dm = recorder(wants(312 + 4000 * LONGEST));
    let _ = dm.list_devices(&mut Buffer::new(), ListOptions::new().uuids(true)).unwrap();
    assert_eq!(requests(dm).len(), 3);
}

#[test]
fn removing_a_busy_device_is_one_ioctl() {
    let dm = recorder(|_, _| Err(io::Error::from_raw_os_error(16)));
    assert!(dm.device_remove(name(), RemoveOptions::new()).unwrap_err().is_busy());
    assert_eq!(requests(dm).len(), 1);
}

/// A kernel that answers with a payload, behind a header with these flags and this count of targets.
fn answers(payload: Vec<u8>, flags: Flags, count: u32) -> Dm<impl Transport> {
    recorder(move |_, answer| {
        if answer.len() < 312 + payload.len() {
            return full(answer);
        }
        header_only(answer)?;
        put(answer, 12, &[size(312 + payload.len()), 312, count]);
        put(answer, 28, &[flags.bits()]);
        answer[312..][..payload.len()].copy_from_slice(&payload);
        Ok(())
    })
}

/// Appends a text with its NUL and what a kernel that reuses its memory may leave behind it.
fn push_padded(bytes: &mut Vec<u8>, text: &[u8]) {
    bytes.extend_from_slice(text);
    bytes.push(0);
    bytes.resize(bytes.len().next_multiple_of(8), b'~');
}

#[test]
fn the_texts_of_a_list_end_at_their_nul_whatever_the_padding_is() {
    let names: Vec<String> = (1..=24).map(|len| "n".repeat(len)).collect();
    for uuids in [false, true] {
        let mut payload = Vec::new();
        for (name, event_nr) in names.iter().zip(1..) {
            let at = payload.len();
            payload.resize(at + 12, 0);
            push_padded(&mut payload, name.as_bytes());
            let trailer = payload.len();
            payload.resize(trailer + 8, 0);
            put(&mut payload, trailer, &[event_nr, uuids.into()]);
            if uuids {
                push_padded(&mut payload, name.to_uppercase().as_bytes());
            }
            let next = payload.len() - at;
            put(&mut payload, at + 8, &[if name.len() == names.len() { 0 } else { size(next) }]);
        }
        let dm = answers(payload, if uuids { Flags::UUID } else { Flags::empty() }, 0);
        let devices = dm.list_devices(&mut Buffer::new(), ListOptions::new().uuids(uuids)).unwrap().to_owned();
        let read: Vec<_> = devices.iter().map(Result::unwrap).map(|device| device.name.to_string()).collect();
        assert_eq!(read, names);
        for (device, event_nr) in devices.iter().map(Result::unwrap).zip(1..) {
            assert_eq!(device.event_nr, Some(event_nr));
            let uuid = device.uuid.map(|uuid| uuid.to_string());
            assert_eq!(uuid, uuids.then(|| device.name.to_string().to_uppercase()));
        }
    }
}

#[test]
fn the_texts_of_a_table_end_at_their_nul_whatever_the_padding_is() {
    let texts: Vec<String> = (0..=24).map(|len| "p".repeat(len)).collect();
    let mut payload = Vec::new();
    let mut last_end = 0;
    for text in &texts {
        let at = payload.len();
        payload.resize(at + 24, 0);
        payload.extend_from_slice(if text.is_empty() { b"a23456789012345\0" } else { b"linear\0\0\0\0\0\0\0\0\0\0" });
        last_end = payload.len() + text.len() + 1;
        push_padded(&mut payload, text.as_bytes());
        let next = size(payload.len());
        put(&mut payload, at + 20, &[next]);
    }
    // The kernel does not count the padding of the last line.
    payload.truncate(last_end);
    let dm = answers(payload, Flags::empty(), size(texts.len()));
    let table = dm.table_status(&mut Buffer::new(), name(), StatusOptions::table()).unwrap().to_owned();
    let read: Vec<_> = table.iter().map(|line| line.unwrap().params.to_string()).collect();
    assert_eq!(read, texts);
    let types: Vec<_> = table.iter().take(2).map(|line| line.unwrap().target_type.to_string()).collect();
    assert_eq!(types, ["a23456789012345", "linear"]);
}

#[test]
fn an_answer_that_never_fits_ends_in_an_error() {
    struct Full;
    impl Transport for Full {
        fn ioctl(&self, _: Command, answer: &mut [u8]) -> io::Result<()> {
            full(answer)
        }
    }
    let error = Dm::with_transport(Full).list_devices(&mut Buffer::new(), ListOptions::new()).unwrap_err();
    assert_eq!(error.to_string(), "list_devices can't be sent: it, or its answer, has more than 1073741824 bytes");
}

#[test]
fn a_table_that_does_not_fit_needs_just_one_more_call() {
    const LINES: u32 = 10_000;
    let dm = recorder(|_, answer| {
        header_only(answer)?;
        let mut at = 312;
        let mut complete = 305;
        for line in 0..LINES {
            let text = format!("253:0 {}\0", u64::from(line) * 2048);
            let end = at + 40 + text.len();
            let next = end.next_multiple_of(8);
            if next > answer.len() {
                put(answer, 28, &[Flags::BUFFER_FULL.bits()]);
                break;
            }
            answer[at + 40..end].copy_from_slice(text.as_bytes());
            put(answer, at + 20, &[size(next - 312)]);
            (at, complete) = (next, end);
        }
        put(answer, 12, &[size(complete), 312, LINES]);
        Ok(())
    });
    let mut buffer = Buffer::new();
    let table = dm.table_status(&mut buffer, name(), StatusOptions::table()).unwrap();
    assert_eq!(table.iter().map(Result::unwrap).count(), LINES as usize);
    assert_eq!(requests(dm).len(), 2);
}

#[test]
fn an_old_kernel_gives_a_named_error() {
    let dm = recorder(|_, answer| {
        put(answer, 0, &[4, 35, 0]);
        Err(io::Error::from_raw_os_error(22))
    });
    let error = dm.arm_poll().unwrap_err();
    let Error::Unsupported { command: Command::ArmPoll, needed_minor: 36, kernel } = error else { panic!("{error:?}") };
    assert_eq!(kernel, Version::new(4, 35, 0));
    // The same errno from a kernel that is new enough is about the request.
    assert!(dm.version().unwrap_err().is_invalid());
}

#[test]
fn a_signal_does_not_end_a_suspension_but_a_wait_for_events() {
    let third_time = |calls: usize, answer: &mut [u8]| match calls {
        1 | 2 => Err(io::Error::from_raw_os_error(4)),
        _ => header_only(answer),
    };
    let dm = recorder(third_time);
    dm.device_suspend(name(), SuspendOptions::new()).unwrap();
    let requests = requests(dm);
    assert_eq!(requests.len(), 3);
    assert!(requests.iter().all(|request| request == &requests[0]), "sent anew, not what the kernel left of it");

    let dm = recorder(third_time);
    let error = dm.device_wait(&mut Buffer::new(), name(), 0, StatusOptions::new()).unwrap_err();
    assert!(error.is_interrupted());
}

#[test]
fn a_malformed_answer_is_an_error_that_says_where() {
    let lines = |payload: usize, count: u32| {
        recorder(move |_, answer| {
            header_only(answer)?;
            put(answer, 12, &[size(312 + payload), 312, count]);
            Ok(())
        })
    };
    let mut buffer = Buffer::new();
    let dm = lines(39, 1);
    let status = dm.table_status(&mut buffer, name(), StatusOptions::new()).unwrap();
    assert_eq!(
        status.iter().next().unwrap().unwrap_err().to_string(),
        "malformed answer to table_status: a cut line at byte 312; this is a fault of the kernel or of dm-core, please \
         report it"
    );
    let dm = lines(41, 2);
    let status = dm.table_status(&mut buffer, name(), StatusOptions::new()).unwrap();
    let results: Vec<_> = status.iter().collect();
    assert_eq!(results.len(), 1, "ends after the error");
    assert!(results[0].unwrap_err().to_string().contains("a line that leads back"));
}

#[test]
fn keys_do_not_stay_in_the_buffer() {
    let mut buffer = Buffer::new();
    let dm = recorder(|_, answer| header_only(answer));
    let key = [line(b"crypt", b"aes-xts-plain64 00112233445566778899aabbccddeeff 0 7:0 0")];
    let ascii_of_key = "48, 48, 49, 49, 50, 50";
    dm.table_load(&mut buffer, name(), key, LoadOptions::new()).unwrap();
    assert!(format!("{buffer:?}").contains(ascii_of_key), "as Debug prints bytes");
    dm.table_load(&mut buffer, name(), key, LoadOptions::new().secure(true)).unwrap();
    assert!(!format!("{buffer:?}").contains(ascii_of_key));
}
