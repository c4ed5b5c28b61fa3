//! Unpacks Debian packages without installing them.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::say;

/// Unpacks every package of a folder into one tree, which has the layout of the machine.
///
/// # Errors
/// When a package cannot be read or the tree cannot be written.
pub(super) fn unpack(archives: &Path, tree: &Path) -> Result<()> {
    mirror_merged_folders(tree)?;
    unpack_all(archives, tree)
}

/// Unpacks every package of a folder into a tree that can be a root.
///
/// # Errors
/// When a package cannot be read or the tree cannot be written.
pub(super) fn unpack_root(archives: &Path, tree: &Path) -> Result<()> {
    for name in ["bin", "sbin", "lib", "lib64"] {
        let inside = Path::new("usr").join(name);
        fs::create_dir_all(tree.join(&inside))?;
        symlink(inside, tree.join(name))?;
    }
    fs::create_dir_all(tree.join("tmp"))?;
    unpack_all(archives, tree)?;
    // Links that the installation of packages would make: a shell, and the compiler's usual name.
    for (program, name) in [("busybox", "sh"), ("gcc", "cc")] {
        symlink(program, tree.join("usr/bin").join(name)).with_context(|| format!("cannot create {name}"))?;
    }
    Ok(())
}

/// Unpacks every package of a folder into a copy of a tree, which shares the files that no package replaces.
///
/// # Errors
/// When the tree cannot be copied, or a package cannot be read.
pub(super) fn unpack_over(below: &Path, archives: &Path, tree: &Path) -> Result<()> {
    // A link written to would change the first tree as well. tar removes a file before it writes another of that name.
    let status = Command::new("cp").args(["--archive", "--link"]).args([below, tree]).status();
    if !status.context("cannot run cp")?.success() {
        bail!("cp cannot copy {}", below.display());
    }
    unpack_all(archives, tree)
}

fn unpack_all(archives: &Path, tree: &Path) -> Result<()> {
    for package in packages(archives)? {
        unpack_one(&package, tree).with_context(|| format!("cannot unpack {}", package.display()))?;
    }
    Ok(())
}

/// Makes `/lib`, `/bin` and others links into `usr` if they are links on the machine, so that the tree can be mounted
/// over it.
fn mirror_merged_folders(tree: &Path) -> Result<()> {
    fs::create_dir_all(tree)?;
    for name in ["bin", "sbin", "lib", "lib32", "lib64", "libx32"] {
        let Ok(link) = fs::read_link(Path::new("/").join(name)) else { continue };
        let inside = link.strip_prefix("/").unwrap_or(&link);
        fs::create_dir_all(tree.join(inside))?;
        symlink(inside, tree.join(name))?;
    }
    Ok(())
}

/// The package files of a folder.
fn packages(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "deb") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Unpacks one package. `dpkg-deb -x` would replace the links of a merged tree by folders.
fn unpack_one(package: &Path, tree: &Path) -> Result<()> {
    let mut reader = Command::new("dpkg-deb")
        .arg("--fsys-tarfile")
        .arg(package)
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot run dpkg-deb")?;
    let stream = reader.stdout.take().context("dpkg-deb has no output")?;
    let mut writer = Command::new("tar")
        .args(["--extract", "--keep-directory-symlink", "--no-same-owner", "--directory"])
        .arg(tree)
        .stdin(stream)
        .spawn()
        .context("cannot run tar")?;
    let written = say::wait_with_progress(&mut writer, "unpacking")?;
    if !written.success() || !reader.wait()?.success() {
        bail!("dpkg-deb or tar failed");
    }
    Ok(())
}
