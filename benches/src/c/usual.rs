//! The usual way to keep grants, to dispatch events and to speak to xenstore: the tables of `c/usual.h`, field by field, and their users.
#![expect(unsafe_code, reason = "calls C")]

use core::ffi::{c_char, c_void};
use std::ffi::CString;

use super::Compiled;
use super::state::State;
use crate::store::Exchange;

#[repr(C)]
struct GrantOps {
    size: usize,
    init: unsafe extern "C" fn(*mut c_void, *mut c_void, u32),
    rounds: unsafe extern "C" fn(*mut c_void, u32, u32) -> u64,
}

#[repr(C)]
struct TwoLevelOps {
    size: usize,
    init: unsafe extern "C" fn(*mut c_void),
    rounds: unsafe extern "C" fn(*mut c_void, u32, u32) -> u64,
    checked: unsafe extern "C" fn(*mut c_void, u32, u32) -> u64,
    late: unsafe extern "C" fn(*mut c_void, u32) -> u64,
}

#[repr(C)]
struct FifoOps {
    size: usize,
    init: unsafe extern "C" fn(*mut c_void),
    rounds: unsafe extern "C" fn(*mut c_void, u32, u32) -> u64,
    checked: unsafe extern "C" fn(*mut c_void, u32, u32) -> u64,
}

#[repr(C)]
struct StoreOps {
    size: usize,
    init: unsafe extern "C" fn(*mut c_void),
    rounds: unsafe extern "C" fn(*mut c_void, *const StoreWork, u32) -> u64,
    checked: unsafe extern "C" fn(*mut c_void, *const StoreWork, u32) -> u64,
}

#[repr(C)]
pub(super) struct Table {
    grant: GrantOps,
    two_level: TwoLevelOps,
    fifo: FifoOps,
    store: StoreOps,
}

unsafe extern "C" {
    pub(super) safe static usual_o2: Table;
    pub(super) safe static usual_o3: Table;
    pub(super) safe static usual_native: Table;
}

/// A grant table with its list under a lock, which several threads may use.
#[derive(Debug, Clone, Copy)]
pub struct CGrants {
    compiled: Compiled,
    /// Never freed.
    state: *mut c_void,
}

/// Bytes of an entry.
const ENTRY: usize = 8;

// SAFETY: C takes its lock around what threads share.
unsafe impl Send for CGrants {}

impl CGrants {
    /// Makes a table of `count` entries, which is never freed.
    #[must_use]
    pub fn new(compiled: Compiled, count: u32) -> Self {
        let ops = &compiled.usual().grant;
        let [state, entries] =
            [ops.size, count as usize * ENTRY].map(|size| Box::leak(Box::new(State::of(size))).get());
        // SAFETY: of the sizes that C asks for, and never freed.
        unsafe { (ops.init)(state, entries, count) }
        Self { compiled, state }
    }

    /// Offers a batch of frames and ends each offer, as often; returns the sum of the frames.
    #[must_use]
    pub fn rounds(self, rounds: u32, batch: u32) -> u64 {
        // SAFETY: made by `init`; what threads share is under C's lock.
        unsafe { (self.compiled.usual().grant.rounds)(self.state, rounds, batch) }
    }
}

/// What a processor's events are: the 2-level kind with its bits taken one by one, and the FIFO kind.
#[derive(Debug)]
pub struct CEvents {
    compiled: Compiled,
    two_level: State,
    fifo: State,
}

impl CEvents {
    /// Makes both kinds, with every port bound.
    #[must_use]
    pub fn new(compiled: Compiled) -> Self {
        let Table { two_level, fifo, .. } = compiled.usual();
        let mut events = Self { compiled, two_level: State::of(two_level.size), fifo: State::of(fifo.size) };
        // SAFETY: of the size that C asks for.
        unsafe { (two_level.init)(events.two_level.get()) }
        // SAFETY: as above.
        unsafe { (fifo.init)(events.fifo.get()) }
        events
    }

    /// Has `pending` events of the 2-level kind come in and dispatches them, as often; returns the sum of the ports.
    pub fn two_level(&mut self, rounds: u32, pending: u32) -> u64 {
        let ops = &self.compiled.usual().two_level;
        let work = if self.compiled == Compiled::Checked { ops.checked } else { ops.rounds };
        // SAFETY: made by `init`.
        unsafe { work(self.two_level.get(), rounds, pending) }
    }

    /// Masks, handles and unmasks a port on which an event came, as often; returns the sum of the ports.
    pub fn late(&mut self, rounds: u32) -> u64 {
        // SAFETY: made by `init`.
        unsafe { (self.compiled.usual().two_level.late)(self.two_level.get(), rounds) }
    }

    /// Has `pending` events of the FIFO kind come in and dispatches them, as often; returns the sum of the ports.
    pub fn fifo(&mut self, rounds: u32, pending: u32) -> u64 {
        let ops = &self.compiled.usual().fifo;
        let work = if self.compiled == Compiled::Checked { ops.checked } else { ops.rounds };
        // SAFETY: made by `init`.
        unsafe { work(self.fifo.get(), rounds, pending) }
    }
}

/// A request and its answer, as C has them.
#[derive(Debug)]
#[repr(C)]
struct StoreWork {
    kind: u32,
    path: *const c_char,
    value: *const u8,
    value_len: usize,
    answers: *mut [u8; 128],
    answer_len: usize,
}

/// The codec of a xenstore client.
#[derive(Debug)]
pub struct CStore {
    compiled: Compiled,
    state: State,
    path: CString,
    exchange: Exchange,
}

impl CStore {
    /// Makes one for this request and its answer.
    ///
    /// # Panics
    /// If the path holds a NUL.
    #[must_use]
    pub fn new(compiled: Compiled, exchange: Exchange) -> Self {
        let ops = &compiled.usual().store;
        let path = CString::new(exchange.path).expect("a path holds no NUL");
        let mut store = Self { compiled, state: State::of(ops.size), path, exchange };
        // SAFETY: of the size that C asks for.
        unsafe { (ops.init)(store.state.get()) }
        store
    }

    /// Encodes the request and decodes the answer, as often; returns the sum of what was taken out of them.
    pub fn rounds(&mut self, rounds: u32) -> u64 {
        let ops = &self.compiled.usual().store;
        let work = if self.compiled == Compiled::Checked { ops.checked } else { ops.rounds };
        let Exchange { kind, value, answers, answer_len, .. } = &mut self.exchange;
        let exchange = StoreWork {
            kind: kind.raw(),
            path: self.path.as_ptr(),
            value: value.as_ptr(),
            value_len: value.len(),
            answers: answers.as_mut_ptr(),
            answer_len: *answer_len,
        };
        // SAFETY: made by `init`; what the exchange points to outlives the call.
        unsafe { work(self.state.get(), &raw const exchange, rounds) }
    }
}
