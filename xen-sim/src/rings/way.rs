//! One of the two byte rings of a channel, as the header of libxenvchan has it.

use super::Verdict;
use crate::adversary::{CANARY, Memory, Rules, Shape, put};
use xen_ring::Transfer;

/// One ring: where it is, how far either side is, and what was found out about the peer.
#[derive(Debug)]
pub(super) struct Way {
    pub(super) cons: usize,
    pub(super) prod: usize,
    pub(super) data: usize,
    pub(super) size: usize,
    start: u32,
    /// How far we are, and how far an honest peer is.
    pub(super) ours: u32,
    peers: u32,
    pub(super) verdict: Verdict,
}

impl Way {
    /// Describes the left and the right ring of a channel, whose indices begin at `start`.
    pub(super) fn both(orders: [u16; 2], start: u32) -> [Self; 2] {
        let [left, right] = orders.map(|order| 1_usize << order);
        let apart = |size: usize| size > 2048;
        // In the page a ring lies at its own size; those with pages of their own lie behind it, the left one first.
        let place = |size: usize, before: usize| if apart(size) { 4096 + before } else { size };
        let before = if apart(left) { left } else { 0 };
        [(left, place(left, 0), 0), (right, place(right, before), 8)].map(|(size, data, cons)| {
            let verdict = Verdict::default();
            Self { cons, prod: cons + 4, data, size, start, ours: 0, peers: 0, verdict }
        })
    }

    /// Describes it to the adversary.
    pub(super) fn shape(&self) -> Shape {
        let place = |at: u32| self.place(self.start.wrapping_add(at));
        Shape {
            words: vec![self.cons, self.prod],
            size: u32::try_from(self.size).unwrap_or_default(),
            header: self.cons..64,
            slots: [place(0), place(4)].map(|at| at..(at + 4).min(self.data + self.size)).to_vec(),
            fields: [0, 4],
        }
    }

    /// Allows what moving bytes may do: look at the peer's index before and after asking for an event, and the ring's bytes.
    pub(super) fn allow(&self, rules: Rules, theirs: usize) -> Rules {
        rules.load(theirs, 2).copy(self.data..self.data + self.size)
    }

    fn place(&self, index: u32) -> usize {
        self.data + usize::try_from(index).unwrap_or_default() % self.size
    }

    /// What byte number `at` is.
    fn byte(&self, at: u32) -> u8 {
        u8::try_from(self.start.wrapping_add(at) % 100).unwrap_or_default()
    }

    /// Makes the next bytes to send; what is behind them is private.
    pub(super) fn next_bytes(&self, len: usize) -> Vec<u8> {
        (self.ours..).map(|at| self.byte(at)).take(len).chain([CANARY; 8]).collect()
    }

    /// Tells whether these are the next bytes to receive.
    pub(super) fn are_next(&self, bytes: &[u8]) -> bool {
        (self.ours..).zip(bytes).all(|(at, byte)| self.byte(at) == *byte)
    }

    /// Returns how much an honest peer leaves room for.
    pub(super) fn room(&self) -> usize {
        self.size - usize::try_from(self.ours.wrapping_sub(self.peers)).unwrap_or_default().min(self.size)
    }

    /// Returns how much an honest peer has sent that was not received.
    pub(super) fn there(&self) -> usize {
        usize::try_from(self.peers.wrapping_sub(self.ours)).unwrap_or_default()
    }

    /// Notes what we moved.
    pub(super) fn went(&mut self, done: Transfer) {
        let bytes = if let Transfer::Moved(moved) = done { moved.bytes } else { 0 };
        self.ours = self.ours.wrapping_add(u32::try_from(bytes).unwrap_or_default());
    }

    /// Has an honest peer take up to `len` bytes of what we sent.
    pub(super) fn take(&mut self, memory: &Memory, len: u32) {
        for _ in 0..len.min(self.ours.wrapping_sub(self.peers)) {
            let at = self.place(self.start.wrapping_add(self.peers));
            let byte = memory.with(|bytes| bytes[at]);
            assert!(memory.lied() || byte == self.byte(self.peers), "bytes arrive as they went");
            self.peers = self.peers.wrapping_add(1);
        }
        memory.poke(self.cons, self.start.wrapping_add(self.peers));
    }

    /// Has an honest peer send up to `len` bytes.
    pub(super) fn give(&mut self, memory: &Memory, len: u32) {
        let size = u32::try_from(self.size).unwrap_or_default();
        memory.with(|bytes| {
            for _ in 0..len.min(size.saturating_sub(self.peers.wrapping_sub(self.ours))) {
                bytes[self.place(self.start.wrapping_add(self.peers))] = self.byte(self.peers);
                self.peers = self.peers.wrapping_add(1);
            }
            put(bytes, self.prod, self.start.wrapping_add(self.peers));
        });
    }
}
