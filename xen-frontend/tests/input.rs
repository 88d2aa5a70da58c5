//! Input is read as it comes, byte for byte.

mod support;

use support::{connected, on};
use xen_mock::Host;

fn read(stand: &support::Stand<'_>, most: usize) -> Vec<u8> {
    let mut to = vec![0; most];
    let len = stand.console.read(&mut to);
    to[..len].to_vec()
}

#[test]
fn what_is_typed_is_read_in_pieces() {
    connected(Host::builder(), |stand| {
        assert_eq!(read(stand, 9), b"");
        stand.host.console().send("hello");
        stand.pause();
        let mark = stand.mark();
        assert_eq!(read(stand, 2), b"he");
        assert_eq!(read(stand, 9), b"llo");
        assert_eq!(stand.sent_since(mark), 2, "there is room again");
        assert_eq!(read(stand, 9), b"");
        assert_eq!(stand.sent_since(mark), 2);
    });
}

/// C10: escape sequences from the other side are the caller's to judge, and so is plain text.
#[test]
fn escapes_stay_bytes() {
    connected(Host::builder(), |stand| {
        let hostile = "\u{1b}[2J\u{7}\0\r\u{1b}]0;owned\u{9c}";
        stand.host.console().send(hostile);
        stand.host.console().send("plain");
        stand.pause();
        assert_eq!(read(stand, 100), [hostile, "plain"].concat().as_bytes());
        assert_eq!(stand.seen(), "", "nothing is echoed");
    });
}

#[test]
fn more_than_the_ring_holds_follows_as_it_is_read() {
    connected(Host::builder(), |stand| {
        let typed: String = (0..1500).map(|at| char::from(b'a' + at as u8 % 26)).collect();
        stand.host.console().send(&typed);
        let mut all = Vec::new();
        while all.len() < typed.len() {
            stand.pause();
            all.extend(read(stand, 400));
        }
        assert_eq!(all, typed.as_bytes());
    });
}

#[test]
fn the_port_tells_of_input() {
    connected(Host::builder(), |stand| {
        let port = stand.console.port().unwrap();
        stand.host.console().send("x");
        stand.events.wait(&[port], None).unwrap();
        assert_eq!(read(stand, 9), b"x");
    });
}

#[test]
fn without_a_connection_there_is_none() {
    on(Host::builder(), |stand| {
        stand.host.console().send("x");
        stand.pause();
        assert_eq!((read(stand, 9), stand.console.port()), (vec![], None));
        stand.console.connect().unwrap();
        assert_eq!(read(stand, 9), b"x", "it was there");
    });
}
