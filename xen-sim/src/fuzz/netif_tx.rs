//! A network front that sends and a back that answers; or a back, and a front whose packets are sound or are not.

use super::Ending;
use super::books::{Books, MOST, Numbered, staging};
use super::script::Script;
use crate::adversary::{Memory, Rules, Stroke, put, word};
use crate::rings::{REQ_EVENT, REQ_PROD, RSP_EVENT, RSP_PROD, Verdict};
use xen_hypercall::GrantRef;
use xen_ring::netif::tx::{Answer, Flags, Piece, Slot, Tx, packet};
use xen_ring::netif::{Extra, FragmentLimit, Link, Mac, MulticastChange, Part, Status, Xdp};
use xen_ring::{Back, Front, RequestId, Requests, Slots};
use zerocopy::{FromBytes as _, IntoBytes as _};

const WORDS: &[usize] = &[RSP_PROD, RSP_PROD, REQ_EVENT, RSP_EVENT, REQ_PROD];
const BACK_WORDS: &[usize] = &[REQ_PROD, REQ_PROD, RSP_EVENT, REQ_EVENT, RSP_PROD];

/// Plays a script with one end of a ring that sends: the first byte says which.
///
/// # Panics
/// If a rule is broken.
pub fn netif_tx(data: &[u8]) -> Ending {
    let mut script = Script::new(data);
    match script.below(2) {
        Some(0) => sends(&mut script),
        Some(_) => takes(&mut script),
        None => Ending::default(),
    }
}

fn slots() -> Slots<Tx> {
    Slots::new(MOST.try_into().unwrap()).unwrap()
}

fn sends(script: &mut Script<'_>) -> Ending {
    let memory = Memory::new(4096);
    let mut kept = Requests::new();
    let start = script.start().unwrap_or_default();
    let front = memory.peace(|| Front::starting_at(&memory, slots(), &mut kept, start));
    let back = Books::honest(&memory, || Back::attach(&memory, slots()));
    let (books, pieces, held) = (Books::default(), Vec::new(), Vec::new());
    let mut card = Card { memory: &memory, front, back, books, pieces, held };
    while let Some(act) = script.below(10) {
        match act {
            0 | 1 => card.stage(script),
            2 => card.books.publish(&memory, &mut card.front),
            3 | 4 => _ = card.poll(),
            5 => card.serve(),
            6 | 7 => _ = card.answer(script),
            8 => card.lie(script),
            _ => _ = script.strike(&memory, WORDS, 64),
        }
    }
    card.finish()
}

/// A front that sends.
struct Card<'m> {
    memory: &'m Memory,
    front: Numbered<'m, Tx>,
    back: Option<Back<'m, Tx, Memory>>,
    books: Books,
    /// The id of each slot staged, or that it has none.
    pieces: Vec<Option<RequestId>>,
    /// Slots that the back took, by their id.
    held: Vec<Option<RequestId>>,
}

impl Card<'_> {
    fn stage(&mut self, script: &mut Script<'_>) {
        let count = usize::from(script.below(5).unwrap_or_default());
        let parts: Vec<_> = (0..=count).map(|_| (GrantRef(7), part(script))).collect();
        let extra = match script.below(3).unwrap_or_default() {
            0 => None,
            1 => Some(Extra::Xdp(Xdp { headroom: 7 })),
            _ => Some(Extra::Multicast(MulticastChange::Add, Mac([7; 6]))),
        };
        let extras: Vec<_> = extra.into_iter().collect();
        let Ok(pieces) = packet(Flags::empty(), &parts, &extras, FragmentLimit::MIN) else { return };
        let room = self.books.verdict.run(self.memory, &Rules::none(), || self.front.room());
        if room.is_none_or(|room| usize::try_from(room).unwrap_or_default() < parts.len() + extras.len()) {
            return;
        }
        for piece in pieces {
            self.piece(piece);
        }
    }

    fn piece(&mut self, piece: Piece) {
        let Self { memory, front, books, .. } = self;
        let number = books.staged;
        let done = books.verdict.run(memory, &staging(), || {
            let Some(vacancy) = front.vacancy()? else { return Ok(None) };
            Ok(Some(match piece {
                Piece::Fragment(_, slot) => Some(vacancy.stage(slot, number)),
                Piece::Extra(slot) => {
                    vacancy.stage_unnamed(&slot, number);
                    None
                }
            }))
        });
        if let Some(id) = done.flatten() {
            self.books.staged += 1;
            self.pieces.push(id);
        }
    }

    fn poll(&mut self) -> bool {
        let Some(answer) = self.books.poll(self.memory, &mut self.front) else { return false };
        let status = answer.response.status();
        let named = self.pieces[answer.payload];
        assert_eq!(status == Status::NULL, named.is_none(), "N10: no answer is for what has no id");
        assert_eq!(status.sent().is_ok(), status == Status(0), "N11: nothing but 0 is success");
        true
    }

    /// Has an honest back read packets.
    fn serve(&mut self) {
        let Self { memory, back: Some(back), held, .. } = self else { return };
        let _ = Books::honest(memory, || {
            loop {
                let mut links = back.packet(FragmentLimit::MIN);
                for one in links.by_ref() {
                    match one?.link {
                        Ok(Link::Fragment(fragment)) => held.push(Some(fragment.id)),
                        Ok(Link::Extra(_)) => held.push(None),
                        Err(why) => assert!(memory.lied(), "an honest packet is refused: {why}"),
                    }
                }
                if links.finish().is_none() {
                    return Ok(());
                }
            }
        });
    }

    /// Has an honest back answer one of the slots that it took, with any status.
    fn answer(&mut self, script: &mut Script<'_>) -> bool {
        let (which, status) = (usize::from(script.byte().unwrap_or_default()), script.pair().cast_signed());
        let (Some(back), false) = (&mut self.back, self.held.is_empty()) else { return false };
        let status = if status == 1 { Status(2) } else { Status(status) };
        let id = self.held.swap_remove(which % self.held.len());
        let answer = id.map_or(Answer::to_extra(), |id| Answer::to_fragment(id, status));
        Books::honest(self.memory, || {
            if let Some(debt) = back.debt()? {
                debt.stage(&answer);
            }
            back.publish()
        })
        .is_some()
    }

    /// Has the peer answer anything.
    fn lie(&mut self, script: &mut Script<'_>) {
        let (change, status): ([u8; 2], i16) = (script.bytes(), script.pair().cast_signed() % 3);
        let known = self.held.first().copied().flatten().map_or(0, |id| id.0);
        let id = RequestId(known ^ u64::from(u16::from_le_bytes(change)));
        let answer = Answer::to_fragment(id, Status(status));
        self.memory.strike_now(&Stroke::bytes("answer", move |bytes| {
            let produced = word(bytes, RSP_PROD);
            let place = 64 + usize::try_from(produced).unwrap_or_default() % MOST * size_of::<Slot>();
            bytes[place..place + size_of::<Answer>()].copy_from_slice(answer.as_bytes());
            put(bytes, RSP_PROD, produced.wrapping_add(1));
        }));
    }

    fn finish(mut self) -> Ending {
        if !self.memory.lied() {
            self.books.publish(self.memory, &mut self.front);
            self.serve();
            while self.answer(&mut Script::new(&[])) {}
            while self.poll() {}
            assert!(self.memory.lied() || self.books.back.len() == self.books.staged, "all that was sent was answered");
        }
        let through = self.books.back.len();
        let found = usize::from(self.books.close(self.memory, self.front));
        Ending { through, found, lied: self.memory.lied() }
    }
}

/// A back, and a front that puts anything into slots.
fn takes(script: &mut Script<'_>) -> Ending {
    let memory = Memory::new(4096);
    let start = script.start().unwrap_or_default();
    memory.poke(REQ_PROD, start);
    memory.poke(RSP_PROD, start);
    let Ok(back) = memory.peace(|| Back::attach(&memory, slots())) else { unreachable!("nothing is in it") };
    let mut taker = Taker { memory: &memory, back, verdict: Verdict::default(), ending: Ending::default() };
    while let Some(act) = script.below(8) {
        match act {
            0..4 => taker.put(script),
            4 | 5 => taker.read(FragmentLimit::MIN),
            6 => taker.read(FragmentLimit::new(script.byte().unwrap_or_default() % 6)),
            _ => _ = script.strike(&memory, BACK_WORDS, 64),
        }
    }
    memory.finish();
    taker.read(FragmentLimit::MIN);
    let found = taker.ending.found + usize::from(taker.verdict.found(&memory));
    Ending { found, lied: memory.lied() || found > 0, ..taker.ending }
}

struct Taker<'m> {
    memory: &'m Memory,
    back: Back<'m, Tx, Memory>,
    verdict: Verdict,
    ending: Ending,
}

impl Taker<'_> {
    /// Has the front publish one slot, often near to what is right.
    fn put(&self, script: &mut Script<'_>) {
        let mut bytes: [u8; 12] = script.bytes();
        bytes[1] &= 3;
        bytes[5] %= 17;
        bytes[7] = 0;
        bytes[11] %= 20;
        let full = self.memory.peek(REQ_PROD).wrapping_sub(self.memory.peek(RSP_PROD));
        if usize::try_from(full).unwrap_or_default() >= MOST {
            return;
        }
        self.memory.with(|page| {
            let produced = word(page, REQ_PROD);
            let place = 64 + usize::try_from(produced).unwrap_or_default() % MOST * size_of::<Slot>();
            page[place..place + size_of::<Slot>()].copy_from_slice(Slot::read_from_bytes(&bytes).unwrap().as_bytes());
            put(page, REQ_PROD, produced.wrapping_add(1));
        });
    }

    /// Reads a packet, sees that it is one, and answers it.
    fn read(&mut self, limit: FragmentLimit) {
        let Self { memory, back, verdict, ending } = self;
        let rules = Rules::none().budget(5 * (MOST + 1)).load(REQ_PROD, 2 * (MOST + 1)).copy(64..4096);
        let (mut count, mut later) = (0, 0);
        let judged = verdict.run(memory, &rules, || {
            let mut links = back.packet(limit);
            for one in links.by_ref() {
                count += 1;
                if let Ok(Link::Fragment(fragment)) = one?.link
                    && let Some(part) = fragment.part
                {
                    assert!(part.bytes().end <= 4096, "K20: within the page");
                    later += u32::from(part.length());
                }
            }
            Ok(links.finish())
        });
        match judged.flatten() {
            Some(Ok(packet)) => {
                ending.through += 1;
                assert_eq!(u32::from(packet.first.length()) + later, packet.length, "K20: the parts are the whole");
                assert!(packet.first.bytes().end <= 4096, "K20: within the page");
                assert!(packet.length > 0 || packet.extras.add.is_some() || packet.extras.delete.is_some(), "N13");
            }
            Some(Err(_)) => ending.found += 1,
            None => {}
        }
        let _ = memory.peace(|| {
            for _ in 0..count {
                let Some(debt) = back.debt()? else { break };
                debt.stage(&Answer::to_extra());
            }
            back.publish()
        });
    }
}

fn part(script: &mut Script<'_>) -> Part {
    let (offset, length) = (script.pair() % 4096, script.pair() % 2048 + 1);
    Part::new(offset, length.min(4096 - offset)).unwrap()
}
