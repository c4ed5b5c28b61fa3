//! `Stats` of dm-targets: the messages it sends, and how it reads replies.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dm_core::{Command, Dm, Flags, Host, TargetLine, Transport};
use dm_targets::WordBuf;
use dm_targets::devices::{Stats, StatsReading};
use dm_targets::stats::{StatsAreas, StatsCreate, StatsRange, StatsStep};
use dm_testing::MemoryKernel;
use dm_units::Sectors;

/// The size of `struct dm_ioctl`, and of the sector before a message.
const HEADER: usize = 312;
const SECTOR: usize = 8;

/// A kernel that answers messages according to a script, with a text or an errno.
#[derive(Debug)]
struct Script {
    kernel: Arc<dyn Transport>,
    answers: Mutex<VecDeque<Result<String, i32>>>,
    /// The device and the text of each message.
    sent: Mutex<Vec<String>>,
}

impl Transport for Script {
    fn ioctl(&self, command: Command, request: &mut [u8]) -> io::Result<()> {
        if command != Command::TargetMsg {
            return self.kernel.ioctl(command, request);
        }
        let text =
            |at: usize| String::from_utf8_lossy(request[at..].split(|&byte| byte == 0).next().unwrap()).into_owned();
        self.sent.lock().unwrap().push(format!("{}{}: {}", text(48), text(176), text(HEADER + SECTOR)));
        let answer = self.answers.lock().unwrap().pop_front().unwrap().map_err(io::Error::from_raw_os_error)?;
        // A reply that does not fit is truncated, as in the kernel.
        let fits = answer.len() + 1 < request.len() - HEADER;
        let flags = if fits { Flags::DATA_OUT } else { Flags::DATA_OUT | Flags::BUFFER_FULL };
        if !fits {
            self.answers.lock().unwrap().push_front(Ok(answer.clone()));
        }
        let kept = if fits { answer.as_bytes() } else { &answer.as_bytes()[..request.len() - HEADER - 1] };
        request[HEADER..].fill(0);
        request[HEADER..][..kept.len()].copy_from_slice(kept);
        let size = u32::try_from(HEADER + kept.len() + 1).unwrap();
        for (at, word) in [(12, size), (16, u32::try_from(HEADER).unwrap()), (28, flags.bits())] {
            request[at..][..4].copy_from_slice(&word.to_ne_bytes());
        }
        Ok(())
    }
}

/// A host with a device `zero`, whose messages get these replies.
fn host(answers: &[Result<&str, i32>]) -> (Host, Arc<Script>) {
    let memory = MemoryKernel::new();
    memory.host().create("zero", [TargetLine::text(Sectors(0), Sectors(2048), "zero", "")]).unwrap();
    let answers = answers.iter().map(|answer| answer.map(str::to_owned)).collect();
    let script =
        Arc::new(Script { kernel: memory.dm().transport(), answers: Mutex::new(answers), sent: Mutex::default() });
    (Host::new(Dm::with_transport(Arc::clone(&script))), script)
}

impl Script {
    fn sent(&self) -> Vec<String> {
        self.sent.lock().unwrap().clone()
    }
}

fn word(text: &str) -> WordBuf {
    WordBuf::new(text).unwrap()
}

const REGION: &str = "3: 8+1000 500 prog some data precise_timestamps histogram:1000,2000\n";
const ENOENT: i32 = 2;
const ENXIO: i32 = 6;
const ENOMEM: i32 = 12;

#[test]
fn a_region_is_created_and_found_as_the_kernel_made_it() {
    let (host, script) = host(&[Ok("3"), Ok(&format!("1: 0+2048 2048 prog -\n{REGION}"))]);
    let range = StatsRange { start: Sectors(8), length: Sectors(1000) };
    let create = StatsCreate::new(Some(range), StatsStep::Areas(2)).precise_timestamps().histogram([1000, 2000]);
    let region =
        Stats::of(&host, "zero").unwrap().create(&host, &create.program(word("prog")).aux(word("some data"))).unwrap();
    assert_eq!(
        script.sent(),
        [
            r"zero: @stats_create 8+1000 /2 2 precise_timestamps histogram:1000,2000 prog some\ data",
            "zero: @stats_list prog",
        ]
    );
    assert_eq!((region.id, region.range, region.step), (3, range, Sectors(500)));
    assert_eq!((region.aux.as_str(), region.precise_timestamps), ("some data", true));
}

#[test]
fn aux_data_that_looks_like_an_option_is_not_read_as_one() {
    let (host, _) = host(&[Ok("0"), Ok("0: 0+8 8 prog a precise_timestamps\n")]);
    let create = StatsCreate::new(None, StatsStep::Areas(1)).program(word("prog")).aux(word("a precise_timestamps"));
    let region = Stats::of(&host, "zero").unwrap().create(&host, &create).unwrap();
    assert_eq!((region.aux.as_str(), region.precise_timestamps), ("a precise_timestamps", false));
}

#[test]
fn a_region_that_cannot_be_listed_is_deleted_again() {
    for list in [Err(ENOMEM), Ok("nonsense"), Ok("4: 0+8 8 - -\n")] {
        let (host, script) = host(&[Ok("3"), list, Ok("")]);
        let create = StatsCreate::new(None, StatsStep::Areas(1));
        Stats::of(&host, "zero").unwrap().create(&host, &create).unwrap_err();
        assert_eq!(script.sent().last().map(String::as_str), Some("zero: @stats_delete 3"));
    }
}

#[test]
fn messages_that_the_kernel_would_refuse_or_garble_are_not_sent() {
    let (host, script) = host(&[]);
    let stats = Stats::of(&host, "zero").unwrap();
    let whole = || StatsCreate::new(None, StatsStep::Areas(1));
    for bad in
        [StatsCreate::new(None, StatsStep::Areas(0)), whole().histogram([2, 1]), whole().program(word("two words"))]
    {
        let error = stats.create(&host, &bad).unwrap_err();
        assert_eq!(error.to_string(), "the request to device 'zero' is not valid");
    }
    assert_eq!(script.sent(), [""; 0]);
}

#[test]
fn regions_of_a_crashed_program_are_found_and_deleted() {
    let listed = "0: 0+8 8 prog -\n5: 8+8 8 prog -\n";
    let (host, script) = host(&[Ok(listed), Ok(listed), Err(ENOENT), Ok("")]);
    let found = Stats::find(&host, &word("prog")).unwrap();
    let [(stats, regions)] = found.as_slice() else { unreachable!("{found:?}") };
    assert_eq!((stats.device().to_string().as_str(), regions.len()), ("device 'zero'", 2));
    // Another process has deleted the first region.
    assert_eq!(stats.delete_of(&host, &word("prog")).unwrap(), 2);
    let list = "zero: @stats_list prog";
    assert_eq!(script.sent(), [list, list, "zero: @stats_delete 0", "zero: @stats_delete 5"]);
}

#[test]
fn only_a_device_or_region_that_is_gone_is_left_out() {
    const ENXIO: i32 = 6;
    let find = |answer| Stats::find(&host(&[answer]).0, &word("prog")).map_err(|error| error.errno());
    assert_eq!(find(Err(ENXIO)).unwrap().len(), 0);
    assert_eq!(find(Err(ENOMEM)).unwrap_err(), Some(ENOMEM));

    let (host, script) = host(&[Ok("0: 0+8 8 prog -\n5: 8+8 8 prog -\n"), Err(ENOMEM)]);
    let error = Stats::of(&host, "zero").unwrap().delete_of(&host, &word("prog")).unwrap_err();
    assert_eq!(error.errno(), Some(ENOMEM));
    assert_eq!(script.sent().last().map(String::as_str), Some("zero: @stats_delete 0"));
}

#[test]
fn a_long_answer_is_read_whole() {
    let lines: String = (0..500).map(|area| format!("{}+8 1 0 8 1 0 0 0 0 0 1 1 1 0\n", area * 8)).collect();
    let (host, _) = host(&[Ok(REGION), Ok(&lines)]);
    let stats = Stats::of(&host, "zero").unwrap();
    let [region] = stats.regions(&host).unwrap().try_into().unwrap();
    let reading = stats.read_and_clear(&host, &region).unwrap();
    assert_eq!(reading.areas.len(), 500);
    let total = reading.total().unwrap();
    assert_eq!((total.range.length, total.reads.completed, total.reads.sectors), (Sectors(4000), 500, Sectors(4000)));
}

#[test]
fn the_last_area_ends_with_its_region() {
    // The kernel prints the full size of each area.
    let areas = "8+600 1 0 8 1 0 0 0 0 0 1 1 1 0\n608+600 1 0 8 1 0 0 0 0 0 1 1 1 0\n";
    let (host, _) = host(&[Ok("3: 8+1000 600 prog -\n"), Ok(areas)]);
    let stats = Stats::of(&host, "zero").unwrap();
    let [region] = stats.regions(&host).unwrap().try_into().unwrap();
    let reading = stats.read(&host, &region).unwrap();
    assert_eq!(reading.areas[1].range, StatsRange { start: Sectors(608), length: Sectors(400) });
    assert_eq!(reading.total().unwrap().range, region.range);
}

#[test]
fn each_message_is_sent_as_the_kernel_reads_it() {
    let (host, script) = host(&[Ok(REGION), Ok(""), Ok(""), Ok(""), Ok(""), Ok(""), Err(ENOENT), Err(ENXIO)]);
    let stats = Stats::of(&host, "zero").unwrap();
    let [mut region] = stats.regions(&host).unwrap().try_into().unwrap();
    assert_eq!(stats.read(&host, &region).unwrap().total(), None);
    stats.read_areas(&host, &region, StatsAreas { first: Some(1), count: None }).unwrap();
    stats.clear(&host, &region).unwrap();
    stats.set_aux(&host, &mut region, word("new data")).unwrap();
    assert_eq!(region.aux.as_str(), "new data");
    stats.delete(&host, &region).unwrap();
    assert!(stats.delete(&host, &region).unwrap_err().is_no_such_region());
    assert!(!stats.delete(&host, &region).unwrap_err().is_no_such_region());
    let expected =
        ["list", "print 3", "print 3 1 -", "clear 3", r"set_aux 3 new\ data", "delete 3", "delete 3", "delete 3"];
    assert_eq!(script.sent(), expected.map(|text| format!("zero: @stats_{text}")));
}

/// Two readings of a region with these areas, `apart` from each other.
fn readings(unit: &str, apart: Duration, before: &str, after: &str) -> [StatsReading; 2] {
    let (host, _) = host(&[Ok(&format!("0: 0+16 8 - -{unit}\n")), Ok(before), Ok(after)]);
    let stats = Stats::of(&host, "zero").unwrap();
    let [region] = stats.regions(&host).unwrap().try_into().unwrap();
    let [before, mut after] = [(); 2].map(|()| stats.read(&host, &region).unwrap());
    after.taken_at = before.taken_at + apart;
    [before, after]
}

#[test]
fn rates_are_those_of_dmstats() {
    // In two seconds: 10 reads of 80 sectors that took 500 ms, 30 writes of 720 sectors that took 1500 ms; busy for 1
    // s.
    let before = "0+16 100 1 800 1000 200 2 1600 2000 3 5000 9000 600 700\n";
    let after = "0+16 110 5 880 1500 230 8 2320 3500 1 6000 13000 1100 1200\n";
    let [before, after] = readings("", Duration::from_secs(2), before, after);
    let rates = after.rates_since(&before).unwrap();
    assert_eq!(rates.interval, Duration::from_secs(2));
    assert_eq!((rates.reads.per_second, rates.writes.per_second, rates.all.per_second), (5.0, 15.0, 20.0));
    assert_eq!((rates.reads.merged_per_second, rates.all.merged_per_second), (2.0, 5.0));
    assert_eq!((rates.reads.bytes_per_second, rates.writes.bytes_per_second), (20_480.0, 184_320.0));
    assert_eq!((rates.reads.mean_size, rates.all.mean_size), (Some(4096.0), Some(10_240.0)));
    let millis = |millis| Some(Duration::from_millis(millis));
    assert_eq!((rates.reads.mean_wait, rates.all.mean_wait), (millis(50), millis(50)));
    assert_eq!((rates.reads.utilization, rates.all.utilization), (0.25, 0.5));
    assert_eq!((rates.queue_size, rates.service_time), (2.0, millis(25)));
}

#[test]
fn times_are_in_the_unit_of_the_region() {
    let before = "0+16 0 0 0 0 0 0 0 0 0 0 0 0 0\n";
    let after = "0+16 2 0 16 3000 0 0 0 0 0 500000000 1000000000 0 0\n";
    let [before, after] = readings(" precise_timestamps", Duration::from_secs(1), before, after);
    let rates = after.rates_since(&before).unwrap();
    assert_eq!(rates.all.mean_wait, Some(Duration::from_nanos(1500)));
    assert_eq!((rates.all.utilization, rates.queue_size), (0.5, 1.0));
    let mut other_unit = before.clone();
    other_unit.precise_timestamps = false;
    assert_eq!(after.rates_since(&other_unit), None);
}

#[test]
fn without_requests_or_time_there_are_no_rates() {
    let idle = "0+16 7 7 7 7 7 7 7 7 0 7 7 7 7\n";
    let [before, after] = readings("", Duration::from_secs(1), idle, idle);
    let rates = after.rates_since(&before).unwrap();
    assert_eq!(
        (rates.all.per_second, rates.all.mean_size, rates.all.mean_wait, rates.service_time),
        (0.0, None, None, None)
    );
    assert_eq!(after.rates_over(Duration::ZERO), None);
    assert_eq!(before.rates_since(&after), None);
    let [before, after] = readings("", Duration::ZERO, idle, idle);
    assert_eq!(after.rates_since(&before), None);
}

#[test]
fn a_region_that_was_cleared_in_between_has_no_rates() {
    let [before, after] =
        readings("", Duration::from_secs(1), "0+16 9 0 9 9 0 0 0 0 0 9 9 9 0\n", "0+16 1 0 9 9 0 0 0 0 0 9 9 9 0\n");
    assert_eq!(after.rates_since(&before), None);
    assert!(after.rates_over(Duration::from_secs(1)).is_some());
}

#[test]
fn each_area_has_its_rates_and_all_together_are_busy_at_most_all_the_time() {
    let before = "0+8 0 0 0 0 0 0 0 0 0 0 0 0 0\n8+8 0 0 0 0 0 0 0 0 0 0 0 0 0\n";
    let after = "0+8 1 0 8 10 0 0 0 0 0 900 900 900 0\n8+8 3 0 8 10 0 0 0 0 0 600 600 600 0\n";
    let [before, after] = readings("", Duration::from_secs(1), before, after);
    let areas: Vec<_> =
        after.area_rates_since(&before).into_iter().map(|(range, rates)| (range.start, rates)).collect();
    let mut other_areas = before.clone();
    other_areas.areas.truncate(1);
    other_areas.areas[0].range.length = Sectors(16);
    assert_eq!(other_areas.total().unwrap().range, after.total().unwrap().range);
    assert_eq!(after.rates_since(&other_areas), None);
    let [(Sectors(0), first), (Sectors(8), second)] = areas.as_slice() else { unreachable!("{areas:?}") };
    assert_eq!((first.reads.per_second, first.all.utilization), (1.0, 0.9));
    assert_eq!((second.reads.per_second, second.all.utilization), (3.0, 0.6));
    let all = after.rates_since(&before).unwrap();
    assert_eq!((all.reads.per_second, all.all.utilization), (4.0, 1.0));
    // An area without an earlier reading is left out.
    let mut second_only = before;
    second_only.areas.remove(0);
    let areas = after.area_rates_since(&second_only);
    let [(range, rates)] = areas.as_slice() else { unreachable!("{areas:?}") };
    assert_eq!((range.start, rates.reads.per_second), (Sectors(8), 3.0));
}
