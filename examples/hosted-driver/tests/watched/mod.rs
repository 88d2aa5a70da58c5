//! An allocator that counts what is asked of it while interrupts are off.
#![expect(unsafe_code, reason = "an allocator is unsafe by nature")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use hosted_driver::{Level, level};

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

/// How often this thread allocated or freed at a raised level.
pub(crate) fn allocated_while_raised() -> usize {
    COUNT.get()
}

struct Watched;

impl Watched {
    fn look() {
        if level() == Level::High {
            COUNT.set(COUNT.get() + 1);
        }
    }
}

#[global_allocator]
static ALLOCATOR: Watched = Watched;

// SAFETY: all is done by the system's allocator; counting allocates nothing.
unsafe impl GlobalAlloc for Watched {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::look();
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        Self::look();
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[test]
fn an_allocation_at_a_raised_level_is_noticed() {
    let os = hosted_driver::Os::new();
    drop(std::hint::black_box(Box::new(1)));
    assert_eq!(allocated_while_raised(), 0);
    os.interrupt(|| drop(std::hint::black_box(Box::new(1))));
    assert_eq!(allocated_while_raised(), 2);
}
