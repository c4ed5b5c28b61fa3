//! A logger that simulates one on the suspended device: nothing may be logged while a device is suspended.

use std::cell::RefCell;
use std::sync::Once;

use log::{LevelFilter, Log, Metadata, Record};

use crate::kernel::Kernel;

thread_local! {
    /// The kernel of this thread's test, and the lines that were logged at the wrong time.
    static WATCHED: RefCell<Option<(Kernel, Vec<String>, usize)>> = const { RefCell::new(None) };
}

struct Watcher;

impl Log for Watcher {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        // Reading the state of the kernel is logged as well.
        let Some((kernel, mut wrong, lines)) = WATCHED.take() else { return };
        if kernel.has_suspended() {
            wrong.push(record.args().to_string());
        }
        WATCHED.set(Some((kernel, wrong, lines + 1)));
    }

    fn flush(&self) {}
}

static INSTALLED: Once = Once::new();

/// Runs an operation; panics if anything was logged while a device of the kernel was suspended.
pub(crate) fn watched<R>(kernel: &Kernel, what: &str, run: impl FnOnce() -> R) -> R {
    counted(kernel, what, run).0
}

/// As [`watched`]; returns also the number of logged lines.
pub(crate) fn counted<R>(kernel: &Kernel, what: &str, run: impl FnOnce() -> R) -> (R, usize) {
    INSTALLED.call_once(|| {
        log::set_logger(&Watcher).unwrap();
        log::set_max_level(LevelFilter::Trace);
    });
    WATCHED.set(Some((kernel.clone(), Vec::new(), 0)));
    let result = run();
    let (_, wrong, lines) = WATCHED.take().unwrap();
    assert!(wrong.is_empty(), "{what}: logged while a device was suspended: {wrong:?}");
    (result, lines)
}
