//! The channels of libxenvchan: two byte rings, live bytes and notify bits in one page, and bytes there or in further pages.

mod end;
mod shape;

pub use end::{Transfer, Vchan, VchanMemory, VchanPeer};
pub use shape::{BadShape, VchanShape};

/// `left.cons`: what the client sends. `left.prod` is behind it.
const LEFT_CONS: usize = 0;
/// `left.prod`.
const LEFT_PROD: usize = 4;
/// `right.cons`: what the server sends.
const RIGHT_CONS: usize = 8;
/// `right.prod`.
const RIGHT_PROD: usize = 12;
/// `left_order`, and in the upper half of the word `right_order`.
const LEFT_ORDER: usize = 16;
/// `cli_live`.
const CLI_LIVE: usize = 20;
/// `srv_live`.
const SRV_LIVE: usize = 21;
/// `cli_notify`: what the client does that the server wants to hear of.
const CLI_NOTIFY: usize = 22;
/// `srv_notify`.
const SRV_NOTIFY: usize = 23;
/// `grants`.
const GRANTS: usize = 24;

/// `VCHAN_NOTIFY_WRITE`.
const NOTIFY_WRITE: u8 = 1;
/// `VCHAN_NOTIFY_READ`.
const NOTIFY_READ: u8 = 2;

/// A live byte: gone.
const GONE: u8 = 0;
/// Here.
const HERE: u8 = 1;
/// Of the client alone: not yet here.
const AWAITED: u8 = 2;
