//! Follows mapped devices with `poll(2)`, until a line is read from standard input.

use std::error::Error;
use std::io::stdin;
use std::os::fd::AsFd as _;

use dm_core::{Dm, EventPoller};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

fn main() -> Result<(), Box<dyn Error>> {
    let mut poller = EventPoller::open(&Dm::open()?)?;
    let stdin = stdin();
    loop {
        let mut ready = [poller.as_fd(), stdin.as_fd()].map(|descriptor| PollFd::new(descriptor, PollFlags::POLLIN));
        poll(&mut ready, PollTimeout::NONE)?;
        if ready[1].any() == Some(true) {
            return Ok(());
        }
        for event in poller.read()? {
            println!("{} {} {:?}", event.number, event.name, event.kind);
        }
    }
}
