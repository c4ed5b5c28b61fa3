//! The commands of `dmsetup` in a few lines each, with the words, output and exit codes of the original.
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

mod columns;
mod cookies;
mod devices;
mod options;
mod report;
mod show;
mod stats;
mod tree;

use std::error::Error;
use std::process::ExitCode;

use dm_core::udev::{NodeMode, SharedCookie, Strategy, Udev};
use dm_core::{Host, Naming};

use options::Options;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    match Options::parse(std::env::args().skip(1)).and_then(|options| run(&options)) {
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

fn run(options: &Options) -> Result<()> {
    if let Some(done) = cookies::run(options) {
        return done;
    }
    if options.command() == "splitname" {
        return columns::split_name(options);
    }
    let host = host(options)?;
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
    let naming = match options.value("manglename") {
        Some("hex") => Naming::Hex,
        Some("none") => Naming::None,
        _ => Naming::Auto,
    };
    let strategy = if options.has("noudevsync") { Strategy::None } else { Strategy::Auto };
    // The default of Debian: root, the group disk, 0660.
    let number = |option, default| options.value(option).map_or(Ok(default), str::parse);
    let mode = options.value("mode").map_or(Ok(0o660), |mode| u32::from_str_radix(mode, 8))?;
    let mut udev = Udev::new(strategy).node_mode(NodeMode::node(number("uid", 0)?, number("gid", 6)?, mode));
    if let Some(cookie) = options.value("udevcookie") {
        udev = udev.on_cookie(SharedCookie::adopt(cookies::number(cookie)?)?);
    }
    Ok(Host::open()?.with_naming(naming).with_udev(udev))
}
