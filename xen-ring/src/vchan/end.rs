//! One end of a channel.

use xen_hypercall::{SharedPage, SharedPages};

use super::{AWAITED, CLI_LIVE, CLI_NOTIFY, GONE, HERE, NOTIFY_READ, NOTIFY_WRITE, SRV_LIVE, SRV_NOTIFY, VchanShape};
use crate::words::Flags;
use crate::{ByteReceiver, ByteSender, Bytes, Layout, Misbehaved, Moved, Notify, Words};

/// Where a channel is: its page, and for each ring that is not in it the ring's own pages.
#[derive(Debug)]
pub struct VchanMemory<'m, W = SharedPage, D = SharedPages<'m>> {
    /// The page of the interface.
    pub page: &'m W,
    /// The pages of the left ring, if it has some.
    pub left: Option<&'m D>,
    /// The pages of the right ring, if it has some.
    pub right: Option<&'m D>,
}

impl<'m> VchanMemory<'m> {
    /// Describes a channel whose rings are both in the page.
    #[must_use]
    pub const fn in_page(page: &'m SharedPage) -> Self {
        Self { page, left: None, right: None }
    }
}

/// What the other end says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VchanPeer {
    /// The client has not come yet.
    Awaited,
    /// It is connected.
    Here,
    /// It has closed, or says what nobody knows.
    Gone,
}

/// What came of an operation on a channel.
#[must_use = "a peer that asked for an event and gets none sleeps for ever"]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transfer {
    /// So many bytes went, and the peer may want an event; call again before waiting.
    Moved(Moved),
    /// None could go, and the peer was asked for an event: wait, with a deadline.
    Wait,
    /// The peer is gone, and what it left was received.
    Closed,
}

/// One end of a channel; both send and receive.
#[derive(Debug)]
pub struct Vchan<'m, W: Flags + 'm = SharedPage> {
    page: &'m W,
    sender: ByteSender<'m, W>,
    receiver: ByteReceiver<'m, W>,
    /// Our live byte and the peer's.
    live: [usize; 2],
    /// The bits by which the peer asks us for events, and ours.
    notify: [usize; 2],
    gone: bool,
    over: bool,
}

impl<'m, W: Flags> Vchan<'m, W> {
    /// Takes the server's end, after [`VchanShape::offer`], going on from the indices in the page.
    ///
    /// # Errors
    /// [`Misbehaved::Overrun`] if the indices are impossible.
    ///
    /// # Panics
    /// If a ring's pages are missing, or fewer than its order says.
    #[doc(alias = "libxenvchan_server_init")]
    pub fn serve<D>(memory: &VchanMemory<'m, W, D>, shape: VchanShape) -> Result<Self, Misbehaved>
    where
        D: Words<Area<'m> = W::Area<'m>>,
    {
        let [left, right] = Ring::of(memory, shape);
        Ok(Self::server(memory.page, (right.sender()?, left.receiver()?)))
    }

    /// Takes the client's end, after [`VchanShape::accept`], going on from the indices in the page, and says that it is here;
    /// notify the server.
    ///
    /// # Errors
    /// [`Misbehaved::Overrun`] if the indices are impossible.
    ///
    /// # Panics
    /// If a ring's pages are missing, or fewer than its order says.
    #[doc(alias = "libxenvchan_client_init")]
    pub fn join<D>(memory: &VchanMemory<'m, W, D>, shape: VchanShape) -> Result<Self, Misbehaved>
    where
        D: Words<Area<'m> = W::Area<'m>>,
    {
        let [left, right] = Ring::of(memory, shape);
        let end = Self::client(memory.page, (left.sender()?, right.receiver()?));
        end.page.raise(SRV_NOTIFY, NOTIFY_WRITE);
        end.page.set_byte(CLI_LIVE, HERE);
        Ok(end)
    }

    /// Makes a server of two ends of rings, for models with rings of their own.
    #[doc(hidden)]
    pub fn server(page: &'m W, (sender, receiver): Bytes<'m, W>) -> Self {
        let (live, notify) = ([SRV_LIVE, CLI_LIVE], [SRV_NOTIFY, CLI_NOTIFY]);
        Self { page, sender, receiver, live, notify, gone: false, over: false }
    }

    /// Makes a client of two ends of rings, for models with rings of their own.
    #[doc(hidden)]
    pub fn client(page: &'m W, (sender, receiver): Bytes<'m, W>) -> Self {
        let (live, notify) = ([CLI_LIVE, SRV_LIVE], [CLI_NOTIFY, SRV_NOTIFY]);
        Self { page, sender, receiver, live, notify, gone: false, over: false }
    }

    /// Returns what the peer says of itself; one that is gone does not come back.
    #[doc(alias = "libxenvchan_is_open")]
    pub fn peer(&mut self) -> VchanPeer {
        let [_, live] = self.live;
        let said = if self.gone { GONE } else { self.page.byte(live) };
        match said {
            HERE => VchanPeer::Here,
            AWAITED if live == CLI_LIVE => VchanPeer::Awaited,
            _ => {
                self.gone = true;
                VchanPeer::Gone
            }
        }
    }

    /// Sends what fits of the pieces, by one index and one decision whether to notify.
    ///
    /// # Errors
    /// The reason, from the first lie of the peer that is met on.
    #[doc(alias = "libxenvchan_write")]
    pub fn send(&mut self, pieces: &[&[u8]]) -> Result<Transfer, Misbehaved> {
        // Before the live byte: of a liar nothing is read, not even that it is gone.
        self.sender.sound()?;
        if self.peer() == VchanPeer::Gone {
            return Ok(Transfer::Closed);
        }
        let moved = self.sender.send_vectored(pieces)?;
        if moved.bytes > 0 || pieces.iter().all(|piece| piece.is_empty()) {
            return Ok(self.moved(moved, NOTIFY_WRITE));
        }
        self.arm(NOTIFY_READ);
        let gone = self.peer() == VchanPeer::Gone;
        let moved = self.sender.send_vectored(pieces)?;
        Ok(match moved.bytes {
            0 if gone => Transfer::Closed,
            0 => Transfer::Wait,
            _ => self.moved(moved, NOTIFY_WRITE),
        })
    }

    /// Receives what is there into the pieces, by one index and one decision whether to notify.
    ///
    /// What a peer sent before it went comes first, then [`Transfer::Closed`] for good.
    ///
    /// # Errors
    /// The reason, from the first lie of the peer that is met on.
    #[doc(alias = "libxenvchan_read")]
    pub fn receive(&mut self, pieces: &mut [&mut [u8]]) -> Result<Transfer, Misbehaved> {
        if self.over {
            return Ok(Transfer::Closed);
        }
        let moved = self.receiver.receive_vectored(pieces)?;
        if moved.bytes > 0 || pieces.iter().all(|piece| piece.is_empty()) {
            return Ok(self.moved(moved, NOTIFY_READ));
        }
        self.arm(NOTIFY_WRITE);
        // Before the second look: who is gone has sent all that it will.
        let gone = self.peer() == VchanPeer::Gone;
        let moved = self.receiver.receive_vectored(pieces)?;
        Ok(match moved.bytes {
            0 if gone => {
                self.over = true;
                Transfer::Closed
            }
            0 => Transfer::Wait,
            _ => self.moved(moved, NOTIFY_READ),
        })
    }

    /// Says that this end is gone; notify the peer, which may still receive what was sent.
    #[doc(alias = "libxenvchan_close")]
    pub fn close(self) -> Notify {
        let [live, _] = self.live;
        self.page.set_byte(live, GONE);
        Notify::Yes
    }

    /// Asks the peer for an event when it does so; the caller looks once more after.
    fn arm(&self, what: u8) {
        let [_, wanted] = self.notify;
        // A bit that is set stays so until the peer has taken it, and then an event comes.
        if self.page.byte(wanted) & what == 0 {
            self.page.raise(wanted, what);
        }
        // Bit before index; pairs with the fence of the peer's `Vchan::moved` (in C: `xen_mb` of `send_notify`).
        self.page.fence();
    }

    /// Decides whether the peer wants to hear of what we did, and takes its bit if so.
    fn moved(&self, moved: Moved, what: u8) -> Transfer {
        if moved.bytes == 0 {
            return Transfer::Moved(moved);
        }
        let [asked, _] = self.notify;
        // Index before bit; pairs with the fence of the peer's `Vchan::arm` (in C: `xen_mb` of `request_notify`).
        self.page.fence();
        let due = self.page.byte(asked) & what != 0 && self.page.lower(asked, what);
        Transfer::Moved(Moved { notify: if due { Notify::Yes } else { Notify::No }, ..moved })
    }
}

/// One ring of a channel: its indices in the page, its bytes there or apart.
struct Ring<'m, W, D> {
    page: &'m W,
    /// None if the bytes are in the page.
    apart: Option<&'m D>,
    layout: Layout,
}

impl<'m, W: Words, D: Words<Area<'m> = W::Area<'m>>> Ring<'m, W, D> {
    fn of(memory: &VchanMemory<'m, W, D>, shape: VchanShape) -> [Self; 2] {
        let [left, right] = shape.layouts();
        [(left, memory.left), (right, memory.right)].map(|((layout, in_page), pages)| {
            assert!(in_page || pages.is_some(), "a ring that is not in the page has pages");
            Self { page: memory.page, apart: pages.filter(|_| !in_page), layout }
        })
    }

    fn sender(&self) -> Result<ByteSender<'m, W>, Misbehaved> {
        match self.apart {
            Some(pages) => ByteSender::attach_apart(self.page, pages, self.layout),
            None => ByteSender::attach(self.page, self.layout),
        }
    }

    fn receiver(&self) -> Result<ByteReceiver<'m, W>, Misbehaved> {
        match self.apart {
            Some(pages) => ByteReceiver::attach_apart(self.page, pages, self.layout),
            None => ByteReceiver::attach(self.page, self.layout),
        }
    }
}
