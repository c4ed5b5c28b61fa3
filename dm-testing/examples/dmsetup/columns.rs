//! `info -c`: columns, sorted and aligned as dmsetup's reports are.

use dm_core::{DeviceInfo, DmName, Host, InfoOptions, describe};

use crate::Result;
use crate::devices::human;
use crate::options::Options;
use crate::show::{chosen, read_ahead, slot};

/// A column: its name, heading, least width, whether it is a number, and what it shows.
struct Column {
    name: &'static str,
    heading: &'static str,
    width: usize,
    is_number: bool,
    show: fn(&Host, &DeviceInfo) -> String,
}

const fn column(
    name: &'static str,
    heading: &'static str,
    width: usize,
    show: fn(&Host, &DeviceInfo) -> String,
) -> Column {
    Column { name, heading, width, is_number: false, show }
}

const fn number(
    name: &'static str,
    heading: &'static str,
    width: usize,
    show: fn(&Host, &DeviceInfo) -> String,
) -> Column {
    Column { name, heading, width, is_number: true, show }
}

const COLUMNS: [Column; 14] = [
    column("name", "Name", 16, |host, info| human(host, info.name())),
    column("mangled_name", "MangledName", 16, |_, info| info.name().map(ToString::to_string).unwrap_or_default()),
    column("unmangled_name", "UnmangledName", 16, |host, info| human(host, info.name())),
    column("uuid", "UUID", 32, |host, info| {
        info.uuid().map(|uuid| host.naming().human_uuid(uuid).to_string()).unwrap_or_default()
    }),
    number("read_ahead", "RAhead", 6, |host, info| read_ahead(host, info).map(|it| it.to_string()).unwrap_or_default()),
    column("blkdevname", "BlkDevName", 16, |_, info| {
        let path = describe(info.number()).path.filter(|_| info.has_active_table());
        path.and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned())).unwrap_or_default()
    }),
    column("attr", "Stat", 4, |_, info| {
        let flag = |is, letter| if is { letter } else { '-' };
        let access = if info.is_read_only() { 'r' } else { 'w' };
        let tables = [flag(info.has_active_table(), 'L'), flag(info.has_inactive_table(), 'I')];
        tables.into_iter().chain([flag(info.is_suspended(), 's'), access]).collect()
    }),
    column("suspended", "Suspended", 9, |_, info| if info.is_suspended() { "Suspended" } else { "Active" }.to_owned()),
    column("devno", "DevNo", 7, |_, info| info.number().to_string()),
    number("major", "Maj", 3, |_, info| info.number().major.to_string()),
    number("minor", "Min", 3, |_, info| info.number().minor.to_string()),
    number("open", "Open", 4, |_, info| info.open_count().to_string()),
    number("segments", "Targ", 4, |_, info| info.target_count().to_string()),
    number("events", "Event", 6, |_, info| info.event_nr().to_string()),
];

const DEFAULT: &str = "name,major,minor,attr,open,segments,events,uuid";

fn columns(names: &str) -> Result<Vec<&'static Column>> {
    let plain = |name: &str| name.replace('_', "");
    let find = |name: &str| {
        let found = COLUMNS.iter().find(|column| plain(column.name) == plain(name));
        found.ok_or_else(|| format!("Unrecognised field: {name}").into())
    };
    names.split(',').map(find).collect()
}

/// What a row is sorted by: numbers by their value.
type Key = (Option<u64>, String);

pub(crate) fn info(host: &Host, options: &Options) -> Result<()> {
    let columns = columns(options.value("options").unwrap_or(DEFAULT))?;
    let sort = options.value("sort").unwrap_or("name");
    let key = *self::columns(sort.trim_start_matches(['+', '-']))?.first().ok_or("Nothing to sort by.")?;
    let mut rows: Vec<(Key, Vec<String>)> = Vec::new();
    for device in chosen(host, options)? {
        let info = host.dm().device_info_with(&device, InfoOptions::new().slot(slot(options)))?;
        let shown = (key.show)(host, &info);
        let row = columns.iter().map(|column| (column.show)(host, &info)).collect();
        rows.push(((shown.parse().ok().filter(|_| key.is_number), shown), row));
    }
    rows.sort_by(|(a, _), (b, _)| if sort.starts_with('-') { b.cmp(a) } else { a.cmp(b) });
    let headings = columns.iter().map(|column| (column.heading, column.width, column.is_number)).collect::<Vec<_>>();
    print(&headings, rows.into_iter().map(|(_, row)| row).collect(), options);
    Ok(())
}

/// Prints rows below their headings, each column as wide as its widest entry; without headings, separated by colons.
fn print(columns: &[(&str, usize, bool)], rows: Vec<Vec<String>>, options: &Options) {
    if options.has("noheadings") {
        rows.iter().for_each(|row| println!("{}", row.join(":")));
        return;
    }
    if rows.is_empty() {
        return;
    }
    let headings = columns.iter().map(|(heading, ..)| (*heading).to_owned()).collect();
    let rows: Vec<Vec<String>> = [headings].into_iter().chain(rows).collect();
    for (index, row) in rows.iter().enumerate() {
        let cells = columns.iter().enumerate().zip(row).map(|((at, (_, least, is_number)), cell)| {
            let widest = rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count()).max();
            let width = widest.unwrap_or(0).max(*least);
            // Headings stand on the left.
            if *is_number && index > 0 { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
        });
        println!("{}", cells.collect::<Vec<_>>().join(" "));
    }
}

pub(crate) fn split_name(options: &Options) -> Result<()> {
    let parts = DmName::new(options.word(0)?)?.lvm_parts();
    print(
        &[("VG", 4, false), ("LV", 4, false), ("LVLayer", 7, false)],
        vec![vec![parts.vg, parts.lv, parts.layer]],
        options,
    );
    Ok(())
}
