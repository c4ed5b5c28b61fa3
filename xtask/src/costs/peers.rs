//! The C programs that make the same calls: `floor.c` by hand, `libdm.c` through libdevmapper.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::packages::{self, Group};
use crate::workspace::Workspace;

/// The paths of the programs.
pub(super) struct Peers {
    /// Makes calls at the minimum cost.
    pub(super) floor: PathBuf,
    pub(super) libdm: PathBuf,
}

/// Compiles the programs into a folder.
///
/// # Errors
/// When there is no C compiler, a header or libdevmapper is missing, or a program does not compile.
pub(super) fn compile(workspace: &Workspace, folder: &Path) -> Result<Peers> {
    let tree = packages::provide(Group::Libdm, &workspace.guest_dir())?;
    let floor = compile_one(workspace, "floor", folder, |_| Ok(()))?;
    let libdm = compile_one(workspace, "libdm", folder, |command| link_libdm(command, &tree))?;
    Ok(Peers { floor, libdm })
}

fn compile_one(
    workspace: &Workspace,
    name: &str,
    folder: &Path,
    link: impl FnOnce(&mut Command) -> Result<()>,
) -> Result<PathBuf> {
    let program = folder.join(name);
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    let mut command = Command::new(&compiler);
    let source = workspace.root.join("dm-core/examples/costs").join(name).with_extension("c");
    command.args(["-O3", "-o"]).arg(&program).arg(source);
    link(&mut command)?;
    let status =
        command.status().with_context(|| format!("cannot run {}: install a C compiler", compiler.to_string_lossy()))?;
    if !status.success() {
        bail!("{name}.c does not compile: are the C library's and the kernel's headers installed?");
    }
    Ok(program)
}

/// The guest finds the unpacked library at the same path. The program's `ioctl` replaces that of the C library, and the
/// library's dependencies are resolved when it is loaded.
fn link_libdm(command: &mut Command, tree: &Path) -> Result<()> {
    command.arg("-I").arg(tree.join("usr/include")).arg("-rdynamic").arg("-Wl,--allow-shlib-undefined");
    let library = packages::library_path(tree)?;
    for folder in std::env::split_paths(&library).filter(|folder| folder.starts_with(tree)) {
        command.arg("-L").arg(&folder).arg("-Wl,-rpath").arg(format!("-Wl,{}", folder.display()));
    }
    // By its file name, since the link without a version leads to the library of the machine.
    command.arg("-l:libdevmapper.so.1.02.1");
    Ok(())
}
