//! `stats`: the regions for which the kernel keeps statistics.

use dm_core::Host;
use dm_targets::WordBuf;
use dm_targets::devices::Stats;
use dm_targets::stats::{StatsCreate, StatsRange, StatsRegion, StatsStep};
use dm_units::Sectors;

use crate::Result;
use crate::devices::human;
use crate::options::Options;
use crate::report::{self, Column, number, text};
use crate::show::chosen;

/// The program id of regions, unless an option gives another one.
const PROGRAM: &str = "dmstats";

/// Runs a command of `stats`.
pub(crate) fn run(host: &Host, options: &Options) -> Result<()> {
    match options.command() {
        "stats create" => create(host, options),
        "stats list" => list(host, options),
        "stats print" => each(host, options, |stats, region| {
            let reading =
                if options.has("clear") { stats.read_and_clear(host, region)? } else { stats.read(host, region)? };
            reading.areas.iter().for_each(|area| println!("{area}"));
            Ok(())
        }),
        "stats clear" => each(host, options, |stats, region| Ok(stats.clear(host, region)?)),
        "stats delete" => each(host, options, |stats, region| Ok(stats.delete(host, region)?)),
        _ => Err("Unknown stats command.".into()),
    }
}

fn program(options: &Options) -> Result<WordBuf> {
    Ok(WordBuf::new(options.value("programid").unwrap_or(PROGRAM))?)
}

/// The regions of a device, for one program or all.
fn regions(host: &Host, stats: &Stats, options: &Options) -> Result<Vec<StatsRegion>> {
    if options.has("allprograms") {
        return Ok(stats.regions(host)?);
    }
    Ok(stats.regions_of(host, &program(options)?)?)
}

/// Calls a function for the region in `--regionid`, or for all regions.
fn each(host: &Host, options: &Options, act: impl Fn(&Stats, &StatsRegion) -> Result<()>) -> Result<()> {
    let wanted: Option<u32> = options.value("regionid").map(str::parse).transpose()?;
    if wanted.is_none() && !options.has("allregions") {
        return Err("Please specify a --regionid or use --allregions.".into());
    }
    for device in chosen(host, options)? {
        let stats = Stats::of(host, &device)?;
        let regions = regions(host, &stats, options)?;
        let mut regions = regions.iter().filter(|region| wanted.is_none_or(|id| region.id == id)).peekable();
        if let (Some(id), None) = (wanted, regions.peek()) {
            return Err(format!("No such region: {id}.").into());
        }
        regions.try_for_each(|region| act(&stats, region))?;
    }
    Ok(())
}

/// Parses a number of sectors, with an optional suffix `s`.
fn sectors(text: &str) -> Result<Sectors> {
    Ok(text.trim_end_matches('s').parse()?)
}

const MILLISECOND: u64 = 1_000_000;

/// Parses a time into nanoseconds.
fn nanoseconds(text: &str) -> Result<u64> {
    let at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    let factor: u64 = match unit {
        "" | "ns" => 1,
        "us" => 1_000,
        "ms" => MILLISECOND,
        "s" => 1_000_000_000,
        _ => return Err(format!("Unknown unit of time: {unit}").into()),
    };
    Ok(number.parse::<u64>()?.saturating_mul(factor))
}

fn create(host: &Host, options: &Options) -> Result<()> {
    let size = |option| options.value(option).map(sectors).transpose();
    let step = match (size("areasize")?, options.value("areas")) {
        (Some(size), _) => StatsStep::Sectors(size),
        (None, areas) => StatsStep::Areas(areas.map_or(Ok(1), str::parse)?),
    };
    let range = match (size("start")?, size("length")?) {
        (None, None) => None,
        (Some(start), Some(length)) => Some(StatsRange { start, length }),
        _ => return Err("--start and --length belong together.".into()),
    };
    let mut create = StatsCreate::new(range, step).program(program(options)?);
    let bounds = options.value("bounds").into_iter().flat_map(|bounds| bounds.split(',').map(nanoseconds));
    let bounds = bounds.collect::<Result<Vec<_>>>()?;
    // The kernel counts in milliseconds unless this is set.
    create.precise_timestamps = options.has("precise") || bounds.iter().any(|bound| bound % MILLISECOND != 0);
    let tick = if create.precise_timestamps { 1 } else { MILLISECOND };
    create.histogram = bounds.iter().filter_map(|bound| bound.checked_div(tick)).collect();
    create.aux = options.value("userdata").map(WordBuf::new).transpose()?;
    if options.devices(host)?.is_empty() && !options.has("alldevices") {
        return Err("Please specify device(s) or use --alldevices.".into());
    }
    for device in chosen(host, options)? {
        let region = Stats::of(host, &device)?.create(host, &create)?;
        let name = human(host, host.info(&device)?.name());
        println!("{name}: Created new region with {} area(s) as region ID {}", areas(&region), region.id);
    }
    Ok(())
}

fn areas(region: &StatsRegion) -> u64 {
    region.range.length.0.div_ceil(region.step.0.max(1))
}

/// A row of `stats list`.
struct Row {
    device: String,
    region: StatsRegion,
    in_sectors: bool,
}

impl Row {
    /// A size in sectors, or in the largest unit in which it is at least one; the smallest unit is the KiB.
    #[expect(clippy::cast_precision_loss, reason = "it is shown with two digits")]
    fn size(&self, size: Sectors) -> String {
        if self.in_sectors || size.0 == 0 {
            return size.to_string();
        }
        let mut number = size.0 as f64 / 2.0;
        let mut units = "kmgtpe".chars().peekable();
        while number >= 1024.0 && units.next().is_some() {
            number /= 1024.0;
        }
        format!("{number:.2}{}", units.peek().unwrap_or(&'e'))
    }
}

const COLUMNS: [Column<Row>; 11] = [
    text("statsname", "Name", 16, |it| it.device.clone()),
    number("group_id", "GrpID", 5, |_| "-".to_owned()),
    number("region_id", "RgID", 4, |it| it.region.id.to_string()),
    text("obj_type", "ObjType", 7, |_| "region".to_owned()),
    number("region_start", "RgStart", 5, |it| it.size(it.region.range.start)),
    number("region_len", "RgSize", 5, |it| it.size(it.region.range.length)),
    number("area_count", "#Areas", 6, |it| areas(&it.region).to_string()),
    number("area_len", "ArSize", 5, |it| it.size(it.region.step)),
    text("program_id", "ProgID", 6, |it| it.region.program.to_string()),
    text("precise", "Precise", 7, |it| u8::from(it.region.precise_timestamps).to_string()),
    text("hist_bins", "#Bins", 9, |it| match it.region.histogram.len() {
        0 => "0".to_owned(),
        bounds => bounds.saturating_add(1).to_string(),
    }),
];

fn list(host: &Host, options: &Options) -> Result<()> {
    let mut rows = Vec::new();
    for device in chosen(host, options)? {
        let stats = Stats::of(host, &device)?;
        let name = human(host, host.info(&device)?.name());
        let in_sectors = options.value("units") == Some("s");
        let row = |region| Row { device: name.clone(), region, in_sectors };
        rows.extend(regions(host, &stats, options)?.into_iter().map(row));
    }
    let fields = "statsname,group_id,region_id,obj_type,region_start,region_len,area_count,area_len,program_id";
    report::print((&COLUMNS, &[]), fields, "statsname,region_id", rows, options)
}
