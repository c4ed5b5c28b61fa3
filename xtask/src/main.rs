//! The tasks of this workspace: `cargo xtask help` lists them.

mod api;
mod ci;
mod clang;
mod cli;
mod costs;
mod demo;
mod features;
mod fuzz;
mod golden;
mod guest;
mod harness;
mod kernels;
mod msrv;
mod mutants;
mod needs;
mod oracle;
mod ordered_output;
mod packages;
mod pins;
mod platforms;
mod programs;
mod release;
mod say;
mod shell;
mod static_build;
mod test;
mod test_root;
mod tidy;
mod workspace;

use std::process::ExitCode;

use anyhow::{Result, bail};
use lexopt::{Arg, Parser};

/// A task, its arguments and its description.
struct Task {
    name: &'static str,
    arguments: &'static str,
    summary: &'static str,
    run: fn(&mut Parser) -> Result<ExitCode>,
}

const TASKS: &[Task] = &[
    Task {
        name: "demo",
        arguments: "[TOUR...] [--list] [--guest uml|qemu|all] [--host] [--timeout SECONDS]",
        summary: "demonstrate the library on a real kernel, in all tours or the given ones",
        run: demo::run,
    },
    Task {
        name: "test",
        arguments: "[--no-skips] [--timeout SECONDS]",
        summary: "run all checks that a change must pass",
        run: test::run,
    },
    Task {
        name: "test-root",
        arguments: "[--guest uml|qemu|all] [--host] [--i686] [--kernel DIR] [-p PACKAGE]... [--test NAME]... \
            [--timeout SECONDS] [-- FILTER...]",
        summary: "run the tests that need root, in throw-away kernels",
        run: test_root::run,
    },
    Task {
        name: "kernels",
        arguments: "[5.10|6.1|6.12|newest]... [--test NAME]... [--timeout SECONDS] [-- FILTER...]",
        summary: "run the root tests on several kernels, and write what was found into the README",
        run: kernels::run,
    },
    Task {
        name: "guest",
        arguments: "[--guest uml|qemu] [--kernel DIR] [--no-udev] [--timeout SECONDS] [-- COMMAND...]",
        summary: "run a command, or a shell, as root in a throw-away kernel",
        run: shell::run,
    },
    Task {
        name: "static",
        arguments: "",
        summary: "build the example dmsetup as a static program, for musl if that is installed",
        run: static_build::run,
    },
    Task {
        name: "fuzz",
        arguments: "[--seconds SECONDS]",
        summary: "fuzz the code that reads the kernel's answers and texts",
        run: fuzz::run,
    },
    Task {
        name: "golden",
        arguments: "[--guest uml|qemu|all] [--kernel DIR] [--timeout SECONDS]",
        summary: "add lines that kernels print to the golden lines of dm-targets",
        run: golden::run,
    },
    Task {
        name: "costs",
        arguments: "[--whole [CALL...] [--chart FILE]] [--timeout SECONDS]",
        summary: "count the instructions of dm-core's calls in user space, or with the kernel's part in a throw-away kernel",
        run: costs::run,
    },
    Task {
        name: "oracle",
        arguments: "[--seconds SECONDS] [--seed SEED] [--target TYPE] [--guest uml|qemu|all] [--host] [--kernel DIR]",
        summary: "compare the checks of dm-targets on random tables with those of kernels",
        run: oracle::run,
    },
    Task {
        name: "mutants",
        arguments: "[--since COMMIT] [--all] [-- ARGUMENT...]",
        summary: "list the mutations of changed code that no test detects",
        run: mutants::run,
    },
    Task {
        name: "pins",
        arguments: "[--latest]",
        summary: "list the pinned packages and whether the archive has them, or update the pins",
        run: pins::run,
    },
    Task {
        name: "features",
        arguments: "",
        summary: "check every crate with each set of its features",
        run: features::run,
    },
    Task {
        name: "msrv",
        arguments: "",
        summary: "check all targets with the oldest supported compiler",
        run: msrv::run,
    },
    Task {
        name: "platforms",
        arguments: "[PLATFORM...]",
        summary: "test the crates on other word sizes and byte orders in emulators, and check them for other platforms and systems",
        run: platforms::run,
    },
    Task {
        name: "api",
        arguments: "[--update] [--since COMMIT]",
        summary: "compare the public items of each crate with its api.txt, or update that",
        run: api::run,
    },
    Task {
        name: "release",
        arguments: "--dry-run [-p PACKAGE]...",
        summary: "package each crate, and build, test and document it from its archive",
        run: release::run,
    },
    Task { name: "tidy", arguments: "", summary: "check the rules that no compiler checks", run: tidy::run },
    Task { name: "ci", arguments: "", summary: "run .ci/run in a clean clone of the last commit", run: ci::run },
];

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<ExitCode> {
    let mut parser = Parser::from_env();
    let name = match parser.next()? {
        None | Some(Arg::Long("help") | Arg::Short('h')) => "help".to_owned(),
        Some(Arg::Value(name)) => name.to_string_lossy().into_owned(),
        Some(other) => return Err(cli::unexpected(&other, "a task first: cargo xtask help lists them")),
    };
    if name == "help" {
        print!("{}", help());
        return Ok(ExitCode::SUCCESS);
    }
    match TASKS.iter().find(|task| task.name == name) {
        Some(task) => (task.run)(&mut parser),
        None => bail!("unknown task {name}\n\n{}", help()),
    }
}

/// The list of tasks.
fn help() -> String {
    let mut text = "Usage: cargo xtask TASK [OPTION...]\n\n".to_owned();
    for task in TASKS {
        let usage = format!("{} {}", task.name, task.arguments);
        text.push_str(&format!("  {}\n      {}\n", usage.trim_end(), task.summary));
    }
    text
}
