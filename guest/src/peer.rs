//! Two guests of ours: one that is tested, and its peer, which does as it is told.
//!
//! The one that is tested has three nodes: `data/peer` names its peer (the toolstack writes it), `data/ask` holds the one
//! order under way, and the peer writes its answer to `data/answer`. The peer has one: `data/asker`, by which the toolstack
//! names the other. Nothing else is agreed on, so that each of both may vanish at any moment and come again with another
//! number.

mod asking;
mod obeying;
mod order;
mod pages;

pub(crate) use asking::{Peer, wait};
pub(crate) use obeying::Obedient;
pub use order::{Answer, Message, Order, PageOrder, Spot};
pub use pages::Pattern;
pub(crate) use pages::{Foreign, Stock, sum};

use xen_store::Path;

/// The number of the peer, and how many there have been with it.
const PEER: Path<'static> = Path::literal("data/peer");
/// The order under way: a [`Message`].
const ASK: Path<'static> = Path::literal("data/ask");
/// What came of it: an [`Answer`].
const ANSWER: Path<'static> = Path::literal("data/answer");
/// Of the peer: whom it obeys.
const ASKER: Path<'static> = Path::literal("data/asker");

/// Longest value of any of these nodes.
const LONGEST: usize = 64;
