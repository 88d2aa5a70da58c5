//! The ends of libxenvchan's channels under attack, each with a peer that is written from the header.

use super::Verdict;
use super::way::Way;
use crate::adversary::{CANARY, Memory, Rules, Shape};
use xen_hypercall::GrantRef;
use xen_ring::{BadShape, Misbehaved, Moved, Notify, Transfer, Vchan, VchanMemory, VchanPeer, VchanShape};

const PAGE: usize = 4096;
/// `left_order`, and `right_order` in the same word; behind it are the flags, and from [`GRANTS`] on the grants.
const ORDERS: usize = 16;
const GRANTS: usize = 24;
const LIVE: [usize; 2] = [20, 21];
const NOTIFY: [usize; 2] = [22, 23];
const WRITE: u8 = 1;
const READ: u8 = 2;

/// The most pages that the rings of a channel here have of their own.
const MOST_PAGES: usize = 3;
/// How long the memory of a channel is.
pub const CHANNEL: usize = (1 + MOST_PAGES) * PAGE;
/// All flag bytes of a channel.
pub const FLAGS: core::ops::Range<usize> = LIVE[0]..GRANTS;

/// Which end of a channel is ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// It sends by the left ring.
    Client,
    /// It sends by the right ring.
    Server,
}

/// The orders of a channel's rings, left and right.
pub type Orders = [u16; 2];

/// Where the rings of a channel are, which a server lays out.
#[derive(Debug)]
pub struct Rooms {
    /// The orders of the rings.
    pub orders: Orders,
    shape: VchanShape,
    pages: [Memory; 2],
}

impl Rooms {
    /// Has an honest server lay a channel out whose indices are at `start`.
    pub fn offered(memory: &Memory, orders: Orders, start: u32) -> Self {
        let [left, right] = orders;
        let shape = VchanShape::new(left, right).unwrap();
        let grants = [GrantRef(9); MOST_PAGES];
        memory.peace(|| shape.offer(memory, &grants[..shape.pages().into_iter().sum()]));
        [0, 4, 8, 12].into_iter().for_each(|index| memory.poke(index, start));
        Self::of(memory, shape)
    }

    /// Accepts what a server offers, whatever it is.
    ///
    /// # Errors
    /// As [`VchanShape::accept`].
    pub fn accepted(memory: &Memory) -> Result<Self, BadShape> {
        let grants = (GRANTS..).step_by(4).take(MOST_PAGES);
        let rules = grants.fold(Rules::none().budget(1 + MOST_PAGES).load(ORDERS, 1), |rules, at| rules.load(at, 1));
        let shape = memory.attacked(&rules, || VchanShape::accept(memory, &mut [GrantRef(0); MOST_PAGES]))?;
        assert!(shape.pages().into_iter().sum::<usize>() <= MOST_PAGES, "C12: no more pages than there are grants");
        Ok(Self::of(memory, shape))
    }

    fn of(memory: &Memory, shape: VchanShape) -> Self {
        let orders = (10..14).flat_map(|left| (10..14).map(move |right| [left, right]));
        let same = |orders: &Orders| VchanShape::new(orders[0], orders[1]) == Ok(shape);
        let orders = orders.into_iter().find(same).unwrap();
        let [left, _] = shape.pages();
        Self { orders, shape, pages: [memory.part(PAGE), memory.part(PAGE * (1 + left))] }
    }

    fn memory<'m>(&'m self, page: &'m Memory) -> VchanMemory<'m, Memory, Memory> {
        let [left, right] = self.shape.pages();
        let [first, second] = &self.pages;
        VchanMemory { page, left: (left > 0).then_some(first), right: (right > 0).then_some(second) }
    }
}

/// Describes both rings of a channel, whose indices stand about `start`, to the adversary, and the orders with the first.
#[must_use]
pub fn channel_shapes(orders: Orders, start: u32) -> [Shape; 2] {
    let [mut left, right] = Way::both(orders, start).map(|way| way.shape());
    left.words.push(ORDERS);
    [left, right]
}

/// One end of a channel.
#[derive(Debug)]
pub struct Channel<'m> {
    memory: &'m Memory,
    end: Vchan<'m, Memory>,
    side: Side,
    sends: Way,
    receives: Way,
    /// Whether it was told that its peer is gone, and that there is nothing more to receive.
    gone: bool,
    over: bool,
}

impl<'m> Channel<'m> {
    /// Takes an end of a channel whose indices are honest at `start`, or whatever the adversary made of them.
    ///
    /// # Errors
    /// As [`Vchan::serve`] and [`Vchan::join`].
    pub fn attach(memory: &'m Memory, rooms: &'m Rooms, side: Side, start: u32) -> Result<Self, Misbehaved> {
        let indices = Rules::none().load(0, 1).load(4, 1).load(8, 1).load(12, 1);
        let (channel, shape) = (rooms.memory(memory), rooms.shape);
        let end = match side {
            Side::Server => memory.attacked(&indices.budget(4), || Vchan::serve(&channel, shape)),
            Side::Client => {
                let rules = indices.budget(6).flag(NOTIFY[1], 1).flag(LIVE[0], 1);
                memory.attacked(&rules, || Vchan::join(&channel, shape))
            }
        }?;
        let [left, right] = Way::both(rooms.orders, start);
        let (sends, receives) = if side == Side::Client { (left, right) } else { (right, left) };
        Ok(Self { memory, end, side, sends, receives, gone: false, over: false })
    }

    /// Returns whether the peer was found out.
    #[must_use]
    pub const fn found(&self) -> bool {
        self.sends.verdict.0.is_some() || self.receives.verdict.0.is_some()
    }

    /// Returns where the bytes begin that it receives.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.receives.data
    }

    /// Returns where what we write of ours lies, and what the peer writes.
    const fn ends(&self) -> [usize; 2] {
        if matches!(self.side, Side::Client) { [0, 1] } else { [1, 0] }
    }

    /// Returns the peer's live byte, the bits by which it asks us, and ours.
    const fn places(&self) -> [usize; 3] {
        let [ours, peers] = self.ends();
        // `srv_notify` is what the server does and the client wants to hear of.
        [LIVE[peers], NOTIFY[ours], NOTIFY[peers]]
    }

    fn flag(&self, at: usize) -> u8 {
        self.memory.with(|bytes| bytes[at])
    }

    /// Allows what one transfer may do to the flags.
    fn rules(&self) -> Rules {
        let [live, asked, wanted] = self.places();
        Rules::none().budget(16).flag(live, 2).flag(asked, 2).flag(wanted, 2)
    }

    /// Sends up to `len` bytes in three pieces, of which one is empty.
    pub fn send(&mut self, len: usize) -> Option<Transfer> {
        let bytes = self.sends.next_bytes(len);
        let (one, two) = bytes[..len].split_at(len / 2);
        let before = self.flag(self.places()[1]);
        let rules = if self.gone { Rules::none() } else { self.sends.allow(self.rules(), self.sends.cons) };
        let Self { memory, end, sends, .. } = self;
        let done = sends.verdict.run(memory, &rules, || end.send(&[one, &[], two]))?;
        assert!(!self.gone || done == Transfer::Closed, "C13: who is gone does not come back");
        self.gone |= done == Transfer::Closed;
        let room = self.sends.room();
        self.judge(done, (len, room), (before, WRITE));
        self.sends.went(done);
        Some(done)
    }

    /// Receives up to `len` bytes into two pieces.
    pub fn receive(&mut self, len: usize) -> Option<Transfer> {
        let mut to = vec![CANARY; len + 8];
        let (one, two) = to[..len].split_at_mut(len / 2);
        let before = self.flag(self.places()[1]);
        let rules = if self.over { Rules::none() } else { self.receives.allow(self.rules(), self.receives.prod) };
        let Self { memory, end, receives, .. } = self;
        let done = receives.verdict.run(memory, &rules, || end.receive(&mut [one, &mut [], two]))?;
        assert!(!self.over || done == Transfer::Closed, "C13: the end is for good");
        self.over |= done == Transfer::Closed;
        let there = self.receives.there();
        self.judge(done, (len, there), (before, READ));
        let count = bytes_of(done);
        assert!(to[count..].iter().all(|byte| *byte == CANARY), "nothing past the count");
        assert!(self.memory.lied() || self.receives.are_next(&to[..count]), "bytes arrive as they went");
        self.receives.went(done);
        Some(done)
    }

    /// Holds what came of a transfer of `len` bytes, where `most` could go, against what the peer did.
    fn judge(&self, done: Transfer, (len, most): (usize, usize), (before, what): (u8, u8)) {
        let [_, asked, wanted] = self.places();
        let size = if what == WRITE { self.sends.size } else { self.receives.size };
        assert!(bytes_of(done) <= len.min(size), "C01: no more than was asked, and no more than the ring");
        if self.memory.lied() {
            return;
        }
        let (gone, after) = (self.left(), self.flag(asked));
        match done {
            Transfer::Moved(Moved { bytes, notify }) => {
                assert_eq!(bytes, len.min(most), "as much as can go");
                let due = bytes > 0 && before & what != 0;
                assert_eq!((notify == Notify::Yes, after), (due, if due { before & !what } else { before }), "C14");
            }
            Transfer::Wait => {
                let other = if what == WRITE { READ } else { WRITE };
                assert!(most == 0 && !gone && self.flag(wanted) & other != 0, "C14: who waits has asked");
            }
            Transfer::Closed => assert!(gone && (what == WRITE || most == 0), "C13: what was sent comes first"),
        }
    }

    /// Asks what the peer says of itself.
    pub fn peer(&mut self) -> VchanPeer {
        let [live, ..] = self.places();
        let rules = if self.gone { Rules::none() } else { Rules::none().budget(1).flag(live, 1) };
        let Self { memory, end, gone, .. } = self;
        let said = memory.attacked(&rules, || end.peer());
        assert!(!*gone || said == VchanPeer::Gone, "C13: who is gone does not come back");
        *gone |= said == VchanPeer::Gone;
        said
    }

    /// Has an honest peer that is not gone take up to `len` bytes, which are the ones that were sent, and say so.
    pub fn take(&mut self, len: u32) {
        if !self.left() {
            self.sends.take(self.memory, len);
            self.hear(READ);
        }
    }

    /// Has an honest peer that is not gone send up to `len` bytes, and say so.
    pub fn give(&mut self, len: u32) {
        if !self.left() {
            self.receives.give(self.memory, len);
            self.hear(WRITE);
        }
    }

    fn left(&self) -> bool {
        self.flag(self.places()[0]) == 0
    }

    /// Has an honest peer take back what we asked for, as who sends the event does.
    fn hear(&self, what: u8) {
        let [.., wanted] = self.places();
        self.memory.with(|bytes| bytes[wanted] &= !what);
    }

    /// Has an honest peer ask for events.
    pub fn ask(&self, bits: u8) {
        let [_, asked, _] = self.places();
        self.memory.with(|bytes| bytes[asked] |= bits & (READ | WRITE));
    }

    /// Has an honest peer come, unless it has gone.
    pub fn come(&self) {
        let [live, ..] = self.places();
        self.memory.with(|bytes| bytes[live] = bytes[live].min(1));
    }

    /// Has an honest peer go.
    pub fn leave(&self) {
        let [live, ..] = self.places();
        self.memory.with(|bytes| bytes[live] = 0);
    }

    /// Closes it. Returns whether the peer was found out.
    pub fn finish(mut self) -> bool {
        self.memory.finish();
        self.memory.is_clean();
        if self.found() || self.gone {
            self.send(3);
            self.receive(3);
            self.peer();
        }
        let [ours, _] = self.ends();
        let Self { memory, end, sends, receives, .. } = self;
        let rules = Rules::none().budget(1).flag(LIVE[ours], 1);
        assert_eq!(memory.attacked(&rules, || end.close()), Notify::Yes, "who goes says so");
        assert_eq!(memory.with(|bytes| bytes[LIVE[ours]]), 0);
        // Each direction has its own verdict.
        [sends, receives].map(|way| Verdict::found(&way.verdict, memory)).contains(&true)
    }
}

const fn bytes_of(done: Transfer) -> usize {
    match done {
        Transfer::Moved(moved) => moved.bytes,
        Transfer::Wait | Transfer::Closed => 0,
    }
}
