//! Repeats a call of dm-core, to measure its cost.
//!
//! - `costs user CALL COUNT` makes the call COUNT times with a prepared reply instead of a kernel; `costs user CALL
//!   COUNT ioctl` makes only its ioctls. The difference is the cost of the call in user space.
//! - `costs compare FLOOR LIBDM CALL:SIZE:COUNT...` makes calls to the kernel, with lists or tables of SIZE entries.
//!   For each call it prints the processor time in nanoseconds that the program FLOOR, dm-core and the program LIBDM
//!   used, and the number of ioctls. No other program may use the device mapper meanwhile.
//! - `costs whole CALL SIZE COUNT ROUNDS` is one of the programs that `compare` runs; `floor.c` and `libdm.c` are the
//!   others.
//!
//! `cargo xtask costs` runs them and calculates the costs.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a fault ends the run"
)]

mod calls;
mod counting;
#[path = "../../benches/kernel/mod.rs"]
mod kernel;
mod operations;
mod scene;
#[path = "../../benches/tables/mod.rs"]
mod tables;
mod user;
mod whole;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let number = |word: &str| word.parse().expect("SIZE, COUNT and ROUNDS are numbers");
    match words.as_slice() {
        ["user", call, count] => user::repeat_call(call, number(count)),
        ["user", call, count, "ioctl"] => user::repeat_ioctl(call, number(count)),
        ["compare", floor, libdm, calls @ ..] => whole::compare(floor, libdm, calls),
        ["whole", call, size, count, rounds] => whole::measure(call, number(size), number(count), number(rounds)),
        _ => {
            eprintln!("usage: costs user CALL COUNT [ioctl]");
            std::process::exit(2);
        }
    }
}
