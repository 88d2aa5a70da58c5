//! Operations on the grant table: their blocks byte by byte, and what is made of each answer.
#![allow(unsafe_code, reason = "implements the hook, and vouches for pages")]
#![allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::std_instead_of_core,
    clippy::as_conversions,
    reason = "a panic fails the test; hosted"
)]

mod fake;

use std::cell::{Cell, RefCell};
use std::ptr::NonNull;

use fake::{Scripted, page};
use xen_hypercall::op::grant_table::{
    self as grants, BadSpan, BusAddr, Copy, Flush, GrantError, GrantStatus, Map, MapMode, Place, Swap, Unmap,
};
use xen_hypercall::op::memory;
use xen_hypercall::{DomId, Errno, Gfn, GrantRef, Hole, Hypercall, LentPage, Number, Word};

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// Answers each block of a batch with a status and, behind it or before, other bytes.
struct Batch {
    size: usize,
    result: isize,
    status_at: usize,
    statuses: Vec<Option<i16>>,
    also: Option<(usize, Vec<u8>)>,
    seen: RefCell<(usize, usize, Vec<Vec<u8>>)>,
    calls: Cell<u32>,
}

impl Batch {
    fn new(size: usize, status_at: usize, statuses: &[Option<i16>]) -> Self {
        let (statuses, seen) = (statuses.to_vec(), RefCell::default());
        Self { size, result: 0, status_at, statuses, also: None, seen, calls: Cell::new(0) }
    }
}

// SAFETY: it touches as many bytes of so many blocks as the test says that the header has.
unsafe impl Hypercall for Batch {
    unsafe fn call(&self, number: Number, args: [Word; 5]) -> isize {
        assert_eq!(number, Number::GRANT_TABLE_OP);
        self.calls.set(self.calls.get() + 1);
        let mut seen = vec![];
        for at in 0..args[2].addr() {
            let block = args[1].as_ptr::<u8>().wrapping_add(at * self.size);
            let mut bytes = vec![0; self.size];
            // SAFETY: the block has this many bytes.
            unsafe { block.copy_to_nonoverlapping(bytes.as_mut_ptr(), self.size) }
            seen.push(bytes);
            let write = |at: usize, bytes: &[u8]| {
                assert!(at + bytes.len() <= self.size, "within the block");
                // SAFETY: within the block by the line above.
                unsafe { block.wrapping_add(at).copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) }
            };
            if let Some(Some(status)) = self.statuses.get(at) {
                write(self.status_at, &status.to_le_bytes());
            }
            self.also.iter().for_each(|(at, bytes)| write(*at, bytes));
        }
        *self.seen.borrow_mut() = (args[0].addr(), args[2].addr(), seen);
        self.result
    }
}

#[repr(align(4096))]
struct Nothing(#[allow(dead_code, reason = "reached by address")] [u8; 4096]);

fn hole(gfn: u64) -> Hole {
    let place = Box::leak(Box::new(Nothing([0xFF; 4096])));
    // SAFETY: leaked, aligned, and nobody else has it; nothing is ever mapped there.
    unsafe { Hole::new(NonNull::from(place).cast(), Gfn(gfn)) }
}

/// H07: blocks whole, padding and all.
#[test]
fn map_blocks() {
    let holes = [hole(0x1_0000_0002), hole(3)];
    let mut xen = Batch::new(32, 18, &[Some(0), Some(0)]);
    xen.also = Some((20, [7_u32.to_le_bytes().to_vec(), 0x5000_u64.to_le_bytes().to_vec()].concat()));
    let mut blocks = [
        Map::new(&holes[0], DomId(5), GrantRef(9), MapMode::Read),
        Map::new(&holes[1], DomId::DOM0, GrantRef(u32::MAX), MapMode::Write),
    ];
    assert_eq!(grants::map(&xen, &mut blocks), Ok(()));
    let expected =
        [words(&[0x2000, 0x1000, 6, 9, 0x8000_0005, 0, 0, 0]), words(&[0x3000, 0, 2, u32::MAX, 0x8000_0000, 0, 0, 0])];
    assert_eq!(*xen.seen.borrow(), (0, 2, expected.to_vec()));
    for block in blocks {
        let mapped = block.finish().unwrap();
        assert_eq!(mapped.bus, BusAddr(0x5000));
        let xen = Batch::new(24, 20, &[Some(0)]);
        let mut blocks = [Unmap::new(&holes[0], mapped.handle)];
        assert_eq!(grants::unmap(&xen, &mut blocks), Ok(()));
        assert_eq!(*xen.seen.borrow(), (1, 1, vec![words(&[0x2000, 0x1000, 0, 0, 7, 0x8000])]));
        let [block] = blocks;
        assert_eq!(block.finish(), Ok(()));
    }
}

/// G13, G14, G15, G17: each block of a batch is judged by itself; only exactly 0 is success, and silence is none.
#[test]
fn g13_g14_g15_g17_each_block_has_its_own_answer() {
    let place = hole(3);
    let answers = [Some(0), Some(1), Some(-3), None, Some(-32767), Some(0), Some(i16::MAX), Some(-12)];
    for result in [0, -14] {
        let mut xen = Batch::new(32, 18, &answers);
        xen.result = result;
        let mut blocks = answers.map(|_| Map::new(&place, DomId(1), GrantRef(1), MapMode::Read));
        assert_eq!(grants::map(&xen, &mut blocks).is_ok(), result == 0);
        let found = blocks.map(|block| block.finish().map(drop));
        assert_eq!(found, answers.map(|raw| GrantStatus::exact(raw.unwrap_or(i16::MIN))));
    }
    let handle = || {
        let xen = Batch::new(32, 18, &[Some(0)]);
        let mut block = [Map::new(&place, DomId(1), GrantRef(1), MapMode::Read)];
        grants::map(&xen, &mut block).unwrap();
        let [block] = block;
        block.finish().unwrap().handle
    };
    // G19: what Xen did not end keeps its handle.
    let xen = Batch::new(24, 20, &answers);
    let mut blocks = answers.map(|_| Unmap::new(&place, handle()));
    grants::unmap(&xen, &mut blocks).unwrap();
    for (block, raw) in blocks.into_iter().zip(answers) {
        let expected = GrantStatus::exact(raw.unwrap_or(i16::MIN));
        assert_eq!(block.finish().map_err(|(_, status)| status), expected);
    }
}

#[test]
fn copy_blocks() {
    let (ours, lent) = (page(0x1_0000_0007), {
        // SAFETY: nothing reaches the frame, which is of no machine.
        unsafe { LentPage::new(Gfn(8)) }
    });
    let xen = Batch::new(40, 36, &[Some(0), Some(-10), None]);
    let granted = |offset| Place::granted(DomId(5), GrantRef(9), offset);
    let mut blocks = [
        Copy::new(Place::of(&ours, 16), granted(4095), 1).unwrap(),
        Copy::new(granted(0), Place::of(&ours, 0), 4096).unwrap(),
        Copy::new(Place::of_lent(&lent, 1), Place::of(&ours, 2), 3).unwrap(),
    ];
    assert_eq!(grants::copy(&xen, &mut blocks), Ok(()));
    let (first, second, third) = (
        words(&[7, 1, 0x0010_7FF0, 0, 9, 0, 0x0FFF_0005, 0, 0x0002_0001, 0x8000]),
        words(&[9, 0, 5, 0, 7, 1, 0x7FF0, 0, 0x0001_1000, 0x8000]),
        words(&[8, 0, 0x0001_7FF0, 0, 7, 1, 0x0002_7FF0, 0, 3, 0x8000]),
    );
    assert_eq!(*xen.seen.borrow(), (5, 3, vec![first, second, third]));
    let results = blocks.each_ref().map(Copy::result);
    assert_eq!(results, [Ok(()), Err(GrantStatus::BAD_COPY_ARG), Err(GrantStatus::UNWRITTEN)]);
    blocks[0].renew();
    assert_eq!(blocks[0].result(), Err(GrantStatus::UNWRITTEN));
}

/// G18: no copy that is empty, crosses a page at either end, or whose sum wraps at any width.
#[test]
fn g18_a_copy_is_within_its_pages() {
    let ours = page(7);
    let step = if cfg!(miri) { 89 } else { 1 };
    for offset in
        (0..=4200).step_by(step).chain([4000, 4001, 4095, 4096, 65535, 65536, 65537, usize::MAX - 1, usize::MAX])
    {
        for len in [0, 1, 2, 95, 96, 97, 4095, 4096, 4097, 65535, 65536, 65537, usize::MAX] {
            let fits = len > 0 && offset.checked_add(len).is_some_and(|end| end <= 4096);
            let granted = Place::granted(DomId(5), GrantRef(9), offset);
            let ways = [
                Copy::new(Place::of(&ours, offset), Place::granted(DomId(5), GrantRef(9), 0), len),
                Copy::new(Place::of(&ours, 0), granted, len),
                Copy::new(granted, Place::of(&ours, 0), len),
            ];
            for way in ways {
                assert_eq!(way.map(drop), if fits { Ok(()) } else { Err(BadSpan { len }) }, "{offset} {len}");
            }
            let flush = Flush::clean(BusAddr(0), offset, len);
            assert_eq!(flush.is_ok(), fits, "{offset} {len}");
        }
    }
}

#[test]
fn flush_blocks() {
    let xen = Batch::new(16, 0, &[]);
    let mut blocks = [
        Flush::clean(BusAddr(0x1_0000_5000), 64, 128).unwrap(),
        Flush::clean_and_invalidate(BusAddr(0x6000), 0, 4096).unwrap(),
    ];
    assert_eq!(grants::cache_flush(&xen, &mut blocks), Ok(()));
    let expected = [words(&[0x5000, 1, 0x0080_0040, 1]), words(&[0x6000, 0, 0x1000_0000, 3])];
    assert_eq!(*xen.seen.borrow(), (12, 2, expected.to_vec()));
    let mut xen = Batch::new(16, 0, &[]);
    for result in [1, -38, isize::MIN] {
        xen.result = result;
        assert_eq!(grants::cache_flush(&xen, &mut blocks).unwrap_err().raw(), result);
    }
}

/// G13, G14, G17: both references whole, the padding zero; each pair has its own answer.
#[test]
fn g13_g14_g17_swap_blocks() {
    let pair = |one, other| {
        // SAFETY: there is no table.
        unsafe { Swap::new(GrantRef(one), GrantRef(other)) }
    };
    let answers = [Some(0), Some(-12), None, Some(-3), Some(1), Some(i16::MAX)];
    for result in [0, 1, -14, -38, isize::MIN] {
        let mut xen = Batch::new(12, 8, &answers);
        xen.result = result;
        let mut blocks = answers.map(|_| pair(9, u32::MAX));
        blocks[1] = pair(0x0102_0304, 8);
        assert_eq!(grants::swap(&xen, &mut blocks).err().map_or(0, |errno| errno.raw()), result);
        let mut expected = vec![words(&[9, u32::MAX, 0x8000]); 6];
        expected[1] = words(&[0x0102_0304, 8, 0x8000]);
        assert_eq!(*xen.seen.borrow(), (11, 6, expected));
        let results = blocks.each_ref().map(Swap::result);
        assert_eq!(results, answers.map(|raw| GrantStatus::exact(raw.unwrap_or(i16::MIN))));
        assert_eq!(results[..2], [Ok(()), Err(GrantStatus::EAGAIN)]);
        blocks[0].renew();
        assert_eq!(blocks[0].result(), Err(GrantStatus::UNWRITTEN));
    }
}

/// Sends the list's place and length, and takes what was written there.
struct Lister {
    status: Option<i16>,
    listed: Vec<u64>,
    list_at: usize,
    status_at: usize,
    seen: RefCell<(usize, Vec<u8>)>,
}

// SAFETY: it writes the status of the block, and no more of the list than it is long.
unsafe impl Hypercall for Lister {
    unsafe fn call(&self, _: Number, args: [Word; 5]) -> isize {
        assert_eq!(args[2].addr(), 1);
        let block = args[1].as_ptr::<u8>();
        let mut head = vec![0; self.list_at.min(12)];
        // SAFETY: the block is longer.
        unsafe { block.copy_to_nonoverlapping(head.as_mut_ptr(), head.len()) }
        *self.seen.borrow_mut() = (args[0].addr(), head);
        // SAFETY: the list's address is in the block.
        let list = unsafe { block.wrapping_add(self.list_at).cast::<*mut u64>().read() };
        for (at, frame) in self.listed.iter().enumerate() {
            // SAFETY: the test lists no more than it asks for.
            unsafe { list.wrapping_add(at).write(*frame) }
        }
        let status = block.wrapping_add(self.status_at).cast::<i16>();
        // SAFETY: within the block.
        self.status.inspect(|raw| unsafe { status.write(*raw) });
        0
    }
}

/// G14, G21, H05: the frames that Xen lists, and only if it lists all of them.
#[test]
fn g14_g21_frames_are_listed_whole() {
    type List = fn(&Lister, &mut [u64]) -> Result<(), GrantError>;
    let ways: [(List, usize, usize, usize, Vec<u8>); 2] = [
        (grants::setup_table, 16, 8, 2, words(&[0x7FF0, 2, 0x8000])),
        (grants::status_frames, 8, 6, 9, words(&[2, 0x8000_7FF0])),
    ];
    for (list, list_at, status_at, cmd, head) in ways {
        for (status, listed, expected) in [
            (Some(0), vec![5, 6], Ok(())),
            (Some(0), vec![5], Err(GrantStatus::UNWRITTEN)),
            (Some(0), vec![], Err(GrantStatus::UNWRITTEN)),
            (None, vec![5, 6], Err(GrantStatus::UNWRITTEN)),
            (Some(-1), vec![5, 6], Err(GrantStatus::GENERAL_ERROR)),
            (Some(1), vec![5, 6], Err(GrantStatus(1))),
        ] {
            let xen = Lister { status, listed: listed.clone(), list_at, status_at, seen: RefCell::default() };
            let mut frames = [1, 2];
            assert_eq!(list(&xen, &mut frames), expected.map_err(GrantError::Status));
            assert_eq!(*xen.seen.borrow(), (cmd, head.clone()));
            assert_eq!(frames.iter().zip(&listed).filter(|(found, sent)| found == sent).count(), listed.len());
        }
    }
}

/// G08: the version in force, and only if Xen says so.
#[test]
fn g08_the_version_is_asked_for() {
    let xen = Scripted::new(8).writing(4, &2_u32.to_le_bytes());
    assert_eq!(grants::version(&xen), Ok(2));
    assert_eq!(*xen.seen.borrow(), (20, [10, 0, 1], words(&[0x7FF0, 0])));
    for raw in [1, -1, -38, isize::MIN] {
        assert_eq!(grants::version(&Scripted::new(8).answering(raw)).unwrap_err().raw(), raw);
    }
    let xen = Scripted::new(4).writing(0, &1_u32.to_le_bytes()).answering(-38);
    assert_eq!(grants::set_version(&xen, 2), Err(Errno::ENOSYS));
}

#[test]
fn a_status_frame_is_mapped_by_its_index() {
    let xen = Scripted::new(24);
    memory::map_grant_status_frame(&xen, 3, &page(0x40)).unwrap();
    assert_eq!(*xen.seen.borrow(), (12, [7, 0, 0], words(&[0x7FF0, 1, 0x8000_0003, 0, 0x40, 0])));
}

/// G20: what is mapped is a page of bytes that others change, and a place without memory is ones.
#[test]
fn g20_a_hole_is_reached_as_a_page() {
    let place = hole(7);
    let mut bytes = [0; 8];
    place.page().copy_in(4088, &mut bytes);
    assert_eq!((bytes, place.gfn(), place.address()), ([0xFF; 8], Gfn(7), 0x7000));
    assert_eq!(place.as_ptr(), place.page().as_ptr());
}
