//! `multipath` (drivers/md/dm-mpath.c). Each group uses its first working path; hardware handlers do nothing.

mod group;

use dm_targets::multipath::{MultipathTable, QueueMode};
use dm_targets::{Device, Multipath};

use self::group::Group;
use super::{Answer, Construction, Target, is_suspended};
use crate::memory::errno::Errno;
use crate::memory::kernel::Kernel;
use crate::memory::kernel::disk::SECTOR;
use crate::memory::kernel::io::{Io, IoFault, IoResult};
use crate::memory::kernel::table::Span;
use crate::memory::text::number_u32;

#[derive(Debug)]
struct MultipathTarget {
    minor: u32,
    table: MultipathTable,
    length: u64,
    groups: Vec<Group>,
    /// The group in use. `None` until the first I/O after a change of groups.
    current: Option<usize>,
    /// The group for the next I/O, if the table or a message has set it.
    next: Option<usize>,
    queues: bool,
    /// Whether it queued I/O before it was suspended.
    queued_before: bool,
}

pub(super) fn construct(construction: &mut Construction<'_>, params: &str) -> Result<Box<dyn Target>, Errno> {
    let mut table = construction.params::<Multipath>(params)?;
    construction.only_known(&table.features.other_features, "Unrecognised multipath feature request")?;
    let mut groups = Vec::new();
    for group in &mut table.groups {
        groups.push(Group::open(construction, group)?);
    }
    let next = usize::try_from(table.first_group).ok().and_then(|number| number.checked_sub(1));
    Ok(Box::new(MultipathTarget {
        minor: construction.minor,
        length: construction.length,
        groups,
        current: None,
        next,
        queues: table.features.queue_if_no_path,
        queued_before: false,
        table,
    }))
}

impl MultipathTarget {
    fn device(&self, kernel: &Kernel) -> String {
        kernel.device(self.minor).map(|device| device.number().to_string()).unwrap_or_default()
    }

    /// The number of the group that a status shows as the next or current one.
    fn shown_group(&self) -> u32 {
        let place = self.next.or(self.current).or(if self.groups.is_empty() { None } else { Some(0) });
        place.and_then(|place| u32::try_from(place).ok()).map_or(0, |place| place.saturating_add(1))
    }

    /// Chooses a path (`choose_pgpath`): from the group that the table or a message has set, else from the current one,
    /// else from the first group with a working path. Disabled groups come last.
    fn choose(&mut self) -> Option<(usize, usize)> {
        let enabled = |is_last: bool| {
            let places = self.groups.iter().enumerate();
            places.filter(move |(_, group)| group.is_disabled == is_last).map(|(place, _)| place)
        };
        let first = self.next.into_iter().chain(self.current);
        let chosen = first.chain(enabled(false)).chain(enabled(true)).find_map(|place| {
            let path = self.groups.get(place)?.first_working()?;
            Some((place, path))
        });
        self.next = None;
        self.current = chosen.map(|(place, _)| place);
        chosen
    }

    fn fail(&mut self, kernel: &mut Kernel, group: usize, path: usize) {
        let device = self.device(kernel);
        let Some(path) = self.groups.get_mut(group).and_then(|group| group.paths.get_mut(path)) else { return };
        if path.works {
            path.works = false;
            path.failures = path.failures.saturating_add(1);
            kernel.log("multipath", &format!("{device}: Failing path {}.", path.device));
            kernel.event(self.minor);
        }
    }

    fn reinstate(&mut self, kernel: &mut Kernel, group: usize, path: usize) {
        let device = self.device(kernel);
        let Some(path) = self.groups.get_mut(group).and_then(|group| group.paths.get_mut(path)) else { return };
        if !path.works {
            path.works = true;
            kernel.log("multipath", &format!("{device}: Reinstating path {}.", path.device));
            kernel.event(self.minor);
        }
    }

    /// As `multipath_message`.
    fn handle(&mut self, kernel: &mut Kernel, words: &[String]) -> Result<(), Errno> {
        if is_suspended(kernel, self.minor) {
            return Err(Errno::EBUSY);
        }
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let name = words.first().map(|name| name.to_ascii_lowercase()).unwrap_or_default();
        let argument = match (name.as_str(), words.as_slice()) {
            ("queue_if_no_path", [_]) => {
                self.queues = true;
                return Ok(());
            }
            ("fail_if_no_path", [_]) => {
                (self.queues, self.queued_before) = (false, false);
                return Ok(());
            }
            (_, [_, argument]) => *argument,
            _ => {
                let text = format!("Invalid multipath message arguments. Expected 2 arguments, got {}.", words.len());
                kernel.log("multipath", &text);
                return Err(Errno::EINVAL);
            }
        };
        match name.as_str() {
            "disable_group" | "enable_group" => self.disable(kernel, argument, name == "disable_group"),
            "switch_group" => self.switch(kernel, argument),
            "fail_path" => self.for_paths(kernel, argument, Self::fail),
            "reinstate_path" => self.for_paths(kernel, argument, Self::reinstate),
            _ => {
                kernel.log("multipath", &format!("Unrecognised multipath message received: {name}"));
                Err(Errno::EINVAL)
            }
        }
    }

    fn group(&self, kernel: &mut Kernel, word: &str, function: &str) -> Result<usize, Errno> {
        let place = number_u32(word).and_then(|number| usize::try_from(number).ok()?.checked_sub(1));
        place.filter(|place| *place < self.groups.len()).ok_or_else(|| {
            kernel.log("multipath", &format!("invalid PG number supplied to {function}"));
            Errno::EINVAL
        })
    }

    fn disable(&mut self, kernel: &mut Kernel, word: &str, is_disabled: bool) -> Result<(), Errno> {
        let place = self.group(kernel, word, "bypass_pg")?;
        if let Some(group) = self.groups.get_mut(place) {
            group.is_disabled = is_disabled;
        }
        self.current = None;
        kernel.event(self.minor);
        Ok(())
    }

    /// Switches to a group with the next I/O, and enables all groups.
    fn switch(&mut self, kernel: &mut Kernel, word: &str) -> Result<(), Errno> {
        let place = self.group(kernel, word, "switch_pg_num")?;
        self.groups.iter_mut().for_each(|group| group.is_disabled = false);
        (self.current, self.next) = (None, Some(place));
        kernel.event(self.minor);
        Ok(())
    }

    fn for_paths(
        &mut self,
        kernel: &mut Kernel,
        word: &str,
        act: fn(&mut Self, &mut Kernel, usize, usize),
    ) -> Result<(), Errno> {
        let found = match Device::new(word) {
            Ok(Device::Number(number)) => Ok(number),
            Ok(Device::Path(path)) => kernel.lookup(path.as_str()),
            Err(_) => Err(Errno::EINVAL),
        };
        let device =
            found.inspect_err(|_| kernel.log("multipath", &format!("message: error getting device {word}")))?;
        let places: Vec<(usize, usize)> = self
            .groups
            .iter()
            .enumerate()
            .flat_map(|(place, group)| group.places_of(device).map(move |path| (place, path)))
            .collect();
        if places.is_empty() {
            return Err(Errno::EINVAL);
        }
        places.into_iter().for_each(|(group, path)| act(self, kernel, group, path));
        Ok(())
    }
}

/// Whether an error is one of the path; other paths would return the remaining errors too (`blk_path_error`).
const fn is_of_path(done: IoResult) -> bool {
    matches!(done, Err(IoFault::Failed(errno)) if errno.0 != Errno::EOPNOTSUPP.0 && errno.0 != Errno::ENOSPC.0)
}

impl Target for MultipathTarget {
    /// The params as changed by messages.
    fn table(&self, _: &Kernel) -> String {
        let mut table = self.table.clone();
        table.features.queue_if_no_path = self.queues;
        table.first_group = self.shown_group();
        format!("{table:#}")
    }

    fn status(&mut self, _: &mut Kernel, _: bool) -> String {
        let groups: String = self
            .groups
            .iter()
            .enumerate()
            .map(|(place, group)| {
                let state = match (group.is_disabled, self.current == Some(place)) {
                    (true, _) => 'D',
                    (false, true) => 'A',
                    (false, false) => 'E',
                };
                format!("{state} {}", group.status())
            })
            .collect();
        format!("2 0 0 0 {} {} {groups}", self.groups.len(), self.shown_group())
    }

    fn io(&mut self, kernel: &mut Kernel, start: u64, mut io: Io<'_>) -> IoResult {
        let sectors = io.sectors();
        while let Some((group, path)) = self.choose() {
            let device = self.groups.get(group).and_then(|group| group.paths.get(path)).map(|path| path.device);
            let done = kernel.io(device.ok_or(Errno::EIO)?, start, io.part(0, sectors));
            if !is_of_path(done) {
                return done;
            }
            self.fail(kernel, group, path);
        }
        Err(if self.queues { IoFault::Waits(self.minor) } else { Errno::EIO.into() })
    }

    fn spans(&self) -> Vec<Span> {
        let paths = self.groups.iter().flat_map(|group| &group.paths);
        paths.map(|path| Span { number: path.device, start: 0, length: self.length }).collect()
    }

    fn lacks_devices(&self) -> bool {
        self.groups.iter().all(|group| group.paths.is_empty())
    }

    /// `false` if the table sets `queue_mode bio` (`parse_features`).
    fn queues_requests(&self) -> bool {
        self.table.features.queue_mode != Some(QueueMode::Bio)
    }

    fn message(&mut self, kernel: &mut Kernel, words: &[String]) -> Option<Answer> {
        Some(self.handle(kernel, words).map(|()| None))
    }

    /// Reads the first sector of each working path of the current group, and fails the paths that cannot be read
    /// (`probe_active_paths`). Before the first I/O no group is in use.
    fn probe_paths(&mut self, kernel: &mut Kernel) -> Option<IoResult> {
        let current = self.current.and_then(|place| Some((place, self.groups.get(place)?.working())));
        let (group, paths) = current.unwrap_or_default();
        for (path, device) in paths {
            match kernel.io(device, 0, Io::Read(&mut [0; SECTOR])) {
                Err(fault @ (IoFault::Held(_) | IoFault::Waits(_))) => return Some(Err(fault)),
                done if is_of_path(done) => self.fail(kernel, group, path),
                _ => {}
            }
        }
        let is_left = self.groups.iter().any(|group| group.first_working().is_some());
        Some(if is_left { Ok(()) } else { Err(Errno::ENOTCONN.into()) })
    }

    /// Stops queueing I/O, so that waiting I/O fails, unless it can be returned to the device.
    fn presuspend(&mut self, _: &mut Kernel, noflush: bool) {
        if !noflush || !self.queues_requests() {
            self.queued_before |= self.queues;
            self.queues = false;
        }
    }

    fn resume(&mut self, _: &mut Kernel) {
        self.queues |= std::mem::take(&mut self.queued_before);
    }
}
