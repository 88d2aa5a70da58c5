//! The adversary stepper on block answers and network packets: struck before each access and in the middle of each copy.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a panic is a failed test"
)]

use core::fmt;
use xen_hypercall::GrantRef;
use xen_ring::blkif::{
    Access, BadRequest, BadSegment, Blkif, Disk, Indirect, Request, Response, SEGMENTS_IN_PAGE, Sector, Segment,
    SegmentLimit, Segments, Status, Transfer,
};
use xen_ring::blkif::{X86_32, X86_64};
use xen_ring::netif::rx::{self, Rx};
use xen_ring::netif::tx::{self, Piece, Tx};
use xen_ring::netif::{self, BadPacket, Extra, FragmentLimit, Link, Packet, Part, Xdp};
use xen_ring::{Back, Front, Misbehaved, Protocol, Requests, Slots};
use xen_sim::adversary::{Access as Seen, Figures, Memory, Rules, Shape, slots, step};
use xen_sim::rings::{REQ_EVENT, REQ_PROD, RSP_EVENT, RSP_PROD};

const COUNT: u32 = 4;
/// The indices wrap in the middle of what is tried.
const START: u32 = u32::MAX - 1;

type Numbered<'m, P> = Front<'m, P, usize, 4, Memory>;

/// A front and a back that have done nothing yet.
fn ring<'m, P: Protocol>(
    memory: &'m Memory,
    kept: &'m mut Requests<P, usize, 4>,
) -> (Numbered<'m, P>, Back<'m, P, Memory>) {
    let slots = Slots::new(COUNT).unwrap();
    (Front::starting_at(memory, slots, kept, START), Back::attach(memory, slots).unwrap())
}

/// What taking so many slots may do.
fn taking(most: usize) -> Rules {
    Rules::none().budget(5 * most).load(RSP_PROD, 2 * most).load(REQ_PROD, 2 * most).copy(64..4096)
}

/// Each of the four came back once, in the end; those that had no answer, oldest first.
fn balance<P: Protocol>(memory: &Memory, front: Numbered<'_, P>, mut back: Vec<usize>) {
    let left: Vec<_> = memory.untouched(|| front.abort_all().map(xen_ring::Unanswered::into_payload).collect());
    assert!(left.is_sorted());
    back.extend(left);
    back.sort_unstable();
    assert_eq!(back, [0, 1, 2, 3]);
    memory.is_clean();
}

fn extras() -> [Extra; 1] {
    [Extra::Xdp(Xdp { headroom: 9 })]
}

fn within<F: fmt::Debug>(
    links: &[Result<Link<F>, BadPacket>],
    part: impl Fn(&F) -> Option<Part>,
    packet: &Packet,
    whole: u32,
) {
    let parts = links.iter().filter_map(|link| match link.as_ref().unwrap() {
        Link::Fragment(fragment) => part(fragment),
        Link::Extra(_) => None,
    });
    let parts: Vec<_> = parts.collect();
    assert!(parts.iter().chain([&packet.first]).all(|part| part.bytes().end <= 4096), "within the page");
    let sum: u32 = parts.iter().map(|part| u32::from(part.length())).sum();
    assert_eq!(sum + whole, packet.length, "the parts are the whole");
}

/// Buffers of which three hold a packet: a part, an extra info, a part.
fn receive(memory: &Memory) -> bool {
    let mut kept = Requests::new();
    let mut front = memory.peace(|| {
        let (mut front, mut back) = ring::<Rx>(memory, &mut kept);
        for number in 0..4 {
            front.vacancy().unwrap().unwrap().stage(rx::Request::new(GrantRef(7)), number);
        }
        let _ = front.publish().unwrap();
        let parts = [Part::new(4, 2000).unwrap(), Part::new(0, 3000).unwrap()];
        for piece in rx::packet(rx::Flags::CSUM_BLANK, &parts, &extras(), FragmentLimit::MIN).unwrap() {
            let request = back.poll_request().unwrap().unwrap();
            back.debt().unwrap().unwrap().stage(&piece.to(&request));
        }
        let _ = back.publish().unwrap();
        front
    });
    let (mut kept, mut links) = (Vec::new(), Vec::new());
    let judged = memory.attacked(&taking(5), || {
        let mut packet = front.packet(FragmentLimit::MIN);
        for one in packet.by_ref() {
            let one = one?;
            kept.push(one.kept);
            links.push(one.link);
        }
        Ok::<_, Misbehaved>(packet.finish())
    });
    assert!(kept.iter().copied().eq(0..kept.len()), "in their order");
    if let Ok(Some(Ok(packet))) = &judged {
        within(&links, |fragment: &rx::Fragment| Some(fragment.part), packet, 0);
    }
    balance(memory, front, kept);
    !matches!(judged, Ok(Some(Ok(_))))
}

/// A packet of three slots and one of one, which a back reads and answers, the front being struck.
fn send(memory: &Memory) -> bool {
    let mut kept = Requests::new();
    let (mut front, named) = memory.peace(|| {
        let (mut front, mut back) = ring::<Tx>(memory, &mut kept);
        let parts = [(GrantRef(7), Part::new(4, 2000).unwrap()), (GrantRef(8), Part::new(0, 3000).unwrap())];
        let mut named = Vec::new();
        for (parts, extras) in [(&parts[..], &extras()[..]), (&parts[..1], &[])] {
            for piece in tx::packet(tx::Flags::empty(), parts, extras, FragmentLimit::MIN).unwrap() {
                let (vacancy, number) = (front.vacancy().unwrap().unwrap(), named.len());
                named.push(matches!(piece, Piece::Fragment(..)));
                match piece {
                    Piece::Fragment(_, slot) => _ = vacancy.stage(slot, number),
                    Piece::Extra(slot) => vacancy.stage_unnamed(&slot, number),
                }
            }
        }
        let _ = front.publish().unwrap();
        let slots: Vec<_> = (0..4).map(|_| back.poll_request().unwrap().unwrap()).collect();
        for at in [3, 1, 0] {
            let answer = if named[at] {
                tx::Answer::to_fragment(slots[at].id(), netif::Status::OKAY)
            } else {
                tx::Answer::to_extra()
            };
            back.debt().unwrap().unwrap().stage(&answer);
        }
        let _ = back.publish().unwrap();
        (front, named)
    });
    let mut kept = Vec::new();
    let done = memory.attacked(&taking(5), || {
        front.poll_answers(8, |answer| {
            let null = answer.response.status() == netif::Status::NULL;
            assert_eq!(null, !named[answer.payload], "N10: no answer is for what has no id");
            kept.push(answer.payload);
        })
    });
    balance(memory, front, kept);
    done.is_err()
}

/// A packet that a back reads, the back being struck.
fn take(memory: &Memory) -> bool {
    let mut kept = Requests::new();
    let mut back = memory.peace(|| {
        let (mut front, back) = ring::<Tx>(memory, &mut kept);
        let parts = [(GrantRef(7), Part::new(4, 2000).unwrap()), (GrantRef(8), Part::new(0, 3000).unwrap())];
        for piece in tx::packet(tx::Flags::empty(), &parts, &extras(), FragmentLimit::MIN).unwrap() {
            match (piece, front.vacancy().unwrap().unwrap()) {
                (Piece::Fragment(number, slot), vacancy) => _ = vacancy.stage(slot, number),
                (Piece::Extra(slot), vacancy) => vacancy.stage_unnamed(&slot, 9),
            }
        }
        let _ = front.publish().unwrap();
        back
    });
    let mut links = Vec::new();
    let judged = memory.attacked(&taking(5), || {
        let mut packet = back.packet(FragmentLimit::MIN);
        for one in packet.by_ref() {
            links.push(one?.link);
        }
        Ok::<_, Misbehaved>(packet.finish())
    });
    if let Ok(Some(Ok(packet))) = &judged {
        within(&links, |fragment: &tx::Fragment| fragment.part, packet, packet.first.length().into());
    }
    !matches!(judged, Ok(Some(Ok(_))))
}

/// Four reads, three of them answered out of order.
fn disk<A: xen_ring::blkif::Abi>(memory: &Memory) -> bool {
    let mut kept = Requests::new();
    let segments = Segments::new(&[Segment::whole(GrantRef(7))]).unwrap();
    let read = |at| Transfer { access: Access::Read, disk: Disk(0), start: Sector(at), segments };
    let mut front = memory.peace(|| {
        let (mut front, mut back) = ring::<Blkif<A>>(memory, &mut kept);
        for number in 0..4 {
            let request = Request::Transfer(read(u64::try_from(number).unwrap()));
            front.vacancy().unwrap().unwrap().stage(Blkif::<A>::request(&request).unwrap(), number);
        }
        let _ = front.publish().unwrap();
        let asked: Vec<_> =
            (0..4).map(|_| Blkif::<A>::asked(&back.poll_request().unwrap().unwrap(), SegmentLimit::MAX)).collect();
        for at in [2, 0, 3] {
            assert!(asked[at].what.is_ok());
            let response = Response { id: asked[at].id, operation: asked[at].operation, status: Status::OKAY };
            back.debt().unwrap().unwrap().stage(&Blkif::<A>::answer(&response));
        }
        let _ = back.publish().unwrap();
        front
    });
    let mut kept = Vec::new();
    let done = memory.attacked(&taking(5), || {
        front.poll_answers(8, |answer| {
            let response = Blkif::<A>::response(&answer.response);
            assert_eq!(response.operation.0, 0, "R14: as it was asked");
            assert_eq!(response.status.result().is_ok(), response.status == Status(0), "B01");
            kept.push(answer.payload);
        })
    });
    balance(memory, front, kept);
    done.is_err()
}

fn shape(size: usize, [id, flags]: [usize; 2]) -> Shape {
    Shape {
        words: vec![REQ_PROD, REQ_EVENT, RSP_PROD, RSP_EVENT],
        size: COUNT,
        header: 0..64,
        // The first two that are used.
        slots: (2..4).map(|at| 64 + at * size..64 + (at + 1) * size).collect(),
        fields: [id, flags],
    }
}

/// Prints how much was tried.
fn struck(name: &str, shape: &Shape, converse: fn(&Memory) -> bool, floor: usize) {
    let figures: Figures = step(4096, &slots(shape), converse);
    println!("{name}: {figures}");
    assert!(figures.singles >= floor && figures.found > 0, "{name}: {figures}");
}

#[test]
fn n01_n02_n04_n05_n07_n09_r06_r07_r32_a_packet_that_is_received() {
    struck("receive", &shape(8, [0, 4]), receive, 300);
}

#[test]
fn n10_r06_r07_r08_r10_r12_answers_to_packets_that_were_sent() {
    struck("send", &shape(12, [0, 4]), send, 500);
}

#[test]
fn k19_k20_r06_r07_r32_a_packet_that_a_back_takes() {
    struck("take", &shape(12, [8, 4]), take, 500);
}

#[test]
fn b01_r06_r07_r08_r10_r12_r14_r32_answers_of_a_disk() {
    struck("disk, 64 bits", &shape(112, [0, 8]), disk::<X86_64>, 700);
    struck("disk, 32 bits", &shape(108, [0, 8]), disk::<X86_32>, 700);
}

#[test]
fn k05_r07_segments_in_pages_are_copied_once_and_the_copy_is_checked() {
    let memory = Memory::new(4096);
    let list: Vec<_> = (0..SEGMENTS_IN_PAGE).map(|at| Segment::whole(GrantRef(at.try_into().unwrap()))).collect();
    Indirect::write_page(&memory, &list);
    let indirect =
        Indirect::new(Access::Read, (Disk(0), Sector(0)), (514, SegmentLimit::MAX), &[GrantRef(1), GrantRef(2)])
            .unwrap();
    memory.drain();
    let read: Result<Vec<_>, _> = indirect.read_page(0, &memory).collect();
    assert_eq!(read.unwrap(), list);
    assert_eq!(memory.drain(), (0..512).map(|at| Seen::In(at * 8, 8)).collect::<Vec<_>>());
    // Two are in the second page; what stands behind them is not looked at, and in a third page there is nothing.
    memory.with(|bytes| bytes[8 + 5] = 8);
    memory.with(|bytes| bytes[16 + 5] = 99);
    let read: Vec<_> = indirect.read_page(1, &memory).collect();
    let why = BadSegment::BeyondPage { last: 8 };
    assert_eq!(read, [Ok(list[0]), Err(BadRequest::Segment { index: 513, why })]);
    assert_eq!(indirect.read_page(2, &memory).count(), 0);
    assert_eq!(indirect.read_page(usize::MAX, &memory).count(), 0);
    // A peer that changes a segment before it is copied is believed, and after it is not.
    memory.drain();
    memory.write_at(0, |bytes| bytes[4] = 7);
    memory.write_at(1, |bytes| bytes[5] = 0);
    let read = indirect.read_page(0, &memory).next().unwrap();
    assert_eq!(read, Ok(Segment::new(GrantRef(0), 7, 7).unwrap()));
}
