//! Byte rings: one algorithm for both directions, both ends and every layout.

use xen_hypercall::SharedPage;

use crate::index::wide;
use crate::track::{Receives, Sends, Track};
use crate::{Layout, Misbehaved, Moved, Notify, Words};

/// The sending end of a byte ring.
#[derive(Debug)]
pub struct ByteSender<'m, W: Words + 'm = SharedPage>(Track<'m, W, Sends>);

impl<'m, W: Words> ByteSender<'m, W> {
    /// Takes the sending end of a ring in one page, going on from the indices there.
    ///
    /// # Errors
    /// [`Misbehaved::Overrun`] if the indices are further apart than the ring is long.
    ///
    /// # Panics
    /// If the page is smaller than the layout.
    pub fn attach(page: &'m W, layout: Layout) -> Result<Self, Misbehaved> {
        Self::attach_apart(page, page, layout)
    }

    /// Takes the sending end of a ring whose bytes are in `data` and its indices elsewhere, going on from those.
    ///
    /// # Errors
    /// [`Misbehaved::Overrun`] if the indices are further apart than the ring is long.
    ///
    /// # Panics
    /// If a memory is smaller than the layout.
    pub fn attach_apart<D>(indices: &'m W, data: &'m D, layout: Layout) -> Result<Self, Misbehaved>
    where
        D: Words<Area<'m> = W::Area<'m>>,
    {
        Track::attach(indices, data, layout).map(Self)
    }

    /// Appends what fits of `bytes` and returns how many; notify the peer if any, and wait for it if none.
    ///
    /// # Errors
    /// The reason, from the first lie of the peer that is met on.
    #[inline(always)]
    pub fn send(&mut self, bytes: &[u8]) -> Result<usize, Misbehaved> {
        Ok(if self.0.put(bytes)? { bytes.len() } else { self.send_part(bytes) })
    }

    /// Appends what is known to fit, where that is not all, or goes across the end.
    #[cold]
    fn send_part(&mut self, bytes: &[u8]) -> usize {
        self.send_known(&[bytes])
    }

    /// Appends what fits of the pieces, one after the other, and makes all of it visible at once.
    ///
    /// # Errors
    /// The reason, from the first lie of the peer that is met on.
    pub fn send_vectored(&mut self, pieces: &[&[u8]]) -> Result<Moved, Misbehaved> {
        self.0.reaches(total(pieces.iter().map(|piece| piece.len())))?;
        Ok(Moved::new(self.send_known(pieces)))
    }

    /// Appends what is known to fit.
    fn send_known(&mut self, pieces: &[&[u8]]) -> usize {
        let room = self.0.ahead();
        let mut sent: usize = 0;
        for piece in pieces {
            let part = piece.get(..room.wrapping_sub(sent)).unwrap_or(piece);
            if !part.is_empty() {
                self.0.put_across(sent, part);
                sent = sent.wrapping_add(part.len());
            }
        }
        if sent > 0 {
            self.0.advance(sent);
        }
        sent
    }

    /// Returns how many bytes fit now; a later [`ByteSender::send`] takes at least as many.
    ///
    /// # Errors
    /// The reason, from the first lie of the peer that is met on.
    pub fn room(&mut self) -> Result<usize, Misbehaved> {
        self.0.look()
    }

    /// Returns the reason, once the peer misbehaved, and looks at nothing.
    pub(crate) fn sound(&self) -> Result<(), Misbehaved> {
        self.0.sound()
    }

    /// Returns how many bytes were sent by this ring in all, modulo 2^32, those of ends before this one included.
    #[must_use]
    pub const fn sent(&self) -> u32 {
        self.0.own()
    }

    /// Tells whether to notify a peer of the last `sent` bytes: not if it has not come to them yet, since it looks once more
    /// when it has taken what is there.
    ///
    /// For rings without words to ask for events in, whose peer has a full barrier between its index and that look. `words` is
    /// where the indices are.
    ///
    /// # Errors
    /// The reason, from the first lie of the peer that is met on.
    pub fn notify(&mut self, words: &W, sent: usize) -> Result<Notify, Misbehaved> {
        if sent == 0 {
            return Ok(Notify::No);
        }
        // Our index before the peer's; pairs with the barrier of the peer that takes all and looks once more.
        words.fence();
        let untaken = wide(self.0.size()).saturating_sub(self.0.look()?);
        Ok(if untaken <= sent { Notify::Yes } else { Notify::No })
    }

    /// Tells whether the peer has taken everything.
    ///
    /// # Errors
    /// The reason, from the first lie of the peer that is met on.
    pub fn is_drained(&mut self) -> Result<bool, Misbehaved> {
        self.0.look().map(|free| free == wide(self.0.size()))
    }
}

/// The receiving end of a byte ring.
#[derive(Debug)]
pub struct ByteReceiver<'m, W: Words + 'm = SharedPage>(Track<'m, W, Receives>);

impl<'m, W: Words> ByteReceiver<'m, W> {
    /// Takes the receiving end of a ring in one page, going on from the indices there.
    ///
    /// # Errors
    /// [`Misbehaved::Overrun`] if the indices are further apart than the ring is long.
    ///
    /// # Panics
    /// If the page is smaller than the layout.
    pub fn attach(page: &'m W, layout: Layout) -> Result<Self, Misbehaved> {
        Self::attach_apart(page, page, layout)
    }

    /// Takes the receiving end of a ring whose bytes are in `data` and its indices elsewhere, going on from those.
    ///
    /// # Errors
    /// [`Misbehaved::Overrun`] if the indices are further apart than the ring is long.
    ///
    /// # Panics
    /// If a memory is smaller than the layout.
    pub fn attach_apart<D>(indices: &'m W, data: &'m D, layout: Layout) -> Result<Self, Misbehaved>
    where
        D: Words<Area<'m> = W::Area<'m>>,
    {
        Track::attach(indices, data, layout).map(Self)
    }

    /// Moves what is there into `to` and returns how many bytes; notify the peer if any, and wait for it if none.
    ///
    /// # Errors
    /// The reason, from the first lie of the peer that is met on.
    #[inline(always)]
    pub fn receive(&mut self, to: &mut [u8]) -> Result<usize, Misbehaved> {
        Ok(if self.0.take(to)? { to.len() } else { self.receive_part(to) })
    }

    /// Moves what is known to be there, where that is less than there is room for, or goes across the end.
    #[cold]
    fn receive_part(&mut self, to: &mut [u8]) -> usize {
        self.receive_known(&mut [to])
    }

    /// Moves what is there into the pieces, one after the other, and gives all of it up at once.
    ///
    /// # Errors
    /// The reason, from the first lie of the peer that is met on.
    pub fn receive_vectored(&mut self, pieces: &mut [&mut [u8]]) -> Result<Moved, Misbehaved> {
        self.0.reaches(total(pieces.iter().map(|piece| piece.len())))?;
        Ok(Moved::new(self.receive_known(pieces)))
    }

    /// Moves what is known to be there.
    fn receive_known(&mut self, pieces: &mut [&mut [u8]]) -> usize {
        let ready = self.0.ahead();
        let mut received: usize = 0;
        for piece in pieces {
            let (part, _) = piece.split_at_mut(piece.len().min(ready.wrapping_sub(received)));
            if !part.is_empty() {
                self.0.take_across(received, part);
                received = received.wrapping_add(part.len());
            }
        }
        if received > 0 {
            self.0.advance(received);
        }
        received
    }

    /// Gives up unread what is there, as after taking over a ring whose old bytes mean nothing.
    ///
    /// # Errors
    /// The reason, from the first lie of the peer that is met on.
    pub fn discard(&mut self) -> Result<Moved, Misbehaved> {
        let ready = self.0.look()?;
        if ready > 0 {
            self.0.advance(ready);
        }
        Ok(Moved::new(ready))
    }

    /// Tells whether to notify a peer that the last `received` bytes were taken: not if there was room for it before, since it
    /// looks once more when it has filled the ring.
    ///
    /// For rings without words to ask for events in, whose peer has a full barrier between its index and that look. `words` is
    /// where the indices are.
    ///
    /// # Errors
    /// The reason, from the first lie of the peer that is met on.
    pub fn notify(&mut self, words: &W, received: usize) -> Result<Notify, Misbehaved> {
        if received == 0 {
            return Ok(Notify::No);
        }
        // Our index before the peer's; pairs with the barrier of the peer that fills the ring and looks once more.
        words.fence();
        let was_there = self.0.look()?.saturating_add(received);
        Ok(if was_there >= wide(self.0.size()) { Notify::Yes } else { Notify::No })
    }

    /// Tells whether nothing is there to receive.
    ///
    /// # Errors
    /// The reason, from the first lie of the peer that is met on.
    pub fn is_empty(&mut self) -> Result<bool, Misbehaved> {
        self.0.look().map(|ready| ready == 0)
    }
}

/// Adds lengths up; more than there can be is as good as all there can be.
fn total(lens: impl Iterator<Item = usize>) -> usize {
    lens.fold(0, usize::saturating_add)
}
