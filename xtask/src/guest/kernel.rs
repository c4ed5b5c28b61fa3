//! A kernel to boot: its image, its modules and their order of loading.

use std::collections::HashMap;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::packages;

/// A kernel image with its modules.
#[derive(Debug)]
pub(crate) struct Kernel {
    /// `vmlinuz`, or `linux.uml`.
    pub(crate) image: PathBuf,
    /// The folder `lib/modules`, which contains one folder for each version.
    pub(crate) modules: PathBuf,
    /// The version, as `uname -r` prints it.
    pub(crate) version: String,
}

impl Kernel {
    /// Opens the kernel in a folder with `vmlinuz` and `lib/modules`, or with unpacked kernel packages.
    ///
    /// # Errors
    /// When the folder does not contain exactly one kernel.
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        let folder = fs::canonicalize(folder).with_context(|| format!("cannot open {}", folder.display()))?;
        let modules =
            ["lib/modules", "usr/lib/modules"].iter().map(|path| folder.join(path)).find(|path| path.is_dir());
        let modules = modules.with_context(|| format!("no lib/modules in {}", folder.display()))?;
        let version = only_entry(&modules)?;
        let own = modules.join(&version);
        let mut images = [
            folder.join("vmlinuz"),
            folder.join(format!("boot/vmlinuz-{version}")),
            folder.join("boot/vmlinuz"),
            own.join("vmlinuz"),
            own.join("vmlinuz.unsigned"),
        ]
        .into_iter();
        let image = images.find(|path| path.is_file());
        let image = image.with_context(|| format!("no vmlinuz in {}", folder.display()))?;
        Ok(Self { image, modules, version })
    }

    /// Opens the kernel that was downloaded into a folder, or that of the machine if the folder is empty.
    ///
    /// # Errors
    /// When neither exists.
    pub(crate) fn open_fetched(folder: &Path) -> Result<Self> {
        if folder.join("boot").is_dir() || folder.join("usr").is_dir() {
            return Self::open(folder);
        }
        let (image, version) = packages::installed_kernel().context("no installed kernel can be read")?;
        Ok(Self { image, modules: "/lib/modules".into(), version })
    }

    /// Opens the User Mode Linux kernel in a tree of packages.
    ///
    /// # Errors
    /// When the tree does not contain it.
    pub(crate) fn open_uml(tree: &Path) -> Result<Self> {
        let find = |path: &str| {
            packages::find_file(&[tree], path).with_context(|| format!("no {path}: install user-mode-linux"))
        };
        let modules = find("/usr/lib/uml/modules")?;
        let version = only_entry(&modules)?;
        Ok(Self { image: find("/usr/bin/linux.uml")?, modules, version })
    }

    /// The folder with this version's modules.
    fn module_folder(&self) -> PathBuf {
        self.modules.join(&self.version)
    }

    /// Creates the index of modules if the package leaves that to its installation.
    ///
    /// # Errors
    /// When depmod is missing or cannot write the index.
    pub(crate) fn index_modules(&self, userland: &Path) -> Result<()> {
        if self.module_folder().join("modules.dep.bin").exists() {
            return Ok(());
        }
        let mut places = ["/bin/kmod", "/sbin/kmod"].iter().filter_map(|path| packages::find_file(&[userland], path));
        let kmod = places.next().context("no kmod: install it")?;
        let base =
            self.modules.parent().and_then(Path::parent).context("the modules are not in a folder lib/modules")?;
        let status = Command::new(kmod)
            .arg0("depmod")
            .arg("-b")
            .arg(base)
            .arg(&self.version)
            .env("LD_LIBRARY_PATH", packages::library_path(userland)?)
            .status()
            .context("cannot run depmod")?;
        if !status.success() {
            bail!("depmod failed for {}", base.display());
        }
        Ok(())
    }

    /// The files to load in order, so that all `wanted` modules and their dependencies are loaded. Built-in ones have
    /// no file.
    ///
    /// # Errors
    /// When the index does not contain a module.
    pub(crate) fn files_for(&self, wanted: &[&str]) -> Result<Vec<PathBuf>> {
        let folder = self.module_folder();
        let read = |name: &str| {
            fs::read_to_string(folder.join(name)).with_context(|| format!("cannot read {name} in {}", folder.display()))
        };
        let order = load_order(&read("modules.dep")?, &read("modules.builtin")?, wanted)?;
        Ok(order.iter().map(|path| folder.join(path)).collect())
    }
}

/// The only name in a folder.
fn only_entry(folder: &Path) -> Result<String> {
    let names: Vec<_> = fs::read_dir(folder)?.collect::<Result<_, _>>()?;
    match names.as_slice() {
        [entry] => Ok(entry.file_name().to_string_lossy().into_owned()),
        other => bail!("{} should hold one kernel version, not {}", folder.display(), other.len()),
    }
}

/// The module's name in a path like `kernel/fs/9p/9p.ko.xz`.
fn module_name(path: &str) -> String {
    let file = path.rsplit('/').next().unwrap_or(path);
    file.split(".ko").next().unwrap_or(file).replace('-', "_")
}

/// The paths of the wanted modules, each after its dependencies, from `modules.dep`.
fn load_order(dep: &str, builtin: &str, wanted: &[&str]) -> Result<Vec<String>> {
    let built_in: Vec<String> = builtin.lines().map(module_name).collect();
    let lines: HashMap<String, (&str, &str)> = dep
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(path, needs)| (module_name(path), (path, needs)))
        .collect();
    let mut order: Vec<String> = Vec::new();
    for name in wanted {
        if built_in.iter().any(|module| module == name) {
            continue;
        }
        let (path, needs) = lines.get(*name).with_context(|| format!("this kernel has no module {name}"))?;
        // depmod lists the dependency that must be loaded first at the end.
        for path in needs.split_whitespace().rev().chain([*path]) {
            if !order.iter().any(|known| known == path) {
                order.push(path.to_owned());
            }
        }
    }
    Ok(order)
}

#[cfg(test)]
mod tests {
    use super::load_order;

    const DEP: &str = "\
kernel/fs/9p/9p.ko.xz: kernel/net/9p/9pnet.ko.xz kernel/fs/netfs/netfs.ko.xz
kernel/net/9p/9pnet_virtio.ko.xz: kernel/net/9p/9pnet.ko.xz kernel/fs/netfs/netfs.ko.xz
kernel/fs/overlayfs/overlay.ko.xz:
";

    #[test]
    fn modules_come_after_what_they_need() {
        let order = load_order(DEP, "kernel/drivers/virtio/virtio-pci.ko\n", &["virtio_pci", "9pnet_virtio", "9p"]);
        let expected = [
            "kernel/fs/netfs/netfs.ko.xz",
            "kernel/net/9p/9pnet.ko.xz",
            "kernel/net/9p/9pnet_virtio.ko.xz",
            "kernel/fs/9p/9p.ko.xz",
        ];
        assert_eq!(order.unwrap(), expected);
    }

    #[test]
    fn a_missing_module_is_named() {
        let error = load_order(DEP, "", &["overlay", "dm_mod"]).unwrap_err();
        assert_eq!(error.to_string(), "this kernel has no module dm_mod");
    }
}
