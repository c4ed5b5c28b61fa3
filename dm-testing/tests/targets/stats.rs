//! Messages to any device: statistics, and the cancellation of a deferred removal.

use dm_targets::stats::{StatsAreas, StatsCreate, StatsMessage, StatsRange, StatsReply, StatsStep};
use dm_targets::zero::ZeroTable;
use dm_targets::{DeviceMessage, WordBuf, Zero};
use dm_testing::{MappedDevice, Pattern, Scratch, require};
use dm_units::Sectors;

use crate::capture::capture;
use crate::support::map;

const LENGTH: Sectors = Sectors(2048);

/// Sends a message, and returns the typed reply.
fn send(scratch: &Scratch, device: &MappedDevice, message: StatsMessage) -> StatsReply {
    let text = DeviceMessage::from(message.clone()).to_string();
    assert_eq!(text.parse(), Ok(DeviceMessage::Stats(message.clone())));
    let reply = scratch.dm().target_msg(device, &text).unwrap();
    let reply = reply.text().map_or("", |reply| reply.to_str().unwrap());
    let typed = message.parse_reply(reply).unwrap_or_else(|error| panic!("{reply}: {error}"));
    if typed != StatsReply::None {
        assert_eq!(typed.to_string(), reply);
        capture("device/stats", &[("message", &text), ("reply", reply)]);
    }
    typed
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn statistics_count_io_in_regions() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let zero = map::<Zero>(&scratch, "zero", LENGTH, ZeroTable);
    let send = |message| send(&scratch, zero.device(), message);
    let word = |text: &str| WordBuf::new(text).unwrap();
    let list = |program| StatsMessage::List { program };
    assert_eq!(send(list(None)), StatsReply::Regions(vec![]));

    let whole = StatsCreate::new(None, StatsStep::Areas(2));
    assert_eq!(send(StatsMessage::Create(whole)), StatsReply::Created(0));
    let range = StatsRange { start: Sectors(8), length: Sectors(1000) };
    let part = StatsCreate::new(Some(range), StatsStep::Sectors(Sectors(500)));
    let part = part.precise_timestamps().histogram([1000, 2_000_000, 30_000_000]);
    let part = part.program(word("program")).aux(word("some data"));
    assert_eq!(send(StatsMessage::Create(part)), StatsReply::Created(1));
    let StatsReply::Regions(regions) = send(list(None)) else { panic!("no regions") };
    assert_eq!(regions.len(), 2);
    assert_eq!(regions[0].step, Sectors(1024));
    assert_eq!((regions[1].range, regions[1].step), (range, Sectors(500)));
    assert_eq!((regions[1].program.as_str(), regions[1].aux.as_str()), ("program", "some data"));
    assert!(regions[1].precise_timestamps);
    assert_eq!(regions[1].histogram, [1000, 2_000_000, 30_000_000]);
    assert_eq!(send(list(Some(word("program")))), StatsReply::Regions(vec![regions[1].clone()]));

    let print = |region| StatsMessage::Print { region, areas: None };
    Pattern::new(1).write(&zero.device().path(), Sectors(1024), Sectors(64)).unwrap();
    let StatsReply::Areas(areas) = send(print(0)) else { panic!("no areas") };
    assert_eq!(areas[1].range, StatsRange { start: Sectors(1024), length: Sectors(1024) });
    assert_eq!((areas[0].writes.sectors, areas[1].writes.sectors), (Sectors(0), Sectors(64)));
    let StatsReply::Areas(areas) = send(print(1)) else { panic!("no areas") };
    assert_eq!(areas.len(), 2);
    assert_eq!(areas[0].histogram.len(), 4);
    let one = StatsAreas { first: Some(1), count: Some(1) };
    let StatsReply::Areas(areas) = send(StatsMessage::PrintClear { region: 0, areas: Some(one) }) else {
        panic!("no areas")
    };
    assert_eq!(areas.len(), 1);
    assert_eq!(areas[0].writes.sectors, Sectors(64));
    let StatsReply::Areas(areas) = send(print(0)) else { panic!("no areas") };
    assert_eq!(areas[1].writes.sectors, Sectors(0));

    assert_eq!(send(StatsMessage::Clear(1)), StatsReply::None);
    assert_eq!(send(StatsMessage::SetAux { region: 1, aux: word("other") }), StatsReply::None);
    let StatsReply::Regions(regions) = send(list(None)) else { panic!("no regions") };
    assert_eq!(regions[1].aux.as_str(), "other");
    assert_eq!(send(StatsMessage::Delete(0)), StatsReply::None);
    let StatsReply::Regions(regions) = send(list(None)) else { panic!("no regions") };
    assert_eq!(regions.len(), 1);
}
