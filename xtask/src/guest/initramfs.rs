//! The guest's initramfs: busybox, a few modules, the scripts and the jobs, as a cpio archive in the `newc` format.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

/// A `newc` archive under construction.
pub(crate) struct Initramfs {
    bytes: Vec<u8>,
    inode: u32,
}

/// File types and modes of `newc` entries.
const FOLDER: u32 = 0o040_755;
const PROGRAM: u32 = 0o100_755;

impl Initramfs {
    /// An archive without entries.
    pub(crate) fn new() -> Self {
        Self { bytes: Vec::new(), inode: 1 }
    }

    /// Adds an empty folder.
    ///
    /// # Errors
    /// When the name is too long for the format.
    pub(crate) fn folder(&mut self, name: &str) -> Result<()> {
        self.entry(name, FOLDER, &[])
    }

    /// Adds an executable file.
    ///
    /// # Errors
    /// When the file is too large for the format.
    pub(crate) fn file(&mut self, name: &str, content: &[u8]) -> Result<()> {
        self.entry(name, PROGRAM, content)
    }

    /// Adds a module in `modules/`, with a name that gives the order of loading.
    ///
    /// # Errors
    /// When the module cannot be read.
    pub(crate) fn module(&mut self, index: usize, path: &Path) -> Result<()> {
        let name = path.file_name().context("a module without a name")?.to_string_lossy().into_owned();
        // The busybox in the guest supports xz and gzip, but not zstd.
        if let Some(plain) = name.strip_suffix(".zst") {
            let output = Command::new("zstd").arg("-dcq").arg(path).output().context("cannot run zstd: install it")?;
            if !output.status.success() {
                bail!("zstd cannot unpack {}", path.display());
            }
            return self.file(&format!("modules/{index:02}-{plain}"), &output.stdout);
        }
        let content = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        self.file(&format!("modules/{index:02}-{name}"), &content)
    }

    /// The finished archive.
    ///
    /// # Errors
    /// Never in practice: the end mark is a valid entry.
    pub(crate) fn finish(mut self) -> Result<Vec<u8>> {
        self.entry("TRAILER!!!", 0, &[])?;
        Ok(self.bytes)
    }

    fn entry(&mut self, name: &str, mode: u32, content: &[u8]) -> Result<()> {
        let size = u32::try_from(content.len()).with_context(|| format!("{name} is too large"))?;
        let name_size = u32::try_from(name.len())?.saturating_add(1);
        let links = 1;
        let fields = [self.inode, mode, 0, 0, links, 0, size, 0, 0, 0, 0, name_size, 0];
        self.bytes.extend_from_slice(b"070701");
        for field in fields {
            self.bytes.extend_from_slice(format!("{field:08X}").as_bytes());
        }
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend_from_slice(content);
        self.pad();
        self.inode = self.inode.saturating_add(1);
        Ok(())
    }

    /// Pads to a multiple of four bytes, as the format requires.
    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::Initramfs;

    #[test]
    fn one_entry_as_the_format_says() {
        let mut archive = Initramfs::new();
        archive.file("init", b"hello").unwrap();
        let bytes = archive.finish().unwrap();
        let header = "07070100000001000081ED000000000000000000000001000000000000000500000000000000000000000000000000\
                      0000000500000000init\0";
        assert_eq!(&bytes[..header.len()], header.as_bytes());
        // 110 bytes of header and 5 of name are padded to 116, then the content to 124.
        assert_eq!(&bytes[116..124], b"hello\0\0\0");
        assert_eq!(&bytes[124..130], b"070701");
        assert_eq!(bytes.len() % 4, 0);
    }
}
