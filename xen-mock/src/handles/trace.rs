//! The record of what the guest did.

use xen_hypercall::Number;

use super::handle;
use crate::trace::{Call, Mark, Request};

handle! {
    /// All hypercalls and all requests to xenstored, in order.
    Trace
}

impl Trace {
    /// Returns the point reached now.
    #[must_use]
    pub fn mark(&self) -> Mark {
        let world = self.host.world();
        Mark { calls: world.records.calls.len(), requests: world.records.requests.len() }
    }

    /// Returns the hypercalls made since `mark`; [`Mark::default`] is the beginning.
    #[must_use]
    pub fn calls_since(&self, mark: Mark) -> Vec<Call> {
        self.host.world().records.calls[mark.calls..].to_vec()
    }

    /// Returns the requests to xenstored served since `mark`.
    #[must_use]
    pub fn requests_since(&self, mark: Mark) -> Vec<Request> {
        self.host.world().records.requests[mark.requests..].to_vec()
    }

    /// Counts the hypercalls of one number and command since `mark`.
    #[must_use]
    pub fn count(&self, mark: Mark, number: Number, cmd: usize) -> usize {
        let calls = self.calls_since(mark);
        calls.iter().filter(|call| call.number == number && call.cmd == cmd).count()
    }
}
