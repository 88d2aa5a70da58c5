//! Output reaches the console, in order and told of.

mod support;

use std::fmt::Write;

use support::{connected, on, text};
use xen_frontend::console::Written;
use xen_mock::Host;

#[test]
fn what_is_written_is_read_in_order() {
    connected(Host::builder(), |stand| {
        assert_eq!(stand.console.write(b"one, "), Written { taken: 5, dropped: 0 });
        write!(&stand.console, "{} and ", 2).unwrap();
        assert_eq!(stand.console.write(b""), Written { taken: 0, dropped: 0 });
        assert_eq!(stand.console.write(b"three\n").taken, 6);
        assert_eq!(stand.seen(), "one, 2 and three\n");
    });
}

#[test]
fn nothing_is_lost_around_the_end_of_the_ring() {
    connected(Host::builder(), |stand| {
        let mut written = Vec::new();
        for len in [1, 700, 2047, 2048, 3, 1500, 99] {
            let piece = text(len);
            assert_eq!(stand.console.write(&piece), Written { taken: len, dropped: 0 });
            written.extend(piece);
            stand.pause();
        }
        assert_eq!(stand.seen().as_bytes(), written);
        assert_eq!(stand.console.dropped(), 0);
    });
}

#[test]
fn each_write_tells_the_backend_once_and_an_empty_one_does_not() {
    connected(Host::builder(), |stand| {
        let mark = stand.mark();
        stand.console.write(&text(2048));
        assert_eq!(stand.sent_since(mark), 1);
        let mark = stand.mark();
        assert!(stand.console.flush());
        stand.console.write(b"");
        assert_eq!(stand.sent_since(mark), 0);
    });
}

#[test]
fn what_was_written_before_the_connection_comes_first() {
    on(Host::builder(), |stand| {
        assert_eq!(stand.console.write(b"early\n").taken, 6);
        assert!(!stand.console.flush());
        assert_eq!(stand.seen(), "");
        stand.console.connect().unwrap();
        stand.console.write(b"late\n");
        assert_eq!(stand.seen(), "early\nlate\n");
    });
}
