//! Pages used anew, for tests that make hosts without number.

use std::cell::{Cell, RefCell};

use super::Frame;

thread_local! {
    /// Pages of tests that are over.
    static SPARE: RefCell<Vec<Frame>> = const { RefCell::new(Vec::new()) };
    /// Those of the test under way.
    static TAKEN: RefCell<Vec<Frame>> = const { RefCell::new(Vec::new()) };
    static UNDER_WAY: Cell<bool> = const { Cell::new(false) };
}

/// Takes a page of a test that is over.
pub(super) fn spare() -> Option<Frame> {
    let frame = SPARE.with_borrow_mut(|spare| if UNDER_WAY.get() { spare.pop() } else { None })?;
    taken(frame);
    Some(frame)
}

/// Notes a page of the test under way, if there is one.
pub(super) fn taken(frame: Frame) {
    if UNDER_WAY.get() {
        TAKEN.with_borrow_mut(|taken| taken.push(frame));
    }
}

/// Runs a test, and then uses the pages of its hosts for the next one on this thread.
///
/// Without that they are kept for ever, and a fuzzer runs out of memory. A test that panics keeps them.
///
/// # Safety
/// The caller guarantees that nothing that has to do with a host made by `test` is used after it: no host, handle or page.
///
/// # Panics
/// If it is called by `test`.
#[expect(unsafe_code, reason = "pages have no lifetime")]
pub unsafe fn recycled<R>(test: impl FnOnce() -> R) -> R {
    struct Over;

    impl Drop for Over {
        fn drop(&mut self) {
            UNDER_WAY.set(false);
        }
    }

    assert!(!UNDER_WAY.replace(true), "one test at a time");
    let over = Over;
    // What is left is of a test that panicked, and may be in use.
    TAKEN.take();
    let result = test();
    SPARE.with_borrow_mut(|spare| TAKEN.with_borrow_mut(|taken| spare.append(taken)));
    drop(over);
    result
}
