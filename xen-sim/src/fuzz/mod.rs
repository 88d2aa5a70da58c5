//! The bodies of the fuzz targets: bytes as a script of what we do and what the peer does.
//!
//! Each body panics if a rule is broken. `fuzz/` gives them to libFuzzer; the tests replay the corpus, and make up scripts
//! of their own. A script in which the peer does not lie must end with everything answered.

mod blkif_response;
mod books;
mod byte_ring;
mod evtchn;
mod grant_table;
mod netif_rx;
mod netif_tx;
mod ring_back;
mod ring_front;
mod script;
mod store_session;

pub(crate) use script::Script;

pub use blkif_response::blkif_response;
pub use byte_ring::byte_ring;
pub use evtchn::{evtchn_2l, evtchn_fifo};
pub use grant_table::grant_table;
pub use netif_rx::netif_rx;
pub use netif_tx::netif_tx;
pub use ring_back::ring_back;
pub use ring_front::ring_front;
pub use store_session::store_session;

/// A body by the name of its target.
pub type Target = (&'static str, fn(&[u8]) -> Ending);

/// All targets.
pub const TARGETS: [Target; 10] = [
    ("ring_front", ring_front),
    ("ring_back", ring_back),
    ("byte_ring", byte_ring),
    ("blkif_response", blkif_response),
    ("netif_rx", netif_rx),
    ("netif_tx", netif_tx),
    ("evtchn_2l", evtchn_2l),
    ("evtchn_fifo", evtchn_fifo),
    ("grant_table", grant_table),
    ("store_session", store_session),
];

/// How a script ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ending {
    /// How many answers, requests or bytes came through, or pages came back.
    pub through: usize,
    /// How often a peer was found out, a packet of its refused, or a page kept from us.
    pub found: usize,
    /// Whether the peer lied at all.
    pub lied: bool,
}
