//! A block front, in either layout, and a back that answers, or answers something else.

use super::Ending;
use super::books::{Books, MOST, Numbered, staging};
use super::script::Script;
use crate::adversary::{Memory, Stroke, put, word};
use crate::rings::{REQ_EVENT, REQ_PROD, RSP_EVENT, RSP_PROD};
use xen_hypercall::GrantRef;
use xen_ring::blkif::{
    Abi, Access, Asked, Blkif, Discard, DiscardFlags, Disk, Indirect, Operation, Request, Response, Sector, Sectors,
    Segment, SegmentLimit, Segments, Status, Transfer, X86_32, X86_64,
};
use xen_ring::{Back, Front, RequestId, Requests, Slots};
use zerocopy::{FromBytes as _, IntoBytes as _};

const WORDS: &[usize] = &[RSP_PROD, RSP_PROD, REQ_EVENT, RSP_EVENT, REQ_PROD];

/// Plays a script with a block front: the first byte says in which layout.
///
/// # Panics
/// If a rule is broken.
pub fn blkif_response(data: &[u8]) -> Ending {
    let mut script = Script::new(data);
    match script.below(2) {
        Some(0) => play::<X86_64>(&mut script),
        Some(_) => play::<X86_32>(&mut script),
        None => Ending::default(),
    }
}

fn play<A: Abi>(script: &mut Script<'_>) -> Ending {
    let memory = Memory::new(4096);
    let mut kept = Requests::new();
    let mut disk = DiskRing::<A>::new(&memory, &mut kept, script.start().unwrap_or_default());
    while let Some(act) = script.below(12) {
        match act {
            0 | 1 => disk.stage(script),
            2 => disk.books.publish(&memory, &mut disk.front),
            3 | 4 => _ = disk.poll(),
            5 => disk.serve(),
            6 | 7 => _ = disk.answer(script),
            8 => disk.lie(script),
            9 => disk.decode(usize::from(script.byte().unwrap_or_default())),
            _ => _ = script.strike(&memory, WORDS, 64),
        }
    }
    disk.finish()
}

struct DiskRing<'m, A: Abi> {
    memory: &'m Memory,
    front: Numbered<'m, Blkif<A>>,
    back: Option<Back<'m, Blkif<A>, Memory>>,
    books: Books,
    asked: Vec<Request>,
    held: Vec<Asked>,
}

impl<'m, A: Abi> DiskRing<'m, A> {
    fn new(memory: &'m Memory, kept: &'m mut Requests<Blkif<A>, usize, MOST>, start: u32) -> Self {
        let slots = Slots::new(MOST.try_into().unwrap()).unwrap();
        let front = memory.peace(|| Front::starting_at(memory, slots, kept, start));
        let back = Books::honest(memory, || Back::attach(memory, slots));
        Self { memory, front, back, books: Books::default(), asked: Vec::new(), held: Vec::new() }
    }

    fn stage(&mut self, script: &mut Script<'_>) {
        let request = any(script);
        let Ok(slot) = Blkif::<A>::request(&request) else { return };
        let number = self.books.staged;
        let Self { memory, front, books, .. } = self;
        let done = books
            .verdict
            .run(memory, &staging(), || Ok(front.vacancy()?.map(|vacancy| vacancy.stage(slot, number)).is_some()));
        if done == Some(true) {
            self.books.staged += 1;
            self.asked.push(request);
        }
    }

    fn poll(&mut self) -> bool {
        let Some(answer) = self.books.poll(self.memory, &mut self.front) else { return false };
        let (response, request) = (Blkif::<A>::response(&answer.response), self.asked[answer.payload]);
        let inner = match request {
            Request::Indirect(indirect) => indirect.access().operation(),
            _ => request.operation(),
        };
        assert!([request.operation(), inner].contains(&response.operation), "R14: {response:?} to {request:?}");
        assert_eq!(response.status.result().is_ok(), response.status == Status(0), "B01: nothing but 0 is success");
        true
    }

    /// Has an honest back take what was published.
    fn serve(&mut self) {
        let Some(back) = &mut self.back else { return };
        let next = || Books::honest(self.memory, || back.poll_request()).flatten();
        for slot in core::iter::from_fn(next) {
            let asked = Blkif::<A>::asked(&slot, SegmentLimit::MAX);
            if !self.memory.lied() {
                let number = self.books.back.len() + self.held.len();
                assert!(asked.what.is_ok() && number < self.books.published, "what was asked can be done");
            }
            self.held.push(asked);
        }
    }

    /// Has an honest back answer one of those that it took, with any status.
    fn answer(&mut self, script: &mut Script<'_>) -> bool {
        let (which, status) = (usize::from(script.byte().unwrap_or_default()), script.pair().cast_signed());
        let (Some(back), false) = (&mut self.back, self.held.is_empty()) else { return false };
        let Asked { id, operation, .. } = self.held.swap_remove(which % self.held.len());
        let answer = Blkif::<A>::answer(&Response { id, operation, status: Status(status) });
        Books::honest(self.memory, || {
            if let Some(debt) = back.debt()? {
                debt.stage(&answer);
            }
            back.publish()
        })
        .is_some()
    }

    /// Has the peer answer one thing otherwise than it may: another id, operation or both.
    fn lie(&mut self, script: &mut Script<'_>) {
        let held = self.held.first().copied();
        let (field, by) = (script.below(4).unwrap_or_default(), script.bytes().map(u64::from));
        let [low, high] = by;
        let id = held.map_or(0, |asked| asked.id.0) ^ if field < 3 { low | high << 32 } else { 0 };
        let operation =
            held.map_or(0, |asked| asked.operation.0) ^ if field > 1 { script.byte().unwrap_or(1) } else { 0 };
        let response = Response { id: RequestId(id), operation: Operation(operation), status: Status(0) };
        let answer = Blkif::<A>::answer(&response).as_bytes().to_vec();
        self.memory.strike_now(&Stroke::bytes("answer", move |bytes| {
            let produced = word(bytes, RSP_PROD);
            let place = 64 + usize::try_from(produced).unwrap_or_default() % MOST * size_of::<A::Slot>();
            bytes[place..place + answer.len()].copy_from_slice(&answer);
            put(bytes, RSP_PROD, produced.wrapping_add(1));
        }));
    }

    /// Reads whatever stands in a slot as a request.
    fn decode(&self, at: usize) {
        let place = 64 + at % MOST * size_of::<A::Slot>();
        let slot =
            self.memory.with(|bytes| A::Slot::read_from_bytes(&bytes[place..place + size_of::<A::Slot>()]).unwrap());
        if let Ok(request) = Blkif::<A>::asked(&slot, SegmentLimit::MAX).what {
            let again = Blkif::<A>::request(&request).unwrap();
            assert_eq!(Blkif::<A>::asked(&again, SegmentLimit::MAX).what, Ok(request));
        }
    }

    fn finish(mut self) -> Ending {
        if !self.memory.lied() {
            self.books.publish(self.memory, &mut self.front);
            self.serve();
            while self.answer(&mut Script::new(&[])) {}
            while self.poll() {}
            assert!(
                self.memory.lied() || self.books.back.len() == self.books.staged,
                "all that was asked was answered"
            );
        }
        let through = self.books.back.len();
        let found = usize::from(self.books.close(self.memory, self.front));
        Ending { through, found, lied: self.memory.lied() }
    }
}

/// Asks something.
fn any(script: &mut Script<'_>) -> Request {
    let (what, count, start) = (script.below(8).unwrap_or_default(), script.byte().unwrap_or_default(), script.pair());
    let (disk, place) = (Disk(7), Sector(u64::from(start) << (count % 49)));
    let access = [Access::Read, Access::Write, Access::Barrier, Access::Flush][usize::from(what % 4)];
    match what {
        0..4 => {
            let list = vec![Segment::whole(GrantRef(start.into())); usize::from(count % 12)];
            Request::Transfer(Transfer { access, disk, start: place, segments: Segments::new(&list).unwrap() })
        }
        4 => {
            let flags = DiscardFlags::from_bits_retain(count);
            Request::Discard(Discard { disk, start: place, length: Sectors(start.into()), flags })
        }
        5 | 6 => {
            let segments = usize::from(count) * 16 + 1;
            let pages = vec![GrantRef(start.into()); segments.div_ceil(512)];
            let access = if what == 5 { Access::Read } else { Access::Write };
            Request::Indirect(Indirect::new(access, (disk, place), (segments, SegmentLimit::MAX), &pages).unwrap())
        }
        _ => Request::Other(Operation(count | 8)),
    }
}
