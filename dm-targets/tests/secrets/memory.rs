//! Search for keys in freed memory.
#![allow(unsafe_code, reason = "an allocator is unsafe")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    /// The key to search for, and the number of times that it was found.
    static SEARCH: Cell<Option<(&'static str, u64)>> = const { Cell::new(None) };
}

/// The system's allocator, with a search of the memory that is freed.
struct Watching;

#[global_allocator]
static ALLOCATOR: Watching = Watching;

/// The number of blocks freed by `action` that contain four bytes of the key.
pub(crate) fn leftovers(key: &'static str, action: impl FnOnce()) -> u64 {
    SEARCH.set(Some((key, 0)));
    action();
    SEARCH.take().map_or(0, |(_, found)| found)
}

fn look_at(block: &[u8]) {
    let Some((key, found)) = SEARCH.get() else { return };
    let holds_key = block.split(|byte| !byte.is_ascii_hexdigit()).any(|row| {
        let mut parts = row.windows(crate::DIGITS);
        parts.any(|part| key.as_bytes().windows(crate::DIGITS).any(|digits| digits.eq_ignore_ascii_case(part)))
    });
    if holds_key {
        SEARCH.set(Some((key, found + 1)));
    }
}

// SAFETY: the system's allocator does all the work.
unsafe impl GlobalAlloc for Watching {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller upholds the contract. Blocks are zeroed, so that all of their bytes can be read later.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the block belongs to the caller, has this size and was zeroed.
        look_at(unsafe { std::slice::from_raw_parts(block, layout.size()) });
        // SAFETY: the caller upholds the contract.
        unsafe { System.dealloc(block, layout) }
    }
}
