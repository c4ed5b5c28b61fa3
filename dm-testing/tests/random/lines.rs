//! The lines of tables, with the numbers of one kernel.

use dm_core::{DevIdBuf, LineText, TargetLine};
use dm_units::{DeviceNumber, Sectors};

use crate::step::{Area, Below, Table, Target};
use crate::world::{DATA, FAST, GENERAL, METADATA, World};

/// The sectors of a block of a pool: the minimum of the kernel.
pub(crate) const BLOCK: u64 = 128;

impl World<'_> {
    /// A device that is older than the user, else a disk.
    fn below(&self, below: Below, user: Option<usize>) -> DeviceNumber {
        match below {
            Below::Disk(index) => self.disk(index),
            Below::Device(name) => {
                let is_older = |number: &DeviceNumber| self.numbers.serial(*number) < user;
                self.number(name).filter(is_older).unwrap_or(self.disk(name))
            }
        }
    }

    /// One of the disks for all targets.
    fn disk(&self, index: u8) -> DeviceNumber {
        self.disks[usize::from(index) % GENERAL]
    }

    /// The lines of a table for a device. It uses no younger device.
    pub(crate) fn lines(&self, table: &Table, user: &DevIdBuf) -> Vec<TargetLine<LineText<'static, String>>> {
        let number = self.dm.device_info(user).ok().map(|info| info.number());
        let user = number.map_or(Some(usize::MAX), |number| self.numbers.serial(number));
        let mut end = 0;
        let mut lines = Vec::new();
        for line in &table.lines {
            let (target_type, params) = self.target(&line.target, user);
            lines.push(TargetLine::text(Sectors(end), Sectors(line.length), target_type, params));
            end += line.length + table.gap;
        }
        lines
    }

    fn target(&self, target: &Target, user: Option<usize>) -> (&'static str, String) {
        let area = |Area(below, start): &Area| format!("{} {start}", self.below(*below, user));
        match target {
            Target::Zero => ("zero", String::new()),
            Target::Error => ("error", String::new()),
            Target::Linear(at) => ("linear", area(at)),
            Target::Striped(chunk, legs) => {
                let areas: Vec<_> = legs.iter().map(area).collect();
                ("striped", format!("{} {chunk} {}", legs.len(), areas.join(" ")))
            }
            Target::Delay(read, None) => ("delay", format!("{} 0", area(read))),
            Target::Delay(read, Some(write)) => ("delay", format!("{} 0 {} 0", area(read), area(write))),
            Target::Flakey(at, [up, down], features) => ("flakey", format!("{} {up} {down} {features}", area(at))),
            Target::ThinPool(low_water, features) => {
                let (metadata, data) = (self.disks[METADATA], self.disks[DATA]);
                ("thin-pool", format!("{metadata} {data} {BLOCK} {low_water} {features}"))
            }
            Target::Thin(pool, id, origin) => {
                let pool = self.below(Below::Device(*pool), user);
                let origin = origin.map_or_else(String::new, |origin| format!(" {}", self.below(origin, user)));
                ("thin", format!("{pool} {id}{origin}"))
            }
            Target::Origin(below) => ("snapshot-origin", self.below(*below, user).to_string()),
            Target::Snapshot(origin, cow, store) => {
                ("snapshot", format!("{} {} {store}", self.below(*origin, user), self.disk(*cow)))
            }
            Target::Merge(origin, cow, store) => {
                ("snapshot-merge", format!("{} {} {store}", self.disk(*origin), self.disk(*cow)))
            }
            Target::Filled(target_type, params, below) => {
                let mut below = below.iter();
                let word = |word| match word {
                    "$" => self.below(*below.next().unwrap(), user).to_string(),
                    "DATA" => self.disks[DATA].to_string(),
                    "FAST" => self.disks[FAST].to_string(),
                    "ONE" => self.disks[0].to_string(),
                    "TWO" => self.disks[2].to_string(),
                    "META" => self.disks[METADATA].to_string(),
                    word => word.to_owned(),
                };
                (*target_type, params.split(' ').map(word).collect::<Vec<_>>().join(" "))
            }
            Target::Text(target_type, params) => (*target_type, (*params).to_owned()),
        }
    }
}
