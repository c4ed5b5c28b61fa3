//! Records in a file, one line for each snapshot.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use dm_targets::thin::ThinDevId;
use dm_units::Sectors;

use crate::snapshotter::{Kind, Progress, Record, Records, Store};

/// A file of records.
pub(crate) struct File(PathBuf);

impl File {
    /// Reads the records, if the file exists.
    pub(crate) fn load(path: &Path) -> io::Result<(Records, Self)> {
        let text = match fs::read_to_string(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            text => text?,
        };
        let records = text.lines().map(|line| parse(line).ok_or_else(|| wrong(line))).collect::<io::Result<_>>()?;
        Ok((records, Self(path.to_owned())))
    }
}

impl Store for File {
    /// The new file replaces the old one only when it is on the disk. The pool may change only when the replacement is on
    /// the disk as well, or a power failure could leave a snapshot without its record.
    fn save(&mut self, records: &Records) -> io::Result<()> {
        if let Some(key) = records.keys().find(|key| key.contains(['\t', '\n'])) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("a key with a tab or newline: {key:?}")));
        }
        let text: String = records.iter().map(|(key, record)| print(key, record)).collect();
        let new = self.0.with_extension("new");
        fs::write(&new, text)?;
        fs::File::open(&new)?.sync_all()?;
        fs::rename(new, &self.0)?;
        let folder = self.0.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::File::open(folder)?.sync_all()
    }
}

fn wrong(line: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("not a record: {line}"))
}

const KINDS: [(&str, Kind); 3] = [("active", Kind::Active), ("view", Kind::View), ("committed", Kind::Committed)];
const PROGRESS: [(&str, Progress); 3] =
    [("making", Progress::Making), ("done", Progress::Done), ("removing", Progress::Removing)];

fn print(key: &str, record: &Record) -> String {
    let Record { id, parent, length, kind, progress } = record;
    let parent = parent.as_deref().unwrap_or_default();
    let kind = KINDS.iter().find(|(_, other)| other == kind).map_or("", |(word, _)| word);
    let progress = PROGRESS.iter().find(|(_, other)| other == progress).map_or("", |(word, _)| word);
    format!("{key}\t{id}\t{parent}\t{}\t{kind}\t{progress}\n", length.0)
}

fn parse(line: &str) -> Option<(String, Record)> {
    let [key, id, parent, length, kind, progress] = line.split('\t').collect::<Vec<_>>().try_into().ok()?;
    let record = Record {
        id: ThinDevId::new(id.parse().ok()?).ok()?,
        parent: (!parent.is_empty()).then(|| parent.to_owned()),
        length: Sectors(length.parse().ok()?),
        kind: KINDS.iter().find(|(word, _)| *word == kind)?.1,
        progress: PROGRESS.iter().find(|(word, _)| *word == progress)?.1,
    };
    Some((key.to_owned(), record))
}
