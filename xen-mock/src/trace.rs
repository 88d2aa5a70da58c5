//! What the guest did, in order.

use xen_hypercall::{Nanos, Number, Vcpu};

use crate::xenstored::wire::{Message, StoreOp};

/// A hypercall that the guest made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// Its number.
    pub number: Number,
    /// Its first argument: the command.
    pub cmd: usize,
    /// What it returned; `None` while it has not returned.
    pub result: Option<isize>,
    /// When it was made.
    pub at: Nanos,
    /// The processor that made it.
    pub vcpu: Vcpu,
}

/// A request that the guest made to xenstored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What it asked for.
    pub op: StoreOp,
    /// The first string of its payload: the path, for most.
    pub path: String,
    /// The transaction that it belongs to, 0 for none.
    pub transaction: u32,
    /// When it was served.
    pub at: Nanos,
}

/// A point in the trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mark {
    pub(crate) calls: usize,
    pub(crate) requests: usize,
}

#[derive(Debug, Default)]
pub(crate) struct Records {
    pub(crate) calls: Vec<Call>,
    pub(crate) requests: Vec<Request>,
}

impl Records {
    /// Notes a request and returns its path.
    pub(crate) fn store_request(&mut self, request: &Message, at: Nanos) -> String {
        let path = request.string_and_rest().map_or_else(String::new, |(path, _)| path);
        let (op, transaction) = (request.op, request.transaction);
        self.requests.push(Request { op, path: path.clone(), transaction, at });
        path
    }
}
