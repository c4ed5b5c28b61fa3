//! Follows mapped devices in an event loop of `mio`.

use std::error::Error;
use std::os::fd::AsRawFd as _;

use dm_core::{Dm, EventPoller};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};

fn main() -> Result<(), Box<dyn Error>> {
    let mut poller = EventPoller::open(&Dm::open()?)?;
    let mut poll = Poll::new()?;
    poll.registry().register(&mut SourceFd(&poller.as_raw_fd()), Token(0), Interest::READABLE)?;
    let mut ready = Events::with_capacity(8);
    loop {
        poll.poll(&mut ready, None)?;
        for event in poller.read()? {
            println!("{} {} {:?}", event.number, event.name, event.kind);
        }
    }
}
