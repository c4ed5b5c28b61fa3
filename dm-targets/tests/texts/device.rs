//! Golden messages to the device-mapper core, and the replies.

use dm_targets::DeviceMessage;
use dm_targets::stats::{StatsMessage, StatsReply};

use crate::lines::{Kind, golden};

#[test]
fn golden_messages_and_replies_print_back() {
    let mut last: Option<StatsMessage> = None;
    for line in golden("device/stats") {
        let place = &line.place;
        let printed = match line.kind {
            Kind::Message => {
                let message: StatsMessage = line.text.parse().unwrap_or_else(|error| panic!("{place}: {error}"));
                let device_message = DeviceMessage::from(message.clone());
                assert_eq!(device_message.to_string(), line.text, "{place}");
                assert_eq!(line.text.parse(), Ok(device_message));
                last.insert(message).to_string()
            }
            Kind::Reply => {
                let message = last.as_ref().expect("a reply stands below its message");
                let reply = message.parse_reply(&line.text).unwrap_or_else(|error| panic!("{place}: {error}"));
                reply.to_string()
            }
            Kind::Table | Kind::Status => panic!("{place}"),
        };
        assert_eq!(printed, line.text, "{place}");
    }
}

/// The lines of the replies: those of `@stats_list`, and those of `@stats_print`.
pub(crate) fn reply_lines() -> [Vec<String>; 2] {
    let lines = golden("device/stats").into_iter().filter(|line| line.kind == Kind::Reply);
    let lines = lines.flat_map(|line| line.text.lines().map(String::from).collect::<Vec<_>>());
    let (regions, others): (Vec<_>, Vec<_>) = lines.partition(|line| line.contains(": "));
    [regions, others.into_iter().filter(|line| line.contains('+')).collect()]
}

#[test]
fn each_counter_is_in_its_field() {
    let message = StatsMessage::Print { region: 3, areas: None };
    let reply = message.parse_reply("0+2048 22 8 176 70 7 6 896 87 -1 78 79 71 86 0:24:5:0\n").unwrap();
    let StatsReply::Areas(areas) = reply else { panic!("{reply:?}") };
    let [area] = areas.as_slice() else { panic!("{areas:?}") };
    assert_eq!((area.reads.completed, area.reads.merged, area.reads.sectors.0, area.reads.time), (22, 8, 176, 70));
    assert_eq!((area.writes.completed, area.writes.merged, area.writes.sectors.0, area.writes.time), (7, 6, 896, 87));
    assert_eq!((area.in_flight, area.time, area.weighted_time), (-1, 78, 79));
    assert_eq!((area.read_time, area.write_time), (71, 86));
    assert_eq!(area.histogram, [0, 24, 5, 0]);
}
