//! Byte rings: one algorithm for both directions, both ends and every layout.

use xen_hypercall::SharedPage;

use crate::index::{Index, narrow, wide};
use crate::peer::Peer;
use crate::{Layout, Misbehaved, Words};

/// The sending end of a byte ring.
#[derive(Debug)]
pub struct ByteSender<'p, W = SharedPage> {
    page: &'p W,
    layout: Layout,
    prod: Index,
    peer: Peer,
}

impl<'p, W: Words> ByteSender<'p, W> {
    /// Takes the sending end, going on from the indices in the page.
    ///
    /// # Errors
    /// [`Misbehaved::Overrun`] if the indices are further apart than the ring is long.
    pub fn attach(page: &'p W, layout: Layout) -> Result<Self, Misbehaved> {
        let (cons, prod) = indices(page, layout)?;
        Ok(Self { page, layout, prod, peer: Peer::new(cons) })
    }

    /// Appends what fits of `bytes` and returns how many; notify the peer if any, and wait for it if none.
    ///
    /// # Errors
    /// The reason, from the first lie of the peer on.
    pub fn send(&mut self, bytes: &[u8]) -> Result<usize, Misbehaved> {
        let len = narrow(bytes.len()).min(self.free()?);
        let (taken, _) = bytes.split_at(wide(len));
        let (first, offset) = split(self.layout, self.prod, len);
        let (head, tail) = taken.split_at(first);
        self.page.copy_out(offset, head);
        if !tail.is_empty() {
            self.page.copy_out(self.layout.data, tail);
        }
        if len > 0 {
            self.prod = self.prod.plus(len);
            // Release: the bytes are there before the index; pairs with the acquire of the peer's look at `prod`.
            self.page.store(self.layout.prod, self.prod.raw());
        }
        Ok(taken.len())
    }

    /// Returns how many bytes fit now; a later [`ByteSender::send`] takes at least as many.
    ///
    /// # Errors
    /// The reason, from the first lie of the peer on.
    pub fn room(&mut self) -> Result<usize, Misbehaved> {
        self.free().map(wide)
    }

    /// Tells whether the peer has taken everything.
    ///
    /// # Errors
    /// The reason, from the first lie of the peer on.
    pub fn is_drained(&mut self) -> Result<bool, Misbehaved> {
        self.free().map(|free| free == self.layout.size)
    }

    fn free(&mut self) -> Result<u32, Misbehaved> {
        self.peer.sound()?;
        let untaken = self.prod.since(self.peer.seen());
        let cons = self.peer.look(self.page, self.layout.cons, untaken)?;
        Ok(self.layout.size.wrapping_sub(self.prod.since(cons)))
    }
}

/// The receiving end of a byte ring.
#[derive(Debug)]
pub struct ByteReceiver<'p, W = SharedPage> {
    page: &'p W,
    layout: Layout,
    cons: Index,
    peer: Peer,
}

impl<'p, W: Words> ByteReceiver<'p, W> {
    /// Takes the receiving end, going on from the indices in the page.
    ///
    /// # Errors
    /// [`Misbehaved::Overrun`] if the indices are further apart than the ring is long.
    pub fn attach(page: &'p W, layout: Layout) -> Result<Self, Misbehaved> {
        let (cons, prod) = indices(page, layout)?;
        Ok(Self { page, layout, cons, peer: Peer::new(prod) })
    }

    /// Moves what is there into `to` and returns how many bytes; notify the peer if any, and wait for it if none.
    ///
    /// # Errors
    /// The reason, from the first lie of the peer on.
    pub fn receive(&mut self, to: &mut [u8]) -> Result<usize, Misbehaved> {
        let len = narrow(to.len()).min(self.ready()?);
        let (filled, _) = to.split_at_mut(wide(len));
        let (first, offset) = split(self.layout, self.cons, len);
        let (head, tail) = filled.split_at_mut(first);
        self.page.copy_in(offset, head);
        if !tail.is_empty() {
            self.page.copy_in(self.layout.data, tail);
        }
        if len > 0 {
            self.cons = self.cons.plus(len);
            // Release: the bytes are read before they are given up; pairs with the acquire of the peer's look at `cons`.
            self.page.store(self.layout.cons, self.cons.raw());
        }
        Ok(wide(len))
    }

    /// Tells whether nothing is there to receive.
    ///
    /// # Errors
    /// The reason, from the first lie of the peer on.
    pub fn is_empty(&mut self) -> Result<bool, Misbehaved> {
        self.ready().map(|ready| ready == 0)
    }

    fn ready(&mut self) -> Result<u32, Misbehaved> {
        self.peer.sound()?;
        let room = self.layout.size.wrapping_sub(self.peer.seen().since(self.cons));
        let prod = self.peer.look(self.page, self.layout.prod, room)?;
        Ok(prod.since(self.cons))
    }
}

/// Reads both indices of a ring that may hold anything, each once.
fn indices<W: Words>(page: &W, layout: Layout) -> Result<(Index, Index), Misbehaved> {
    let cons = Index::new(page.load(layout.cons));
    let prod = Peer::new(cons).look(page, layout.prod, layout.size)?;
    Ok((cons, prod))
}

/// Returns how many of `len` bytes lie before the ring's end, and the offset of the first.
fn split(layout: Layout, at: Index, len: u32) -> (usize, usize) {
    let place = at.place(layout.size);
    let first = len.min(layout.size.wrapping_sub(place));
    (wide(first), layout.data.wrapping_add(wide(place)))
}
