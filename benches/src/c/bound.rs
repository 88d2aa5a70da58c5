//! What no ring can do without.
#![expect(unsafe_code, reason = "calls C")]

use super::state::State;
use super::{Compiled, bound_ops};

/// The slots of a ring of block requests, and nothing else of it.
#[derive(Debug)]
pub struct Bound {
    compiled: Compiled,
    memory: State,
}

impl Bound {
    /// Makes the slots.
    #[must_use]
    pub fn new(compiled: Compiled) -> Self {
        Self { compiled, memory: State::of(bound_ops(compiled).size) }
    }

    /// Copies requests and answers in and out, with full barriers between; returns the sum of the tokens.
    pub fn rounds(&mut self, rounds: u32, batch: u32) -> u64 {
        // SAFETY: of the size that C asks for.
        unsafe { (bound_ops(self.compiled).rounds)(self.memory.get(), rounds, batch) }
    }
}

/// Copies messages of `len` bytes to another place and back, as many times; returns the sum of their first bytes.
#[must_use]
pub fn copies(compiled: Compiled, rounds: u32, len: u32) -> u64 {
    (bound_ops(compiled).copies)(rounds, len)
}
