//! A first tour: commands and operations on a linear device.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use dm_core::{DmName, Host, RemovePolicy, Retry, StatusOptions, TargetLine, paths};
use dm_targets::linear::LinearTable;
use dm_testing::{LoopDevice, Pattern, Scratch, wait_until};
use dm_units::{Bytes, DeviceNumber, Sectors};

use crate::tour::{Result, Tour};

/// The size of each of the two disks.
const DISK: Bytes = Bytes(16 << 20);

pub(crate) fn show(tour: &mut Tour, scratch: &Scratch) -> Result<()> {
    let host = tour.open()?;

    let first = scratch.loop_device(DISK)?;
    let second = scratch.loop_device(DISK)?;
    tour.step("Create two disks from files", "LoopDevice::sparse(Bytes(16 << 20))");
    for disk in [&first, &second] {
        tour.answer(format_args!("{} is {}, {:#}", disk.path().display(), disk.number(), disk.size()));
    }

    let name = DmName::new("demo-joined")?;
    scratch.track(name);
    tour.create(&host, name)?;
    let path = tour.join(&host, name, &first, &second)?;
    tour.look(&host, name)?;
    tour.write_and_read_back(&path)?;
    tour.reload_under_a_writer(&host, name, &path, &first, &second)?;

    let snapshot = DmName::new("demo-snapshot")?;
    scratch.track(snapshot);
    let store = scratch.loop_device(Bytes(64 << 10))?;
    tour.wait_for_an_event(&host, name, snapshot, &store)?;
    tour.tree(&host)?;
    tour.refused(&host, name)?;
    tour.busy(&host, name, &path)?;
    tour.remove(&host, &[snapshot, name])
}

impl Tour {
    fn open(&mut self) -> Result<Host> {
        self.step("Open the control node, which loads the module if it is missing", "Host::open()");
        let host = Host::open()?;
        let release = std::fs::read_to_string("/proc/sys/kernel/osrelease")?;
        self.answer(format_args!("Linux {}, device mapper interface {}", release.trim(), host.dm().version()?));
        Ok(host)
    }

    fn create(&mut self, host: &Host, name: &DmName) -> Result<()> {
        self.step("Create a device, which has no table yet", "dm.device_create(name)");
        let info = host.dm().device_create(name)?;
        self.answer(format_args!("{name} is {}, flags: {}", info.number(), shown(info.flags())));
        Ok(())
    }

    fn join(&mut self, host: &Host, name: &DmName, first: &LoopDevice, second: &LoopDevice) -> Result<PathBuf> {
        self.step("Load a table that concatenates the disks", "dm.table_load(name, lines)");
        let lines = [
            TargetLine::new(Sectors(0), first.size(), LinearTable::new(first.number(), Sectors(0))),
            TargetLine::new(first.size(), second.size(), LinearTable::new(second.number(), Sectors(0))),
        ];
        let info = host.dm().table_load(name, lines)?;
        self.answer(format_args!("flags: {}", shown(info.flags())));

        self.step("Make it active, and wait for udev", "host.resume(name)");
        let info = host.resume(name)?;
        self.answer(format_args!("flags: {}", shown(info.flags())));
        let path = host.path(name)?;
        self.answer(format_args!("it is {}", path.display()));
        Ok(path)
    }

    fn look(&mut self, host: &Host, name: &DmName) -> Result<()> {
        self.step("Read the table back", "dm.table_status_with(name, StatusOptions::table())");
        for line in &host.dm().table_status_with(name, StatusOptions::table())? {
            self.answer(line?);
        }
        self.step("Read which devices it uses", "dm.table_deps(name)");
        for number in host.dm().table_deps(name)?.iter() {
            self.answer(number);
        }
        Ok(())
    }

    fn write_and_read_back(&mut self, path: &Path) -> Result<()> {
        self.step(
            "Write across the border of the disks and read it back",
            "Pattern::new(1).write(path, start, length)",
        );
        let (start, length) = (Sectors(32_000), Sectors(2_000));
        Pattern::new(1).write(path, start, length)?;
        Pattern::new(1).verify(path, start, length)?;
        self.answer(format_args!("{length:#} from {start:#} on are unchanged"));
        Ok(())
    }

    /// Loads the table with two more lines repeatedly, while a thread writes blocks.
    fn reload_under_a_writer(
        &mut self,
        host: &Host,
        name: &DmName,
        path: &Path,
        first: &LoopDevice,
        second: &LoopDevice,
    ) -> Result<()> {
        self.step("Replace the table ten times while a thread writes", "host.reload(name, lines)");
        let mut lines = Vec::new();
        let half = Sectors(first.size().0 / 2);
        for (disk, start) in [(first, Sectors(0)), (second, first.size())] {
            for part in [Sectors(0), half] {
                lines.push(TargetLine::new(start + part, half, LinearTable::new(disk.number(), part)));
            }
        }
        let device = File::options().write(true).open(path)?;
        let (stop, blocks) = (AtomicBool::new(false), AtomicU64::new(0));
        thread::scope(|scope| -> Result<()> {
            let writer = scope.spawn(|| -> std::io::Result<()> {
                while !stop.load(Ordering::Relaxed) {
                    let block = blocks.load(Ordering::Relaxed);
                    device.write_all_at(&block_of(block), block % BLOCKS * BLOCK)?;
                    device.sync_data()?;
                    blocks.store(block + 1, Ordering::Relaxed);
                }
                Ok(())
            });
            let reload = || -> Result<()> {
                for round in 1..=10 {
                    // The writer is busy during each reload.
                    wait_until("the writer", Duration::from_secs(30), || blocks.load(Ordering::Relaxed) >= round * 20)?;
                    host.reload(name, lines.clone())?;
                }
                Ok(())
            };
            let reloaded = reload();
            stop.store(true, Ordering::Relaxed);
            writer.join().map_err(|_| "the writer panicked")??;
            reloaded
        })?;

        let written = blocks.into_inner();
        let device = File::open(path)?;
        for block in written.saturating_sub(BLOCKS)..written {
            let mut read: Block = [0; 4096];
            device.read_exact_at(&mut read, block % BLOCKS * BLOCK)?;
            if read != block_of(block) {
                return Err(format!("block {block} was lost").into());
            }
        }
        let lines = host.dm().device_info(name)?.target_count();
        self.answer(format_args!(
            "the table has {lines} lines now; the writer wrote {written} blocks and none was lost"
        ));
        Ok(())
    }

    /// Overflows a snapshot whose store is too small by overwriting its origin, which raises an event.
    fn wait_for_an_event(&mut self, host: &Host, origin: &DmName, name: &DmName, store: &LoopDevice) -> Result<()> {
        self.step("Wait for an event: overflow a snapshot whose store is too small", "dm.device_wait(name, event_nr)");
        let dm = host.dm();
        let params = format!("{} {} N 8", dm.device_info(origin)?.number(), store.number());
        let info = host.create(name, [TargetLine::text(Sectors(0), Sectors(2048), "snapshot", params)])?;
        let path = paths::kernel_path(info.number());

        for line in &dm.table_status(name)? {
            self.answer(format_args!("before: {} (event number {})", line?, info.event_nr()));
        }
        thread::scope(|scope| -> Result<()> {
            scope.spawn(|| {
                thread::sleep(Duration::from_millis(100));
                // The writes after the end of the store are expected to fail.
                let _ = Pattern::new(2).write(&path, Sectors(0), Sectors(1024));
            });
            let after = dm.device_wait(name, info.event_nr())?;
            for line in &after {
                self.answer(format_args!("after:  {} (event number {})", line?, after.info().event_nr()));
            }
            Ok(())
        })
    }

    fn tree(&mut self, host: &Host) -> Result<()> {
        self.step("Read the tree of devices", "dm.device_tree()");
        self.answer(host.dm().device_tree()?);
        Ok(())
    }

    fn refused(&mut self, host: &Host, name: &DmName) -> Result<()> {
        self.step("Load a table that the kernel refuses, since its disk does not exist", "host.reload(name, lines)");
        let table = LinearTable::new(DeviceNumber::new(4000, 0), Sectors(0));
        match host.reload(name, [TargetLine::new(Sectors(0), Sectors(8), table)]) {
            Ok(_) => return Err("the kernel accepted it".into()),
            Err(error) => self.error(&error),
        }
        Ok(())
    }

    fn busy(&mut self, host: &Host, name: &DmName, path: &Path) -> Result<()> {
        self.step(
            "Try to remove a device in use, with a timeout",
            "host.remove_with(name, RemovePolicy::new().retry(Retry::within(Duration::from_millis(200))))",
        );
        let _open = File::open(path)?;
        match host.remove_with(name, RemovePolicy::new().retry(Retry::within(Duration::from_millis(200)))) {
            Ok(_) => return Err("the kernel removed it".into()),
            Err(error) => self.error(&error),
        }
        Ok(())
    }

    fn remove(&mut self, host: &Host, names: &[&DmName]) -> Result<()> {
        self.step(
            "Remove all devices, users first",
            "host.remove_with(name, RemovePolicy::new().retry(Retry::default()))",
        );
        for &name in names {
            // udev opens a changed device, which keeps it busy for a moment.
            host.remove_with(name, RemovePolicy::new().retry(Retry::default()))?;
            self.answer(format_args!("{name} is removed"));
        }
        let left = host.dm().list_devices()?.iter().count();
        self.answer(format_args!("{left} mapped devices are left"));
        Ok(())
    }
}

fn shown(flags: dm_core::Flags) -> String {
    if flags.is_empty() { "none".to_owned() } else { flags.to_string() }
}

type Block = [u8; 4096];
const BLOCK: u64 = 4096;
/// The number of blocks after which the writer starts again; they cross the border of the disks.
const BLOCKS: u64 = 8192;

fn block_of(number: u64) -> Block {
    let mut block: Block = [0; 4096];
    block.chunks_exact_mut(8).for_each(|word| word.copy_from_slice(&number.to_ne_bytes()));
    block
}
