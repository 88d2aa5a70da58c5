//! Packets on the receive ring: bytes by the header's offsets, each way in which a chain is malformed, and what comes back.
#![expect(unsafe_code, reason = "a test gives its own page")]
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a panic is a failed test"
)]

mod memory;
mod packets;

use memory::{page, table};
use packets::*;
use xen_ring::netif::rx::{self, Flags, Fragment, Request, Rx, Slot};
use xen_ring::{Back, Front, Misbehaved, Slots};

const VALIDATED: u16 = 1;

type Said = packets::Said<i16>;

/// A slot by the header: id, offset, flags, status.
fn slot(id: u16, said: Said) -> Slot {
    let bytes = match said {
        P(offset, flags, status) => {
            let fields = [id.to_le_bytes(), offset.to_le_bytes(), flags.to_le_bytes(), status.to_le_bytes()];
            fields.concat().try_into().unwrap()
        }
        Info(bytes) => bytes,
    };
    Slot::read_from_bytes(&bytes).unwrap()
}

fn id(request: &Request) -> u16 {
    request.id().0.try_into().unwrap()
}

/// A front that has posted all its buffers, and the back that has them.
struct Ring {
    front: Front<'static, Rx, usize, 64>,
    back: Back<'static, Rx>,
    buffers: Vec<Request>,
    used: usize,
}

impl Ring {
    fn new() -> Self {
        let (page, slots) = (page(), Slots::new(64).unwrap());
        let mut front = Front::new(page, slots, table());
        let mut back = Back::attach(page, slots).unwrap();
        for at in 0..64 {
            front.vacancy().unwrap().unwrap().stage(Request::new(GrantRef(100 + at)), at.try_into().unwrap());
        }
        let _ = front.publish().unwrap();
        let buffers = (0..64).map(|_| back.poll_request().unwrap().unwrap()).collect();
        Self { front, back, buffers, used: 0 }
    }

    fn answer(&mut self, slot: &Slot) {
        self.back.debt().unwrap().unwrap().stage(slot);
        let _ = self.back.publish().unwrap();
        self.used += 1;
    }

    fn say(&mut self, said: &[Said]) {
        for one in said {
            let slot = slot(id(&self.buffers[self.used]), *one);
            self.answer(&slot);
        }
    }

    /// Reads one packet; all buffers that it took come back, in their order.
    fn read(&mut self, limit: FragmentLimit) -> Result<(usize, Option<Result<Packet, BadPacket>>), Misbehaved> {
        let mut links = self.front.packet(limit);
        let kept: Result<Vec<_>, _> = links.by_ref().map(|taken| taken.map(|taken| taken.kept)).collect();
        let judged = links.finish();
        let kept = kept?;
        assert!(kept.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{kept:?}");
        Ok((kept.len(), judged))
    }
}

/// Reads one packet that these slots are, and the one behind it, which is good.
fn judged(said: &[Said]) -> Result<Packet, BadPacket> {
    let mut ring = Ring::new();
    ring.say(said);
    let (taken, judged) = ring.read(FragmentLimit::MIN).unwrap();
    assert_eq!(taken, said.len());
    ring.say(&[P(0, 0, 60)]);
    assert_eq!(ring.read(FragmentLimit::MIN).unwrap(), (1, Some(Ok(whole(60)))), "the ring stays");
    judged.unwrap()
}

fn whole(length: u16) -> Packet {
    let first = Part::new(0, length).unwrap();
    Packet { first, fragments: 1, length: length.into(), extras: <_>::default() }
}

#[test]
fn a_part_is_by_the_header() {
    let mut ring = Ring::new();
    assert_eq!(ring.buffers[3].as_bytes()[4..], [103, 0, 0, 0]);
    ring.say(&[P(0x102, VALIDATED | 0x8000, 0x304)]);
    let expected = Fragment {
        id: ring.buffers[0].id(),
        flags: Flags::from_bits_retain(0x8001),
        part: Part::new(0x102, 0x304).unwrap(),
    };
    let taken = ring.front.packet(FragmentLimit::MIN).next().unwrap().unwrap();
    assert_eq!((taken.link, taken.kept), (Ok(Link::Fragment(expected)), 0));
    assert_eq!(ring.read(FragmentLimit::MIN), Ok((0, None)), "nothing more");
}

#[test]
fn n01_a_status_that_is_no_length_rejects_the_packet() {
    assert_eq!(judged(&[P(0, 0, 4096)]), Ok(whole(4096)));
    assert_eq!(judged(&[P(0, 0, 1)]), Ok(whole(1)), "a length, and not what it means of a sent packet");
    for (status, why) in [
        (4097, Lost::UnknownStatus(4097)),
        (i16::MAX, Lost::UnknownStatus(i16::MAX)),
        (-1, Lost::Failed),
        (-2, Lost::Dropped),
        (-3, Lost::UnknownStatus(-3)),
        (i16::MIN, Lost::UnknownStatus(i16::MIN)),
    ] {
        assert_eq!(judged(&[P(0, 0, status)]), Err(BadPacket::Lost(why)));
        assert_eq!(judged(&[P(0, MORE, 100), P(0, MORE, status), P(0, 0, 9)]), Err(BadPacket::Lost(why)));
    }
}

#[test]
fn n02_bytes_beyond_the_page_reject_the_packet() {
    assert!(judged(&[P(96, 0, 4000)]).is_ok());
    for (offset, length) in [(97, 4000), (4096, 1), (u16::MAX, 1), (0x8000, 4096), (61536, 4000)] {
        let why = BadPacket::BeyondPage { offset, length: length.try_into().unwrap() };
        assert_eq!(judged(&[P(offset, 0, length)]), Err(why));
        assert_eq!(judged(&[P(0, MORE, 100), P(offset, 0, length)]), Err(why));
    }
}

#[test]
fn n03_a_chain_ends_at_the_limit_and_what_is_beyond_is_taken_and_dropped() {
    let chain = |count: usize| {
        let mut chain = vec![P(0, MORE, 10); count];
        chain[count - 1] = P(0, 0, 10);
        chain
    };
    assert_eq!(judged(&chain(18)).map(|packet| (packet.fragments, packet.length)), Ok((18, 180)));
    for count in [19, 40, 60] {
        assert_eq!(judged(&chain(count)), Err(BadPacket::TooManyFragments { most: 18 }));
    }
    let mut ring = Ring::new();
    ring.say(&chain(3));
    let (taken, judged) = ring.read(FragmentLimit::new(2)).unwrap();
    assert_eq!((taken, judged), (3, Some(Err(BadPacket::TooManyFragments { most: 2 }))));
}

/// Counts the slots that are taken of a chain that never ends.
fn endless(said: impl Fn(usize) -> Said) -> (usize, BadPacket) {
    let mut asked = 0;
    let mut links = Links::<Rx, _>::new(FragmentLimit::MIN, |_| {
        asked += 1;
        // So many that the test fails, and not so many that it does not end.
        Ok::<_, ()>((asked < 1000).then(|| (slot(0, said(asked)), ())))
    });
    let taken = links.by_ref().count();
    let why = links.finish().unwrap().unwrap_err();
    assert!(taken == asked, "each slot that was asked for");
    (taken, why)
}

#[test]
fn n03_n06_a_chain_without_end_is_left() {
    let (taken, why) = endless(|_| P(0, MORE, 10));
    assert_eq!((taken, why), (18 + 256, BadPacket::TooManyFragments { most: 18 }));
    let (taken, why) = endless(|at| if at == 1 { P(0, EXTRA, 10) } else { Info([5, 1, 0, 0, 0, 0, 0, 0]) });
    assert_eq!((taken, why), (2 + 256, BadPacket::Extra(BadExtra::Repeated(5))));
    let (taken, why) = endless(|at| if at == 1 { P(0, EXTRA, 10) } else { Info([0, 1, 0, 0, 0, 0, 0, 0]) });
    assert_eq!((taken, why), (1 + 256, BadPacket::Extra(BadExtra::Type(0))));
}

#[test]
fn n04_n05_a_chain_that_is_cut_off_is_rejected_at_once() {
    let hash = Info([4, 1, 0, 1, 0, 0, 0, 0]);
    for (said, want) in [
        (&[P(0, MORE, 10)][..], Want::Fragment),
        (&[P(0, MORE, 10), P(0, MORE, 10)], Want::Fragment),
        (&[P(0, EXTRA, 10)], Want::Extra),
        (&[P(0, EXTRA | MORE, 10), hash], Want::Extra),
        (&[P(0, EXTRA | MORE, 10), Info([4, 0, 0, 1, 0, 0, 0, 0])], Want::Fragment),
    ] {
        assert_eq!(judged(said), Err(BadPacket::CutShort(want)), "{said:?}");
    }
    let complete = [P(0, EXTRA | MORE, 10), Info([4, 0, 0, 1, 0, 0, 0, 0]), P(0, 0, 10)];
    assert!(judged(&complete).is_ok());
}

#[test]
fn n06_a_packet_has_one_extra_info_of_a_type() {
    let of = |kinds: &[u8]| {
        let mut said = vec![P(0, EXTRA, 10)];
        let last = kinds.len() - 1;
        said.extend(kinds.iter().enumerate().map(|(at, kind)| Info([*kind, u8::from(at < last), 1, 0, 1, 0, 0, 0])));
        judged(&said)
    };
    let extras = of(&[5, 4, 3, 2, 1]).unwrap().extras;
    assert_eq!(extras.xdp, Some(Xdp { headroom: 1 }));
    assert_eq!((extras.add, extras.delete), (Some(Mac([1, 0, 1, 0, 0, 0])), Some(Mac([1, 0, 1, 0, 0, 0]))));
    for kind in 1..=5 {
        assert_eq!(of(&[kind, kind]), Err(BadPacket::Extra(BadExtra::Repeated(kind))));
        assert_eq!(of(&[kind, kind % 5 + 1, kind]), Err(BadPacket::Extra(BadExtra::Repeated(kind))));
    }
}

#[test]
fn n07_n08_an_extra_info_that_is_none_rejects_the_packet() {
    let with = |info| judged(&[P(0, EXTRA | MORE, 2000), Info(info), P(0, 0, 2000)]);
    let gso = Gso { size: 1460.try_into().unwrap(), kind: GsoType::TCPV4, features: 0 };
    let [low, high] = 1460_u16.to_le_bytes();
    assert_eq!(with([1, 0, low, high, 1, 0, 0, 0]).unwrap().extras.gso, Some(gso));
    for (info, why) in [
        ([0, 0, low, high, 1, 0, 0, 0], BadExtra::Type(0)),
        ([6, 0, low, high, 1, 0, 0, 0], BadExtra::Type(6)),
        ([255, 0, low, high, 1, 0, 0, 0], BadExtra::Type(255)),
        ([1, 2, low, high, 1, 0, 0, 0], BadExtra::Flags(2)),
        ([1, 0, 0, 0, 1, 0, 0, 0], BadExtra::GsoSize),
        ([1, 0, low, high, 3, 0, 0, 0], BadExtra::GsoType(GsoType(3))),
    ] {
        assert_eq!(with(info), Err(BadPacket::Extra(why)));
    }
}

#[test]
fn n08_segments_as_long_as_the_packet_cut_nothing() {
    let with = |size: u16| {
        let [low, high] = size.to_le_bytes();
        judged(&[P(0, EXTRA, 2000), Info([1, 0, low, high, 1, 0, 0, 0])]).unwrap().extras.gso
    };
    assert_eq!(with(1999).map(|gso| gso.size.get()), Some(1999));
    assert_eq!((with(2000), with(u16::MAX)), (None, None));
}

#[test]
fn extra_infos_stand_behind_the_first_part_alone() {
    let info = Info([5, 0, 0, 0, 0, 0, 0, 0]);
    assert!(judged(&[P(0, EXTRA | MORE, 9), info, P(0, MORE, 9), P(0, 0, 9)]).is_ok());
    assert_eq!(judged(&[P(0, MORE, 9), P(0, EXTRA | MORE, 9), P(0, 0, 9)]), Err(BadPacket::LateExtra));
}

#[test]
fn n09_a_part_names_its_buffer_and_an_extra_info_names_none() {
    // Whatever an extra info has where a part has its id: nobody looks.
    for body in [0, 1, 0x7f, 0xff] {
        assert!(judged(&[P(0, EXTRA, 9), Info([2, 0, body, body, body, body, body, body])]).is_ok());
    }
    let other = |change: fn(u16) -> u16| {
        let mut ring = Ring::new();
        ring.say(&[P(0, MORE, 9)]);
        let second = slot(change(id(&ring.buffers[1])), P(0, 0, 9));
        ring.answer(&second);
        let refused = ring.read(FragmentLimit::MIN).unwrap_err();
        assert_eq!(ring.read(FragmentLimit::MIN), Err(refused), "dead");
        assert_eq!(ring.front.abort_all().count(), 63, "the rest comes back once");
        refused
    };
    assert!(matches!(other(|id| id ^ 2), Misbehaved::OutOfOrder(_)));
    assert!(matches!(other(|id| id ^ 0x100), Misbehaved::Stale(_)));
}

#[test]
fn n12_flags_are_handed_on_as_they_are_and_nothing_is_read_of_the_packet() {
    for flags in [0, 1, 2, 3, 16, 0xfff0, 0xfff3] {
        let mut ring = Ring::new();
        ring.say(&[P(0, flags, 1)]);
        let taken = ring.front.packet(FragmentLimit::MIN).next().unwrap().unwrap();
        let Ok(Link::Fragment(fragment)) = taken.link else { unreachable!("a part") };
        assert_eq!((fragment.flags.bits(), fragment.part.length()), (flags, 1), "shorter than any header");
    }
}

#[test]
fn n13_an_empty_part_is_the_last_or_none() {
    assert_eq!(judged(&[P(0, MORE, 9), P(0, 0, 0)]).map(|packet| packet.length), Ok(9));
    assert_eq!(judged(&[P(0, 0, 0)]), Err(BadPacket::Empty));
    assert_eq!(judged(&[P(0, MORE, 0), P(0, 0, 9)]), Err(BadPacket::EmptyFragment));
    assert_eq!(judged(&[P(0, MORE, 9), P(0, MORE, 0), P(0, 0, 9)]), Err(BadPacket::EmptyFragment));
    assert_eq!(judged(&[P(0, MORE, 9), P(0, MORE, 0), P(0, 0, 0)]), Err(BadPacket::EmptyFragment));
}

#[test]
fn n04_who_stops_early_is_told_that_the_rest_is_missing() {
    let mut ring = Ring::new();
    ring.say(&[P(0, MORE, 9), P(0, 0, 9)]);
    let mut links = ring.front.packet(FragmentLimit::MIN);
    assert!(links.next().unwrap().unwrap().link.is_ok());
    assert_eq!(links.finish(), Some(Err(BadPacket::CutShort(Want::Fragment))));
}

#[test]
fn a_buffer_is_given_back_empty() {
    let mut ring = Ring::new();
    let lost = Slot::lost(&ring.buffers[0], Status::DROPPED);
    ring.answer(&lost);
    let (taken, judged) = ring.read(FragmentLimit::MIN).unwrap();
    assert_eq!((taken, judged), (1, Some(Err(BadPacket::Lost(Lost::Dropped)))));
}

#[test]
fn what_no_front_could_take_makes_no_slots() {
    let parts = |parts: &[Part], extras: &[Extra]| {
        rx::packet(Flags::empty(), parts, extras, FragmentLimit::MIN).map(Iterator::count)
    };
    let part = Part::new(0, 9).unwrap();
    let (nothing, xdp) = (Part::new(0, 0).unwrap(), Extra::Xdp(Xdp { headroom: 1 }));
    assert_eq!(parts(&[part, part], &[xdp]), Ok(3));
    assert_eq!(parts(&[], &[xdp]), Err(BadPacket::Empty));
    assert_eq!(parts(&[nothing], &[]), Err(BadPacket::Empty));
    assert_eq!(parts(&[nothing, part], &[]), Err(BadPacket::EmptyFragment));
    assert_eq!(parts(&[part; 19], &[]), Err(BadPacket::TooManyFragments { most: 18 }));
    assert_eq!(parts(&[part], &[xdp, xdp]), Err(BadPacket::Extra(BadExtra::Repeated(5))));
}

fn any_part() -> impl Strategy<Value = Part> {
    (0_u16..4096, 1_u16..=4096).prop_map(|(offset, length)| Part::new(offset, length.min(4096 - offset)).unwrap())
}

fn any_extras() -> impl Strategy<Value = Vec<Extra>> {
    let one = (any::<[u8; 6]>(), any::<u16>()).prop_map(|(body, number)| {
        let gso = Gso { size: number.max(1).try_into().unwrap(), kind: GsoType::TCPV6, features: number };
        let (add, delete) = (MulticastChange::Add, MulticastChange::Delete);
        let multicast = |change| Extra::Multicast(change, Mac(body));
        vec![Extra::Gso(gso), multicast(add), multicast(delete), Extra::Xdp(Xdp { headroom: number })]
    });
    (one, prop::collection::vec(any::<prop::sample::Index>(), 0..4))
        .prop_map(|(mut all, order)| order.into_iter().map(|index| all.swap_remove(index.index(all.len()))).collect())
}

const CASES: u32 = if cfg!(miri) { 2 } else { 1000 };

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: CASES, ..ProptestConfig::default() })]

    #[test]
    fn packets_come_through(parts in prop::collection::vec(any_part(), 1..=18), extras in any_extras()) {
        let mut ring = Ring::new();
        let pieces: Vec<_> = rx::packet(Flags::CSUM_BLANK, &parts, &extras, FragmentLimit::MIN).unwrap().collect();
        for piece in &pieces {
            let slot = piece.to(&ring.buffers[ring.used]);
            ring.answer(&slot);
        }
        let mut links = ring.front.packet(FragmentLimit::MIN);
        let (mut read, mut said) = (Vec::new(), Vec::new());
        for taken in links.by_ref() {
            match taken.unwrap().link.unwrap() {
                Link::Fragment(fragment) => read.push(fragment.part),
                Link::Extra(extra) => said.push(extra),
            }
        }
        let packet = links.finish().unwrap().unwrap();
        prop_assert_eq!((&read, &said), (&parts, &extras));
        prop_assert_eq!((packet.first, usize::from(packet.fragments)), (parts[0], parts.len()));
        prop_assert_eq!(packet.length, parts.iter().map(|part| u32::from(part.length())).sum::<u32>());
        prop_assert_eq!(ring.read(FragmentLimit::MIN), Ok((0, None)));
    }

    /// Whatever the slots, each is taken once and in turn, and a packet that is accepted is within its pages.
    #[test]
    fn n01_n02_n03_n06_n07_n13_any_slots_are_packets_or_refused(
        said in prop::collection::vec((any::<[u8; 8]>(), 0_u8..16, 0_u16..5000), 1..60),
    ) {
        let near = |(mut bytes, flags, length): ([u8; 8], u8, u16)| {
            bytes[0] %= 8;
            bytes[1] &= 1;
            if flags & 1 != 0 {
                bytes[3] = 0;
                bytes[4..6].copy_from_slice(&[flags & 12, 0]);
                bytes[6..8].copy_from_slice(&length.to_le_bytes());
            }
            Slot::read_from_bytes(&bytes).unwrap()
        };
        let mut slots = said.into_iter().map(near).zip(0..);
        let mut next = 0;
        loop {
            let mut links = Links::<Rx, _>::new(FragmentLimit::MIN, |_| Ok::<_, ()>(slots.next()));
            for taken in links.by_ref() {
                prop_assert_eq!(taken.unwrap().kept, next);
                next += 1;
            }
            match links.finish() {
                None => break,
                Some(Err(_)) => {}
                Some(Ok(packet)) => {
                    prop_assert!(packet.first.bytes().end <= 4096 && packet.length > 0 || packet.extras.add.is_some() || packet.extras.delete.is_some());
                    prop_assert!(packet.fragments <= 18 && packet.length <= 18 * 4096);
                    prop_assert!(packet.extras.gso.is_none_or(|gso| u32::from(gso.size.get()) < packet.length));
                }
            }
        }
        prop_assert_eq!(slots.next(), None);
    }
}
