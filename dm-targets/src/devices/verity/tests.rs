//! Trees in images: equal to those of `veritysetup`, and every change is found.
#![expect(clippy::arithmetic_side_effects, clippy::cast_possible_truncation, reason = "a panic is how a test fails")]

use std::fmt::Write as _;
use std::io;
use std::string::String;
use std::sync::Mutex;
use std::vec;
use std::vec::Vec;

use dm_core::block::BlockIo;
use dm_units::{DataBlocks, Sectors};
use sha2::{Digest as _, Sha256};

use super::{VerityAlgorithm, VerityError, VerityFormat, VeritySuperblock};
use crate::verity::Hex;

/// An image in memory.
#[derive(Debug)]
struct Image(Mutex<Vec<u8>>);

impl Image {
    fn zeros(sectors: usize) -> Self {
        Self(Mutex::new(vec![0; sectors * 512]))
    }

    /// Sectors that differ from their neighbors.
    fn data(sectors: usize) -> Self {
        let sector = |number: usize| [u8::try_from(number % 251).unwrap(); 512];
        Self(Mutex::new((0..sectors).flat_map(sector).collect()))
    }

    fn flip(&self, at: usize) {
        self.0.lock().unwrap()[at] ^= 0x10;
    }

    fn digest(&self) -> String {
        let digest = Sha256::digest(&*self.0.lock().unwrap());
        digest.iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        })
    }
}

impl BlockIo for Image {
    fn size(&self) -> io::Result<Sectors> {
        Ok(Sectors(self.0.lock().unwrap().len() as u64 / 512))
    }

    fn read_sectors(&self, start: Sectors, data: &mut [u8]) -> io::Result<()> {
        let (image, start) = (self.0.lock().unwrap(), start.0 as usize * 512);
        data.copy_from_slice(image.get(start..start + data.len()).ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_sectors(&self, start: Sectors, data: &[u8]) -> io::Result<()> {
        let (mut image, start) = (self.0.lock().unwrap(), start.0 as usize * 512);
        image.get_mut(start..start + data.len()).ok_or(io::ErrorKind::WriteZero)?.copy_from_slice(data);
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}

fn format() -> VerityFormat {
    VerityFormat::new().salt(*b"salt").uuid([7; 16])
}

/// The values are those of `veritysetup format` 2.6.1 on the same data: the root hash, and the SHA-256 of the hash
/// device.
#[test]
fn trees_are_those_of_veritysetup() {
    let small = format().version(0).algorithm(VerityAlgorithm::Sha1).block_sizes(1024, 512).salt([]);
    let deep = format().algorithm(VerityAlgorithm::Sha512).block_sizes(512, 512).salt([1, 2]).hash_offset(Sectors(6));
    let cases = [
        (
            format(),
            "8215296ef67aeecb12254834e5357f19c059d1a2122473dfc0a2a43f1be0c1ee",
            "f175ab18f4e400a35079a1b3308b9e61a72cacdb5fe9c0526be5977771e0ee06",
        ),
        (
            small,
            "d15751be6a029f3a02234a067f9a72023b2b2ef3",
            "65388816660f3e70332e34b2fa688362c09376da4210947b11e70173a1e11846",
        ),
        (
            deep,
            "4b27e4bd988315f7a807352dbd29bfa7042a7ba00c793c5f4872d9e3f7b94b50a77974f8bcc88fe374841fdd67a55749195ea09662a9\
             2097243a0b112abd567c",
            "c2038c8e8b1e5912bb5ca82fe71d17ff67f9f6303ae02537300b2d993cad4b27",
        ),
    ];
    for (format, root, image) in cases {
        let (data, hash) = (Image::data(2048), Image::zeros(2048));
        let made = format.write(&data, &hash).unwrap();
        assert_eq!(made.root_hash.as_str(), root);
        assert_eq!(hash.digest(), image);
        let read = VeritySuperblock::read(&hash, made.superblock.offset).unwrap();
        assert_eq!(read, made.superblock);
        read.verify(&data, &hash, &made.root_hash).unwrap();
    }
}

#[test]
fn a_changed_data_block_is_named_whatever_its_number() {
    // Of one block, of a whole hash block, of one more, of three levels.
    for blocks in [1, 2, 8, 9, 64, 65, 520] {
        let (data, hash) = (Image::data(blocks + 3), Image::zeros(2048));
        let format = format().algorithm(VerityAlgorithm::Sha512).block_sizes(512, 512);
        let made = format.data_blocks(DataBlocks(blocks as u64)).write(&data, &hash).unwrap();
        let verify = || made.superblock.verify(&data, &hash, &made.root_hash);
        verify().unwrap();
        for block in [0, blocks / 2, blocks - 1] {
            data.flip(block * 512 + 77);
            let error = verify().unwrap_err();
            assert!(error.is_corrupted());
            assert!(matches!(error, VerityError::CorruptedData { block: found } if found.0 == block as u64), "{error}");
            data.flip(block * 512 + 77);
        }
        // Data after the last hashed block may change.
        data.flip(blocks * 512);
        verify().unwrap();
    }
}

#[test]
fn a_changed_hash_block_is_named_with_its_level() {
    let (data, hash) = (Image::data(100), Image::zeros(64));
    let format = format().algorithm(VerityAlgorithm::Sha512).block_sizes(512, 512);
    let made = format.write(&data, &hash).unwrap();
    // One block of two hashes, two of up to eight, and thirteen.
    let starts = [(2, 1_u64, 1_u64), (1, 2, 2), (0, 4, 13)];
    assert_eq!(made.superblock.hash_end().unwrap(), Sectors(17));
    for (level, start, count) in starts {
        for block in start..start + count {
            hash.flip(block as usize * 512 + 5);
            let error = made.superblock.verify(&data, &hash, &made.root_hash).unwrap_err();
            match error {
                VerityError::OtherRoot { block: found } => assert_eq!((level, found), (2, block)),
                VerityError::CorruptedHashes { level: found, block: number } => {
                    assert_eq!((found, number), (level, block));
                }
                other => unreachable!("{other}"),
            }
            hash.flip(block as usize * 512 + 5);
        }
    }
    made.superblock.verify(&data, &hash, &made.root_hash).unwrap();
}

#[test]
fn another_root_hash_is_refused() {
    let (data, hash) = (Image::data(64), Image::zeros(64));
    let made = format().write(&data, &hash).unwrap();
    let verify = |root: &[u8]| made.superblock.verify(&data, &hash, &Hex::of_bytes(root).unwrap()).unwrap_err();
    assert!(matches!(verify(&[7; 32]), VerityError::OtherRoot { block: 1 }));
    let text = "the root hash has 20 bytes, but a hash of sha256 has 32";
    assert_eq!(verify(&[7; 20]).to_string(), text);
}

#[test]
fn a_salt_and_a_uuid_are_drawn_if_none_are_given() {
    let (data, hash) = (Image::data(64), Image::zeros(64));
    let [one, two] = [(); 2].map(|()| VerityFormat::new().write(&data, &hash).unwrap());
    assert_eq!((one.superblock.salt.len(), one.superblock.uuid[6] >> 4), (32, 4));
    assert_ne!(one.superblock.salt, two.superblock.salt);
    assert_ne!(one.superblock.uuid, two.superblock.uuid);
    assert_ne!(one.root_hash, two.root_hash);
}

#[test]
fn a_device_that_is_too_short_is_an_error() {
    let (data, hash) = (Image::data(64), Image::zeros(64));
    let made = format().write(&data, &hash).unwrap();
    let verify =
        |data: &Image, hash: &Image| made.superblock.verify(data, hash, &made.root_hash).unwrap_err().to_string();
    assert_eq!(verify(&Image::data(63), &hash), "the data device has 63 sectors, and 64 are needed");
    assert_eq!(verify(&data, &Image::zeros(15)), "the hash device has 15 sectors, and 16 are needed");
    let error = format().write(&Image::data(7), &hash).unwrap_err().to_string();
    assert!(error.starts_with("the verity parameters cannot be used: data blocks must be"), "{error}");
}

#[test]
fn hashes_are_not_written_over_data_on_the_same_image() {
    let image = Image::data(128);
    let before = image.digest();
    for format in [format(), format().hash_offset(Sectors(64)).data_blocks(DataBlocks(9))] {
        let error = format.write(&image, &image).unwrap_err();
        assert!(matches!(error, VerityError::Overlap { .. }), "{error}");
    }
    assert_eq!(image.digest(), before);
    let made = format().hash_offset(Sectors(64)).write(&image, &image).unwrap();
    assert_eq!(made.superblock.data_blocks, DataBlocks(8));
    made.superblock.verify(&image, &image, &made.root_hash).unwrap();
}
