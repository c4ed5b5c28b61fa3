//! Checks the readers of the kernel's replies with any bytes: they must not panic, loop or read bytes that the kernel has not
//! written.
//!
//! An input is the number of a command, an errno and the reply's bytes.
//!
//! ```text
//! cargo xtask fuzz                 # from the replies of real kernels
//! cargo run --example seed         # only writes these to corpus/
//! cargo +nightly fuzz run replies
//! ```

#[path = "../../tests/replies/mod.rs"]
mod replies;

/// Decodes an input.
pub fn decode(input: &[u8]) {
    replies::decode(input);
}

/// The input that corresponds to a reply to a command, if there is a decoder for it.
pub fn input(command: &str, answer: &[u8]) -> Option<Vec<u8>> {
    replies::input(command, answer)
}
