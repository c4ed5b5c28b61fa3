//! The commands of `dmsetup`, except some of `stats`, in a few lines each, with the words, output and exit codes of the
//! original. The texts of errors, `help` and `version` differ, and `udevcookies` prints times as seconds since 1970.
//!
//! It shows which method corresponds to a command of dmsetup. It needs no libdevmapper, so it can replace dmsetup in an
//! initramfs: udev's rules run it as `dmsetup udevflags` and `dmsetup udevcomplete`.
//!
//! ```text
//! cargo run --example dmsetup -- create home --table '0 2048 zero'
//! cargo run --example dmsetup -- info -c
//! ```
//!
//! `cargo xtask static` builds it as a static file, for musl if Rust's libraries for musl are installed:
//!
//! ```text
//! rustup target add x86_64-unknown-linux-musl
//! cargo build --release --package dm-testing --no-default-features --example dmsetup --target x86_64-unknown-linux-musl
//! ```

/// Prints a line like the standard library's macro, but ends the program if no process reads the output, as `SIGPIPE` ends the
/// original program.
macro_rules! println {
    () => { $crate::print(format_args!("\n")) };
    ($($text:tt)+) => { $crate::print(format_args!("{}\n", format_args!($($text)+))) };
}

/// Prints text without a line feed.
macro_rules! print {
    ($($text:tt)+) => { $crate::print(format_args!($($text)+)) };
}

mod columns;
mod cookies;
mod date;
mod devices;
mod options;
mod report;
mod select;
mod show;
mod stats;
mod tree;

use std::error::Error;
use std::ffi::OsString;
use std::fmt;
use std::io::Write as _;
use std::process::ExitCode;

use dm_core::udev::{NodeMode, SharedCookie, Strategy, Udev};
use dm_core::{Host, Naming};

use options::Options;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn print(text: fmt::Arguments<'_>) {
    if std::io::stdout().write_fmt(text).is_err() {
        std::process::exit(1);
    }
}

/// Refuses other arguments for simplicity. The original accepts them as names, and so does [`dm_core::DmName`].
fn utf8(argument: OsString) -> Result<String> {
    argument.into_string().map_err(|argument| format!("{} is not UTF-8.", argument.to_string_lossy()).into())
}

fn main() -> ExitCode {
    let arguments = std::env::args_os().skip(1).map(utf8).collect::<Result<Vec<_>>>();
    match arguments.and_then(|arguments| run(&Options::parse(arguments.into_iter())?)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprint!("{error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                eprint!(": {error}");
                cause = error.source();
            }
            eprintln!("\nCommand failed.");
            ExitCode::FAILURE
        }
    }
}

/// Each command, with the least and the largest number of words behind it.
const COMMANDS: [(&str, usize, usize); 37] = [
    ("clear", 0, ANY),
    ("create", 0, 2),
    ("deps", 0, ANY),
    ("help", 0, ANY),
    ("info", 0, ANY),
    ("load", 0, 2),
    ("ls", 0, 0),
    ("mangle", 0, ANY),
    ("measure", 0, ANY),
    ("message", 2, ANY),
    ("mknodes", 0, ANY),
    ("reload", 0, 2),
    ("remove", 0, ANY),
    ("remove_all", 0, 0),
    ("rename", 1, 2),
    ("resume", 0, ANY),
    ("setgeometry", 4, 5),
    ("splitname", 1, 2),
    ("stats clear", 0, ANY),
    ("stats create", 0, ANY),
    ("stats delete", 0, ANY),
    ("stats list", 0, ANY),
    ("stats print", 0, ANY),
    ("status", 0, ANY),
    ("suspend", 0, ANY),
    ("table", 0, ANY),
    ("target-version", 1, ANY),
    ("targets", 0, 0),
    ("udevcomplete", 1, 1),
    ("udevcomplete_all", 0, 1),
    ("udevcookies", 0, 0),
    ("udevcreatecookie", 0, 0),
    ("udevflags", 1, 1),
    ("udevreleasecookie", 0, 1),
    ("version", 0, 0),
    ("wait", 0, 2),
    ("wipe_table", 0, ANY),
];

/// No limit.
const ANY: usize = usize::MAX;

fn check_words(options: &Options) -> Result<()> {
    let command = COMMANDS.iter().find(|(command, ..)| *command == options.command());
    match command.map(|(_, least, most)| (least..=most).contains(&&options.words().len())) {
        Some(false) => Err("Incorrect number of arguments.".into()),
        _ => Ok(()),
    }
}

fn run(options: &Options) -> Result<()> {
    if options.has("help") || options.command() == "help" {
        COMMANDS.iter().for_each(|(command, ..)| println!("{command}"));
        return Ok(());
    }
    check_words(options)?;
    if let Some(done) = cookies::run(options) {
        return done;
    }
    if options.command() == "splitname" {
        return columns::split_name(options);
    }
    let host = host(options)?;
    if options.has("version") {
        return show::version(&host);
    }
    match options.command() {
        "create" if options.has("concise") => devices::create_concise(&host, options),
        "create" => devices::create(&host, options),
        "load" | "reload" => devices::load(&host, options),
        "clear" => devices::clear(&host, options),
        "suspend" => devices::suspend(&host, options),
        "resume" => devices::resume(&host, options),
        "rename" => devices::rename(&host, options),
        "remove" => devices::remove(&host, options),
        "remove_all" => devices::remove_all(&host),
        "wipe_table" => devices::wipe_table(&host, options),
        "message" => devices::message(&host, options),
        "setgeometry" => devices::set_geometry(&host, options),
        "wait" => devices::wait(&host, options),
        "mangle" => devices::mangle(&host, options),
        "mknodes" => devices::make_nodes(&host, options),
        "table" if options.has("concise") => show::concise(&host, options),
        "table" | "status" | "measure" => show::lines(&host, options),
        "info" if options.has("columns") => columns::info(&host, options),
        "info" => show::info(&host, options),
        "ls" if options.has("tree") => tree::print(&host, options),
        "ls" => show::list(&host, options),
        "deps" => show::deps(&host, options),
        "targets" => show::targets(&host, None),
        "target-version" => show::targets(&host, Some(options)),
        "version" => show::version(&host),
        command if command.starts_with("stats") => stats::run(&host, options),
        _ => Err("Unknown command.".into()),
    }
}

/// A host with the settings that the options give.
fn host(options: &Options) -> Result<Host> {
    let variable = |name| std::env::var(name).ok();
    let mode = options.value("manglename").map(str::to_owned).or_else(|| variable("DM_DEFAULT_NAME_MANGLING_MODE"));
    let naming = match mode.as_deref() {
        Some("hex") => Naming::Hex,
        Some("none") => Naming::None,
        Some("auto") | None => Naming::Auto,
        Some(mode) => return Err(format!("Unknown name mangling mode: {mode}").into()),
    };
    let strategy = if options.has("noudevsync") {
        Strategy::None
    } else if options.has("noudevrules") {
        Strategy::MakeNodes
    } else {
        Strategy::Auto
    };
    // The default of Debian: root, the group disk, 0660.
    let number = |option, default| options.value(option).map_or(Ok(default), str::parse);
    let mode = options.value("mode").map_or(Ok(0o660), |mode| u32::from_str_radix(mode, 8))?;
    let mut udev = Udev::new(strategy).node_mode(NodeMode::node(number("uid", 0)?, number("gid", 6)?, mode));
    if let Some(cookie) = cookies::shared(options)? {
        udev = udev.on_cookie(SharedCookie::adopt(cookie)?);
    }
    Ok(Host::open()?.with_naming(naming).with_udev(udev))
}
