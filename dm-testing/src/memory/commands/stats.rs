//! The messages of statistics (`dm_stats_message` in drivers/md/dm-stats.c).

use crate::memory::errno::Errno;
use crate::memory::kernel::Kernel;
use crate::memory::kernel::stats::{Region, Stats};
use crate::memory::targets::Answer;
use crate::memory::text::{number, number_i32, number_u32, scan};

/// The largest number of areas of a region, and of buckets of all its histograms.
const MAX_AREAS: u64 = 8_388_608;
const MAX_BUCKETS: u64 = 134_217_728;

/// The largest number of a region, which determines the longest reply to its creation.
const MAX_ID: &str = "2147483647";

/// Executes a message; `None` if it is not about statistics. The reply has at most `room` bytes.
pub(super) fn message(kernel: &mut Kernel, minor: u32, words: &[String], room: usize) -> Option<Answer> {
    let (name, arguments) = words.split_first()?;
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let device = match kernel.device_mut(minor) {
        Ok(device) => device,
        Err(errno) => return Some(Err(errno)),
    };
    let length = device.sectors();
    let stats = &mut device.stats;
    let answer = match name.to_ascii_lowercase().as_str() {
        "@stats_create" => create(stats, length, &arguments, room),
        "@stats_delete" => delete(stats, &arguments),
        "@stats_clear" => clear(stats, &arguments),
        "@stats_list" => list(stats, &arguments),
        "@stats_print" => print(stats, &arguments, None),
        "@stats_print_clear" => print(stats, &arguments, Some(room)),
        "@stats_set_aux" => set_aux(stats, &arguments),
        _ => return None,
    };
    if answer == Err(Errno::EINVAL) {
        kernel.log("stats", &format!("Invalid parameters for message {name}"));
    }
    Some(answer)
}

/// `<range> <step> [<#opt> {<opt>}] [<program> [<aux>]]`.
fn create(stats: &mut Stats, length: u64, words: &[&str], room: usize) -> Answer {
    let [range, step, rest @ ..] = words else { return Err(Errno::EINVAL) };
    let (start, len) = match *range {
        "-" => (0, length.max(1)),
        range => scan(range)
            .and_then(|(start, rest)| Some((start, number(rest.strip_prefix('+')?)?)))
            .ok_or(Errno::EINVAL)?,
    };
    let end = start.checked_add(len).filter(|end| start < *end).ok_or(Errno::EINVAL)?;
    let step = match step.strip_prefix('/') {
        Some(count) => number_u32(count).filter(|count| *count > 0).map(|count| len.div_ceil(count.into())),
        None => number(step),
    };
    let mut region = Region::new(start, end, step.filter(|step| *step > 0).ok_or(Errno::EINVAL)?);
    let rest = read_options(&mut region, rest).ok_or(Errno::EINVAL)?;
    match *rest {
        [] => {}
        [program] => region.program = program.to_owned(),
        [program, aux] => (region.program, region.aux) = (program.to_owned(), aux.to_owned()),
        _ => return Err(Errno::EINVAL),
    }
    let buckets = u64::try_from(region.boundaries.len()).unwrap_or(u64::MAX).saturating_add(1);
    if region.len() > MAX_AREAS || region.len().saturating_mul(buckets) > MAX_BUCKETS {
        return Err(Errno::EOVERFLOW);
    }
    // The caller would not get the number of the region, and would create another one on a retry.
    if room <= MAX_ID.len().saturating_add(1) {
        return Ok(Some(MAX_ID.to_owned()));
    }
    Ok(Some(stats.add(region).to_string()))
}

/// Reads the options, if there are any, and returns the words after them. A number is always the count of options.
fn read_options<'a, 'w>(region: &mut Region, words: &'a [&'w str]) -> Option<&'a [&'w str]> {
    let Some((count, rest)) = words.split_first() else { return Some(words) };
    let Some(count) = number_u32(count) else { return Some(words) };
    let (options, rest) = rest.split_at_checked(usize::try_from(count).ok()?)?;
    for option in options.iter().map(|option| option.to_ascii_lowercase()) {
        match option.strip_prefix("histogram:") {
            Some(boundaries) if region.boundaries.is_empty() => {
                region.boundaries = boundaries.split(',').map(number).collect::<Option<_>>()?;
                let is_rising = std::iter::once(&0).chain(&region.boundaries).is_sorted_by(|one, two| one < two);
                if !is_rising {
                    return None;
                }
            }
            None if option == "precise_timestamps" => region.is_precise = true,
            _ => return None,
        }
    }
    Some(rest)
}

fn delete(stats: &mut Stats, words: &[&str]) -> Answer {
    let [id] = words else { return Err(Errno::EINVAL) };
    stats.regions.remove(&self::id(id)?).map(|_| None).ok_or(Errno::ENOENT)
}

/// The kernel answers with the current content of its buffer.
fn clear(stats: &mut Stats, words: &[&str]) -> Answer {
    let [id] = words else { return Err(Errno::EINVAL) };
    let region = region(stats, id)?;
    region.clear(0, u64::MAX);
    Ok(Some(String::new()))
}

fn list(stats: &Stats, words: &[&str]) -> Answer {
    let program = match words {
        [] => None,
        [program] => Some(*program),
        _ => return Err(Errno::EINVAL),
    };
    let regions = stats.regions.iter().filter(|(_, region)| program.is_none_or(|program| program == region.program));
    let lines = regions.map(|(id, region)| {
        let Region { start, step, program, aux, .. } = region;
        let precise = if region.is_precise { " precise_timestamps" } else { "" };
        let boundaries: Vec<String> = region.boundaries.iter().map(u64::to_string).collect();
        let histogram =
            if boundaries.is_empty() { String::new() } else { format!(" histogram:{}", boundaries.join(",")) };
        let length = region.end.saturating_sub(*start);
        format!("{id}: {start}+{length} {step} {program} {aux}{precise}{histogram}\n")
    });
    Ok(Some(lines.collect()))
}

/// `<id> [<first> <count>]`; the counts are cleared if all of them fit in the reply.
fn print(stats: &mut Stats, words: &[&str], clears_in: Option<usize>) -> Answer {
    let bound = |word: &str, all: u64| if word == "-" { Ok(all) } else { number(word).ok_or(Errno::EINVAL) };
    let (id, first, count) = match words {
        [id] => (*id, 0, u64::MAX),
        [id, first, count] => (*id, bound(first, 0)?, bound(count, u64::MAX)?),
        _ => return Err(Errno::EINVAL),
    };
    let region = region(stats, id)?;
    let to = first.saturating_add(count).min(region.len());
    let from = first.min(to);
    let text = region.print(from, to);
    if clears_in.is_some_and(|room| room > text.len().saturating_add(1)) {
        region.clear(from, to);
    }
    Ok(Some(text))
}

fn set_aux(stats: &mut Stats, words: &[&str]) -> Answer {
    let [id, aux] = words else { return Err(Errno::EINVAL) };
    region(stats, id)?.aux = (*aux).to_owned();
    Ok(None)
}

fn region<'a>(stats: &'a mut Stats, word: &str) -> Result<&'a mut Region, Errno> {
    stats.regions.get_mut(&id(word)?).ok_or(Errno::ENOENT)
}

fn id(word: &str) -> Result<u32, Errno> {
    number_i32(word).ok_or(Errno::EINVAL)
}
