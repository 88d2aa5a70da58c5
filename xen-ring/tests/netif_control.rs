//! The control ring of the network: bytes by the header's offsets, what is refused, and answers that do not fit.
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
use xen_ring::netif::control::{Answer, Ask, BadAsk, Control, InPage, Kind, PageEntry, Queue, Slot, Status};
use xen_ring::netif::{Algorithm, HashTypes};
use xen_ring::{Back, Front, Misbehaved, Slots};
use zerocopy::{FromBytes as _, IntoBytes as _};

/// Each type, its number and its data by the header.
const SAMPLES: [(Ask, u16, [u32; 3]); 11] = [
    (Ask::HashTypes, 1, [0; 3]),
    (Ask::SetHashTypes(HashTypes::IPV4.union(HashTypes::IPV6_TCP)), 2, [9, 0, 0]),
    (Ask::SetHashKey(InPage::new(GrantRef(5), 40)), 3, [5, 40, 0]),
    (Ask::TableSize, 4, [0; 3]),
    (Ask::SetTableSize(128), 5, [128, 0, 0]),
    (Ask::SetTable { entries: InPage::new(GrantRef(5), 1024), offset: 77 }, 6, [5, 1024, 77]),
    (Ask::SetAlgorithm(Algorithm::TOEPLITZ), 7, [1, 0, 0]),
    (Ask::PagesSize(Queue(3)), 8, [3, 0, 0]),
    (Ask::AddPages(Queue(3), InPage::new(GrantRef(5), 512)), 9, [3, 5, 512]),
    (Ask::DeletePages(Queue(3), InPage::new(GrantRef(5), 1)), 10, [3, 5, 1]),
    (Ask::Other(Kind(300)), 300, [0; 3]),
];

fn bytes(kind: u16, data: [u32; 3]) -> [u8; 16] {
    let [a, b, c] = data.map(u32::to_le_bytes);
    [&[0, 0][..], &kind.to_le_bytes(), &a, &b, &c].concat().try_into().unwrap()
}

fn asked(kind: u16, data: [u32; 3]) -> Result<Ask, BadAsk> {
    Slot::read_from_bytes(&bytes(kind, data)).unwrap().asked()
}

#[test]
fn bytes_are_by_the_header() {
    for (ask, kind, data) in SAMPLES {
        assert_eq!(ask.slot().unwrap().as_bytes(), bytes(kind, data));
        assert_eq!(asked(kind, data), Ok(ask));
    }
    let slot = Slot::read_from_bytes(&[&[7, 1][..], &bytes(4, [0; 3])[2..]].concat()).unwrap();
    let answer = Answer::new(&slot, Status::NOT_SUPPORTED, 0x0102_0304);
    assert_eq!(answer.as_bytes(), [7, 1, 4, 0, 1, 0, 0, 0, 4, 3, 2, 1]);
    let entry = PageEntry::read_from_bytes(&[1, 2, 3, 4, 1, 0, 2, 0]).unwrap();
    assert_eq!((entry.page(), entry.is_read_only(), entry.status()), (GrantRef(0x0403_0201), true, Status(2)));
    assert_eq!(PageEntry::read_only(GrantRef(0x0403_0201)).as_bytes(), [1, 2, 3, 4, 1, 0, 0, 0]);
    assert!(!PageEntry::writable(GrantRef(1)).is_read_only());
}

#[test]
fn n17_k22_sizes_are_those_of_a_page() {
    for (kind, at, most) in [(3, 1, 4096), (6, 1, 1024), (9, 2, 512), (10, 2, 512)] {
        let with = |count: u32| {
            let mut data = [0; 3];
            data[at] = count;
            asked(kind, data)
        };
        assert!(with(most).is_ok() && with(0).is_ok());
        for count in [most + 1, 1 << 31, u32::MAX] {
            assert_eq!(with(count), Err(BadAsk::BeyondPage { count, most: most.try_into().unwrap() }), "{kind}");
        }
    }
}

#[test]
fn k22_a_table_has_numbers_for_its_entries() {
    let entries = |offset| asked(6, [1, 1000, offset]);
    assert!(entries(u32::MAX - 1000).is_ok());
    for offset in [u32::MAX - 999, u32::MAX] {
        assert_eq!(entries(offset), Err(BadAsk::BeyondNumbers { offset, count: 1000 }));
        let same = Ask::SetTable { entries: InPage::new(GrantRef(1), 1000), offset };
        assert_eq!(same.slot().err(), Some(BadAsk::BeyondNumbers { offset, count: 1000 }));
    }
    assert_eq!(asked(7, [256, 0, 0]), Err(BadAsk::Algorithm(256)));
    assert_eq!(asked(7, [255, 0, 0]), Ok(Ask::SetAlgorithm(Algorithm(255))), "unknown, and kept");
}

#[test]
fn n17_a_number_is_clamped_and_there_is_none_without_success() {
    let slot = Ask::TableSize.slot().unwrap();
    let number = |status, number| Answer::new(&slot, status, number).number(256);
    assert_eq!((number(Status::SUCCESS, 128), number(Status::SUCCESS, 256)), (Ok(128), Ok(256)));
    assert_eq!((number(Status::SUCCESS, 257), number(Status::SUCCESS, u32::MAX)), (Ok(256), Ok(256)));
    for status in [1, 2, 3, 4, u32::MAX].map(Status) {
        assert_eq!(number(status, 128), Err(status));
    }
}

type Ring = (Front<'static, Control, Ask, 8>, Back<'static, Control>);

/// A front has asked, and its back has what it asked.
fn ring(ask: Ask) -> (Ring, Slot) {
    let (page, slots) = (page(), Slots::new(8).unwrap());
    let (mut front, mut back) = (Front::new(page, slots, table()), Back::attach(page, slots).unwrap());
    let id = front.vacancy().unwrap().unwrap().stage(ask.slot().unwrap(), ask);
    let _ = front.publish().unwrap();
    let got: Slot = back.poll_request().unwrap().unwrap();
    assert_eq!((got.asked(), got.id()), (Ok(ask), id));
    ((front, back), got)
}

fn reply(back: &mut Back<'static, Control>, bytes: &[u8]) {
    back.debt().unwrap().unwrap().stage(&Answer::read_from_bytes(bytes).unwrap());
    let _ = back.publish().unwrap();
}

#[test]
fn a_front_and_a_back_speak_of_everything() {
    for (ask, ..) in SAMPLES {
        let ((mut front, mut back), got) = ring(ask);
        reply(&mut back, Answer::new(&got, Status::SUCCESS, 3).as_bytes());
        let answer = front.poll_answer().unwrap().unwrap();
        assert_eq!((answer.payload, answer.response.number(10)), (ask, Ok(3)));
    }
}

#[test]
fn n17_an_answer_names_the_request_and_its_type() {
    let of = |how: fn(&mut [u8; 12])| {
        let ((mut front, mut back), got) = ring(Ask::TableSize);
        let mut bytes: [u8; 12] = Answer::new(&got, Status(77), 0).as_bytes().try_into().unwrap();
        how(&mut bytes);
        reply(&mut back, &bytes);
        front.poll_answer().map(|answer| answer.map(|answer| answer.payload))
    };
    assert_eq!(of(|_| ()), Ok(Some(Ask::TableSize)), "whatever the status");
    assert!(matches!(of(|bytes| bytes[2] ^= 1), Err(Misbehaved::WrongKind(_))));
    assert!(matches!(of(|bytes| bytes[1] ^= 1), Err(Misbehaved::Stale(_))));
    assert!(matches!(of(|bytes| bytes[0] = 7), Err(Misbehaved::NotOutstanding(_))));
    assert!(matches!(of(|bytes| bytes[0] = 200), Err(Misbehaved::UnknownId(_))));
}

const CASES: u32 = if cfg!(miri) { 2 } else { 2000 };

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: CASES, ..ProptestConfig::default() })]

    /// Whatever the bytes, a slot is refused or is what a slot made from it says.
    #[test]
    fn n17_k22_any_slot_is_taken_or_refused(kind in 0_u16..13, data in any::<[u32; 3]>(), bits in 0_u32..32) {
        if let Ok(ask) = asked(kind, data.map(|number| number >> bits)) {
            prop_assert_eq!(ask.kind(), Kind(kind));
            prop_assert_eq!(ask.slot().unwrap().asked(), Ok(ask));
        }
    }
}
