//! A byte ring of `xen-ring`.

use core::hint::black_box;

use xen_hypercall::{SharedPage, SharedPages};
use xen_ring::{ByteReceiver, ByteSender, Layout, Misbehaved, flex_back, flex_front};

/// Bytes of the ring that is measured.
pub const SIZE: u32 = 2048;

/// Where C has it too: indices in the first two words, consumer's first.
#[must_use]
pub const fn layout(size: u32) -> Layout {
    Layout::new(1024, size, 0, 4)
}

/// Both ends of one direction.
#[derive(Debug)]
pub struct OurBytes {
    sender: ByteSender<'static>,
    receiver: ByteReceiver<'static>,
}

impl OurBytes {
    /// Takes both ends, going on from the indices in the page.
    ///
    /// # Errors
    /// If the indices are impossible.
    pub fn attach(page: &'static SharedPage, size: u32) -> Result<Self, Misbehaved> {
        let layout = layout(size);
        Ok(Self { sender: ByteSender::attach(page, layout)?, receiver: ByteReceiver::attach(page, layout)? })
    }

    /// Takes both ends of the ring from frontend to backend among flex rings.
    ///
    /// # Errors
    /// If the indices are impossible.
    pub fn flex(indices: &'static SharedPage, data: &'static SharedPages<'static>) -> Result<Self, Misbehaved> {
        Ok(Self { sender: flex_front(indices, data)?.0, receiver: flex_back(indices, data)?.1 })
    }

    /// Writes what fits of the bytes, in two pieces, and returns how many.
    ///
    /// # Errors
    /// Never: the other end is in order.
    pub fn write_pieces(&mut self, one: &[u8], two: &[u8]) -> Result<usize, Misbehaved> {
        self.sender.send_vectored(&[one, two]).map(|moved| moved.bytes)
    }

    /// Reads what is there into two pieces, and returns how many bytes.
    ///
    /// # Errors
    /// Never: the other end is in order.
    pub fn read_pieces(&mut self, one: &mut [u8], two: &mut [u8]) -> Result<usize, Misbehaved> {
        self.receiver.receive_vectored(&mut [one, two]).map(|moved| moved.bytes)
    }

    /// Writes what fits of the bytes, and returns how many.
    ///
    /// # Errors
    /// Never: the other end is in order.
    #[inline(always)]
    pub fn write(&mut self, from: &[u8]) -> Result<usize, Misbehaved> {
        self.sender.send(from)
    }

    /// Reads what is there, and returns how many bytes.
    ///
    /// # Errors
    /// Never: the other end is in order.
    #[inline(always)]
    pub fn read(&mut self, to: &mut [u8]) -> Result<usize, Misbehaved> {
        self.receiver.receive(to)
    }

    /// Writes a message and reads it again, as many times; returns the sum of their first bytes.
    ///
    /// # Errors
    /// Never: both ends are in order.
    #[inline(never)]
    pub fn rounds<const LEN: usize>(&mut self, rounds: u32) -> Result<u64, Misbehaved> {
        let (from, mut to) = (messages::<LEN>(), [0; LEN]);
        let mut sum = 0;
        // The compiler knows nothing of what lies there, as by C's ESCAPE, and the way to it costs nothing.
        black_box(&from);
        for round in 0..rounds {
            if self.write(&from[round as usize % MESSAGES])? != LEN || self.read(&mut to)? != LEN {
                return Ok(u64::MAX);
            }
            black_box(&mut to);
            sum += u64::from(to[0]);
        }
        Ok(sum)
    }
}

/// Returns the sum of the first bytes of as many messages.
#[must_use]
pub fn first_bytes(rounds: u32) -> u64 {
    (0..rounds).map(|round| u64::from(round) % MESSAGES as u64).sum()
}

/// Messages are made beforehand: a byte that was just written would hold up the copy of the whole.
const MESSAGES: usize = 8;

fn messages<const LEN: usize>() -> [[u8; LEN]; MESSAGES] {
    core::array::from_fn(|number| [number as u8; LEN])
}
