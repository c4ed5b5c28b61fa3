//! Prints the public items of a crate, one per line, from rustdoc's JSON. `cargo xtask api` compares them.
//!
//! It is an example so that no other task has to compile the library that reads the JSON.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use public_api::{Builder, PublicApi};

/// The traits that a type implements implicitly. `Freeze` and `StructuralPartialEq` are internal to the compiler.
const AUTO: [&str; 5] = [
    "core::marker::Send",
    "core::marker::Sync",
    "core::marker::Unpin",
    "core::panic::unwind_safe::RefUnwindSafe",
    "core::panic::unwind_safe::UnwindSafe",
];
const INTERNAL: [&str; 2] = ["core::marker::Freeze for", "core::marker::StructuralPartialEq for"];

fn main() -> Result<()> {
    let file = std::env::args_os().nth(1).context("usage: public_items FILE.json")?;
    print!("{}", items(&PathBuf::from(file))?);
    Ok(())
}

/// The items of a crate, in the order of their paths.
fn items(file: &Path) -> Result<String> {
    let written: HashSet<String> = read(file, true)?.items().map(ToString::to_string).collect();
    let lines = read(file, false)?.items().map(ToString::to_string).collect::<Vec<_>>();
    let shown = lines.iter().filter(|line| is_shown(line, !written.contains(*line)));
    Ok(shown.map(|line| format!("{line}\n")).collect())
}

fn read(file: &Path, without_derived: bool) -> Result<PublicApi> {
    let builder = Builder::from_rustdoc_json(file).omit_blanket_impls(true).omit_auto_derived_impls(without_derived);
    builder.build().with_context(|| format!("cannot read {}", file.display()))
}

/// Whether to show a line.
///
/// The methods of a derived impl are not shown, since they follow from it. An auto trait is not shown, but its absence
/// or a condition is.
fn is_shown(line: &str, is_derived: bool) -> bool {
    let Some(of_impl) = line.strip_prefix("impl") else { return !is_derived };
    let is_auto = AUTO.iter().any(|name| of_impl.contains(&format!(" {name} for ")));
    !INTERNAL.iter().any(|name| of_impl.contains(name)) && (!is_auto || of_impl.contains(" where "))
}
