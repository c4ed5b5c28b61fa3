//! libclang, which the build of `dm-testing` needs for its dependency `loopdev`.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::packages::{self, Group};

/// Folders that may contain libclang, in a root or in an unpacked package; `*` matches any text.
const LIBRARY_FOLDERS: [&str; 6] = [
    "usr/lib/llvm-*/lib",
    "usr/lib/x86_64-linux-gnu",
    "usr/lib/aarch64-linux-gnu",
    "usr/lib64",
    "usr/lib",
    "usr/local/lib",
];

/// Folders that may contain the compiler's headers.
const HEADER_FOLDERS: [&str; 3] =
    ["usr/lib/llvm-*/lib/clang/*/include", "usr/lib/clang/*/include", "usr/lib64/clang/*/include"];

/// Variables with which every build finds libclang.
#[derive(Debug, Default)]
pub(crate) struct Environment(Vec<(&'static str, OsString)>);

impl Environment {
    /// Whether libclang is installed on the machine.
    pub(crate) fn is_on_machine() -> bool {
        let host = Path::new("/");
        std::env::var_os("LIBCLANG_PATH").is_some() || (library(host).is_some() && headers(host).is_some())
    }

    /// Finds libclang on the machine, or downloads it.
    ///
    /// # Errors
    /// When it is not found and cannot be downloaded.
    pub(crate) fn find(guest_dir: &Path) -> Result<Self> {
        let host = Path::new("/");
        if Self::is_on_machine() {
            return Ok(Self::default());
        }
        let fetched = packages::provide(Group::Clang, guest_dir)?;
        // One of the two may be installed on the machine.
        let library = library(&fetched).or_else(|| library(host)).context("the packages do not contain libclang")?;
        let headers =
            headers(&fetched).or_else(|| headers(host)).context("the packages do not contain the headers of clang")?;
        Ok(Self(vec![
            ("LIBCLANG_PATH", library.into()),
            ("BINDGEN_EXTRA_CLANG_ARGS", format!("-isystem '{}'", headers.display()).into()),
            ("LD_LIBRARY_PATH", packages::library_path(&fetched)?),
        ]))
    }

    /// Sets the variables of a command.
    pub(crate) fn apply<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.envs(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// The folder that contains libclang.
fn library(root: &Path) -> Option<PathBuf> {
    let is_libclang = |name: &str| {
        name.starts_with("libclang.so")
            || (name.starts_with("libclang-") && name.contains(".so") && !name.contains("cpp"))
    };
    let holds_it = |folder: &PathBuf| names(folder).iter().any(|name| is_libclang(name));
    LIBRARY_FOLDERS.iter().flat_map(|pattern| expand(root, pattern)).find(holds_it)
}

/// The folder that contains the compiler's headers.
fn headers(root: &Path) -> Option<PathBuf> {
    let holds_them = |folder: &PathBuf| folder.join("stddef.h").is_file();
    HEADER_FOLDERS.iter().flat_map(|pattern| expand(root, pattern)).find(holds_them)
}

/// The folders that match a pattern whose parts may contain a `*`, in reverse order.
fn expand(root: &Path, pattern: &str) -> Vec<PathBuf> {
    let mut found = vec![root.to_owned()];
    for part in pattern.split('/') {
        found = match part.split_once('*') {
            None => found.iter().map(|folder| folder.join(part)).collect(),
            Some((start, end)) => found.iter().flat_map(|folder| matching(folder, start, end)).collect(),
        };
    }
    found.sort();
    found.reverse();
    found
}

/// The entries of a folder whose names start and end with these texts.
fn matching(folder: &Path, start: &str, end: &str) -> Vec<PathBuf> {
    let fits = |name: &String| name.starts_with(start) && name.ends_with(end);
    names(folder).into_iter().filter(fits).map(|name| folder.join(name)).collect()
}

/// The names in a folder; empty if it cannot be read.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}
