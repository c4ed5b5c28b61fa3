//! The commands that print the state of devices one after the other.

use std::fmt::Write as _;
use std::process::Command;

use dm_core::paths::mapper_path;
use dm_core::{
    DepsOptions, DevIdBuf, DeviceInfo, Host, InfoOptions, StatusKind, StatusOptions, TableSlot, TargetStatus, describe,
};
use dm_units::DeviceNumber;

use crate::Result;
use crate::devices::human;
use crate::options::Options;

/// The devices of a command, or all in the kernel's order.
pub(crate) fn chosen(host: &Host, options: &Options) -> Result<Vec<DevIdBuf>> {
    let named = options.devices(host)?;
    if !named.is_empty() {
        return Ok(named);
    }
    let mut all = Vec::new();
    for device in &host.dm().list_devices()? {
        all.push(DevIdBuf::Number(device?.number));
    }
    if all.is_empty() {
        println!("No devices found");
    }
    Ok(all)
}

pub(crate) fn slot(options: &Options) -> TableSlot {
    if options.has("inactive") { TableSlot::Inactive } else { TableSlot::Active }
}

fn status(options: &Options) -> StatusOptions {
    let kind = match options.command() {
        "table" | "ls" => StatusKind::Table,
        "measure" => StatusKind::Ima,
        _ => StatusKind::Status,
    };
    StatusOptions::new().kind(kind).slot(slot(options)).noflush(options.has("noflush"))
}

fn is_wanted(options: &Options, line: &TargetStatus<'_>) -> bool {
    options.value("target").is_none_or(|target| line.target_type == *target)
}

pub(crate) fn lines(host: &Host, options: &Options) -> Result<()> {
    let names = options.devices(host)?.is_empty();
    for device in chosen(host, options)? {
        let table = host.dm().table_status_with(&device, status(options))?;
        let prefix = if names { format!("{}: ", human(host, table.info().name())) } else { String::new() };
        let mut is_empty = true;
        for line in &table {
            let line = line?;
            is_empty = false;
            if is_wanted(options, &line) {
                println!("{prefix}{}", text(&line, options));
            }
        }
        if is_empty && names && !options.has("target") {
            println!("{prefix}");
        }
    }
    Ok(())
}

/// A line with its params. Params that may contain a key are shown only on request.
fn text(line: &TargetStatus<'_>, options: &Options) -> String {
    if options.has("showkeys") {
        let params = String::from_utf8_lossy(line.params.as_bytes());
        return format!("{} {} {} {params}", line.start, line.length, line.target_type);
    }
    line.to_string()
}

pub(crate) fn concise(host: &Host, options: &Options) -> Result<()> {
    let mut devices = Vec::new();
    for device in chosen(host, options)? {
        let table = host.dm().table_status_with(&device, status(options))?;
        let info = table.info();
        let uuid = info.uuid().map(|uuid| host.naming().human_uuid(uuid).to_string()).unwrap_or_default();
        let access = if info.is_read_only() { "ro" } else { "rw" };
        let mut text =
            format!("{},{},{},{access}", quoted(&human(host, info.name())), quoted(&uuid), info.number().minor);
        for line in &table {
            write!(text, ",{}", quoted(&self::text(&line?, options)))?;
        }
        devices.push(text);
    }
    if !devices.is_empty() {
        println!("{}", devices.join(";"));
    }
    Ok(())
}

/// Quotes commas, semicolons and backslashes with a backslash.
fn quoted(text: &str) -> String {
    text.chars().flat_map(|c| matches!(c, ',' | ';' | '\\').then_some('\\').into_iter().chain([c])).collect()
}

pub(crate) fn info(host: &Host, options: &Options) -> Result<()> {
    for device in chosen(host, options)? {
        let info = host.dm().device_info_with(&device, InfoOptions::new().slot(slot(options)))?;
        let state = if info.is_suspended() { "SUSPENDED" } else { "ACTIVE" };
        let read_only = if info.is_read_only() { " (READ-ONLY)" } else { "" };
        let deferred = if info.is_deferred_remove() { " (DEFERRED REMOVE)" } else { "" };
        println!("Name:              {}", human(host, info.name()));
        println!("State:             {state}{read_only}{deferred}");
        if let Some(read_ahead) = read_ahead(host, &info) {
            println!("Read Ahead:        {read_ahead}");
        }
        println!("Tables present:    {}", tables(&info));
        println!("Open count:        {}", info.open_count());
        println!("Event number:      {}", info.event_nr());
        println!("Major, minor:      {}, {}", info.number().major, info.number().minor);
        println!("Number of targets: {}", info.target_count());
        if let Some(uuid) = info.uuid() {
            println!("UUID: {}", host.naming().human_uuid(uuid));
        }
        println!();
    }
    Ok(())
}

/// Known only if the device can be opened.
pub(crate) fn read_ahead(host: &Host, info: &DeviceInfo) -> Option<dm_units::Sectors> {
    host.read_ahead(info.number()).ok().filter(|_| info.has_active_table())
}

fn tables(info: &DeviceInfo) -> &'static str {
    match (info.has_active_table(), info.has_inactive_table()) {
        (true, true) => "LIVE & INACTIVE",
        (true, false) => "LIVE",
        (false, true) => "INACTIVE",
        (false, false) => "None",
    }
}

/// The name of the kernel's node.
pub(crate) fn node_name(number: DeviceNumber) -> Option<String> {
    Some(describe(number).path?.file_name()?.to_string_lossy().into_owned())
}

/// A device in the form of `-o devno`, `devname` or `blkdevname`.
fn number(number: DeviceNumber, options: &Options, separator: &str) -> String {
    let known = describe(number);
    let shown = match options.value("options").unwrap_or_default() {
        "devname" => known.dm_name.map(|name| name.to_string()),
        "blkdevname" => None,
        _ => return format!("{}{separator}{}", number.major, number.minor),
    };
    shown.or_else(|| node_name(number)).unwrap_or_else(|| format!("{}:{}", number.major, number.minor))
}

/// Refuses a value of `--options` that [`number`] does not know.
fn check_number(options: &Options) -> Result<()> {
    match options.value("options") {
        None | Some("devno" | "devname" | "blkdevname") => Ok(()),
        Some(other) => Err(format!("Unknown option for devices: {other}").into()),
    }
}

pub(crate) fn list(host: &Host, options: &Options) -> Result<()> {
    check_number(options)?;
    let separator = if options.has("target") { ", " } else { ":" };
    for device in chosen(host, options)? {
        let table = host.dm().table_status_with(&device, status(options))?;
        let mut wanted = !options.has("target");
        for line in &table {
            wanted |= is_wanted(options, &line?);
        }
        let info = table.info();
        let Some(name) = info.name().filter(|_| wanted) else { continue };
        if let Some(words) = options.value("exec") {
            let mut words = words.split_ascii_whitespace();
            let mut command = Command::new(words.next().unwrap_or_default());
            command.args(words).arg(mapper_path(name)).status()?;
            continue;
        }
        println!("{}\t({})", human(host, Some(name)), number(info.number(), options, separator));
    }
    Ok(())
}

pub(crate) fn deps(host: &Host, options: &Options) -> Result<()> {
    check_number(options)?;
    let names = options.devices(host)?.is_empty();
    for device in chosen(host, options)? {
        let deps = host.dm().table_deps_with(&device, DepsOptions::new().slot(slot(options)))?;
        if names {
            print!("{}: ", human(host, deps.info().name()));
        }
        print!("{} dependencies\t:", deps.len());
        deps.iter().for_each(|used| print!(" ({})", number(used, options, ", ")));
        println!();
    }
    Ok(())
}

/// Prints all loaded target types, or the given ones.
pub(crate) fn targets(host: &Host, named: Option<&Options>) -> Result<()> {
    if let Some(options) = named.filter(|options| !options.words().is_empty()) {
        for word in options.words() {
            println!("{word:<16} v{}", host.dm().target_version(word)?);
        }
        return Ok(());
    }
    for target in &host.dm().list_versions()? {
        let target = target?;
        println!("{:<16} v{}", target.target_type.to_string(), target.version);
    }
    Ok(())
}

pub(crate) fn version(host: &Host) -> Result<()> {
    println!("Library version:   dm-core {}", env!("CARGO_PKG_VERSION"));
    println!("Driver version:    {}", host.dm().version()?);
    Ok(())
}
