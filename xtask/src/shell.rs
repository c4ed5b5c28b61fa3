//! `cargo xtask guest`: runs a program, or a shell, in the throw-away kernel.

use std::io::{IsTerminal, Read, Write};
use std::os::fd::AsFd;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use lexopt::{Arg, Parser};
use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};

use crate::cli;
use crate::guest::{self, Clock, Job, Limits, Live, Place, Setup};
use crate::say;
use crate::workspace::Workspace;

const VALID: &str = "--guest uml|qemu, --kernel DIR, --no-udev, --timeout SECONDS, -- COMMAND...";

/// Starts an interactive shell.
const SHELL: &str = "export PS1='guest# '; command -v bash >/dev/null && exec bash --norc -i; exec sh -i";

/// The parsed arguments.
struct Request {
    place: Place,
    setup: Setup,
    words: Vec<std::ffi::OsString>,
    limits: Limits,
}

fn parse(parser: &mut Parser, workspace: &Workspace) -> Result<Request> {
    let mut places = None;
    let mut setup = Setup { kernel: None, udev: true, interactive: false, clock: Clock::Time };
    let (mut words, mut limits) = (Vec::new(), Limits::SESSION);
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("guest") => places = Some(cli::guests(parser)?),
            Arg::Long("kernel") => setup.kernel = Some(cli::path(parser)?),
            Arg::Long("no-udev") => setup.udev = false,
            Arg::Long("timeout") => limits = cli::timeout(parser)?,
            Arg::Value(word) => {
                words.push(word);
                words.extend(parser.raw_args()?);
            }
            other => return Err(cli::unexpected(&other, VALID)),
        }
    }
    let places = match places {
        Some(places) => places,
        None if setup.kernel.is_some() => vec![Place::Qemu],
        None => Place::default_guest(&workspace.guest_dir())?,
    };
    match places.as_slice() {
        [place] => Ok(Request { place: *place, setup, words, limits }),
        [] => bail!("no guest supports this processor yet"),
        _ => bail!("a command can run in only one guest: {VALID}"),
    }
}

/// Runs the task.
///
/// # Errors
/// When the guest cannot be started or the run fails.
pub(crate) fn run(parser: &mut Parser) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let Request { place, mut setup, mut words, limits } = parse(parser, &workspace)?;
    if words.is_empty() {
        if std::io::stdin().is_terminal() {
            setup.interactive = true;
            words = ["sh", "-c", SHELL].map(Into::into).to_vec();
        } else {
            let mut script = String::new();
            std::io::stdin().read_to_string(&mut script).context("cannot read the script on standard input")?;
            words = vec!["sh".into(), "-c".into(), script.into()];
        }
    }
    let folder = std::env::current_dir().context("cannot find the current folder")?;
    let job = Job { folder, variables: Vec::new(), words };
    let raw = if setup.interactive { Some(RawTerminal::new()?) } else { None };
    let finished = guest::run(place, &workspace.guest_dir(), &setup, &[job], limits, &mut |live| {
        if let Live::Text(text) = live {
            let mut stdout = std::io::stdout().lock();
            let _ = stdout.write_all(text).and_then(|()| stdout.flush());
        }
    });
    drop(raw);
    let finished = finished?;
    let output = workspace.guest_dir().join("out");
    if finished.keep_output(&output)? {
        say::note(&format!("the files in DM_TESTING_DIR were moved to {}", output.display()));
    }
    finished.leftovers();
    let status = u8::try_from(finished.good_status()?);
    Ok(ExitCode::from(status.unwrap_or(u8::MAX)))
}

/// A terminal that passes on every key, restored on drop.
struct RawTerminal(Termios);

impl RawTerminal {
    fn new() -> Result<Self> {
        let before = tcgetattr(std::io::stdin()).context("cannot read the terminal's settings")?;
        let mut raw = before.clone();
        cfmakeraw(&mut raw);
        tcsetattr(std::io::stdin().as_fd(), SetArg::TCSANOW, &raw).context("cannot change the terminal's settings")?;
        Ok(Self(before))
    }
}

impl Drop for RawTerminal {
    fn drop(&mut self) {
        let _ = tcsetattr(std::io::stdin().as_fd(), SetArg::TCSADRAIN, &self.0);
    }
}
