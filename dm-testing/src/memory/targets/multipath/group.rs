//! Groups of paths.

use dm_targets::Device;
use dm_targets::multipath::PathGroup;
use dm_units::DeviceNumber;

use crate::memory::errno::Errno;
use crate::memory::targets::Construction;

/// A group of paths and their selector.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) paths: Vec<Path>,
    pub(super) is_disabled: bool,
    /// The status that the selector prints for the group.
    selector: String,
    /// The number of words that the selector prints for each path.
    words: u32,
}

#[derive(Debug)]
pub(super) struct Path {
    pub(super) device: DeviceNumber,
    pub(super) works: bool,
    pub(super) failures: u32,
    /// The status that the selector prints for the path.
    info: String,
}

impl Group {
    /// Opens the paths of a group, and replaces their devices by numbers.
    pub(super) fn open(construction: &mut Construction<'_>, group: &mut PathGroup) -> Result<Self, Errno> {
        let mut paths = Vec::new();
        let mut open = |device: &mut Device, info: String| {
            let number = construction.device(device, "error getting device")?;
            *device = Device::Number(number);
            paths.push(Path { device: number, works: true, failures: 0, info });
            Ok(())
        };
        // No I/O is in flight when a status is read.
        let (selector, words) = match group {
            PathGroup::RoundRobin { paths } => {
                paths.iter_mut().try_for_each(|path| open(&mut path.device, String::new()))?;
                ("0".to_owned(), 0)
            }
            PathGroup::QueueLength { paths } => {
                paths.iter_mut().try_for_each(|path| open(&mut path.device, "0 ".to_owned()))?;
                ("0".to_owned(), 1)
            }
            PathGroup::ServiceTime { paths } => {
                paths.iter_mut().try_for_each(|path| {
                    let throughput = path.relative_throughput;
                    open(&mut path.device, format!("0 {throughput} "))
                })?;
                ("0".to_owned(), 2)
            }
            PathGroup::HistoricalServiceTime { base_weight, threshold_multiplier, paths } => {
                paths.iter_mut().try_for_each(|path| {
                    // The kernel prints 0, whatever the table gave.
                    path.repeat_count = 0;
                    open(&mut path.device, "0 0 0 ".to_owned())
                })?;
                (format!("2 {base_weight} {threshold_multiplier}"), 3)
            }
            PathGroup::IoAffinity { paths } => {
                paths.iter_mut().try_for_each(|path| open(&mut path.device, "0 ".to_owned()))?;
                ("0".to_owned(), 1)
            }
            _ => return construction.refuse(Errno::EINVAL, "unknown path selector type"),
        };
        Ok(Self { paths, is_disabled: false, selector, words })
    }

    pub(super) fn first_working(&self) -> Option<usize> {
        self.paths.iter().position(|path| path.works)
    }

    /// The positions and devices of the paths that work.
    pub(super) fn working(&self) -> Vec<(usize, DeviceNumber)> {
        let paths = self.paths.iter().enumerate().filter(|(_, path)| path.works);
        paths.map(|(place, path)| (place, path.device)).collect()
    }

    /// The positions of a device among the paths.
    pub(super) fn places_of(&self, device: DeviceNumber) -> impl Iterator<Item = usize> {
        let paths = self.paths.iter().enumerate();
        paths.filter(move |(_, path)| path.device == device).map(|(place, _)| place)
    }

    /// The status of the group, after its state.
    pub(super) fn status(&self) -> String {
        let paths: String = self
            .paths
            .iter()
            .map(|path| {
                let state = if path.works { 'A' } else { 'F' };
                format!("{} {state} {} {}", path.device, path.failures, path.info)
            })
            .collect();
        format!("{} {} {} {paths}", self.selector, self.paths.len(), self.words)
    }
}
