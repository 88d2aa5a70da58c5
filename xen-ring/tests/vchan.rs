//! Channels of libxenvchan in real pages: bytes go both ways in every shape.
#![expect(unsafe_code, reason = "a test gives its own pages")]
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a panic is a failed test"
)]

mod memory;

use memory::{page, pages};
use xen_hypercall::{GrantRef, SharedPages};
use xen_ring::{Misbehaved, Moved, Notify, Transfer, Vchan, VchanMemory, VchanPeer, VchanShape};

fn moved(bytes: usize, notify: Notify) -> Result<Transfer, Misbehaved> {
    Ok(Transfer::Moved(Moved { bytes, notify }))
}

/// Gives pages for a ring that has so many of its own.
fn area(count: usize) -> Option<&'static SharedPages<'static>> {
    match count {
        0 => None,
        1 => Some(pages::<1>()),
        2 => Some(pages::<2>()),
        _ => Some(pages::<4>()),
    }
}

/// Fills a ring of `size` bytes with a message that is too long, and takes it out in two pieces.
fn carry(sender: &mut Vchan<'_>, receiver: &mut Vchan<'_>, size: usize) {
    let sent: Vec<u8> = (0..251).cycle().take(size + 9).collect();
    assert_eq!(sender.send(&[&sent[..3], &sent[3..]]), moved(size, Notify::Yes));
    let mut got = vec![0; size + 9];
    let (head, tail) = got.split_at_mut(700);
    assert!(matches!(receiver.receive(&mut [head, tail]), Ok(Transfer::Moved(moved)) if moved.bytes == size));
    assert_eq!(got[..size], sent[..size]);
}

#[test]
fn bytes_go_both_ways_in_every_shape() {
    // Under Miri the small ones.
    let shapes = [(10, 11), (10, 12), (12, 11), (11, 10), (12, 12), (14, 13)];
    for (left, right) in shapes.into_iter().take(if cfg!(miri) { 3 } else { 6 }) {
        let shape = VchanShape::new(left, right).unwrap();
        let (page, [lefts, rights]) = (page(), shape.pages());
        let grants: Vec<_> = (0..).map(|number| GrantRef(number + 50)).take(lefts + rights).collect();
        shape.offer(page, &grants);
        let mut read = vec![GrantRef(0); grants.len()];
        assert_eq!(VchanShape::accept(page, &mut read), Ok(shape));
        assert_eq!(read, grants);
        let memory = VchanMemory { page, left: area(lefts), right: area(rights) };
        let mut server = Vchan::serve(&memory, shape).unwrap();
        assert_eq!(server.peer(), VchanPeer::Awaited);
        let mut client = Vchan::join(&memory, shape).unwrap();
        assert_eq!((server.peer(), client.peer()), (VchanPeer::Here, VchanPeer::Here));
        carry(&mut client, &mut server, 1 << left);
        carry(&mut server, &mut client, 1 << right);
    }
}
