//! The block protocol: bytes by the header's offsets, what is refused, and a front and a back that speak it.
#![expect(unsafe_code, reason = "a test gives its own page")]
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a panic is a failed test"
)]

mod memory;

use memory::{page, table};
use proptest::prelude::*;
use xen_hypercall::GrantRef;
use xen_ring::blkif::{
    Abi, Access, BadRequest, BadSegment, Blkif, Discard, DiscardFlags, Disk, Indirect, IoError, Native, Operation,
    Request, Response, SEGMENTS_IN_PAGE, Sector, Sectors, Segment, SegmentLimit, Segments, Status, Transfer, X86_32,
    X86_64,
};
use xen_ring::{Back, Front, Misbehaved, RequestId, Slots};
use zerocopy::{FromBytes as _, FromZeros as _, IntoBytes as _};

/// Where the fields are, by hand from the header: behind the first four bytes all is 4 bytes earlier on 32 bits.
trait Offsets: Abi {
    const SHIFT: usize;
    const SLOT: usize;
    const ANSWER: usize;
}

impl Offsets for X86_64 {
    const SHIFT: usize = 4;
    const SLOT: usize = 112;
    const ANSWER: usize = 16;
}

impl Offsets for X86_32 {
    const SHIFT: usize = 0;
    const SLOT: usize = 108;
    const ANSWER: usize = 12;
}

/// Under Miri, which is slow, only every so many numbers are tried.
const STEP: usize = if cfg!(miri) { 81 } else { 1 };

const READ: u8 = 0;
const WRITE: u8 = 1;
const BARRIER: u8 = 2;
const FLUSH: u8 = 3;
const DISCARD: u8 = 5;
const INDIRECT: u8 = 6;

fn bytes<A: Offsets>(head: [u8; 4], id: u64, sector: u64, rest: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; A::SLOT];
    bytes[..4].copy_from_slice(&head);
    bytes[4 + A::SHIFT..][..8].copy_from_slice(&id.to_le_bytes());
    bytes[12 + A::SHIFT..][..8].copy_from_slice(&sector.to_le_bytes());
    bytes[20 + A::SHIFT..][..rest.len()].copy_from_slice(rest);
    bytes
}

fn raw_segments(segments: &[(u32, u8, u8)]) -> Vec<u8> {
    let raw = |(page, first, last): &(u32, u8, u8)| [&page.to_le_bytes()[..], &[*first, *last, 0, 0]].concat();
    segments.iter().flat_map(raw).collect()
}

fn asked<A: Abi>(bytes: &[u8]) -> Result<Request, BadRequest> {
    Blkif::<A>::asked(&A::Slot::read_from_bytes(bytes).unwrap(), SegmentLimit::MAX).what
}

fn segments(list: &[(u32, u8, u8)]) -> Segments {
    let list: Vec<_> =
        list.iter().map(|(page, first, last)| Segment::new(GrantRef(*page), *first, *last).unwrap()).collect();
    Segments::new(&list).unwrap()
}

fn transfer(access: Access, start: u64, list: &[(u32, u8, u8)]) -> Request {
    Request::Transfer(Transfer { access, disk: Disk(0x0203), start: Sector(start), segments: segments(list) })
}

/// A request and its bytes, one of each kind.
fn samples<A: Offsets>() -> Vec<(Request, Vec<u8>)> {
    let head = |operation, second| [operation, second, 3, 2];
    let two = [(0x0a0b_0c0d, 1, 6), (9, 7, 7)];
    let both = raw_segments(&two);
    let mut all: Vec<_> =
        [(Access::Read, READ), (Access::Write, WRITE), (Access::Barrier, BARRIER), (Access::Flush, FLUSH)]
            .map(|(access, raw)| (transfer(access, 1 << 40, &two), bytes::<A>(head(raw, 2), 0, 1 << 40, &both)))
            .into();
    let discard =
        Discard { disk: Disk(0x0203), start: Sector(5), length: Sectors(7 << 33), flags: DiscardFlags::SECURE };
    all.push((Request::Discard(discard), bytes::<A>(head(DISCARD, 1), 0, 5, &(7_u64 << 33).to_le_bytes())));
    let place = (Disk(0x0203), Sector(77));
    let indirect =
        Indirect::new(Access::Write, place, (513, SegmentLimit::MAX), &[GrantRef(0x11), GrantRef(0x2200_0000)]);
    let rest = [&[3, 2, 0, 0][..], &0x11_u32.to_le_bytes(), &0x2200_0000_u32.to_le_bytes()].concat();
    all.push((Request::Indirect(indirect.unwrap()), bytes::<A>([INDIRECT, WRITE, 1, 2], 0, 77, &rest)));
    all.push((Request::Other(Operation(200)), bytes::<A>([200, 0, 0, 0], 0, 0, &[])));
    all
}

fn bytes_are_by_the_header<A: Offsets>() {
    assert_eq!((size_of::<A::Slot>(), size_of::<A::Answer>()), (A::SLOT, A::ANSWER));
    for (request, bytes) in samples::<A>() {
        let slot = Blkif::<A>::request(&request).unwrap();
        assert_eq!(slot.as_bytes(), bytes, "{request:?}");
        assert_eq!(asked::<A>(&bytes), Ok(request));
    }
    let response = Response { id: RequestId(0x0102_0304_0506_0708), operation: Operation(5), status: Status(-2) };
    let answer = Blkif::<A>::answer(&response);
    let mut expected = vec![8, 7, 6, 5, 4, 3, 2, 1, 5, 0, 0xfe, 0xff];
    expected.resize(A::ANSWER, 0);
    assert_eq!(answer.as_bytes(), expected, "padding is zero");
    assert_eq!(Blkif::<A>::response(&answer), response);
}

#[test]
fn bytes_are_by_the_header_in_each_layout() {
    bytes_are_by_the_header::<X86_64>();
    bytes_are_by_the_header::<X86_32>();
}

#[test]
fn a_page_holds_32_slots_of_each_layout() {
    assert_eq!(Slots::<Blkif<X86_64>>::FULL.count(), 32);
    assert_eq!(Slots::<Blkif<X86_32>>::FULL.count(), 32);
    assert_eq!(Slots::<Blkif>::of_order(2).unwrap().count(), 128);
}

fn read<A: Offsets>(count: u8, sector: u64, rest: &[u8]) -> Result<Request, BadRequest> {
    asked::<A>(&bytes::<A>([READ, count, 0, 0], 1, sector, rest))
}

fn whole(count: usize) -> Vec<u8> {
    raw_segments(&vec![(1, 0, 7); count])
}

fn counts<A: Offsets>() {
    assert_eq!(read::<A>(0, 0, &[]), Err(BadRequest::NoSegments));
    assert!(read::<A>(1, 0, &whole(1)).is_ok() && read::<A>(11, 0, &whole(11)).is_ok());
    for count in (12..=255).step_by(STEP) {
        let most = 11;
        assert_eq!(read::<A>(count, 0, &whole(11)), Err(BadRequest::TooManySegments { count: count.into(), most }));
    }
    assert_eq!(asked::<A>(&bytes::<A>([WRITE, 0, 0, 0], 1, 0, &[])), Err(BadRequest::NoSegments));
    for empty in [FLUSH, BARRIER] {
        assert!(asked::<A>(&bytes::<A>([empty, 0, 0, 0], 1, 0, &[])).is_ok(), "nothing to write is fine");
        assert!(asked::<A>(&bytes::<A>([empty, 12, 0, 0], 1, 0, &[])).is_err());
    }
}

#[test]
fn k04_no_segments_or_too_many_are_refused_in_each_layout() {
    counts::<X86_64>();
    counts::<X86_32>();
}

fn sectors<A: Offsets>() {
    let third = |first, last| read::<A>(3, 0, &raw_segments(&[(1, 0, 0), (1, 7, 7), (1, first, last)]));
    let why = |why| Err(BadRequest::Segment { index: 2, why });
    assert!(third(3, 4).is_ok() && third(4, 4).is_ok());
    assert_eq!(third(5, 4), why(BadSegment::Backwards { first: 5, last: 4 }));
    assert_eq!(third(4, 8), why(BadSegment::BeyondPage { last: 8 }));
    let behind = raw_segments(&[(1, 0, 0), (1, 7, 7), (1, 5, 4)]);
    assert!(read::<A>(2, 0, &behind).is_ok(), "what does not count is not looked at");
}

#[test]
fn k06_segments_that_are_no_part_of_a_page_are_refused_in_each_layout() {
    sectors::<X86_64>();
    sectors::<X86_32>();
}

fn places<A: Offsets>() {
    assert!(read::<A>(2, u64::MAX - 16, &whole(2)).is_ok());
    let beyond = BadRequest::BeyondNumbers { start: Sector(u64::MAX - 15), length: Sectors(16) };
    assert_eq!(read::<A>(2, u64::MAX - 15, &whole(2)), Err(beyond));
    let discard = |count: u64| asked::<A>(&bytes::<A>([DISCARD, 0, 0, 0], 1, 10, &count.to_le_bytes()));
    assert!(discard(u64::MAX - 10).is_ok());
    assert!(matches!(discard(u64::MAX - 9), Err(BadRequest::BeyondNumbers { .. })));
}

#[test]
fn k07_places_that_wrap_are_refused_in_each_layout() {
    places::<X86_64>();
    places::<X86_32>();
}

fn indirect_refused<A: Offsets>() {
    let of = |operation, count: u16, limit| {
        let [low, high] = count.to_le_bytes();
        let slot = A::Slot::read_from_bytes(&bytes::<A>([INDIRECT, operation, low, high], 1, 0, &[0; 36])).unwrap();
        Blkif::<A>::asked(&slot, limit).what
    };
    let limit = SegmentLimit::offered(32, SegmentLimit::MAX).unwrap();
    assert!(of(READ, 1, limit).is_ok() && of(WRITE, 32, limit).is_ok());
    assert_eq!(of(READ, 0, limit), Err(BadRequest::NoSegments));
    for (count, limit, most) in [(33, limit, 32), (u16::MAX, limit, 32), (4097, SegmentLimit::MAX, 4096)] {
        assert_eq!(of(READ, count, limit), Err(BadRequest::TooManySegments { count: count.into(), most }));
    }
    assert!(of(READ, 4096, SegmentLimit::MAX).is_ok());
    for operation in (2..=255).step_by(STEP) {
        assert_eq!(of(operation, 1, limit), Err(BadRequest::IndirectOperation(Operation(operation))));
    }
}

#[test]
fn k05_indirect_requests_are_refused_in_each_layout() {
    indirect_refused::<X86_64>();
    indirect_refused::<X86_32>();
}

#[test]
#[should_panic(expected = "the segments of one page")]
fn a_page_takes_no_more_segments_than_it_holds() {
    Indirect::write_page(page(), &[Segment::whole(GrantRef(0)); SEGMENTS_IN_PAGE + 1]);
}

#[test]
fn what_no_back_could_do_makes_no_slot() {
    let request = |request| Blkif::<Native>::request(&request).err();
    assert_eq!(request(transfer(Access::Read, 0, &[])), Some(BadRequest::NoSegments));
    assert_eq!(request(transfer(Access::Flush, 0, &[])), None);
    assert!(request(transfer(Access::Write, u64::MAX, &[(1, 0, 0)])).is_some());
    assert_eq!(request(transfer(Access::Write, u64::MAX - 1, &[(1, 0, 0)])), None);
}

type P<A> = Blkif<A>;

/// A front that keeps what it asked, and a back.
fn ring<A: Abi + 'static>() -> (Front<'static, P<A>, Request, 32>, Back<'static, P<A>>) {
    let page = page();
    (Front::new(page, Slots::FULL, table()), Back::attach(page, Slots::FULL).unwrap())
}

/// Asks one thing and has the back answer it so.
fn answered<A: Abi + 'static>(
    request: Request,
    how: impl FnOnce(Response) -> Response,
) -> Result<(Response, Request), Misbehaved> {
    let (mut front, mut back) = ring::<A>();
    let id = front.vacancy()?.unwrap().stage(Blkif::<A>::request(&request).unwrap(), request);
    let _ = front.publish()?;
    let asked = Blkif::<A>::asked(&back.poll_request()?.unwrap(), SegmentLimit::MAX);
    assert_eq!((asked.id, asked.operation, asked.what), (id, request.operation(), Ok(request)));
    let response = how(Response { id: asked.id, operation: asked.operation, status: Status::OKAY });
    back.debt()?.unwrap().stage(&Blkif::<A>::answer(&response));
    let _ = back.publish()?;
    front.poll_answer().map(|answer| {
        let answer = answer.unwrap();
        (Blkif::<A>::response(&answer.response), answer.payload)
    })
}

fn front_and_back<A: Offsets + 'static>() {
    for (request, _) in samples::<A>() {
        let (response, payload) = answered::<A>(request, |response| response).unwrap();
        assert_eq!((response.status.result(), payload), (Ok(()), request));
    }
}

#[test]
fn a_front_and_a_back_speak_each_layout() {
    front_and_back::<X86_64>();
    front_and_back::<X86_32>();
}

#[test]
fn b01_b02_a_status_concerns_its_request_alone() {
    let request = transfer(Access::Read, 0, &[(1, 0, 7)]);
    for (status, result) in [
        (0, Ok(())),
        (-1, Err(IoError::Failed)),
        (-2, Err(IoError::Unsupported)),
        (1, Err(IoError::UnknownStatus(1))),
        (-3, Err(IoError::UnknownStatus(-3))),
        (i16::MIN, Err(IoError::UnknownStatus(i16::MIN))),
    ] {
        let (response, payload) =
            answered::<Native>(request, |response| Response { status: Status(status), ..response }).unwrap();
        assert_eq!((response.status.result(), payload), (result, request), "the ring stays");
    }
}

#[test]
fn r14_an_answer_names_the_operation_that_was_asked() {
    for (request, _) in samples::<X86_64>() {
        let operation = request.operation();
        let wrong = Operation(operation.0 ^ 0x80);
        let answer = answered::<X86_64>(request, |response| Response { operation: wrong, ..response });
        assert!(matches!(answer, Err(Misbehaved::WrongKind(_))), "{operation}");
    }
}

#[test]
fn r14_an_indirect_request_may_be_answered_by_what_it_does() {
    let (write, _) = samples::<X86_64>().remove(5);
    assert_eq!(write.operation(), Operation::INDIRECT);
    let by = |operation| answered::<X86_64>(write, |response| Response { operation, ..response });
    assert!(by(Operation::INDIRECT).is_ok() && by(Operation::WRITE).is_ok(), "as backs of Linux do");
    assert!(matches!(by(Operation::READ), Err(Misbehaved::WrongKind(_))));
}

fn any_segment() -> impl Strategy<Value = Segment> {
    (any::<u32>(), 0_u8..8, 0_u8..8).prop_map(|(page, a, b)| Segment::new(GrantRef(page), a.min(b), a.max(b)).unwrap())
}

fn any_transfer() -> impl Strategy<Value = Request> {
    let access = prop::sample::select(&[Access::Read, Access::Write, Access::Barrier, Access::Flush][..]);
    (access, any::<u16>(), 0..u64::MAX - 88, prop::collection::vec(any_segment(), 1..=11)).prop_map(
        |(access, disk, start, list)| {
            let (disk, start, segments) = (Disk(disk), Sector(start), Segments::new(&list).unwrap());
            Request::Transfer(Transfer { access, disk, start, segments })
        },
    )
}

fn any_discard() -> impl Strategy<Value = Request> {
    (any::<u16>(), any::<u32>(), any::<u32>(), any::<u8>()).prop_map(|(disk, start, length, flags)| {
        let (start, length) = (Sector(start.into()), Sectors(length.into()));
        Request::Discard(Discard { disk: Disk(disk), start, length, flags: DiscardFlags::from_bits_retain(flags) })
    })
}

fn any_indirect() -> impl Strategy<Value = Request> {
    (any::<bool>(), any::<u64>(), 1..=4096_usize, any::<[u32; 8]>()).prop_map(|(write, start, count, pages)| {
        let access = if write { Access::Write } else { Access::Read };
        let pages = pages.map(GrantRef);
        let place = (Disk(7), Sector(start));
        Request::Indirect(
            Indirect::new(access, place, (count, SegmentLimit::MAX), &pages[..count.div_ceil(512)]).unwrap(),
        )
    })
}

fn any_request() -> impl Strategy<Value = Request> {
    let unknown = (7..=255_u8).prop_map(|operation| Request::Other(Operation(operation)));
    prop_oneof![any_transfer(), any_discard(), any_indirect(), unknown]
}

/// Whatever the bytes, a slot is refused or is what a slot made from it says.
fn total<A: Abi>(bytes: &[u8]) {
    let slot = A::Slot::read_from_prefix(bytes).unwrap().0;
    let asked = Blkif::<A>::asked(&slot, SegmentLimit::MAX);
    assert_eq!(asked.operation, Operation(bytes[0]));
    if let Ok(request) = asked.what {
        assert_eq!(request.operation(), asked.operation);
        let again = Blkif::<A>::request(&request).unwrap();
        assert_eq!(Blkif::<A>::asked(&again, SegmentLimit::MAX).what, Ok(request));
    }
    let mut answer = A::Answer::new_zeroed();
    answer.as_mut_bytes().copy_from_slice(&bytes[..size_of::<A::Answer>()]);
    let response = Blkif::<A>::response(&answer);
    let _ = response.status.result();
    assert_eq!(Blkif::<A>::response(&Blkif::<A>::answer(&response)), response);
}

const CASES: u32 = if cfg!(miri) { 2 } else { 2000 };

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: CASES, ..ProptestConfig::default() })]

    #[test]
    fn what_is_asked_comes_through(request in any_request()) {
        let slot = Blkif::<X86_64>::request(&request).unwrap();
        prop_assert_eq!(Blkif::<X86_64>::asked(&slot, SegmentLimit::MAX).what, Ok(request));
        let slot = Blkif::<X86_32>::request(&request).unwrap();
        prop_assert_eq!(Blkif::<X86_32>::asked(&slot, SegmentLimit::MAX).what, Ok(request));
    }

    #[test]
    fn b01_k04_k05_k06_any_bytes_are_taken_or_refused(
        mut bytes in prop::collection::vec(any::<u8>(), 112),
        operation in 0..8_u8,
        small in any::<bool>(),
    ) {
        bytes[0] = operation;
        if small {
            bytes.iter_mut().skip(1).for_each(|byte| *byte %= 12);
        }
        total::<X86_64>(&bytes);
        total::<X86_32>(&bytes);
    }
}
