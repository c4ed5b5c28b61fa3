//! Follows mapped devices in a task of `tokio`.

use std::error::Error;

use dm_core::{Dm, EventPoller};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let poller = EventPoller::open(&Dm::open()?)?;
    #[expect(deprecated, reason = "the successor is unsafe; the poller keeps its descriptor open, as it demands")]
    let mut poller = AsyncFd::with_interest(poller, Interest::READABLE)?;
    loop {
        let mut ready = poller.readable_mut().await?;
        // Before reading, so that a change during the reading wakes this task again.
        ready.clear_ready();
        for event in ready.get_inner_mut().read()? {
            println!("{} {} {:?}", event.number, event.name, event.kind);
        }
    }
}
