//! Complete calls with the kernel's part: the instructions and ioctls of dm-core, of the minimum, and of libdm.
//!
//! They run in a QEMU guest whose clock counts executed instructions, so that processor time is the number of
//! instructions. The minimum is `floor.c` in the folder of the example: ioctls by hand, in a buffer of exactly the
//! right size. The guest has no udev, so that waiting for udev is not measured.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::limits::{CALLS, Call};
use super::peers::{self, Peers};
use super::table::{Table, head};
use super::{build, chart};
use crate::guest::{self, Clock, Event, Job, Limits, Live, Place, Setup};
use crate::say;
use crate::workspace::Workspace;

/// Creating and removing thousands of devices prints nothing for a long time.
pub(super) const LIMITS: Limits = Limits::both(Duration::from_secs(600));

/// Makes the calls with these names, or all if there are none, in the guest, prints a table, and writes a chart if a file
/// is given. Returns whether all are within their limits.
///
/// # Errors
/// When a name is unknown, there is no C compiler, a program cannot be built, or the run in the guest fails.
pub(super) fn run(workspace: &Workspace, limits: Limits, names: &[String], chart: Option<&Path>) -> Result<bool> {
    if !Place::guests().contains(&Place::Qemu) {
        bail!("the guest that counts instructions does not support this processor yet");
    }
    if let Some(name) = names.iter().find(|name| !CALLS.iter().any(|call| call.name == **name)) {
        bail!("unknown call {name}");
    }
    let calls: Vec<Call> =
        CALLS.into_iter().filter(|call| names.is_empty() || names.iter().any(|name| call.name == name)).collect();
    let program = build(workspace)?;
    let peers = peers::compile(workspace, program.parent().context("the program is in a folder")?)?;
    say::step("counting the instructions of whole calls in a throw-away kernel");
    let setup = Setup { kernel: None, udev: false, interactive: false, clock: Clock::Instructions };
    let job = Job { folder: workspace.root.clone(), variables: Vec::new(), words: words(&program, &peers, &calls) };
    let (mut table, mut release) = (Table::new(&calls), String::new());
    let finished = guest::run(Place::Qemu, &workspace.guest_dir(), &setup, &[job], limits, &mut |live| match live {
        Live::Event(Event::Ready { release: found, .. }) => {
            say::note(&format!("Linux {found}"));
            release.clone_from(found);
            println!("{}", head());
        }
        Live::Event(_) => {}
        Live::Text(text) => table.take(text),
    })?;
    let status = finished.good_status()?;
    if status != 0 {
        bail!("the program ended with status {status}: {}", table.rest());
    }
    let is_good = table.is_good().with_context(|| format!("not all of {} calls were counted", calls.len()))?;
    if let Some(path) = chart {
        fs::write(path, chart::svg(&release, table.bars()))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(is_good)
}

/// The command that makes all calls.
fn words(program: &Path, peers: &Peers, calls: &[Call]) -> Vec<OsString> {
    let calls = calls.iter().map(|call| format!("{}:{}:{}", call.name, call.size, call.count).into());
    [program.into(), "compare".into(), peers.floor.clone().into(), peers.libdm.clone().into()]
        .into_iter()
        .chain(calls)
        .collect()
}
