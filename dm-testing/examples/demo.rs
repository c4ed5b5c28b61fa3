//! A guided tour: what is done, the call that does it, what the kernel answered.
//!
//! `cargo xtask demo` runs it on a throw-away kernel.
#![expect(clippy::arithmetic_side_effects, reason = "small numbers that are known")]

use std::error::Error;
use std::fmt::Display;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use dm_core::{
    Buffer, CreateOptions, DepsOptions, Dm, DmName, InfoOptions, ListOptions, LoadOptions, RemoveOptions,
    ResumeOptions, Retry, StatusOptions, TargetLine,
};
use dm_targets::linear::{Linear, LinearTable};
use dm_targets::{TableLine, Target as _};
use dm_testing::{LoopDevice, Pattern, Scratch, wait_until};
use dm_units::{Bytes, DeviceNumber, Sectors};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The size of each of the two disks.
const DISK: Bytes = Bytes(16 << 20);

fn main() -> Result<()> {
    let Some(scratch) = Scratch::new(&[]) else { return Err("this needs root and a device mapper".into()) };
    let mut tour = Tour { step: 0 };
    let dm = tour.open()?;

    let first = scratch.loop_device(DISK)?;
    let second = scratch.loop_device(DISK)?;
    tour.step("Make two disks out of files", "LoopDevice::sparse(Bytes(16 << 20))");
    for disk in [&first, &second] {
        tour.answer(format_args!("{} is {}, {:#}", disk.path().display(), disk.number(), disk.size()));
    }

    let name = DmName::new("demo-joined")?;
    scratch.track(name);
    tour.create(&dm, name)?;
    let path = tour.join(&dm, name, &first, &second)?;
    tour.look(&dm, name)?;
    tour.write_and_read_back(&path)?;
    tour.reload_under_a_writer(&dm, name, &path, &first, &second)?;

    let snapshot = DmName::new("demo snapshot")?;
    scratch.track(snapshot);
    let store = scratch.loop_device(Bytes(64 << 10))?;
    tour.wait_for_an_event(&dm, name, snapshot, &store)?;
    tour.tree(&dm)?;
    tour.refused(&dm, name)?;
    tour.busy(&dm, name, &path)?;
    tour.remove(&dm, &[snapshot, name])
}

struct Tour {
    step: u32,
}

impl Tour {
    fn step(&mut self, what: &str, call: &str) {
        self.step += 1;
        println!("\n{}. {what}\n   {call}", self.step);
    }

    fn answer(&self, answer: impl Display) {
        for line in answer.to_string().lines() {
            println!("     {line}");
        }
    }

    fn open(&mut self) -> Result<Dm> {
        self.step("Open the control node, which loads the module if need be", "Dm::open()");
        let dm = Dm::open()?;
        let release = std::fs::read_to_string("/proc/sys/kernel/osrelease")?;
        self.answer(format_args!("Linux {}, device mapper interface {}", release.trim(), dm.version()?));
        Ok(dm)
    }

    fn create(&mut self, dm: &Dm, name: DmName<'_>) -> Result<()> {
        self.step("Create a device, as yet without a table", "dm.device_create(name, CreateOptions::new())");
        let info = dm.device_create(name, CreateOptions::new())?;
        self.answer(format_args!("{name} is {}, flags: {}", info.number(), shown(info.flags())));
        Ok(())
    }

    fn join(&mut self, dm: &Dm, name: DmName<'_>, first: &LoopDevice, second: &LoopDevice) -> Result<String> {
        self.step(
            "Prepare a table: one disk behind the other",
            "dm.table_load(&mut buffer, name, lines, LoadOptions::new())",
        );
        let lines = [
            TableLine::<Linear>::new(Sectors(0), first.size(), LinearTable::new(first.number(), Sectors(0))),
            TableLine::new(first.size(), second.size(), LinearTable::new(second.number(), Sectors(0))),
        ];
        let info = dm.table_load(&mut Buffer::new(), name, lines.iter().map(Into::into), LoadOptions::new())?;
        self.answer(format_args!("flags: {}", shown(info.flags())));

        self.step("Put it in force", "dm.device_resume(name, ResumeOptions::new())");
        let info = dm.device_resume(name, ResumeOptions::new())?;
        self.answer(format_args!("flags: {}", shown(info.flags())));
        Ok(format!("/dev/dm-{}", info.number().minor))
    }

    fn look(&mut self, dm: &Dm, name: DmName<'_>) -> Result<()> {
        let mut buffer = Buffer::new();
        self.step("Read the table back", "dm.table_status(&mut buffer, name, StatusOptions::table())");
        for line in &dm.table_status(&mut buffer, name, StatusOptions::table())? {
            self.answer(line?);
        }
        self.step("Ask which devices it uses", "dm.table_deps(&mut buffer, name, DepsOptions::new())");
        for number in dm.table_deps(&mut buffer, name, DepsOptions::new())?.iter() {
            self.answer(number);
        }
        Ok(())
    }

    fn write_and_read_back(&mut self, path: &str) -> Result<()> {
        self.step(
            "Write over the seam of the two disks and read it back",
            "Pattern::new(1).write(path, start, length)",
        );
        let (start, length) = (Sectors(32_000), Sectors(2_000));
        Pattern::new(1).write(Path::new(path), start, length)?;
        Pattern::new(1).verify(Path::new(path), start, length)?;
        self.answer(format_args!("{length:#} from {start:#} on are as they were written"));
        Ok(())
    }

    /// Loads the same disks in two lines more, while a thread writes one block after the other.
    fn reload_under_a_writer(
        &mut self,
        dm: &Dm,
        name: DmName<'_>,
        path: &str,
        first: &LoopDevice,
        second: &LoopDevice,
    ) -> Result<()> {
        self.step("Reload the table ten times while a writer is at it", "dm.table_load(…) and dm.device_resume(…)");
        let mut lines = Vec::new();
        let half = Sectors(first.size().0 / 2);
        for (disk, start) in [(first, Sectors(0)), (second, first.size())] {
            for part in [Sectors(0), half] {
                lines.push(TableLine::<Linear>::new(start + part, half, LinearTable::new(disk.number(), part)));
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
                    // The writer is to be in the middle of its work each time.
                    wait_until("the writer", Duration::from_secs(30), || blocks.load(Ordering::Relaxed) >= round * 20)?;
                    dm.table_load(&mut Buffer::new(), name, lines.iter().map(Into::into), LoadOptions::new())?;
                    dm.device_resume(name, ResumeOptions::new())?;
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
        let lines = dm.device_info(name, InfoOptions::new())?.target_count();
        self.answer(format_args!(
            "the table has {lines} lines now; the writer wrote {written} blocks and none is lost"
        ));
        Ok(())
    }

    /// A snapshot whose store is too small overflows when its origin is overwritten, which is an event.
    fn wait_for_an_event(&mut self, dm: &Dm, origin: DmName<'_>, name: DmName<'_>, store: &LoopDevice) -> Result<()> {
        self.step(
            "Wait for an event: a snapshot with too small a store is written to until it overflows",
            "dm.device_wait(&mut buffer, name, event_nr, StatusOptions::new())",
        );
        let origin = dm.device_info(origin, InfoOptions::new())?.number();
        let params = format!("{origin} {} N 8", store.number());
        dm.device_create(name, CreateOptions::new())?;
        let line = TargetLine::new(Sectors(0), Sectors(2048), "snapshot", params);
        dm.table_load(&mut Buffer::new(), name, [line], LoadOptions::new())?;
        let info = dm.device_resume(name, ResumeOptions::new())?;
        let path = format!("/dev/dm-{}", info.number().minor);

        let mut buffer = Buffer::new();
        for line in &dm.table_status(&mut buffer, name, StatusOptions::new())? {
            self.answer(format_args!("before: {} (event number {})", line?, info.event_nr()));
        }
        thread::scope(|scope| -> Result<()> {
            scope.spawn(|| {
                thread::sleep(Duration::from_millis(100));
                // The writes behind the end of the store fail, as they should.
                let _ = Pattern::new(2).write(Path::new(&path), Sectors(0), Sectors(1024));
            });
            let after = dm.device_wait(&mut buffer, name, info.event_nr(), StatusOptions::new())?;
            for line in &after {
                self.answer(format_args!("after:  {} (event number {})", line?, after.info().event_nr()));
            }
            Ok(())
        })
    }

    fn tree(&mut self, dm: &Dm) -> Result<()> {
        self.step("See what stands on what", "dm.device_tree(&mut buffer)");
        self.answer(dm.device_tree(&mut Buffer::new())?);
        Ok(())
    }

    fn refused(&mut self, dm: &Dm, name: DmName<'_>) -> Result<()> {
        self.step("Load a table that the kernel refuses: over a disk that is not there", "dm.table_load(…)");
        let table = LinearTable::new(DeviceNumber::new(4000, 0), Sectors(0));
        let line = TargetLine::new(Sectors(0), Sectors(8), Linear::TYPE, &table);
        match dm.table_load(&mut Buffer::new(), name, [line], LoadOptions::new()) {
            Ok(_) => return Err("the kernel took it".into()),
            Err(error) => self.answer(error.to_string().replace("; ", "\n")),
        }
        Ok(())
    }

    fn busy(&mut self, dm: &Dm, name: DmName<'_>, path: &str) -> Result<()> {
        self.step(
            "Try for a moment to remove a device that is in use",
            "dm.device_remove(name, RemoveOptions::new().retry(Retry::within(Duration::from_millis(200))))",
        );
        let _open = File::open(path)?;
        match dm.device_remove(name, RemoveOptions::new().retry(Retry::within(Duration::from_millis(200)))) {
            Ok(_) => return Err("the kernel removed it".into()),
            Err(error) => self.answer(error.to_string().replace("; ", "\n")),
        }
        Ok(())
    }

    fn remove(&mut self, dm: &Dm, names: &[DmName<'_>]) -> Result<()> {
        self.step(
            "Remove what was made, users first",
            "dm.device_remove(name, RemoveOptions::new().retry(Retry::default()))",
        );
        for &name in names {
            // udev looks at a device that has changed, which keeps it busy for a moment.
            dm.device_remove(name, RemoveOptions::new().retry(Retry::default()))?;
            self.answer(format_args!("{name} is gone"));
        }
        let left = dm.list_devices(&mut Buffer::new(), ListOptions::new())?.iter().count();
        self.answer(format_args!("{left} mapped devices are left"));
        Ok(())
    }
}

fn shown(flags: dm_core::Flags) -> String {
    if flags.is_empty() { "none".to_owned() } else { flags.to_string() }
}

type Block = [u8; 4096];
const BLOCK: u64 = 4096;
/// How many blocks the writer goes through before it starts anew: those around the seam, too.
const BLOCKS: u64 = 8192;

fn block_of(number: u64) -> Block {
    let mut block: Block = [0; 4096];
    block.chunks_exact_mut(8).for_each(|word| word.copy_from_slice(&number.to_ne_bytes()));
    block
}
