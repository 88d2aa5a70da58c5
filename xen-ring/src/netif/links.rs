//! The slots of one packet, taken one after the other.

use super::bad::BadPacket;
use super::chain::{Chain, Direction, FragmentLimit, Packet, Want};
use super::extra::Extra;
use crate::Misbehaved;

/// What a slot of a packet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link<F> {
    /// A part.
    Fragment(F),
    /// An extra info.
    Extra(Extra),
}

/// A slot that was taken, with what was kept for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken<F, T> {
    /// What it is, or why the packet is none: then the slots that follow say the same.
    pub link: Result<Link<F>, BadPacket>,
    /// What was kept for it: of a receive ring, the buffer that is to be posted again.
    pub kept: T,
}

/// The next slot with what was kept for it, `None` at the ring's end, or why the peer is not to be believed.
pub type Next<S, T, E = Misbehaved> = Result<Option<(S, T)>, E>;

/// The slots of one packet, from its first to its last.
///
/// It ends with the packet, with the ring, or at a limit: of a packet that is malformed, what is left is taken, as far as
/// it is there and not more than a page of slots. [`Links::finish`] says what it was.
#[derive(Debug)]
#[must_use = "it takes slots as it is iterated"]
pub struct Links<D: Direction, F> {
    chain: Chain<D>,
    next: F,
}

impl<D: Direction, F> Links<D, F> {
    /// Reads one packet out of the slots that `next` gives, which is told what the slot is going to be; `None` is the ring's end.
    pub fn new(limit: FragmentLimit, next: F) -> Self {
        Self { chain: Chain::new(limit), next }
    }

    /// Judges the packet when its slots are taken; `None` says that there was none.
    ///
    /// What was not taken is not: where iteration stopped early, the packet is [`BadPacket::CutShort`].
    #[must_use]
    pub fn finish(self) -> Option<Result<Packet, BadPacket>> {
        self.chain.finish()
    }
}

impl<D, T, E, F> Iterator for Links<D, F>
where
    D: Direction,
    F: FnMut(Want) -> Next<D::Slot, T, E>,
{
    type Item = Result<Taken<D::Fragment, T>, E>;

    fn next(&mut self) -> Option<Self::Item> {
        let want = self.chain.want()?;
        match (self.next)(want) {
            Ok(Some((slot, kept))) => Some(Ok(Taken { link: self.chain.take(&slot, want), kept })),
            Ok(None) => {
                self.chain.stop();
                None
            }
            Err(error) => {
                self.chain.stop();
                Some(Err(error))
            }
        }
    }
}
