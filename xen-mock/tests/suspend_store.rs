//! What a guest must not leave half done with xenstored.
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a panic fails the test")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic fails the test")]
#![allow(clippy::as_conversions, clippy::std_instead_of_core, reason = "hosted; small numbers")]

mod common;

use common::{Client, READ, set_callback};
use xen_hypercall::Nanos;
use xen_mock::{Host, Save, StoreOp, Violation};

/// Plays a checkpoint, with `work` between the acknowledgement and the suspend call.
fn checkpoint(work: impl FnOnce(&Host, &mut Client)) -> Result<(), Vec<Violation>> {
    let host = Host::builder().build();
    let mut client = Client::new(&host);
    set_callback(&client.xen);
    host.at(Nanos::from_secs(1), |host| _ = host.toolstack().save(Save::Checkpoint));
    client.acknowledge("suspend");
    work(&host, &mut client);
    assert_eq!(client.suspend(), 1);
    host.check()
}

#[test]
fn a_message_read_whole_is_well() {
    assert_eq!(checkpoint(|_, client| _ = client.read("domid").unwrap()), Ok(()));
}

#[test]
fn a_message_that_lies_in_the_ring_whole_is_well() {
    assert_eq!(checkpoint(|_, client| _ = client.send(READ, 0, b"domid\0")), Ok(()));
}

#[test]
fn half_a_message_is_seen() {
    let half = |_: &Host, client: &mut Client| {
        client.send(READ, 0, b"domid\0");
        client.read_raw(10);
    };
    assert_eq!(checkpoint(half), Err(vec![Violation::SuspendedAmidMessage]));
}

#[test]
fn half_a_request_is_seen() {
    assert_eq!(checkpoint(|_, client| client.send_raw(&[2, 0, 0, 0, 9])), Err(vec![Violation::SuspendedAmidMessage]));
}

#[test]
fn a_request_that_was_not_taken_is_seen() {
    use std::sync::atomic::Ordering::Relaxed;
    let unseen = |_: &Host, client: &mut Client| {
        let [_, prod, ..] = client.ring.u32s_at::<2048, 4>();
        prod.store(prod.load(Relaxed).wrapping_add(1), Relaxed);
    };
    assert_eq!(checkpoint(unseen), Err(vec![Violation::SuspendedAmidMessage]));
}

#[test]
fn an_open_transaction_is_seen() {
    let mut opened = 0;
    let done = checkpoint(|_, client| opened = client.begin());
    assert_eq!(done, Err(vec![Violation::SuspendedInTransaction(opened)]));
    let ended = |_: &Host, client: &mut Client| {
        let transaction = client.begin();
        client.commit(transaction).unwrap();
    };
    assert_eq!(checkpoint(ended), Ok(()));
}

#[test]
fn a_number_used_again_before_its_answer_is_seen() {
    let host = Host::builder().build();
    let mut client = Client::new(&host);
    host.faults().on_store(StoreOp::Read).delays(Nanos::from_secs(3));
    client.next_id = 7;
    client.send(READ, 0, b"domid\0");
    client.next_id = 7;
    client.send(READ, 0, b"name\0");
    assert_eq!(host.check(), Err(vec![Violation::RequestIdInUse(7)]));
    let host = Host::builder().build();
    let mut client = Client::new(&host);
    for _ in 0..2 {
        client.next_id = 7;
        client.read("domid").unwrap();
    }
    assert_eq!(host.check(), Ok(()));
}
