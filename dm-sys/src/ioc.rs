//! The packing of an ioctl request code: what C's `_IO` and `_IOWR` macros compute.
//!
//! A code holds, from the lowest bit up, the command number (8 bits), the magic number of the
//! driver (8 bits), the size of the argument and the direction of the transfer. Architectures
//! differ in the width and the values of the direction. That does not show in `_IOWR`, where the
//! two set bits end up in the same place, but it does in `_IO`.

/// The values by which an architecture encodes the direction of a transfer.
#[derive(Clone, Copy)]
pub(crate) struct Numbering {
    none: u32,
    read: u32,
    write: u32,
    /// Lowest bit of the direction field, which follows the size.
    shift: u32,
}

/// Kernel: `include/uapi/asm-generic/ioctl.h`. PA-RISC swaps read and write, which changes no code
/// of the device mapper.
pub(crate) const GENERIC: Numbering = Numbering { none: 0, read: 2, write: 1, shift: 30 };

/// Kernel: `arch/{mips,powerpc,sparc,alpha}/include/uapi/asm/ioctl.h`.
pub(crate) const WIDE_DIRECTION: Numbering = Numbering { none: 1, read: 2, write: 4, shift: 29 };

/// The numbering of the target this crate is compiled for. Rust has no target for Alpha.
pub(crate) const NATIVE: Numbering = if cfg!(any(
    target_arch = "mips",
    target_arch = "mips32r6",
    target_arch = "mips64",
    target_arch = "mips64r6",
    target_arch = "powerpc",
    target_arch = "powerpc64",
    target_arch = "sparc",
    target_arch = "sparc64",
)) {
    WIDE_DIRECTION
} else {
    GENERIC
};

/// C's `_IO(magic, nr)`: a command without an argument.
pub(crate) const fn io(numbering: Numbering, magic: u8, nr: u8) -> u32 {
    code(numbering.none << numbering.shift, magic, nr, 0)
}

/// C's `_IOWR(magic, nr, type)`: a command whose argument of `size` bytes is read and written.
pub(crate) const fn iowr(numbering: Numbering, magic: u8, nr: u8, size: u16) -> u32 {
    code((numbering.read | numbering.write) << numbering.shift, magic, nr, size)
}

const fn code(direction: u32, magic: u8, nr: u8, size: u16) -> u32 {
    direction | (size as u32) << 16 | (magic as u32) << 8 | nr as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    // Expected: what C prints with the kernel's `asm-generic/ioctl.h`, as it is and with the values
    // that `arch/powerpc/include/uapi/asm/ioctl.h` sets before including it.

    #[test]
    fn a_command_with_an_argument_has_the_same_code_everywhere() {
        assert_eq!(iowr(GENERIC, 0xfd, 0, 312), 0xc138_fd00);
        assert_eq!(iowr(WIDE_DIRECTION, 0xfd, 0, 312), 0xc138_fd00);
        assert_eq!(iowr(GENERIC, 0xfd, 17, 312), 0xc138_fd11);
        assert_eq!(iowr(WIDE_DIRECTION, 0xfd, 17, 312), 0xc138_fd11);
    }

    #[test]
    fn a_command_without_argument_differs() {
        assert_eq!(io(GENERIC, 0xfd, 18), 0x0000_fd12);
        assert_eq!(io(WIDE_DIRECTION, 0xfd, 18), 0x2000_fd12);
    }
}
