//! Stores lines that a kernel prints, for golden files.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Appends lines to the file of a target type in the format of golden files, if this is requested.
pub(crate) fn capture(target_type: &str, lines: &[(&str, &str)]) {
    let Some(folder) = std::env::var_os("DM_TESTING_GOLDEN") else { return };
    let path = base().join(folder).join(format!("{target_type}.txt"));
    let mut text = if path.exists() { String::new() } else { format!("kernel {}\n", kernel_version()) };
    for (kind, line) in lines {
        text.push_str(kind);
        if !line.is_empty() {
            text.push(' ');
            text.push_str(&visible(line));
        }
        text.push('\n');
    }
    append(&path, &text);
}

/// The directory for files, if there is one.
fn base() -> PathBuf {
    std::env::var_os("DM_TESTING_DIR").map(PathBuf::from).unwrap_or_default()
}

fn append(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    OpenOptions::new().append(true).create(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

/// Marks white space at the end of a line, which would otherwise be lost.
fn visible(line: &str) -> String {
    let line = line.replace('\n', "\u{2424}");
    line.strip_suffix(' ').map(|start| format!("{start}\u{2420}")).unwrap_or(line)
}

/// The running kernel's version without the suffix of a distribution.
fn kernel_version() -> String {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    release.trim_end().split(['+', '-']).next().unwrap().to_owned()
}
