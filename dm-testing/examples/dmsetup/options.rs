//! The command line: words, and options anywhere between them, as `getopt_long` reads them.

use std::collections::BTreeMap;
use std::path::Path;

use dm_core::paths::device_at;
use dm_core::{DevIdBuf, DmUuid, Host};
use dm_units::DeviceNumber;

use crate::Result;

/// A parsed command line.
pub(crate) struct Options {
    words: Vec<String>,
    given: BTreeMap<&'static str, String>,
}

/// The options with a value: the short form and the name.
const VALUES: [(&str, &str); 27] = [
    ("-u", "uuid"),
    ("-j", "major"),
    ("-m", "minor"),
    ("-o", "options"),
    ("-O", "sort"),
    ("-U", "uid"),
    ("-G", "gid"),
    ("-M", "mode"),
    ("-S", "select"),
    ("", "separator"),
    ("", "count"),
    ("", "interval"),
    ("", "areas"),
    ("", "bounds"),
    ("", "units"),
    ("", "areasize"),
    ("", "start"),
    ("", "length"),
    ("", "programid"),
    ("", "userdata"),
    ("", "regionid"),
    ("", "table"),
    ("", "target"),
    ("", "exec"),
    ("", "readahead"),
    ("", "udevcookie"),
    ("", "manglename"),
];

/// The options without a value.
const FLAGS: [(&str, &str); 34] = [
    ("-r", "readonly"),
    ("-f", "force"),
    ("-n", "notable"),
    ("-c", "columns"),
    ("-C", "columns"),
    ("-v", "verbose"),
    ("-y", "yes"),
    ("-h", "help"),
    ("", "noflush"),
    ("", "nolockfs"),
    ("", "inactive"),
    ("", "noudevsync"),
    ("", "noudevrules"),
    ("", "retry"),
    ("", "deferred"),
    ("", "setuuid"),
    ("", "concise"),
    ("", "tree"),
    ("", "noheadings"),
    ("", "nameprefixes"),
    ("", "rows"),
    ("", "precise"),
    ("", "clear"),
    ("", "allregions"),
    ("", "allprograms"),
    ("", "alldevices"),
    ("", "showkeys"),
    ("", "unquoted"),
    ("", "version"),
    // Without effect here: nodes are made with the table, and checks are always made.
    ("", "addnodeoncreate"),
    ("", "addnodeonresume"),
    ("", "checks"),
    ("", "noopencount"),
    ("", "verifyudev"),
];

impl Options {
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self> {
        let (mut words, mut given) = (Vec::new(), BTreeMap::new());
        while let Some(argument) = arguments.next() {
            if argument == "--" {
                words.extend(arguments.by_ref());
            } else if let Some(long) = argument.strip_prefix("--") {
                let (name, value) = long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value)));
                let (name, takes_value) = long_option(name)?;
                let mut value = || value.map(str::to_owned).or_else(|| arguments.next());
                let value = if takes_value { value() } else { Some(String::new()) };
                given.insert(name, value.ok_or_else(|| format!("--{name} needs a value."))?);
            } else if argument.starts_with('-') && argument != "-" {
                let mut letters = argument.chars().skip(1);
                while let Some(letter) = letters.next() {
                    let (name, takes_value) = short_option(letter)?;
                    let rest = if takes_value { letters.by_ref().collect() } else { String::new() };
                    let value = if takes_value && rest.is_empty() { arguments.next() } else { Some(rest) };
                    given.insert(name, value.ok_or_else(|| format!("-{letter} needs a value."))?);
                }
            } else {
                words.push(argument);
            }
        }
        // The commands of `stats` are two words.
        let command = match words.as_slice() {
            [first, second, ..] if first == "stats" => Some(format!("{first} {second}")),
            _ => None,
        };
        if let Some(command) = command {
            words.splice(..2, [command]);
        }
        Ok(Self { words, given })
    }

    pub(crate) fn has(&self, option: &str) -> bool {
        self.given.contains_key(option)
    }

    pub(crate) fn value(&self, option: &str) -> Option<&str> {
        self.given.get(option).map(String::as_str)
    }

    pub(crate) fn command(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }

    /// The words after the command.
    pub(crate) fn words(&self) -> &[String] {
        self.words.get(1..).unwrap_or_default()
    }

    /// A required word after the command, counted from 0.
    pub(crate) fn word(&self, index: usize) -> Result<&str> {
        Ok(self.words().get(index).ok_or("Incorrect number of arguments.")?)
    }

    /// The device that an option names by its uuid or number, instead of a word.
    fn device_option(&self, host: &Host) -> Result<Option<DevIdBuf>> {
        if let Some(uuid) = self.value("uuid") {
            return Ok(Some(DevIdBuf::Uuid(host.naming().kernel_uuid(DmUuid::new(uuid)?)?.into_owned())));
        }
        match (self.value("major"), self.value("minor")) {
            (Some(major), Some(minor)) => Ok(Some(DevIdBuf::Number(DeviceNumber::new(major.parse()?, minor.parse()?)))),
            (None, None) => Ok(None),
            _ => Err("A device is named by both --major and --minor.".into()),
        }
    }

    /// The device of a command, and the remaining words.
    pub(crate) fn device(&self, host: &Host) -> Result<(DevIdBuf, &[String])> {
        match (self.device_option(host)?, self.words()) {
            (Some(device), rest) => Ok((device, rest)),
            (None, [name, rest @ ..]) => Ok((named(host, name)?, rest)),
            (None, []) => Err("Incorrect number of arguments.".into()),
        }
    }

    /// The devices of a command; empty if it is for all.
    pub(crate) fn devices(&self, host: &Host) -> Result<Vec<DevIdBuf>> {
        match self.device_option(host)? {
            Some(device) => Ok(vec![device]),
            None => self.words().iter().map(|word| named(host, word)).collect(),
        }
    }
}

/// An option by its name or an unambiguous prefix of it, and whether it takes a value.
fn long_option(name: &str) -> Result<(&'static str, bool)> {
    let all = || VALUES.iter().map(|(_, long)| (*long, true)).chain(FLAGS.iter().map(|(_, long)| (*long, false)));
    let mut found: Vec<_> = all().filter(|(long, _)| long.starts_with(name)).collect();
    found.dedup();
    match (all().find(|(long, _)| *long == name), found.as_slice()) {
        (Some(option), _) => Ok(option),
        (None, [option]) => Ok(*option),
        _ => Err(format!("Unknown option --{name}.").into()),
    }
}

fn short_option(letter: char) -> Result<(&'static str, bool)> {
    let is_it = |(short, _): &&(&str, &str)| short.chars().nth(1) == Some(letter);
    let value = VALUES.iter().find(is_it).map(|(_, name)| (*name, true));
    let flag = || FLAGS.iter().find(is_it).map(|(_, name)| (*name, false));
    Ok(value.or_else(flag).ok_or_else(|| format!("Unknown option -{letter}."))?)
}

/// A device by the name that people know, or by a path.
fn named(host: &Host, word: &str) -> Result<DevIdBuf> {
    match word.strip_prefix("/dev/mapper/") {
        Some(name) => Ok(host.kernel_id(&name)?),
        None if word.starts_with('/') => Ok(DevIdBuf::Number(device_at(Path::new(word))?)),
        None => Ok(host.kernel_id(&word)?),
    }
}
