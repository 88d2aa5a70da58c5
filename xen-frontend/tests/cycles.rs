//! I13, I14, I26, I29, I46: a whole guest holds the same after every cycle, of whatever kind and however many.

mod support;

use support::whole::{Whole, up};
use xen_grant::Ledger;
use xen_hypercall::{DomId, Nanos};
use xen_mock::{Destination, Holdings, Host, Save};
use xen_suspend::{Class, Ending, Outcome};

const SECOND: Nanos = Nanos::from_secs(1);

fn cycle(whole: &mut Whole<'_, '_>, save: Save) -> Class {
    whole.host.toolstack().save(save);
    whole.sleep(SECOND);
    match whole.serve() {
        (Outcome::Idle, Some(Ending::Resumed(resumed))) => {
            assert_eq!(resumed.degraded, 0);
            resumed.class
        }
        other => panic!("{save:?}: {other:?}"),
    }
}

/// What the guest holds, without the numbers that the toolstack chooses.
fn held(whole: &Whole<'_, '_>) -> (Holdings, usize, (usize, usize, Ledger)) {
    let mut held = whole.host.ledger().holdings();
    let home = whole.host.store().path("");
    held.watches.iter_mut().for_each(|(path, _)| *path = path.replace(home.trim_end_matches('/'), ""));
    let ports = std::mem::take(&mut held.ports).len();
    let ours = (whole.events.open(), whole.events.leaked(), whole.table.ledger());
    (held, ports, ours)
}

#[test]
fn a_hundred_mixed_cycles_leave_the_holdings_as_they_were() {
    let host = Host::builder().build();
    up(&host, |whole| {
        let (before, pages) = (held(whole), whole.host.ledger().pages_taken());
        assert_eq!((before.1, before.0.grants.len(), before.0.transactions.len()), (1, 0, 0), "the canary");
        let kinds = |at: u32| match at % 5 {
            0 | 3 => (Save::Checkpoint, Class::Cancel),
            1 => (Save::SlowResume, Class::InPlace),
            2 => (Save::Restore(Destination { ports_before: at % 7, ..Destination::default() }), Class::New),
            _ => (Save::Fail, Class::Cancel),
        };
        for at in 0..if cfg!(miri) { 5 } else { 100 } {
            let (save, class) = kinds(at);
            assert_eq!(cycle(whole, save), class);
            assert_eq!(held(whole), before, "after cycle {at}, {save:?}");
        }
        assert_eq!(whole.host.ledger().pages_taken(), pages, "I17: no memory is taken");
    });
}

/// Nothing that would be left behind is swept away by a new domain.
#[test]
fn a_hundred_cycles_in_one_domain_leave_the_holdings_as_they_were() {
    let host = Host::builder().build();
    up(&host, |whole| {
        let before = held(whole);
        for at in 0..if cfg!(miri) { 2 } else { 100 } {
            let (save, class) =
                if at % 2 == 0 { (Save::SlowResume, Class::InPlace) } else { (Save::Checkpoint, Class::Cancel) };
            assert_eq!(cycle(whole, save), class);
            assert_eq!(held(whole), before, "after cycle {at}, {save:?}");
        }
        assert_eq!(whole.host.guest().domid(), DomId(1));
    });
}

/// What a driver holds over a checkpoint is its own as before; what it holds over a restore is gone without a trace.
#[test]
fn what_drivers_hold_goes_on_or_is_gone() {
    let host = Host::builder().build();
    up(&host, |whole| {
        let before = held(whole);
        let port = whole.events.alloc_unbound(DomId::DOM0).unwrap();
        let offer = whole.table.offer_write(whole.host.guest().page(), DomId::DOM0).unwrap();
        let with_driver = held(whole);
        assert_eq!(cycle(whole, Save::Checkpoint), Class::Cancel);
        assert_eq!(held(whole), with_driver);
        assert!(port.binding().is_ok());
        assert_eq!(cycle(whole, Save::Restore(Destination::default())), Class::New);
        assert_eq!(held(whole), before);
        // I9: stale handles do nothing and say so.
        let mark = whole.host.trace().mark();
        assert!(port.notify().is_err() && port.binding().is_err());
        drop(port);
        drop(offer);
        assert!(whole.host.trace().calls_since(mark).is_empty());
        assert_eq!(held(whole), before);
    });
}
