//! xenstored: the tree, transactions, watches, and the guest's connection over the ring.

pub(crate) mod connection;
pub(crate) mod path;
pub(crate) mod request;
pub(crate) mod ring;
pub(crate) mod transaction;
pub(crate) mod tree;
pub(crate) mod view;
pub(crate) mod watch;
pub(crate) mod wire;

use xen_hypercall::{DomId, Nanos};

use connection::Connection;
use tree::{Change, Tree};
use view::View;
use wire::StoreOp;

/// Limits that xenstored sets to a guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quotas {
    /// Nodes that it may own.
    pub nodes: usize,
    /// Watches that it may have.
    pub watches: usize,
    /// Transactions that it may have open.
    pub transactions: usize,
    /// Bytes that a node must be smaller than: 24, 8 a permission, its value, and the names of its children.
    pub node_size: usize,
}

impl Default for Quotas {
    /// What the C xenstored allows by default: of watches and transactions one more than it is told.
    fn default() -> Self {
        Self { nodes: 1000, watches: 129, transactions: 11, node_size: 2048 }
    }
}

/// What xenstored offers a guest, by the word in the page of its ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "a word of flags")]
pub struct Offers {
    /// The guest may have its ring connected anew.
    pub reconnection: bool,
    /// The page says why the connection was ended.
    pub error: bool,
    /// Watches may be limited to so many levels below their path; since Xen 4.22.
    pub watch_depth: bool,
    /// Permissions may name every domain; since Xen 4.22.
    pub any_domain: bool,
}

impl Default for Offers {
    /// What there was before Xen 4.22. The daemon in OCaml has the first alone; that in C offers nothing before 4.21, and then
    /// the second.
    fn default() -> Self {
        Self { reconnection: true, error: true, watch_depth: false, any_domain: false }
    }
}

impl Offers {
    pub(crate) const fn bits(self) -> u32 {
        let Self { reconnection, error, watch_depth, any_domain } = self;
        reconnection as u32 | (error as u32) << 1 | (watch_depth as u32) << 2 | (any_domain as u32) << 3
    }

    /// Tells whether it is a daemon that knows of features and quotas.
    pub(crate) const fn is_new(self) -> bool {
        self.watch_depth || self.any_domain
    }
}

/// What a fault makes of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Twist {
    /// Answer this error instead of serving it.
    Error(String),
    /// Serve it, answer later.
    Delay(Nanos),
    /// Serve it, never answer.
    Swallow,
    /// Serve it and answer; what it makes watches say comes so much later.
    LateEvents(Nanos),
    /// Answer this type and payload instead of serving it.
    Answer(StoreOp, Vec<u8>),
}

/// The daemon. It has one guest; dom0 speaks to it by calls.
#[derive(Debug)]
pub(crate) struct Xenstored {
    pub(crate) tree: Tree,
    pub(crate) guest: Connection,
    pub(crate) quotas: Quotas,
    pub(crate) offers: Offers,
}

impl Xenstored {
    pub(crate) fn new(quotas: Quotas, offers: Offers) -> Self {
        Self { tree: Tree::new(), guest: Connection::new(DomId::DOM0), quotas, offers }
    }

    /// Does something to the tree as dom0, and tells the watchers.
    pub(crate) fn as_dom0<T>(&mut self, work: impl FnOnce(&mut View<'_>) -> Result<T, String>) -> Result<T, String> {
        let mut view = View::new(&mut self.tree, None, (DomId::DOM0, self.quotas));
        let result = work(&mut view);
        let changes = view.into_changes();
        self.fire(&changes);
        result
    }

    /// Queues watch events for what changed.
    pub(crate) fn fire(&mut self, changes: &[Change]) {
        for change in changes {
            self.guest.fire(change);
        }
    }
}
