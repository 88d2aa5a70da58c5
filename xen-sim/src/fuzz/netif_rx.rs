//! A network front that receives, and a back whose packets are sound or are not.

use super::Ending;
use super::books::{Books, MOST, Numbered, staging, taking};
use super::script::Script;
use crate::adversary::{Memory, Stroke};
use crate::rings::{REQ_EVENT, REQ_PROD, RSP_EVENT, RSP_PROD};
use std::collections::VecDeque;
use xen_hypercall::GrantRef;
use xen_ring::netif::rx::{Flags, Fragment, Request, Rx, Slot, packet};
use xen_ring::netif::{Algorithm, HashType};
use xen_ring::netif::{
    BadPacket, Extra, FragmentLimit, Gso, GsoType, Hash, Link, Mac, MulticastChange, Packet, Part, Xdp,
};
use xen_ring::{Back, Front, Requests, Slots};
use zerocopy::{FromBytes as _, IntoBytes as _};

const WORDS: &[usize] = &[RSP_PROD, RSP_PROD, REQ_EVENT, RSP_EVENT, REQ_PROD];

/// Plays a script with a front that receives: what it posts and reads, and what its back puts into the buffers.
///
/// # Panics
/// If a rule is broken.
pub fn netif_rx(data: &[u8]) -> Ending {
    let mut script = Script::new(data);
    let memory = Memory::new(4096);
    let mut kept = Requests::new();
    let mut card = Card::new(&memory, &mut kept, script.start().unwrap_or_default());
    while let Some(act) = script.below(12) {
        match act {
            0 | 1 => card.post(script.below(9).unwrap_or_default()),
            2 => card.books.publish(&memory, &mut card.front),
            3 | 4 => card.send(&mut script),
            5..8 => card.send_raw(&mut script),
            8 => _ = card.read(FragmentLimit::new(script.byte().unwrap_or_default() % 20)),
            9 | 10 => _ = card.read(FragmentLimit::MIN),
            _ => _ = script.strike(&memory, WORDS, 64),
        }
    }
    card.finish()
}

type Sent = (Vec<Part>, Vec<Extra>);

struct Card<'m> {
    memory: &'m Memory,
    front: Numbered<'m, Rx>,
    back: Option<Back<'m, Rx, Memory>>,
    books: Books,
    /// Buffers that the back took.
    held: VecDeque<Request>,
    /// What an honest back sent and was not read, unless it did something else.
    sent: Option<VecDeque<Sent>>,
    packets: usize,
    refused: usize,
}

impl<'m> Card<'m> {
    fn new(memory: &'m Memory, kept: &'m mut Requests<Rx, usize, MOST>, start: u32) -> Self {
        let slots = Slots::new(MOST.try_into().unwrap()).unwrap();
        let front = memory.peace(|| Front::starting_at(memory, slots, kept, start));
        let back = Books::honest(memory, || Back::attach(memory, slots));
        let (books, held, sent) = (Books::default(), VecDeque::new(), Some(VecDeque::new()));
        Self { memory, front, back, books, held, sent, packets: 0, refused: 0 }
    }

    fn post(&mut self, count: u8) {
        for _ in 0..count {
            let (memory, front, number) = (self.memory, &mut self.front, self.books.staged);
            let request = Request::new(GrantRef(7));
            let done = self.books.verdict.run(memory, &staging(), || {
                Ok(front.vacancy()?.map(|vacancy| vacancy.stage(request, number)).is_some())
            });
            self.books.staged += usize::from(done == Some(true));
        }
    }

    /// Has the back take buffers, and fill the next so many of them.
    fn answer(&mut self, count: usize, mut slot: impl FnMut(usize, &Request) -> Slot) -> bool {
        let Some(back) = &mut self.back else { return false };
        while let Some(request) = Books::honest(self.memory, || back.poll_request()).flatten() {
            self.held.push_back(request);
        }
        if self.held.len() < count {
            return false;
        }
        for (at, request) in self.held.drain(..count).enumerate() {
            let slot = slot(at, &request);
            Books::honest(self.memory, || Ok(back.debt()?.map(|debt| debt.stage(&slot))));
        }
        Books::honest(self.memory, || back.publish()).is_some()
    }

    /// Has an honest back send a packet.
    fn send(&mut self, script: &mut Script<'_>) {
        let count = usize::from(script.below(5).unwrap_or_default());
        let parts: Vec<_> = (0..=count).map(|_| part(script)).collect();
        let extras: Vec<_> = (0..script.below(3).unwrap_or_default()).map(|_| extra(script)).collect();
        let made = packet(Flags::CSUM_BLANK, &parts, &extras, FragmentLimit::MIN).map(Iterator::collect::<Vec<_>>);
        let Ok(pieces) = made else { return };
        if self.answer(pieces.len(), |at, request| pieces[at].to(request))
            && let Some(sent) = &mut self.sent
        {
            sent.push_back((parts, extras));
        }
    }

    /// Has the back put anything into a slot, often with the id of its buffer.
    fn send_raw(&mut self, script: &mut Script<'_>) {
        let keeps_name = script.below(4).unwrap_or_default() > 0;
        let mut bytes: [u8; 8] = script.bytes();
        // Often near to what is right.
        bytes[3] %= 17;
        bytes[5] = 0;
        bytes[7] %= 17;
        self.sent = None;
        self.memory.strike_now(&Stroke::bytes("raw", |_| ()));
        self.answer(1, |_, request| {
            if keeps_name {
                bytes[..2].copy_from_slice(&request.as_bytes()[..2]);
            }
            Slot::read_from_bytes(&bytes).unwrap()
        });
    }

    /// Reads a packet, and sees that it is one.
    fn read(&mut self, limit: FragmentLimit) -> bool {
        let (memory, front) = (self.memory, &mut self.front);
        let (mut kept, mut links) = (Vec::new(), Vec::new());
        let judged = self.books.verdict.run(memory, &taking(MOST + 1), || {
            let mut packet = front.packet(limit);
            for one in packet.by_ref() {
                let one = one?;
                kept.push(one.kept);
                links.push(one.link);
            }
            Ok(packet.finish())
        });
        // What came before a lie came back.
        kept.iter().for_each(|number| self.books.took(*number));
        assert!(kept.is_sorted(), "buffers come back in their order");
        let Some(judged) = judged else { return false };
        assert_eq!(judged.is_none(), links.is_empty(), "a slot is of a packet");
        let sent = if links.is_empty() { None } else { self.sent.as_mut().and_then(VecDeque::pop_front) };
        let sent = sent.filter(|_| !memory.lied());
        match judged {
            Some(Ok(packet)) => self.accepted(&links, &packet, sent),
            Some(Err(why)) => {
                assert!(sent.is_none() || limit != FragmentLimit::MIN, "an honest packet is refused: {why}");
                self.refused += 1;
                // What is left of it may be read as another.
                self.sent = None;
            }
            None => {}
        }
        !links.is_empty()
    }

    fn accepted(&mut self, links: &[Result<Link<Fragment>, BadPacket>], packet: &Packet, sent: Option<Sent>) {
        self.packets += 1;
        let (mut parts, mut extras) = (Vec::new(), Vec::new());
        for link in links {
            match link.unwrap() {
                Link::Fragment(fragment) => parts.push(fragment.part),
                Link::Extra(extra) => extras.push(extra),
            }
        }
        assert_eq!(parts.iter().map(|part| u32::from(part.length())).sum::<u32>(), packet.length);
        assert!(parts.iter().all(|part| part.bytes().end <= 4096), "N02: within the page");
        assert_eq!((parts[0], parts.len()), (packet.first, packet.fragments.into()));
        assert!(packet.extras.gso.is_none_or(|gso| u32::from(gso.size.get()) < packet.length), "N08");
        assert!(sent.is_none_or(|sent| sent == (parts, extras)), "as it was sent");
    }

    fn finish(mut self) -> Ending {
        while self.read(FragmentLimit::MIN) {}
        if !self.memory.lied() {
            assert!(self.sent.is_none_or(|sent| sent.is_empty()), "all that was sent came");
        }
        let found = usize::from(self.books.close(self.memory, self.front));
        Ending { through: self.packets, found: found + self.refused, lied: self.memory.lied() || self.refused > 0 }
    }
}

fn part(script: &mut Script<'_>) -> Part {
    let (offset, length) = (script.pair() % 4096, script.pair() % 2048 + 1);
    Part::new(offset, length.min(4096 - offset)).unwrap()
}

fn extra(script: &mut Script<'_>) -> Extra {
    let kind = script.byte().unwrap_or_default();
    let body: [u8; 6] = script.bytes();
    let [a, b, ..] = body;
    match kind % 5 {
        0 => Extra::Gso(Gso { size: u16::from(a).max(1).try_into().unwrap(), kind: GsoType::TCPV4, features: 0 }),
        1 => Extra::Multicast(MulticastChange::Add, Mac(body)),
        2 => Extra::Multicast(MulticastChange::Delete, Mac(body)),
        3 => Extra::Hash(Hash { kind: HashType(a), algorithm: Algorithm(b), value: 7 }),
        _ => Extra::Xdp(Xdp { headroom: a.into() }),
    }
}
