//! The command line: words, and options at any place with one or two hyphens.

use std::collections::BTreeMap;

use dm_core::{DevIdBuf, DmUuid, Host};
use dm_units::DeviceNumber;

use crate::Result;

/// A parsed command line.
pub(crate) struct Options {
    words: Vec<String>,
    given: BTreeMap<&'static str, String>,
}

/// The options with a value: the short form and the name.
const VALUES: [(&str, &str); 25] = [
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
const FLAGS: [(&str, &str); 25] = [
    ("-r", "readonly"),
    ("-f", "force"),
    ("-n", "notable"),
    ("-c", "columns"),
    ("-C", "columns"),
    ("-v", "verbose"),
    ("-y", "yes"),
    ("", "noflush"),
    ("", "nolockfs"),
    ("", "inactive"),
    ("", "noudevsync"),
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
];

impl Options {
    pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Self> {
        let (mut words, mut given) = (Vec::new(), BTreeMap::new());
        let mut arguments = arguments.peekable();
        while let Some(argument) = arguments.next() {
            if !argument.starts_with('-') || argument == "-" {
                words.push(argument);
                continue;
            }
            let (option, value) = match argument.split_once('=') {
                Some((option, value)) => (option.to_owned(), Some(value.to_owned())),
                None => (argument, None),
            };
            let is_it = |(short, long): &&(&str, &str)| option == *short || option.strip_prefix("--") == Some(*long);
            if let Some((_, name)) = FLAGS.iter().find(is_it) {
                given.insert(*name, String::new());
            } else {
                let (_, name) = VALUES.iter().find(is_it).ok_or_else(|| format!("Unknown option {option}."))?;
                let value = value.or_else(|| arguments.next()).ok_or_else(|| format!("{option} needs a value."))?;
                given.insert(*name, value);
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
            _ => Ok(None),
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

/// Looks up a device by its unmangled name or a path.
fn named(host: &Host, word: &str) -> Result<DevIdBuf> {
    let name = word.strip_prefix("/dev/mapper/").unwrap_or(word);
    Ok(host.kernel_id(&name)?)
}
