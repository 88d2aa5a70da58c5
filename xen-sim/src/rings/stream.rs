//! The two ends of a byte ring under attack.

use super::Verdict;
use crate::adversary::{CANARY, Memory, Rules, Shape, put};
use xen_ring::{ByteReceiver, ByteSender, Layout, Misbehaved};

const SIZE: u32 = 8;
const DATA: usize = 64;
const CONS: usize = 0;
const PROD: usize = 4;

/// Eight bytes, between private ones.
pub const SMALL: Layout = Layout::new(DATA, SIZE, CONS, PROD);

/// The shape that the fuzzer and most tests have, and one as flex rings have it: the bytes are not in the page of the
/// indices, which are not its first words.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    layout: Layout,
    data: usize,
    cons: usize,
    prod: usize,
}

impl Place {
    /// All in one page: [`SMALL`].
    pub const WITHIN: Self = Self { layout: SMALL, data: DATA, cons: CONS, prod: PROD };
    /// Bytes in the second of two pages, indices where `out` of a flex ring has them.
    pub const APART: Self =
        Self { layout: Layout::apart(4096 + DATA, SIZE, 64, 68), data: 4096 + DATA, cons: 64, prod: 68 };

    /// Describes it to the adversary.
    #[must_use]
    pub fn shape(self) -> Shape {
        let Self { data, cons, prod, .. } = self;
        Shape {
            words: vec![cons, prod],
            size: SIZE,
            header: cons..cons + 64,
            slots: vec![data..data + 4, data + 4..data + 8],
            fields: [0, 4],
        }
    }

    /// Sets both indices.
    pub fn level(self, memory: &Memory, at: u32) {
        memory.poke(self.cons, at);
        memory.poke(self.prod, at);
    }

    fn rules(self, load: usize) -> Rules {
        Rules::none().budget(7).load(load, 1).copy(self.data..self.data + 8)
    }

    fn attaching(self) -> Rules {
        Rules::none().budget(2).load(self.cons, 1).load(self.prod, 1)
    }
}

/// Describes [`SMALL`] to the adversary.
#[must_use]
pub fn byte_shape() -> Shape {
    Place::WITHIN.shape()
}

/// Sets both indices of [`SMALL`].
pub fn level(memory: &Memory, at: u32) {
    Place::WITHIN.level(memory, at);
}

/// The sending end.
#[derive(Debug)]
pub struct Sends<'m> {
    memory: &'m Memory,
    place: Place,
    end: ByteSender<'m, Memory>,
    verdict: Verdict,
    sent: u32,
    start: u32,
    /// What an honest peer has taken.
    taken: u32,
}

impl<'m> Sends<'m> {
    /// Takes the sending end of a ring whose indices are honest at `at`, or whatever the adversary made of them.
    ///
    /// # Errors
    /// As [`ByteSender::attach`].
    pub fn attach(memory: &'m Memory, at: u32) -> Result<Self, Misbehaved> {
        Self::attach_to(memory, Place::WITHIN, at)
    }

    /// Takes the same end of a ring elsewhere.
    ///
    /// # Errors
    /// As [`ByteSender::attach`].
    pub fn attach_to(memory: &'m Memory, place: Place, at: u32) -> Result<Self, Misbehaved> {
        let end = memory.attacked(&place.attaching(), || ByteSender::attach(memory, place.layout))?;
        Ok(Self { memory, place, end, verdict: Verdict::default(), sent: 0, start: at, taken: 0 })
    }

    /// Sends up to `len` bytes and returns how many went.
    pub fn send(&mut self, len: usize) -> Option<usize> {
        // What is behind the bytes is private.
        let mut bytes = [CANARY; 64];
        let next = self.start.wrapping_add(self.sent);
        let numbers = (0..).map(|step| u8::try_from(next.wrapping_add(step) % 100).unwrap_or_default());
        bytes.iter_mut().take(len).zip(numbers).for_each(|(to, byte)| *to = byte);
        let Self { memory, place, end, verdict, .. } = self;
        // In one piece or in three, of which one is empty.
        let (one, two) = bytes[..len].split_at(len / 2);
        let sent = verdict.run(memory, &place.rules(place.cons), || match len % 3 {
            0 => end.send_vectored(&[one, &[], two]).map(|moved| moved.bytes),
            _ => end.send(&bytes[..len]),
        })?;
        assert!(sent <= len && sent <= 8, "C01: no more than fits");
        self.sent = self.sent.wrapping_add(u32::try_from(sent).unwrap_or_default());
        Some(sent)
    }

    /// Asks how much fits.
    pub fn room(&mut self) -> Option<usize> {
        let Self { memory, place, end, verdict, .. } = self;
        let room = verdict.run(memory, &place.rules(place.cons), || end.room())?;
        assert!(room <= 8, "C02: no more than the ring");
        Some(room)
    }

    /// Asks whether all was taken.
    pub fn is_drained(&mut self) -> Option<bool> {
        let Self { memory, place, end, verdict, .. } = self;
        verdict.run(memory, &place.rules(place.cons), || end.is_drained())
    }

    /// Has an honest peer take up to `len` bytes, which are the ones that were sent.
    pub fn take(&mut self, len: u32) {
        for _ in 0..len.min(self.sent - self.taken) {
            let at = self.start.wrapping_add(self.taken);
            let place = self.place.data + usize::try_from(at % SIZE).unwrap_or_default();
            let byte = self.memory.with(|bytes| bytes[place]);
            assert!(self.memory.lied() || u32::from(byte) == at % 100, "bytes arrive as they went");
            self.taken += 1;
            self.memory.poke(self.place.cons, at.wrapping_add(1));
        }
    }

    /// Ends. Returns whether the peer was found out.
    pub fn finish(mut self) -> bool {
        self.memory.finish();
        self.memory.is_clean();
        if self.verdict.0.is_some() {
            self.send(3);
            self.room();
            self.is_drained();
        }
        self.verdict.found(self.memory)
    }
}

/// The receiving end.
#[derive(Debug)]
pub struct Receives<'m> {
    memory: &'m Memory,
    place: Place,
    end: ByteReceiver<'m, Memory>,
    verdict: Verdict,
    got: u32,
    start: u32,
    /// What an honest peer has sent.
    given: u32,
}

impl<'m> Receives<'m> {
    /// Takes the receiving end of a ring whose indices are honest at `at`, or whatever the adversary made of them.
    ///
    /// # Errors
    /// As [`ByteReceiver::attach`].
    pub fn attach(memory: &'m Memory, at: u32) -> Result<Self, Misbehaved> {
        Self::attach_to(memory, Place::WITHIN, at)
    }

    /// Takes the same end of a ring elsewhere.
    ///
    /// # Errors
    /// As [`ByteReceiver::attach`].
    pub fn attach_to(memory: &'m Memory, place: Place, at: u32) -> Result<Self, Misbehaved> {
        let end = memory.attacked(&place.attaching(), || ByteReceiver::attach(memory, place.layout))?;
        Ok(Self { memory, place, end, verdict: Verdict::default(), got: 0, start: at, given: 0 })
    }

    /// Receives up to `len` bytes and returns them.
    pub fn receive(&mut self, len: usize) -> Option<Vec<u8>> {
        let mut to = vec![CANARY; len + 8];
        let Self { memory, place, end, verdict, .. } = self;
        let count = verdict.run(memory, &place.rules(place.prod), || match to[..len].split_at_mut(len / 2) {
            (one, two) if len.is_multiple_of(3) => {
                end.receive_vectored(&mut [one, &mut [], two]).map(|moved| moved.bytes)
            }
            _ => end.receive(&mut to[..len]),
        })?;
        assert!(count <= len && count <= 8, "C01: no more than there can be");
        assert!(to[count..].iter().all(|byte| *byte == CANARY), "nothing past the count");
        to.truncate(count);
        let next = self.start.wrapping_add(self.got);
        let expected = (0..).map(|step| next.wrapping_add(step) % 100);
        assert!(
            self.memory.lied() || to.iter().map(|byte| u32::from(*byte)).eq(expected.take(count)),
            "as they were sent"
        );
        self.got = self.got.wrapping_add(u32::try_from(count).unwrap_or_default());
        Some(to)
    }

    /// Asks whether nothing is there.
    pub fn is_empty(&mut self) -> Option<bool> {
        let Self { memory, place, end, verdict, .. } = self;
        verdict.run(memory, &place.rules(place.prod), || end.is_empty())
    }

    /// Has an honest peer send up to `len` bytes.
    pub fn give(&mut self, len: u32) {
        for _ in 0..len.min(SIZE.saturating_sub(self.given.wrapping_sub(self.got))) {
            let at = self.start.wrapping_add(self.given);
            let place = self.place.data + usize::try_from(at % SIZE).unwrap_or_default();
            self.memory.with(|bytes| {
                bytes[place] = u8::try_from(at % 100).unwrap_or_default();
                put(bytes, self.place.prod, at.wrapping_add(1));
            });
            self.given += 1;
        }
    }

    /// Ends. Returns whether the peer was found out.
    pub fn finish(mut self) -> bool {
        self.memory.finish();
        self.memory.is_clean();
        if self.verdict.0.is_some() {
            self.receive(3);
            self.is_empty();
        }
        self.verdict.found(self.memory)
    }
}
