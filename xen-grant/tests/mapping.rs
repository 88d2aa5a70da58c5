//! Pages of other domains on the mock host: mapped, copied, and let go.
#![allow(unsafe_code, reason = "vouches for places without memory")]
#![allow(clippy::std_instead_of_core, clippy::unwrap_used, reason = "hosted; a panic fails the test")]
#![allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, reason = "a panic fails the test")]

use std::cell::RefCell;

use xen_grant::{Backoff, CopyError, FlushError, Foreign, Slot, Table};
use xen_hypercall::op::grant_table::{Copy, GrantError, GrantStatus, Place};
use xen_hypercall::op::sched;
use xen_hypercall::{DomId, EpochCell, Errno, GrantRef, Hole, SharedPage, Stale};
use xen_mock::{Destination, Granted, Hook, Host, MapMode, Save};

struct Parts {
    host: Host,
    xen: Hook,
    epoch: EpochCell,
    frames: [SharedPage; 1],
    slots: Vec<Slot>,
}

impl Parts {
    fn new() -> Self {
        let host = Host::builder().build();
        let (xen, frames) = (host.guest().hook(), [host.guest().page()]);
        Self { host, xen, epoch: EpochCell::new(), frames, slots: (0..64).map(|_| Slot::new()).collect() }
    }

    fn table(&self) -> Table<'_, &Hook> {
        let table = Table::new(&self.xen, &self.epoch, &self.frames, &self.slots);
        table.rebuild().unwrap();
        table
    }

    fn hole(&self) -> Hole {
        let place = self.host.guest().hole();
        // SAFETY: the mock's place has no memory, can always be read and written, and is handed on.
        unsafe { Hole::new(place.as_ptr(), place.gfn()) }
    }

    fn holes<const N: usize>(&self) -> [Hole; N] {
        [(); N].map(|()| self.hole())
    }

    fn suspend(&self, save: Save) -> isize {
        self.host.toolstack().save(save);
        self.host.store().write("control/shutdown", "");
        sched::shutdown(&self.xen, sched::Reason::SUSPEND)
    }

    fn foreign(&self) -> usize {
        self.host.ledger().holdings().foreign.len()
    }
}

fn of(granted: &Granted) -> Foreign {
    Foreign { peer: granted.domain(), reference: granted.gref() }
}

const NOBODYS: Foreign = Foreign { peer: DomId::DOM0, reference: GrantRef(99) };
const MAP: usize = 0;
const UNMAP: usize = 1;
const COPY: usize = 5;

/// G20: bytes are copied; who changes them afterwards changes nothing here.
#[test]
fn g20_a_page_of_another_domain_is_read_and_written() {
    let p = Parts::new();
    let (table, given) = (p.table(), p.host.dom0().grant(MapMode::Write));
    given.write(10, b"from dom0");
    let mapping = table.map_write(p.hole(), of(&given), Backoff::none()).unwrap();
    let mut bytes = [0; 9];
    mapping.copy_in(10, &mut bytes).unwrap();
    given.write(10, b"otherwise");
    assert_eq!((&bytes, mapping.foreign()), (b"from dom0", of(&given)));
    mapping.record_in(10, &mut bytes).unwrap();
    assert_eq!(&bytes, b"otherwise");
    mapping.page().unwrap().copy_out(100, b"from the guest");
    assert_eq!(given.read(100, 14), b"from the guest");
    assert_eq!(mapping.flush(4000, 100), Err(FlushError::Span(xen_hypercall::op::grant_table::BadSpan { len: 100 })));
    assert_eq!(mapping.flush(0, 64), Err(FlushError::Call(Errno::ENOSYS)), "x86");
    let hole = mapping.unmap().unwrap();
    hole.page().copy_in(10, &mut bytes);
    assert_eq!((bytes, p.foreign()), ([0xFF; 9], 0));
    given.withdraw().unwrap();
    p.host.check().unwrap();
}

/// G28: what is mapped for reading is so to Xen, too.
#[test]
fn g28_reading_alone() {
    let p = Parts::new();
    let (table, given) = (p.table(), p.host.dom0().grant(MapMode::Read));
    let refused = table.map_write(p.hole(), of(&given), Backoff::none()).unwrap_err();
    assert_eq!(refused.error, GrantError::Status(GrantStatus::GENERAL_ERROR));
    let mapping = table.map_read(refused.hole, of(&given), Backoff::none()).unwrap();
    drop(mapping);
    assert_eq!((p.foreign(), table.lost_mappings(), given.mappings()), (0, 0, 0));
    p.host.check().unwrap();
}

/// G13, G14, G17: neither a positive status nor a silent one nor an unknown one is a page.
#[test]
fn g13_g14_g17_what_is_no_success() {
    let p = Parts::new();
    let (table, given) = (p.table(), p.host.dom0().grant(MapMode::Write));
    let mut hole = p.hole();
    for status in [1, i16::MAX, -1, -99, -32767] {
        p.host.faults().on_grant(MAP).status(status);
        let refused = table.map_write(hole, of(&given), Backoff::none()).unwrap_err();
        assert_eq!(refused.error, GrantError::Status(GrantStatus(status)));
        hole = refused.hole;
    }
    p.host.faults().on_grant(MAP).unwritten();
    let refused = table.map_write(hole, of(&given), Backoff::none()).unwrap_err();
    assert_eq!(refused.error, GrantError::Status(GrantStatus::UNWRITTEN));
    p.host.faults().on_grant(MAP).fails_call(-14);
    let refused = table.map_write(refused.hole, of(&given), Backoff::none()).unwrap_err();
    assert_eq!(refused.error, GrantError::Call(Errno::EFAULT));
    table.map_write(refused.hole, of(&given), Backoff::none()).unwrap().unmap().unwrap();
    p.host.check().unwrap();
}

/// G16: as often as the caller likes, and no more; each pause is told how many were in vain.
#[test]
fn g16_try_again_has_an_end() {
    let p = Parts::new();
    let (table, given) = (p.table(), p.host.dom0().grant(MapMode::Write));
    let pauses = RefCell::new(vec![]);
    let backoff = |times| Backoff::new(times, |tried| pauses.borrow_mut().push(tried));
    given.absent(3);
    let mapping = table.map_write(p.hole(), of(&given), backoff(3)).unwrap();
    assert_eq!(pauses.take(), [1, 2, 3]);
    drop(mapping);
    given.absent(u64::MAX);
    let refused = table.map_write(p.hole(), of(&given), backoff(4)).unwrap_err();
    assert_eq!((refused.error, pauses.take()), (GrantError::Status(GrantStatus::EAGAIN), vec![1, 2, 3, 4]));
    // Any other answer is the last.
    let refused = table.map_write(refused.hole, NOBODYS, backoff(4)).unwrap_err();
    assert_eq!((refused.error, pauses.take()), (GrantError::Status(GrantStatus::BAD_GNTREF), vec![]));
    p.host.check().unwrap();
}

/// G15: all of several, or none: for each subset that fails.
#[test]
fn g15_each_subset_that_fails_is_undone() {
    for fails in 0_usize..16 {
        let p = Parts::new();
        let table = p.table();
        let given = [(); 4].map(|()| p.host.dom0().grant(MapMode::Write));
        let mut at = 0;
        let pages = p.holes::<4>().map(|hole| {
            let reference = if fails & 1 << at == 0 { given[at].gref() } else { GrantRef(99) };
            at += 1;
            (hole, reference)
        });
        match table.map_all_write(DomId::DOM0, pages, Backoff::none()) {
            Ok(mappings) => {
                assert_eq!((fails, p.foreign()), (0, 4));
                assert_eq!(mappings.each_ref().map(|mapping| mapping.foreign()), given.each_ref().map(of));
            }
            Err(failed) => {
                assert_eq!(failed.at, usize::try_from(fails.trailing_zeros()).unwrap());
                assert_eq!(failed.error, GrantError::Status(GrantStatus::BAD_GNTREF));
                assert!(failed.holes.iter().all(Option::is_some));
            }
        }
        assert_eq!((p.foreign(), table.lost_mappings()), (0, 0), "{fails:#b}");
        given.into_iter().for_each(|given| given.withdraw().unwrap());
        p.host.check().unwrap();
    }
}

/// G15, G16: the whole call ends midway; one of the batch is to be tried again.
#[test]
fn g15_g16_a_batch_that_is_cut_short() {
    let p = Parts::new();
    let table = p.table();
    let given = [(); 3].map(|()| p.host.dom0().grant(MapMode::Write));
    let references = given.each_ref().map(Granted::gref);
    let pages = |holes: [Hole; 3]| {
        let mut references = references.into_iter();
        holes.map(|hole| (hole, references.next().unwrap()))
    };
    p.host.faults().on_grant(MAP).nth(2).fails_call(-14);
    let failed = table.map_all_read(DomId::DOM0, pages(p.holes()), Backoff::none()).unwrap_err();
    assert_eq!((failed.at, failed.error, p.foreign()), (1, GrantError::Call(Errno::EFAULT), 0));
    given[1].absent(2);
    let holes = failed.holes.map(Option::unwrap);
    let mappings = table.map_all_read(DomId::DOM0, pages(holes), Backoff::new(2, |_| ())).unwrap();
    assert_eq!(p.foreign(), 3);
    drop(mappings);
    assert_eq!(p.foreign(), 0);
    p.host.check().unwrap();
}

/// G15, G19: what Xen does not take back when a batch is undone is counted, and its place never comes back.
#[test]
fn g15_g19_an_undoing_that_fails() {
    let p = Parts::new();
    let (table, given) = (p.table(), p.host.dom0().grant(MapMode::Write));
    let [one, two] = p.holes();
    // Once for the undoing, once for the guard's own end.
    p.host.faults().on_grant(UNMAP).times(2).status(-4);
    let pages = [(one, given.gref()), (two, GrantRef(99))];
    let failed = table.map_all_write(DomId::DOM0, pages, Backoff::none()).unwrap_err();
    assert_eq!(failed.holes.each_ref().map(Option::is_some), [false, true]);
    assert_eq!((failed.at, table.lost_mappings(), p.foreign()), (1, 1, 1));
}

/// G19: a page that was not let go has its guard still, with the same handle; then it goes.
#[test]
fn g19_a_guard_outlives_a_refusal() {
    let p = Parts::new();
    let (table, given) = (p.table(), p.host.dom0().grant(MapMode::Write));
    for status in [-4, 1, -32767] {
        let mapping = table.map_write(p.hole(), of(&given), Backoff::none()).unwrap();
        p.host.faults().on_grant(UNMAP).status(status);
        let refused = mapping.unmap().unwrap_err();
        assert_eq!((refused.error, p.foreign()), (GrantError::Status(GrantStatus(status)), 1));
        refused.mapping.unmap().unwrap();
        assert_eq!(p.foreign(), 0);
    }
    let mapping = table.map_write(p.hole(), of(&given), Backoff::none()).unwrap();
    p.host.faults().on_grant(UNMAP).unwritten();
    let refused = mapping.unmap().unwrap_err();
    assert_eq!(refused.error, GrantError::Status(GrantStatus::UNWRITTEN));
    p.host.faults().on_grant(UNMAP).fails_call(-1);
    drop(refused);
    assert_eq!((p.foreign(), table.lost_mappings()), (1, 1));
}

/// G18, G13: copies in both directions; each by itself.
#[test]
fn copies_go_both_ways() {
    let p = Parts::new();
    let (table, given) = (p.table(), p.host.dom0().grant(MapMode::Write));
    let page = p.host.guest().page();
    let Foreign { peer, reference } = of(&given);
    given.write(4090, b"theirs");
    page.copy_out(0, b"ours");
    let there = |offset| Place::granted(peer, reference, offset);
    let mut copies = [
        Copy::new(there(4090), Place::of(&page, 100), 6).unwrap(),
        Copy::new(Place::granted(peer, GrantRef(99), 0), Place::of(&page, 0), 1).unwrap(),
        Copy::new(Place::of(&page, 0), there(7), 4).unwrap(),
    ];
    let failed = table.copy(&mut copies, Backoff::none()).unwrap_err();
    assert_eq!(failed, CopyError { at: 1, error: GrantError::Status(GrantStatus::BAD_GNTREF) });
    assert_eq!(copies.each_ref().map(|copy| copy.result().is_ok()), [true, false, true]);
    let mut bytes = [0; 6];
    page.copy_in(100, &mut bytes);
    assert_eq!((&bytes, given.read(7, 4)), (b"theirs", b"ours".to_vec()));
    p.host.check().unwrap();
}

/// G13, G14, G16: of copies, too, only 0 is success; one that is to be tried again is, up to the end.
#[test]
fn g13_g14_g16_copies_that_are_no_success() {
    let p = Parts::new();
    let (table, given) = (p.table(), p.host.dom0().grant(MapMode::Write));
    let page = p.host.guest().page();
    let copy = || Copy::new(Place::of(&page, 0), Place::granted(DomId::DOM0, given.gref(), 0), 8).unwrap();
    let mut copies = [copy(), copy()];
    for status in [1, -1, -32767] {
        p.host.faults().on_grant(COPY).nth(2).status(status);
        let failed = table.copy(&mut copies, Backoff::none()).unwrap_err();
        assert_eq!(failed, CopyError { at: 1, error: GrantError::Status(GrantStatus(status)) });
    }
    p.host.faults().on_grant(COPY).unwritten();
    let failed = table.copy(&mut copies, Backoff::none()).unwrap_err();
    assert_eq!(failed, CopyError { at: 0, error: GrantError::Status(GrantStatus::UNWRITTEN) });
    p.host.faults().on_grant(COPY).nth(2).fails_call(-14);
    let failed = table.copy(&mut copies, Backoff::none()).unwrap_err();
    assert_eq!(failed, CopyError { at: 1, error: GrantError::Call(Errno::EFAULT) });
    given.absent(3);
    let failed = table.copy(&mut copies, Backoff::new(1, |_| ())).unwrap_err();
    assert_eq!(failed, CopyError { at: 0, error: GrantError::Status(GrantStatus::EAGAIN) });
    given.absent(2);
    assert_eq!(table.copy(&mut copies, Backoff::new(2, |_| ())), Ok(()));
    assert_eq!(table.copy(&mut [], Backoff::none()), Ok(()));
    p.host.check().unwrap();
}

/// G22: in a new domain a mapping is void, its handle not used, and its place free.
#[test]
fn g22_a_mapping_of_the_old_domain_is_void() {
    let p = Parts::new();
    let (table, given) = (p.table(), p.host.dom0().grant(MapMode::Write));
    let epoch = p.epoch.now();
    let [one, two] = [(); 2].map(|()| table.map_write(p.hole(), of(&given), Backoff::none()).unwrap());
    assert_eq!(p.suspend(Save::Restore(Destination::default())), 0);
    p.epoch.advance();
    table.rebuild().unwrap();
    assert_eq!(one.copy_in(0, &mut [0]), Err(Stale(epoch)));
    assert_eq!(one.record_in(0, &mut [0]), Err(Stale(epoch)));
    assert_eq!((one.page().err(), one.flush(0, 1)), (Some(Stale(epoch)), Err(FlushError::Stale(Stale(epoch)))));
    let anew = p.host.dom0().grant(MapMode::Write);
    let other = table.map_write(p.hole(), of(&anew), Backoff::none()).unwrap();
    one.unmap().unwrap();
    drop(two);
    assert_eq!((p.foreign(), table.lost_mappings()), (1, 0), "another's mapping is not ended by an old handle");
    other.unmap().unwrap();
    p.host.check().unwrap();
}

/// G22: where the old domain is taken for a new one, Xen has the pages mapped still; their places come back free all the same.
#[test]
fn g22_a_mapping_in_a_domain_taken_for_a_new_one() {
    let p = Parts::new();
    let (table, given) = (p.table(), p.host.dom0().grant(MapMode::Write));
    // Of one of them only the last byte tells that it is there.
    given.write(0, &[0xFF; 4095]);
    let [one, two, three] = [(); 3].map(|()| table.map_write(p.hole(), of(&given), Backoff::none()).unwrap());
    assert_eq!(p.suspend(Save::SlowResume), 0);
    p.epoch.advance();
    table.rebuild().unwrap();
    assert_eq!((one.copy_in(0, &mut [0]).is_err(), p.foreign()), (true, 3), "void, and mapped");
    let hole = one.unmap().unwrap();
    drop(two);
    p.host.faults().on_grant(UNMAP).status(-1);
    let refused = three.unmap().unwrap_err();
    assert_eq!((refused.error, p.foreign()), (GrantError::Status(GrantStatus::GENERAL_ERROR), 1));
    refused.mapping.unmap().unwrap();
    assert_eq!((p.foreign(), table.lost_mappings()), (0, 0));
    table.map_write(hole, of(&given), Backoff::none()).unwrap().unmap().unwrap();
    given.withdraw().unwrap();
    p.host.check().unwrap();
}

/// After a slow resume the mapping is there as before.
#[test]
fn g22_a_mapping_outlives_a_slow_resume() {
    let p = Parts::new();
    let (table, given) = (p.table(), p.host.dom0().grant(MapMode::Write));
    let mapping = table.map_write(p.hole(), of(&given), Backoff::none()).unwrap();
    assert_eq!(p.suspend(Save::SlowResume), 0);
    p.epoch.advance();
    table.reconcile().unwrap();
    given.write(0, &[7]);
    let mut byte = [0];
    mapping.copy_in(0, &mut byte).unwrap();
    assert_eq!(byte, [7]);
    mapping.unmap().unwrap();
    assert_eq!(p.foreign(), 0);
    p.host.check().unwrap();
}

/// The guest maps a page that it offered itself: then it is mapped to its own offer, too.
#[test]
fn g01_the_guest_as_its_own_peer() {
    let p = Parts::new();
    let table = p.table();
    let offer = table.offer_write(p.host.guest().page(), p.host.guest().domid()).unwrap();
    let own = Foreign { peer: p.host.guest().domid(), reference: offer.reference() };
    let mapping = table.map_write(p.hole(), own, Backoff::none()).unwrap();
    mapping.page().unwrap().copy_out(5, b"seen");
    // The mock's two places of one page agree at each hypercall.
    sched::yield_now(&p.xen).unwrap();
    let mut bytes = [0; 4];
    offer.page().copy_in(5, &mut bytes);
    assert_eq!(&bytes, b"seen");
    let refused = offer.end().unwrap_err();
    mapping.unmap().unwrap();
    refused.offer.end().unwrap();
    p.host.check().unwrap();
}
