//! Creates the devices that `dm-mod.create=` on the kernel's command line describes, for an initramfs with a kernel
//! without `CONFIG_DM_INIT`.
//!
//! ```text
//! boot [CMDLINE]
//! ```
//!
//! `CMDLINE` is a file; without it, `/proc/cmdline` is read.

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use dm_core::{DmUuid, Host, SetupOptions, TargetLine};
use dm_targets::Concise;

/// Splits a command line at white space outside of quotation marks (`next_arg` in lib/cmdline.c).
fn arguments(command_line: &str) -> impl Iterator<Item = &str> {
    let mut is_quoted = false;
    let is_end = move |character: char| {
        is_quoted ^= character == '"';
        character.is_ascii_whitespace() && !is_quoted
    };
    command_line.split(is_end).filter(|argument| !argument.is_empty())
}

/// Removes the quotation marks around a text.
fn unquoted(text: &str) -> &str {
    text.strip_prefix('"').map_or(text, |rest| rest.strip_suffix('"').unwrap_or(rest))
}

/// The value of a kernel parameter whose name has no `_`: on the command line, `-` and `_` are the same (`parameqn` in
/// kernel/params.c). Quotation marks can surround the value, or the name with the value. The last value counts, and
/// arguments after `--` are those of init.
pub(crate) fn parameter<'a>(command_line: &'a str, name: &str) -> Option<&'a str> {
    let own = arguments(command_line).take_while(|argument| *argument != "--");
    let parts = own.filter_map(|argument| unquoted(argument).split_once('='));
    parts.filter(|(key, _)| key.replace('_', "-") == name).last().map(|(_, value)| unquoted(value))
}

/// Creates the devices in their order, since later ones may use earlier ones. Returns their paths.
pub(crate) fn create(host: &Host, command_line: &str) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let Some(value) = parameter(command_line, "dm-mod.create") else { return Ok(Vec::new()) };
    let mut paths = Vec::new();
    for device in value.parse::<Concise>()?.devices() {
        let mut options = SetupOptions::new().read_only(device.read_only);
        if let Some(uuid) = &device.uuid {
            options = options.uuid(DmUuid::new(&**uuid)?);
        }
        if let Some(minor) = device.minor {
            options = options.minor(minor);
        }
        let lines = device.table.lines().iter();
        let lines = lines.map(|line| TargetLine::new(line.start, line.length, &line.params));
        host.create_with(&*device.name, lines, options)?;
        paths.push(host.path(&*device.name)?);
    }
    Ok(paths)
}

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).unwrap_or_else(|| "/proc/cmdline".to_owned());
    for path in create(&Host::open()?, &fs::read_to_string(path)?)? {
        println!("{}", path.display());
    }
    Ok(())
}
