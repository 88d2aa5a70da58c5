//! A console backend whose indices make no sense loses the connection, and nothing else happens.

mod support;

use support::{Stand, Suspending, connected, on, text};
use xen_frontend::console::{ConnectError, Written};
use xen_mock::{Daemon, Destination, Host, Save};
use xen_ring::Misbehaved;
use xen_suspend::{Class, State};

const OUT: u32 = 2048;
const IN: u32 = 1024;

fn stuck() -> xen_mock::Builder {
    Host::builder().console(Daemon::Stuck)
}

/// The connection is over, in both directions: no event, no byte, a reason; what is written is kept.
fn is_over(stand: &Stand<'_>, reason: Misbehaved) {
    let (mark, at) = (stand.mark(), stand.out_prod());
    assert_eq!(stand.console.misbehaved(), Some(reason));
    assert_eq!(stand.console.port(), None);
    assert_eq!(stand.console.write(b"kept"), Written { taken: 4, dropped: 0 });
    assert_eq!(stand.console.read(&mut [0; 9]), 0);
    assert!(!stand.console.flush());
    assert_eq!(stand.out_prod(), at);
    assert!(stand.host.trace().calls_since(mark).is_empty());
}

/// The backend is sane again: so is the console.
fn begins_again(stand: &Stand<'_>, expected: &[u8]) {
    stand.set_in_prod(0);
    stand.set_out_cons(0);
    stand.set_guests_own(0, 0);
    stand.console.connect().unwrap();
    assert_eq!(stand.console.misbehaved(), None);
    assert_eq!(stand.take(9999), expected);
}

/// C02: more taken than was written, by any number of bytes; the neighbour: exactly all of it.
#[test]
fn output_taken_before_it_was_written() {
    for ahead in [1, 2, OUT, OUT + 1, u32::MAX / 2, u32::MAX - 10] {
        connected(stuck(), |stand| {
            stand.console.write(b"0123456789");
            stand.set_out_cons(10_u32.wrapping_add(ahead));
            assert_eq!(stand.console.write(b"!"), Written { taken: 1, dropped: 0 }, "kept");
            is_over(stand, Misbehaved::Overrun { seen: 0, now: 10_u32.wrapping_add(ahead), allowed: 10 });
            begins_again(stand, b"!kept");
        });
    }
    connected(stuck(), |stand| {
        stand.console.write(b"0123456789");
        stand.set_out_cons(10);
        assert_eq!(stand.console.write(b"!").taken, 1);
        assert_eq!((stand.take(9), stand.console.misbehaved()), (b"!".to_vec(), None));
    });
}

/// C02: what was taken is given back; the neighbour: the index stands still.
#[test]
fn output_index_goes_backwards() {
    connected(stuck(), |stand| {
        stand.console.write(b"0123456789");
        stand.take(10);
        stand.console.write(b"x");
        stand.console.write(b"y");
        assert_eq!(stand.console.misbehaved(), None);
        stand.set_out_cons(9);
        stand.console.write(b"z");
        is_over(stand, Misbehaved::Overrun { seen: 10, now: 9, allowed: 2 });
        begins_again(stand, b"zkept");
    });
}

/// C01: more input than the ring holds; the neighbour: a full ring.
#[test]
fn more_input_than_fits() {
    for prod in [IN + 1, IN * 2, u32::MAX] {
        connected(stuck(), |stand| {
            stand.set_in_prod(prod);
            let mut to = vec![7; 5000];
            assert_eq!(stand.console.read(&mut to), 0);
            assert!(to.iter().all(|&byte| byte == 7), "nothing was copied");
            is_over(stand, Misbehaved::Overrun { seen: 0, now: prod, allowed: IN });
            begins_again(stand, b"kept");
        });
    }
    connected(stuck(), |stand| {
        stand.set_in_prod(IN);
        assert_eq!(stand.console.read(&mut [0; 5000]), 1024);
        assert_eq!(stand.console.misbehaved(), None);
    });
}

/// C01, C02, C08: what is found in the page at the start makes no sense; the neighbours: full rings, and any start.
#[test]
fn a_page_that_makes_no_sense_is_refused() {
    let set = |stand: &Stand<'_>, [in_cons, in_prod, out_cons, out_prod]: [u32; 4]| {
        stand.set_guests_own(in_cons, out_prod);
        stand.set_in_prod(in_prod);
        stand.set_out_cons(out_cons);
    };
    for wrong in [[0, IN + 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, OUT + 1], [0, 0, 1, 0]] {
        on(stuck(), |stand| {
            set(stand, wrong);
            stand.console.write(b"kept");
            let refused = stand.console.connect();
            assert!(matches!(refused, Err(ConnectError::Ring(Misbehaved::Overrun { .. }))), "{refused:?}");
            assert_eq!(stand.console.misbehaved().map(ConnectError::Ring), refused.err());
            assert_eq!((stand.console.port(), stand.events.open()), (None, 0));
            set(stand, [5, 5, u32::MAX, u32::MAX]);
            stand.console.connect().unwrap();
            assert_eq!(stand.take(9999), b"kept");
        });
    }
    for right in [[0, IN, 0, OUT], [u32::MAX, 3, u32::MAX - 9, 4]] {
        on(stuck(), |stand| {
            set(stand, right);
            stand.console.connect().unwrap();
        });
    }
}

/// C03: the guest's own indices are written over; they are not read again, so nothing changes.
#[test]
fn our_own_indices_are_written_over() {
    connected(stuck(), |stand| {
        stand.console.write(b"01234");
        stand.set_guests_own(77, 999_999);
        stand.console.write(b"56789");
        assert_eq!(stand.out_prod(), 10, "put right by the next write");
        assert_eq!(stand.take(99), b"0123456789");
        assert_eq!(stand.console.misbehaved(), None);
    });
}

/// C06 and C02 together: what is written to a backend that misbehaved is dropped when the backlog is full, and counted.
#[test]
fn a_backend_that_misbehaved_is_one_that_does_not_read() {
    connected(stuck(), |stand| {
        stand.set_out_cons(1);
        assert_eq!(stand.console.write(&text(5000)), Written { taken: 4096, dropped: 904 });
        assert_eq!(stand.console.dropped(), 904);
    });
}

/// The freeze does not wait for a backend that is not there any more.
#[test]
fn a_suspend_brings_a_sane_backend() {
    connected(stuck(), |stand| {
        stand.set_out_cons(1);
        stand.console.write(b"kept ");
        let suspending = Suspending::new(stand, &[(State::InCall, "call")]);
        let resumed = suspending.run(Save::Restore(Destination::default()));
        assert_eq!((resumed.class, resumed.degraded, suspending.waits.get()), (Class::New, 0, 0));
        assert_eq!(stand.take(9999), b"kept call");
        assert_eq!(stand.console.misbehaved(), None);
    });
}

/// R30: in the same domain it stays over, until somebody connects.
#[test]
fn a_checkpoint_does_not_bring_it_back() {
    connected(stuck(), |stand| {
        stand.set_out_cons(1);
        stand.console.write(b"kept ");
        let resumed = Suspending::new(stand, &[]).run(Save::Checkpoint);
        assert_eq!((resumed.class, stand.console.port()), (Class::Cancel, None));
        begins_again(stand, b"kept ");
    });
}
