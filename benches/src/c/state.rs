//! Memory in which C keeps its state.

use core::ffi::c_void;
use core::fmt;

/// Shares no cache line with other memory.
#[derive(Clone, Copy)]
#[repr(align(128))]
struct Line(#[expect(dead_code, reason = "C's")] [u64; 16]);

pub(super) struct State(Box<[Line]>);

impl State {
    pub(super) fn of(size: usize) -> Self {
        Self(vec![Line([0; 16]); size.div_ceil(size_of::<Line>())].into_boxed_slice())
    }

    pub(super) fn get(&mut self) -> *mut c_void {
        self.0.as_mut_ptr().cast()
    }

    pub(super) fn look(&self) -> *const c_void {
        self.0.as_ptr().cast()
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("State")
    }
}
