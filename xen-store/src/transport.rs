//! The seam between the facade and what carries the bytes, and the one carrier of every guest.

use xen_hypercall::SharedPage;
use xen_ring::{ByteReceiver, ByteSender, Notify, StoreConnection, StoreWords, xenstore_front};

use crate::{Fault, Features, HEADER_SIZE};

/// Carries bytes to the server and back, in order and without waiting.
///
/// [`Ring`] is the page of a guest; with the feature `std`, `Socket` is the server's Unix socket.
pub trait Transport {
    /// Sends what fits of `bytes` now, and returns how many.
    ///
    /// # Errors
    /// The [`Fault`] that ends the session.
    fn send(&mut self, bytes: &[u8]) -> Result<usize, Fault>;

    /// Takes what has come to the front of `buffer`, and returns how many bytes; 0 if there is nothing yet.
    ///
    /// # Errors
    /// The [`Fault`] that ends the session.
    fn receive(&mut self, buffer: &mut [u8]) -> Result<usize, Fault>;

    /// Tells whether the server has taken all that was sent.
    ///
    /// # Errors
    /// The [`Fault`] that ends the session.
    fn is_drained(&mut self) -> Result<bool, Fault>;

    /// Tells whether the server is to be notified, after so many bytes were sent and received; it is, where that cannot be seen.
    ///
    /// # Errors
    /// The [`Fault`] that ends the session.
    fn wants_event(&mut self, sent: usize, received: usize) -> Result<bool, Fault> {
        Ok(sent > 0 || received > 0)
    }

    /// Looks at how the connection stands, and returns what the server offers; nothing, where that cannot be seen.
    ///
    /// # Errors
    /// The [`Fault`] that ends the session.
    fn look(&mut self) -> Result<Features, Fault> {
        Ok(Features::empty())
    }
}

/// Bytes that are sent without an event at most, which is a whole ring: oxenstored serves a guest only so often for one event,
/// whatever is there.
///
/// Where server and guest go on request by request, this alone has events sent: a whole ring is some 40 short requests.
const QUIET_MOST: usize = 1024;

/// The rings in the page that a guest shares with the server.
#[derive(Debug)]
pub struct Ring<'p> {
    sender: ByteSender<'p>,
    receiver: ByteReceiver<'p>,
    page: &'p SharedPage,
    /// What the server offered at any time.
    offered: Features,
    /// The code that stood in the page at the beginning, and is of an earlier server where none is offered.
    stale: u32,
    /// Bytes sent since the server was last notified.
    quiet: usize,
}

impl<'p> Ring<'p> {
    /// Takes the guest's end, going on from the indices in the page.
    ///
    /// # Errors
    /// [`Fault::Reconnecting`] if the server is about to connect the rings, so that nothing else was looked at: wait for its
    /// event, and try again. [`Fault::Ring`] if the indices are impossible, [`Fault::ServerClosed`] if the server has stopped.
    pub fn attach(page: &'p SharedPage) -> Result<Self, Fault> {
        // Where a domain starts before its server, whoever made it has set the word, and no offer stands there yet.
        if words(page)?.connection() == StoreConnection::Reconnecting {
            return Err(Fault::Reconnecting);
        }
        let (sender, receiver) = xenstore_front(page).map_err(Fault::Ring)?;
        let stale = words(page)?.error();
        let mut ring = Self { sender, receiver, page, offered: Features::empty(), stale, quiet: 0 };
        ring.look()?;
        Ok(ring)
    }

    /// Returns how many messages may have been sent by these rings, by whoever had them before.
    pub(crate) fn messages_before(&self) -> u32 {
        self.sender.sent().div_ceil(crate::wire::narrow(HEADER_SIZE))
    }

    /// Asks the server to connect the rings anew, of which nothing is to be used any more; then notify it.
    pub(crate) fn reconnect(&self) -> Result<&'p SharedPage, Fault> {
        words(self.page)?.reconnect();
        Ok(self.page)
    }
}

/// Finds the words behind the rings.
fn words(page: &SharedPage) -> Result<StoreWords<'_>, Fault> {
    // Every page has them.
    StoreWords::find(page).ok_or(Fault::Closed)
}

impl Transport for Ring<'_> {
    fn send(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        self.sender.send(bytes).map_err(Fault::Ring)
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result<usize, Fault> {
        self.receiver.receive(buffer).map_err(Fault::Ring)
    }

    fn is_drained(&mut self) -> Result<bool, Fault> {
        self.sender.is_drained().map_err(Fault::Ring)
    }

    fn wants_event(&mut self, sent: usize, received: usize) -> Result<bool, Fault> {
        self.quiet = self.quiet.saturating_add(sent);
        let sender = self.sender.notify(self.page, sent).map_err(Fault::Ring)?;
        let receiver = self.receiver.notify(self.page, received).map_err(Fault::Ring)?;
        let wants = sender == Notify::Yes || receiver == Notify::Yes || self.quiet >= QUIET_MOST;
        if wants {
            self.quiet = 0;
        }
        Ok(wants)
    }

    fn look(&mut self) -> Result<Features, Fault> {
        let words = words(self.page)?;
        let resets = self.offered.contains(Features::RECONNECTION);
        if resets && words.connection() == StoreConnection::Reconnecting {
            return Err(Fault::Reconnecting);
        }
        self.offered |= words.features();
        // The xenstored in C of Xen 4.17 to 4.20 gives codes, and does not offer to.
        match words.error() {
            code @ 1.. if self.offered.contains(Features::ERROR) || code != self.stale => {
                Err(Fault::ServerClosed(code))
            }
            _ => Ok(self.offered),
        }
    }
}
