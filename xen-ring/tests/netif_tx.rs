//! Packets on the transmit ring: bytes by the header's offsets, each way in which a chain is malformed, and its answers.
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
use xen_ring::netif::tx::{self, Answer, Flags, Fragment, Piece, Slot, Tx};
use xen_ring::{Back, Front, Misbehaved, RequestId, Slots, Unanswered};

const BLANK: u16 = 1;

type Said = packets::Said<u16>;

/// A slot by the header: grant, offset, flags, id, size.
fn slot(said: Said) -> Slot {
    let mut bytes = [0; 12];
    match said {
        P(offset, flags, size) => {
            bytes[..4].copy_from_slice(&0x0a0b_0c0d_u32.to_le_bytes());
            bytes[4..6].copy_from_slice(&offset.to_le_bytes());
            bytes[6..8].copy_from_slice(&flags.to_le_bytes());
            bytes[8..10].copy_from_slice(&0x1122_u16.to_le_bytes());
            bytes[10..].copy_from_slice(&size.to_le_bytes());
        }
        Info(info) => bytes[..8].copy_from_slice(&info),
    }
    Slot::read_from_bytes(&bytes).unwrap()
}

/// Reads one packet that these slots are, all of them.
fn judged(said: &[Said]) -> Result<Packet, BadPacket> {
    let mut left = said.iter();
    let mut links = Links::<Tx, _>::new(FragmentLimit::MIN, |_| Ok::<_, ()>(left.next().map(|said| (slot(*said), ()))));
    assert_eq!(links.by_ref().count(), said.len());
    links.finish().unwrap()
}

fn packet(first: (u16, u16), fragments: u16, length: u32) -> Packet {
    Packet { first: Part::new(first.0, first.1).unwrap(), fragments, length, extras: <_>::default() }
}

#[test]
fn the_first_slot_has_the_length_of_all() {
    assert_eq!(judged(&[P(96, 0, 4000)]), Ok(packet((96, 4000), 1, 4000)));
    assert_eq!(judged(&[P(96, MORE, 5000), P(7, 0, 2000)]), Ok(packet((96, 3000), 2, 5000)));
    assert_eq!(judged(&[P(0, MORE, u16::MAX), P(0, MORE, 61439), P(0, 0, 1)]).ok(), None, "no page is so large");
}

#[test]
fn a_part_is_by_the_header() {
    let mut left = [P(0x102, BLANK | 0x8000 | MORE, 0x304), P(1, 0, 2)].iter();
    let mut links = Links::<Tx, _>::new(FragmentLimit::MIN, |_| Ok::<_, ()>(left.next().map(|said| (slot(*said), ()))));
    let first = Fragment {
        id: RequestId(0x1122),
        page: GrantRef(0x0a0b_0c0d),
        flags: Flags::from_bits_retain(0x8005),
        part: None,
    };
    assert_eq!(links.next().unwrap().unwrap().link, Ok(Link::Fragment(first)));
    let second = Fragment { flags: Flags::empty(), part: Part::new(1, 2), ..first };
    assert_eq!(links.next().unwrap().unwrap().link, Ok(Link::Fragment(second)));
    let pieces: Vec<_> = tx::packet(
        Flags::CSUM_BLANK | Flags::MORE_DATA,
        &[(GrantRef(0x0a0b_0c0d), Part::new(0x102, 0x300).unwrap())],
        &[],
        FragmentLimit::MIN,
    )
    .unwrap()
    .collect();
    let [Piece::Fragment(0, slot)] = pieces[..] else { unreachable!("one part") };
    assert_eq!(slot.as_bytes(), [0x0d, 0x0c, 0x0b, 0x0a, 2, 1, 1, 0, 0, 0, 0, 3]);
}

#[test]
fn k20_lengths_that_cannot_be_reject_the_packet() {
    let exceed = |parts| Err(BadPacket::PartsExceedWhole { whole: 100, parts });
    assert_eq!(judged(&[P(0, MORE, 100), P(0, 0, 99)]), Ok(packet((0, 1), 2, 100)));
    assert_eq!(judged(&[P(0, MORE, 100), P(0, 0, 100)]), Err(BadPacket::EmptyFragment));
    assert_eq!(judged(&[P(0, MORE, 100), P(0, 0, 101)]), exceed(101));
    assert_eq!(judged(&[P(0, MORE, 100), P(0, MORE, 4000), P(0, 0, 4000)]), exceed(8000));
    let beyond = |offset, length| Err(BadPacket::BeyondPage { offset, length });
    assert_eq!(judged(&[P(4000, 0, 97)]), beyond(4000, 97));
    assert_eq!(judged(&[P(u16::MAX, 0, u16::MAX)]), beyond(u16::MAX, u16::MAX));
    assert_eq!(judged(&[P(4000, MORE, 197), P(0, 0, 100)]), beyond(4000, 97));
    assert_eq!(judged(&[P(4000, MORE, 197), P(0, 0, 101)]), Ok(packet((4000, 96), 2, 197)));
    assert_eq!(judged(&[P(0, MORE, 4200), P(4000, 0, 97)]), beyond(4000, 97));
}

#[test]
fn n13_k20_an_empty_part_is_the_last_or_none() {
    assert_eq!(judged(&[P(0, MORE, 9), P(0, 0, 0)]), Ok(packet((0, 9), 2, 9)));
    assert_eq!(judged(&[P(0, 0, 0)]), Err(BadPacket::Empty));
    assert_eq!(judged(&[P(0, MORE, 9), P(0, MORE, 0), P(0, 0, 1)]), Err(BadPacket::EmptyFragment));
    assert_eq!(judged(&[P(0, MORE, 0), P(0, 0, 1)]), Err(BadPacket::EmptyFragment));
    // What only changes an address is a packet without bytes.
    let add = judged(&[P(0, EXTRA, 0), Info([2, 0, 1, 2, 3, 4, 5, 6])]).unwrap();
    assert_eq!((add.extras.add, add.length), (Some(Mac([1, 2, 3, 4, 5, 6])), 0));
    assert_eq!(judged(&[P(0, EXTRA, 0), Info([5, 0, 0, 0, 0, 0, 0, 0])]), Err(BadPacket::Empty));
}

#[test]
fn k19_k20_chains_have_an_end() {
    let chain = |count: usize| {
        let mut chain = vec![P(0, MORE, 10); count];
        chain[0] = P(0, MORE, u16::try_from(count * 10).unwrap());
        chain[count - 1] = P(0, 0, 10);
        judged(&chain)
    };
    assert_eq!(chain(18), Ok(packet((0, 10), 18, 180)));
    assert_eq!(chain(19), Err(BadPacket::TooManyFragments { most: 18 }));
    assert_eq!(judged(&[P(0, MORE, 10)]), Err(BadPacket::CutShort(Want::Fragment)));
    assert_eq!(judged(&[P(0, EXTRA, 10)]), Err(BadPacket::CutShort(Want::Extra)));
    let info = |kind, flags| Info([kind, flags, 1, 0, 1, 0, 0, 0]);
    assert!(judged(&[P(0, EXTRA, 10), info(2, 1), info(3, 0)]).is_ok());
    let extra = |why| Err(BadPacket::Extra(why));
    assert_eq!(judged(&[P(0, EXTRA, 10), info(2, 1), info(2, 0)]), extra(BadExtra::Repeated(2)));
    assert_eq!(judged(&[P(0, EXTRA, 10), info(0, 0)]), extra(BadExtra::Type(0)));
    assert_eq!(judged(&[P(0, EXTRA, 10), info(6, 1), info(3, 0)]), extra(BadExtra::Type(6)));
    let zero = Info([1, 0, 0, 0, 1, 0, 0, 0]);
    assert_eq!(judged(&[P(0, EXTRA, 10), zero]), extra(BadExtra::GsoSize));
}

#[test]
fn what_no_back_could_send_makes_no_slots() {
    let parts = |parts: &[Part], extras: &[Extra]| {
        let parts: Vec<_> = parts.iter().map(|part| (GrantRef(1), *part)).collect();
        tx::packet(Flags::empty(), &parts, extras, FragmentLimit::MIN).map(Iterator::count)
    };
    let add = Extra::Multicast(MulticastChange::Add, Mac([1; 6]));
    let (nine, nothing) = (Part::new(0, 9).unwrap(), Part::new(0, 0).unwrap());
    assert_eq!((parts(&[nine, nine], &[add]), parts(&[nothing], &[add])), (Ok(3), Ok(2)));
    assert_eq!(parts(&[], &[add]), Err(BadPacket::Empty));
    assert_eq!(parts(&[nothing], &[]), Err(BadPacket::Empty));
    assert_eq!(parts(&[nine; 19], &[]), Err(BadPacket::TooManyFragments { most: 18 }));
    assert_eq!(parts(&[Part::WHOLE; 16], &[]), Err(BadPacket::TooLong { length: 65536 }));
    let last = Part::new(0, 4095).unwrap();
    let mut most = [Part::WHOLE; 16];
    most[15] = last;
    assert_eq!(parts(&most, &[]), Ok(16), "65535 bytes");
    assert_eq!(parts(&[nine], &[add, add]), Err(BadPacket::Extra(BadExtra::Repeated(2))));
}

/// What a front keeps for a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kept {
    Page(u32),
    Extra,
}

type Ring = (Front<'static, Tx, Kept, 32>, Back<'static, Tx>);

fn ring() -> Ring {
    let (page, slots) = (page(), Slots::new(32).unwrap());
    (Front::new(page, slots, table()), Back::attach(page, slots).unwrap())
}

fn send(front: &mut Front<'static, Tx, Kept, 32>, parts: &[(GrantRef, Part)], extras: &[Extra]) {
    for piece in tx::packet(Flags::empty(), parts, extras, FragmentLimit::MIN).unwrap() {
        let vacancy = front.vacancy().unwrap().unwrap();
        match piece {
            Piece::Fragment(index, slot) => _ = vacancy.stage(slot, Kept::Page(parts[index].0.0)),
            Piece::Extra(slot) => vacancy.stage_unnamed(&slot, Kept::Extra),
        }
    }
    let _ = front.publish().unwrap();
}

/// A packet of two parts and an extra info is with the back, which has read it: the ids of its parts.
fn sent() -> (Ring, Vec<RequestId>) {
    let (mut front, mut back) = ring();
    let parts = [(GrantRef(8), Part::new(0, 60).unwrap()), (GrantRef(9), Part::WHOLE)];
    send(&mut front, &parts, &[Extra::Xdp(Xdp { headroom: 4 })]);
    let mut links = back.packet(FragmentLimit::MIN);
    let links_read: Vec<_> = links.by_ref().map(|taken| taken.unwrap().link.unwrap()).collect();
    let packet = links.finish().unwrap().unwrap();
    assert_eq!((packet.length, packet.extras.xdp), (4156, Some(Xdp { headroom: 4 })));
    let id = |link: &Link<Fragment>| match link {
        Link::Fragment(fragment) => Some(fragment.id),
        Link::Extra(_) => None,
    };
    ((front, back), links_read.iter().filter_map(id).collect())
}

fn reply(back: &mut Back<'static, Tx>, answer: Answer) {
    back.debt().unwrap().unwrap().stage(&answer);
    let _ = back.publish().unwrap();
}

#[test]
fn a_packet_is_answered_slot_by_slot() {
    let ((mut front, mut back), ids) = sent();
    for answer in
        [Answer::to_fragment(ids[1], Status::OKAY), Answer::to_extra(), Answer::to_fragment(ids[0], Status::DROPPED)]
    {
        reply(&mut back, answer);
    }
    let kept: Vec<_> = (0..3).map(|_| front.poll_answer().unwrap().unwrap()).collect();
    assert_eq!(
        kept.iter().map(|answer| answer.payload).collect::<Vec<_>>(),
        [Kept::Page(9), Kept::Extra, Kept::Page(8)]
    );
    assert_eq!(kept[2].response.status().sent(), Err(Lost::Dropped));
    assert_eq!(Answer::to_extra().as_bytes(), [0, 0, 1, 0]);
    assert_eq!(Answer::to_fragment(RequestId(0x102), Status::ERROR).as_bytes(), [2, 1, 0xff, 0xff]);
}

#[test]
fn n10_no_answer_is_for_an_extra_info_alone() {
    let ((mut front, mut back), ids) = sent();
    reply(&mut back, Answer::to_extra());
    reply(&mut back, Answer::to_extra());
    assert_eq!(front.poll_answer().unwrap().unwrap().payload, Kept::Extra);
    assert_eq!(front.poll_answer().err(), Some(Misbehaved::NothingUnnamed));
    let left: Vec<_> = front.abort_all().collect();
    assert_eq!(left, [Unanswered::Published(Kept::Page(8)), Unanswered::Published(Kept::Page(9))], "with their grants");
    drop(ids);
}

/// The place of an extra info, its generation guessed.
#[test]
fn n10_r08_an_extra_info_is_not_answered_by_a_guess_of_its_id() {
    let found = (0..=u16::MAX).step_by(if cfg!(miri) { 4099 } else { 1 }).filter(|guess| {
        let ((mut front, mut back), ids) = sent();
        let id = RequestId(u64::from(*guess));
        reply(&mut back, Answer::to_fragment(id, Status::OKAY));
        match front.poll_answer() {
            Ok(answer) => {
                assert!(ids.contains(&id) && matches!(answer.unwrap().payload, Kept::Page(_)));
                false
            }
            Err(reason) => matches!(reason, Misbehaved::WrongKind(_)),
        }
    });
    let guessed = found.take(1).count();
    assert!(cfg!(miri) || guessed == 1, "one guess names it, and is refused");
}

#[test]
fn n11_a_status_frees_its_slot_whatever_it_is() {
    for (status, sent_as) in [
        (0, Ok(())),
        (-1, Err(Lost::Failed)),
        (-2, Err(Lost::Dropped)),
        (2, Err(Lost::UnknownStatus(2))),
        (i16::MIN, Err(Lost::UnknownStatus(i16::MIN))),
    ] {
        let ((mut front, mut back), ids) = sent();
        reply(&mut back, Answer::to_fragment(ids[0], Status(status)));
        let answer = front.poll_answer().unwrap().unwrap();
        assert_eq!((answer.response.status().sent(), answer.payload), (sent_as, Kept::Page(8)));
    }
}

#[test]
fn a_packet_is_replayed_slot_by_slot() {
    let ((front, _), _) = sent();
    let (page, slots) = (page(), Slots::new(32).unwrap());
    let set = front.abort_all().into_replay();
    let mut replay = set.onto(Front::<Tx, Kept, 32>::new(page, slots, table()));
    let parts = [(GrantRef(80), Part::new(0, 60).unwrap()), (GrantRef(90), Part::WHOLE)];
    let extras = [Extra::Xdp(Xdp { headroom: 4 })];
    let mut pieces = tx::packet(Flags::empty(), &parts, &extras, FragmentLimit::MIN).unwrap();
    let mut again = || {
        replay.stage_next(|kind, kept| {
            assert_eq!(kind == tx::Carries::Extra, *kept == Kept::Extra);
            match pieces.next().unwrap() {
                Piece::Fragment(_, slot) | Piece::Extra(slot) => slot,
            }
        })
    };
    let named: Vec<_> = core::iter::from_fn(|| again().unwrap()).map(|id| id.is_some()).collect();
    assert_eq!(named, [true, false, true]);
    let _ = replay.publish().unwrap();
    let mut back = Back::attach(page, slots).unwrap();
    let mut links = back.packet(FragmentLimit::MIN);
    assert_eq!(links.by_ref().count(), 3);
    assert!(links.finish().unwrap().is_ok());
    reply(&mut back, Answer::to_extra());
    assert_eq!(replay.finish().unwrap().poll_answer().unwrap().unwrap().payload, Kept::Extra);
}

fn any_parts() -> impl Strategy<Value = Vec<(GrantRef, Part)>> {
    let part = (any::<u32>(), 0_u16..4096, 1_u16..=3600)
        .prop_map(|(page, offset, length)| (GrantRef(page), Part::new(offset, length.min(4096 - offset)).unwrap()));
    prop::collection::vec(part, 1..=18)
}

const CASES: u32 = if cfg!(miri) { 2 } else { 1000 };

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: CASES, ..ProptestConfig::default() })]

    #[test]
    fn packets_come_through(parts in any_parts(), size in 1_u16.., gso in any::<bool>()) {
        let gso = gso.then_some(Gso { size: size.try_into().unwrap(), kind: GsoType::TCPV4, features: 0 });
        let (mut front, mut back) = ring();
        send(&mut front, &parts, &gso.map(Extra::Gso).into_iter().collect::<Vec<_>>());
        let mut links = back.packet(FragmentLimit::MIN);
        let mut read = Vec::new();
        for taken in links.by_ref() {
            if let Link::Fragment(fragment) = taken.unwrap().link.unwrap() {
                read.push((fragment.page, fragment.part));
            }
        }
        let packet = links.finish().unwrap().unwrap();
        read[0].1 = Some(packet.first);
        prop_assert!(read.into_iter().eq(parts.iter().map(|(page, part)| (*page, Some(*part)))));
        prop_assert_eq!(packet.extras.gso, gso.filter(|gso| u32::from(gso.size.get()) < packet.length));
    }

    /// Whatever the slots, each is taken once, and a packet that is accepted is within its pages.
    #[test]
    fn n13_k19_k20_any_slots_are_packets_or_refused(
        said in prop::collection::vec((any::<[u8; 12]>(), 0_u8..16, 0_u16..5000), 1..60),
    ) {
        let near = |(mut bytes, flags, size): ([u8; 12], u8, u16)| {
            bytes[0] %= 8;
            bytes[1] &= 1;
            if flags & 1 != 0 {
                bytes[5] %= 17;
                bytes[6..8].copy_from_slice(&[flags & 12, 0]);
                bytes[10..].copy_from_slice(&size.to_le_bytes());
            }
            Slot::read_from_bytes(&bytes).unwrap()
        };
        let mut slots = said.into_iter().map(near);
        loop {
            let mut links = Links::<Tx, _>::new(FragmentLimit::MIN, |_| Ok::<_, ()>(slots.next().map(|slot| (slot, ()))));
            let mut later = 0;
            for taken in links.by_ref() {
                if let Ok(Link::Fragment(Fragment { part: Some(part), .. })) = taken.unwrap().link {
                    later += u32::from(part.length());
                }
            }
            match links.finish() {
                None => break,
                Some(Err(_)) => {}
                Some(Ok(packet)) => {
                    prop_assert_eq!(u32::from(packet.first.length()) + later, packet.length);
                    prop_assert!(packet.first.bytes().end <= 4096 && packet.fragments <= 18);
                }
            }
        }
        prop_assert_eq!(slots.next(), None);
    }
}
