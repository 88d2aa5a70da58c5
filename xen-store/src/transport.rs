//! The seam between the facade and what carries the bytes, and the one carrier of every guest.

use xen_hypercall::SharedPage;
use xen_ring::{ByteReceiver, ByteSender, xenstore_front};

use crate::Fault;

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
}

/// The rings in the page that a guest shares with the server.
#[derive(Debug)]
pub struct Ring<'p> {
    sender: ByteSender<'p>,
    receiver: ByteReceiver<'p>,
}

impl<'p> Ring<'p> {
    /// Takes the guest's end, going on from the indices in the page.
    ///
    /// # Errors
    /// [`Fault::Ring`] if those are impossible.
    pub fn attach(page: &'p SharedPage) -> Result<Self, Fault> {
        let (sender, receiver) = xenstore_front(page).map_err(Fault::Ring)?;
        Ok(Self { sender, receiver })
    }
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
}
