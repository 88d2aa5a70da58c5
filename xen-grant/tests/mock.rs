//! The grant table on the mock host: with a backend, and across each kind of resume.
#![allow(clippy::std_instead_of_core, clippy::unwrap_used, reason = "hosted; a panic fails the test")]
#![allow(clippy::arithmetic_side_effects, reason = "a panic fails the test")]

use xen_grant::{Ledger, Slot, Table, TableError};
use xen_hypercall::op::sched;
use xen_hypercall::{DomId, EpochCell, Errno, GrantRef, Number, SharedPage};
use xen_mock::{Destination, Hook, Host, MapError, MapMode, Save};

/// Entries that there is storage for; under Miri few.
const SLOTS: u32 = if cfg!(miri) { 64 } else { 2048 };

/// What outlives a table.
struct Parts {
    host: Host,
    xen: Hook,
    epoch: EpochCell,
    frames: Vec<SharedPage>,
    slots: Vec<Slot>,
}

impl Parts {
    fn new(host: Host, slots: u32) -> Self {
        let (xen, guest) = (host.guest().hook(), host.guest());
        let (frames, slots) = ((0..4).map(|_| guest.page()).collect(), (0..slots).map(|_| Slot::new()).collect());
        Self { host, xen, epoch: EpochCell::new(), frames, slots }
    }

    fn table(&self) -> Table<'_, &Hook> {
        Table::new(&self.xen, &self.epoch, &self.frames, &self.slots)
    }

    fn page(&self) -> SharedPage {
        self.host.guest().page()
    }

    /// Suspends as a guest does that acknowledges at once, and returns what the call returned.
    fn suspend(&self, save: Save) -> isize {
        self.host.toolstack().save(save);
        self.host.store().write("control/shutdown", "");
        sched::shutdown(&self.xen, sched::Reason::SUSPEND)
    }
}

fn parts() -> Parts {
    Parts::new(Host::builder().build(), SLOTS)
}

/// G01, G28: a backend maps what it was offered, as it was offered, until it lets go.
#[test]
fn g01_g28_a_backend_maps_and_lets_go() {
    let p = parts();
    let table = p.table();
    assert_eq!(table.rebuild(), Ok(4));
    let (read, write) = (table.offer_read(p.page(), DomId::DOM0).unwrap(), table.offer_write(p.page(), DomId::DOM0));
    let write = write.unwrap();
    assert_eq!(p.host.dom0().map(read.reference(), MapMode::Write).unwrap_err(), MapError::Denied);
    assert_eq!(p.host.dom0().map_as(DomId(9), write.reference(), MapMode::Read).unwrap_err(), MapError::Denied);
    let mapped = p.host.dom0().map(write.reference(), MapMode::Write).unwrap();
    mapped.write(100, b"from dom0");
    let mut bytes = [0; 9];
    write.page().copy_in(100, &mut bytes);
    assert_eq!(&bytes, b"from dom0");
    let refused = write.end().unwrap_err();
    mapped.unmap();
    refused.offer.end().unwrap();
    read.end().unwrap();
    assert_eq!((p.host.ledger().holdings().grants, p.host.check()), (vec![], Ok(())));
    assert_eq!(table.ledger(), Ledger { free: SLOTS - 8, pooled: 0, in_use: 0, quarantined: 0 });
}

/// G03: what was dropped while mapped stays granted, counted, until the backend lets go.
#[test]
fn g03_a_dropped_page_stays_away_from_everybody() {
    let p = parts();
    let table = p.table();
    table.rebuild().unwrap();
    let offer = table.offer_write(p.page(), DomId::DOM0).unwrap();
    let mapped = p.host.dom0().map(offer.reference(), MapMode::Write).unwrap();
    drop(offer);
    assert!(table.poll_quarantine(9).is_none());
    assert_eq!((table.quarantined(), p.host.ledger().holdings().grants.len()), (1, 1));
    mapped.unmap();
    assert!(table.poll_quarantine(9).is_some());
    assert_eq!((table.quarantined(), p.host.ledger().holdings().grants.len()), (0, 0));
    assert_eq!(p.host.check(), Ok(()));
}

/// G12, G22: in a new domain the table is new, the toolstack's entries are in it, and old offers are void.
#[test]
fn g12_g22_a_restore_voids_every_grant() {
    let p = parts();
    let table = p.table();
    table.rebuild().unwrap();
    let offer = table.offer_write(p.page(), DomId::DOM0).unwrap();
    let mapped = p.host.dom0().map(offer.reference(), MapMode::Write).unwrap();
    assert_eq!(p.suspend(Save::Restore(Destination::default())), 0);
    p.epoch.advance();
    assert_eq!(table.rebuild(), Ok(4));
    assert!(!mapped.is_alive());
    let seeded = p.host.dom0().map(GrantRef(1), MapMode::Write);
    assert!(seeded.is_ok(), "the entry of xenstore is the toolstack's");
    let fresh = table.offer_write(p.page(), DomId::DOM0).unwrap();
    let new = p.host.dom0().map(fresh.reference(), MapMode::Write).unwrap();
    assert_eq!(offer.reference(), fresh.reference());
    let page = offer.end().unwrap();
    assert_eq!(fresh.end().is_err(), new.is_alive());
    assert_eq!((table.ledger().quarantined, p.host.check()), (1, Ok(())));
    assert!(table.offer_read(page, DomId::DOM0).is_ok());
}

/// G01: after a slow resume the backend has the old page mapped, in whatever epoch.
#[test]
fn g01_a_slow_resume_voids_nothing() {
    let p = parts();
    let table = p.table();
    table.rebuild().unwrap();
    let offer = table.offer_write(p.page(), DomId::DOM0).unwrap();
    let mapped = p.host.dom0().map(offer.reference(), MapMode::Write).unwrap();
    assert_eq!(p.suspend(Save::SlowResume), 0);
    p.epoch.advance();
    table.reconcile().unwrap();
    let refused = offer.end().unwrap_err();
    assert!(mapped.is_alive());
    mapped.unmap();
    refused.offer.end().unwrap();
    assert_eq!((table.ledger().in_use, p.host.check()), (0, Ok(())));
}

/// G21: fewer frames than there are places.
#[test]
fn g21_a_small_table_is_enough() {
    // The smallest under Miri, which takes long to give them all out.
    let (frames, slots, entries) = if cfg!(miri) { (1, 513, 504) } else { (2, 2048, 1016) };
    let p = Parts::new(Host::builder().max_grant_frames(frames).build(), slots);
    let table = p.table();
    assert_eq!((table.rebuild(), table.ledger().free), (Ok(usize::from(frames)), entries));
    let offers: Vec<_> = core::iter::from_fn(|| table.offer_read(p.page(), DomId::DOM0).ok()).take(1016).collect();
    assert_eq!(
        (u32::try_from(offers.len()), table.ledger()),
        (Ok(entries), Ledger { free: 0, pooled: 0, in_use: entries, quarantined: 0 })
    );
    let last = offers.last().unwrap().reference();
    assert!(p.host.dom0().map(last, MapMode::Read).is_ok());
}

/// Every hypercall of the making fails once in turn: a typed error, or a smaller table; then all is well again.
#[test]
fn each_hypercall_may_fail() {
    for nth in 1..=6 {
        let p = parts();
        let table = p.table();
        p.host.faults().on_any_call().nth(nth).returns(-9999);
        match (nth, table.rebuild()) {
            (1, Err(TableError::Version(errno))) => assert_eq!(errno.raw(), -9999),
            (2, Ok(frames)) => assert_eq!(frames, 4, "the size need not be known"),
            (3, Ok(frames)) => assert_eq!(frames, 3, "the highest is not to be had"),
            (_, Err(TableError::Frame(frame, errno))) => assert_eq!((u64::from(frame) + nth, errno.raw()), (6, -9999)),
            other => unreachable!("{other:?}"),
        }
        assert_eq!(table.ledger().free == 0, ![2, 3].contains(&nth));
        assert_eq!(table.rebuild(), Ok(4));
    }
}

#[test]
fn a_xen_without_versions_has_version_1() {
    let p = parts();
    p.host.faults().on_call(Number::GRANT_TABLE_OP).nth(1).returns(Errno::ENOSYS.raw());
    assert_eq!(p.table().rebuild(), Ok(4));
}
