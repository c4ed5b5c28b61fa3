//! Verity devices, and compatibility with `veritysetup`.

use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use dm_core::Host;
use dm_targets::devices::{DevError, VerityAlgorithm, VerityDev, VerityError, VerityFormat, VerityVolume};
use dm_targets::verity::{FecCorrections, Hex, OnCorruption};
use dm_targets::{HealthState, Target as _, Verity, WordBuf};
use dm_testing::{LoopDevice, Pattern, Scratch, require};
use dm_units::Sectors;

use crate::support::{LENGTH, PATIENTLY, disk, in_full};

const BLOCK: Sectors = Sectors(8);

struct Scene {
    scratch: Scratch,
    host: Host,
    data: Arc<LoopDevice>,
    hash: Arc<LoopDevice>,
    volume: VerityVolume,
}

fn scene() -> Option<Scene> {
    let scratch = Scratch::new(&[require::target("verity"), require::program("veritysetup")])?;
    let host = scratch.host().clone();
    let [data, hash] = [disk(&scratch), disk(&scratch)];
    Pattern::new(1).write(data.path(), Sectors(0), LENGTH).unwrap();
    let volume = VerityVolume::new(data.number(), hash.number());
    Some(Scene { scratch, host, data, hash, volume })
}

impl Scene {
    /// Runs `veritysetup` on both disks, and returns its output if it succeeds.
    fn veritysetup(&self, before: &[&str], after: &[&str]) -> Option<String> {
        let disks: [&Path; 2] = [self.data.path(), self.hash.path()];
        let output = Command::new("veritysetup").args(before).args(disks).args(after).output().unwrap();
        output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
    }

    fn activate(&self, root: &Hex) -> VerityDev {
        let table = self.volume.table(&self.host, root).unwrap();
        VerityDev::activate(&self.host, self.scratch.name("verity").unwrap(), table).unwrap()
    }

    fn reads(&self, device: &VerityDev, pattern: Pattern, block: u64) -> bool {
        pattern.verify(&device.path(&self.host).unwrap(), BLOCK.checked_mul(block).unwrap(), BLOCK).is_ok()
    }

    fn verify_error(&self, root: &Hex) -> VerityError {
        match self.volume.verify(&self.host, root).unwrap_err() {
            DevError::Verity(error) => *error,
            other => unreachable!("{other}"),
        }
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn veritysetup_opens_and_verifies_what_is_made_here() {
    let Some(scene) = scene() else { return };
    let formats = [
        VerityFormat::new(),
        VerityFormat::new().version(0).algorithm(VerityAlgorithm::Sha1).block_sizes(1024, 512).salt([]),
        VerityFormat::new().algorithm(VerityAlgorithm::Sha512).block_sizes(512, 4096),
    ];
    for format in formats {
        let made = scene.volume.format(&scene.host, &format).unwrap();
        let root = made.root_hash.as_str();
        assert!(scene.veritysetup(&["verify"], &[root]).is_some(), "{format:?}");
        assert!(scene.veritysetup(&["verify"], &[&"0".repeat(root.len())]).is_none());
        let name = scene.scratch.name("theirs").unwrap();
        let mut open = Command::new("veritysetup");
        open.arg("open").arg(scene.data.path()).arg(name.to_string()).arg(scene.hash.path()).arg(root);
        assert!(open.status().unwrap().success(), "{format:?}");
        let theirs = VerityDev::open(&scene.host, &name).unwrap();
        let table = theirs.table(&scene.host).unwrap();
        let ours = scene.volume.table(&scene.host, &made.root_hash).unwrap();
        assert_eq!(table.lines().first().unwrap().params, ours);
        theirs.remove_with(&scene.host, PATIENTLY).unwrap();
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_tree_of_veritysetup_is_opened_and_verified() {
    let Some(scene) = scene() else { return };
    for options in ["--salt -", "--format 0 --hash sha1 --data-block-size 1024 --hash-block-size 512", "--hash sha512"]
    {
        let options: Vec<_> = ["format"].into_iter().chain(options.split(' ')).collect();
        let output = scene.veritysetup(&options, &[]).unwrap();
        let root = output.lines().find_map(|line| line.strip_prefix("Root hash:")).unwrap().trim();
        let root = Hex::new(root).unwrap();
        scene.volume.verify(&scene.host, &root).unwrap();
        let device = scene.activate(&root);
        Pattern::new(1).verify(&device.path(&scene.host).unwrap(), Sectors(0), LENGTH).unwrap();
        assert!(!device.is_corrupted(&scene.host).unwrap());
        device.remove_with(&scene.host, PATIENTLY).unwrap();
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn the_kernel_and_verify_find_the_same_corrupted_block() {
    let Some(scene) = scene() else { return };
    let root = scene.volume.format(&scene.host, &VerityFormat::new()).unwrap().root_hash;
    Pattern::new(2).write(scene.data.path(), Sectors(40 * BLOCK.0), BLOCK).unwrap();
    let error = scene.verify_error(&root);
    assert_eq!(error.to_string(), "data block 40 is corrupted");
    let device = scene.activate(&root);
    assert!(scene.reads(&device, Pattern::new(1), 39) && !device.is_corrupted(&scene.host).unwrap());
    assert!(!scene.reads(&device, Pattern::new(2), 40) && device.is_corrupted(&scene.host).unwrap());
    // The state stays until the table is loaded again, here with another reaction to corruption.
    let ignore = |device: &VerityDev| {
        device.change(&scene.host, |lines| {
            lines.iter_mut().for_each(|line| line.params.options.on_corruption = Some(OnCorruption::Ignore));
        })
    };
    ignore(&device).unwrap();
    assert!(!device.is_corrupted(&scene.host).unwrap());
    assert!(scene.reads(&device, Pattern::new(2), 40) && device.is_corrupted(&scene.host).unwrap());
    device.remove_with(&scene.host, PATIENTLY).unwrap();

    // The last level of hashes has two blocks, after the superblock and the root.
    Pattern::new(1).write(scene.data.path(), Sectors(40 * BLOCK.0), BLOCK).unwrap();
    scene.volume.verify(&scene.host, &root).unwrap();
    Pattern::new(2).write(scene.hash.path(), Sectors(3 * BLOCK.0), BLOCK).unwrap();
    let error = scene.verify_error(&root);
    assert_eq!(error.to_string(), "hash block 3, in level 0 of the tree, is corrupted");
    let device = scene.activate(&root);
    assert!(scene.reads(&device, Pattern::new(1), 127) && !scene.reads(&device, Pattern::new(1), 128));
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn corrupted_blocks_are_corrected_with_parity_that_veritysetup_made() {
    let Some(scene) = scene() else { return };
    let fec = disk(&scene.scratch);
    let parity = ["--fec-device", fec.path().to_str().unwrap(), "--fec-roots", "2"];
    let output = scene.veritysetup(&[&["format"], &parity[..]].concat(), &[]).unwrap();
    // The kernel reads the device past the page cache, and veritysetup does not wait until the parity is on it.
    File::open(fec.path()).unwrap().sync_all().unwrap();
    let root = output.lines().find_map(|line| line.strip_prefix("Root hash:")).unwrap().trim();
    let name = scene.scratch.name("theirs").unwrap();
    let mut open = Command::new("veritysetup");
    open.arg("open").arg(scene.data.path()).arg(name.to_string()).arg(scene.hash.path()).arg(root).args(parity);
    let output = open.output().unwrap();
    if !output.status.success() {
        return require::skip("the kernel's verity corrects no errors (CONFIG_DM_VERITY_FEC)");
    }
    let theirs = VerityDev::open(&scene.host, &name).unwrap();
    let printed = theirs.table(&scene.host).unwrap().lines().first().unwrap().params.clone();
    theirs.remove_with(&scene.host, PATIENTLY).unwrap();

    let ours = scene.volume.table(&scene.host, &Hex::new(root).unwrap()).unwrap();
    let blocks = printed.options.fec_blocks.unwrap();
    let ours = ours.use_fec_from_device(fec.number()).fec_blocks(blocks).fec_roots(2);
    assert_eq!(Verity::difference(&ours, &printed), None, "{ours} and {printed}");
    let setup = || {
        let name = scene.scratch.name("verity").unwrap();
        VerityDev::activate(&scene.host, name, ours.clone()).unwrap()
    };
    let device = setup();
    assert_eq!(setup(), device, "it is taken over");
    for block in [0, 40, 255] {
        Pattern::new(2).write(scene.data.path(), Sectors(block * BLOCK.0), BLOCK).unwrap();
        assert!(scene.reads(&device, Pattern::new(1), block), "block {block}");
    }
    assert!(!device.is_corrupted(&scene.host).unwrap());
    let status = device.status(&scene.host).unwrap();
    let health = Verity::health(&status);
    // Linux 6.12 and earlier do not count.
    match status.corrected {
        Some(corrected) => assert!(matches!(corrected, FecCorrections::Blocks(3..)) && health.corrected.is_some()),
        None => assert_eq!((health.state(), health.corrected), (HealthState::Good, None)),
    }
    // More than parity can correct. The kernel keeps good blocks that it has read for it.
    device.remove_with(&scene.host, PATIENTLY).unwrap();
    let device = setup();
    Pattern::new(2).write(scene.data.path(), Sectors(0), LENGTH).unwrap();
    assert!(!scene.reads(&device, Pattern::new(1), 100) && device.is_corrupted(&scene.host).unwrap());
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_root_hash_without_a_valid_signature_is_refused_with_the_kernels_reason() {
    let Some(scene) = scene() else { return };
    let root = scene.volume.format(&scene.host, &VerityFormat::new()).unwrap().root_hash;
    let description = WordBuf::new(format!("dm-testing:{}", std::process::id())).unwrap();
    let table = scene.volume.table(&scene.host, &root).unwrap().root_hash_sig_key_desc(description);
    let name = scene.scratch.name("verity").unwrap();
    let error = VerityDev::activate(&scene.host, &name, table).unwrap_err();
    let text = in_full(&error);
    if text.contains("Unrecognized verity feature request") {
        return require::skip("the kernel's verity checks no signatures (CONFIG_DM_VERITY_VERIFY_ROOTHASH_SIG)");
    }
    assert_eq!(error.errno(), Some(nix::libc::ENOKEY), "{text}");
    assert!(text.contains("key"), "{text}");
    assert!(scene.host.info(&name).unwrap_err().is_not_found());
}
