//! C06: a backend that does not read is never waited for; what does not fit is dropped and counted.

mod support;

use support::{connected, text};
use xen_frontend::console::Written;
use xen_mock::{Daemon, Host};

const RING: usize = 2048;
const BACKLOG: usize = 4096;

fn stuck() -> xen_mock::Builder {
    Host::builder().console(Daemon::Stuck)
}

#[test]
fn a_backend_that_does_not_read_costs_no_time_and_the_rest_is_counted() {
    connected(stuck(), |stand| {
        let all = text(RING + BACKLOG + 100);
        let mark = stand.mark();
        assert_eq!(stand.console.write(&all), Written { taken: RING + BACKLOG, dropped: 100 });
        assert_eq!(stand.console.write(b"more"), Written { taken: 0, dropped: 4 });
        assert_eq!(stand.console.dropped(), 104);
        // One event for the bytes in the ring, and no wait.
        assert_eq!(stand.host.trace().calls_since(mark).len(), 1);
        assert!(!stand.console.flush());
        assert_eq!(stand.out_prod(), 2048);
    });
}

#[test]
fn one_that_reads_a_little_gets_the_rest_in_order() {
    connected(stuck(), |stand| {
        let first = text(RING + 1000);
        stand.console.write(&first);
        let mut taken = stand.take(300);
        // Behind the backlog, though there is room in the ring.
        assert_eq!(stand.console.write(b"last"), Written { taken: 4, dropped: 0 });
        while !stand.console.flush() || taken.len() < first.len() + 4 {
            taken.extend(stand.take(700));
        }
        assert_eq!(taken, [&first, b"last".as_slice()].concat());
        assert_eq!(stand.console.dropped(), 0);
    });
}

#[test]
fn a_part_of_the_backlog_is_told_of_once() {
    connected(stuck(), |stand| {
        stand.console.write(&text(RING + 3000));
        let by: [&dyn Fn() -> bool; 2] = [&|| stand.console.flush(), &|| stand.console.write(b"x").dropped > 0];
        for move_some in by {
            stand.take(500);
            let mark = stand.mark();
            assert!(!move_some());
            assert_eq!(stand.sent_since(mark), 1);
        }
        let mark = stand.mark();
        assert!(!stand.console.flush());
        assert_eq!(stand.sent_since(mark), 0, "nothing moved");
    });
}

/// The accepted neighbour: a full ring and no byte too many.
#[test]
fn a_full_ring_alone_drops_nothing() {
    connected(stuck(), |stand| {
        assert_eq!(stand.console.write(&text(RING)), Written { taken: RING, dropped: 0 });
        assert!(stand.console.flush(), "the backlog is empty");
        assert_eq!(stand.take(9999), text(RING));
    });
}
