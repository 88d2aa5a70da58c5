//! Hostile peers on the mock host: those that die, those that hold, and what they may see.
#![allow(clippy::std_instead_of_core, clippy::unwrap_used, reason = "hosted; a panic fails the test")]

use xen_grant::{Offer, Owner, RESERVED_ENTRIES, Refusal, Slot, Table, Write};
use xen_hypercall::{DomId, EpochCell, GrantRef, SharedPage};
use xen_mock::{Hook, Host, MapError, MapMode};

const PEER: DomId = DomId(5);

struct Parts {
    host: Host,
    xen: Hook,
    epoch: EpochCell,
    frames: [SharedPage; 1],
    status: Vec<SharedPage>,
    slots: Vec<Slot>,
}

impl Parts {
    /// A guest whose table is of version 1, or of 2.
    fn new(version: usize, slots: usize) -> Self {
        let host = Host::builder().build();
        let guest = host.guest();
        let (frames, status) = ([guest.page()], (1..version).map(|_| guest.page()).collect());
        let slots = (0..slots).map(|_| Slot::new()).collect();
        Self { xen: guest.hook(), host, epoch: EpochCell::new(), frames, status, slots }
    }

    fn table(&self) -> Table<'_, &Hook> {
        let table = Table::new(&self.xen, &self.epoch, &self.frames, &self.slots).with_status(&self.status);
        table.rebuild().unwrap();
        table
    }

    fn page(&self) -> SharedPage {
        self.host.guest().page()
    }
}

/// G11: a domain dies with pages mapped, and another gets its number. All access ends at once, for nobody has a page any more;
/// then by none of the old references can the stranger reach anything.
#[test]
fn g11_a_stranger_with_the_number_of_the_dead_reaches_nothing() {
    for version in [1, 2] {
        let p = Parts::new(version, 20);
        let table = p.table();
        let offers: Vec<Offer<'_, Write>> = (0..4).map(|_| table.offer_write(p.page(), PEER).unwrap()).collect();
        let references: Vec<GrantRef> = offers.iter().map(Offer::reference).collect();
        let peer = p.host.peer(PEER);
        let held: Vec<_> = references[..3].iter().map(|at| peer.map(*at, MapMode::Write).unwrap()).collect();
        let mut refused: Vec<_> = offers.into_iter().map(Offer::end).filter_map(Result::err).collect();
        assert_eq!(refused.len(), 3);
        drop(refused.pop());
        peer.die();
        assert!(held.iter().all(|mapped| !mapped.is_alive()));
        for refused in refused {
            refused.offer.end().unwrap();
        }
        assert!(table.poll_quarantine(1).is_some(), "what was dropped comes back, too");
        let stranger = p.host.peer(PEER);
        for reference in references {
            assert_eq!(stranger.map(reference, MapMode::Read).unwrap_err(), MapError::BadRef, "{reference}");
        }
        // The neighbour: what is offered to the new domain is.
        let offer = table.offer_write(p.page(), PEER).unwrap();
        assert!(stranger.map(offer.reference(), MapMode::Write).is_ok());
        offer.end().unwrap();
        assert_eq!((table.ledger().free, p.host.check()), (12, Ok(())));
    }
}

/// G12: entries for the toolstack are given to nobody, and what is in them stays, through whatever is made and ended.
#[test]
fn g12_reserved_entries_are_the_toolstacks() {
    for version in [1, 2] {
        let p = Parts::new(version, 20);
        let table = p.table();
        let reserved = || (0..RESERVED_ENTRIES).map(|at| p.host.grants().entry(GrantRef(at))).collect::<Vec<_>>();
        let before = reserved();
        assert!(before[1].as_ref().is_some_and(|entry| entry.iter().any(|byte| *byte != 0)), "xenstore's");
        let offers: Vec<_> = core::iter::from_fn(|| table.offer_read(p.page(), PEER).ok()).collect();
        assert!(offers.iter().map(|offer| offer.reference().0).eq(RESERVED_ENTRIES..20));
        drop(offers);
        table.rebuild().unwrap();
        assert_eq!((reserved(), table.ledger().free), (before, 12));
        assert!(p.host.dom0().map(GrantRef(1), MapMode::Write).is_ok());
        assert_eq!(p.host.check(), Ok(()));
    }
}

/// G24: numbers that no domain has are no peers, by whatever way; the highest that one may have is.
#[test]
fn g24_reserved_numbers_are_no_peers() {
    let p = Parts::new(1, 20);
    let table = p.table();
    for nobody in [0x7FF0, 0x7FF1, 0x7FFF, 0x8000, u16::MAX].map(DomId) {
        let refused = Refusal::NotAPeer(nobody);
        assert_eq!(table.offer_read(p.page(), nobody).unwrap_err().refusal, refused);
        assert_eq!(table.offer_write(p.page(), nobody).unwrap_err().refusal, refused);
        assert_eq!(table.account(Owner(3)).offer_read(p.page(), nobody).unwrap_err().refusal, refused);
        assert_eq!(table.account(Owner(3)).pool::<4>(nobody).map(drop), Err(refused));
    }
    assert_eq!((table.ledger().free, p.host.ledger().holdings().grants), (12, vec![]));
    table.offer_read(p.page(), DomId(0x7FEF)).unwrap().end().unwrap();
    assert_eq!(p.host.check(), Ok(()));
}

/// G27: of a page that held something private, and was set to zero, the peer sees zeros to its very end.
#[test]
fn g27_a_page_that_is_set_to_zero_is_zero_to_its_end() {
    let p = Parts::new(1, 20);
    let (table, page) = (p.table(), p.page());
    page.copy_out(0, &[0xC5; 4096]);
    page.zero();
    page.copy_out(100, b"meant");
    let offer = table.offer_read(page, PEER).unwrap();
    let mapped = p.host.peer(PEER).map(offer.reference(), MapMode::Read).unwrap();
    let mut expected = [0; 4096];
    expected[100..105].copy_from_slice(b"meant");
    assert!(mapped.read(0, 4096) == expected, "nothing else");
    drop(mapped);
    offer.end().unwrap();
}
