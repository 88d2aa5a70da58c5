//! A hypervisor that agrees to everything and does nothing: what is measured makes no hypercall.
#![expect(unsafe_code, reason = "takes hypercalls")]

use xen_hypercall::{Hypercall, Number, Word};

/// Says yes.
#[derive(Debug, Clone, Copy)]
pub struct Yes;

// SAFETY: it touches no memory.
unsafe impl Hypercall for Yes {
    unsafe fn call(&self, _: Number, _: [Word; 5]) -> isize {
        0
    }
}
