//! What xenstored answers over the ring.
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a panic fails the test")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic fails the test")]
#![allow(clippy::as_conversions, clippy::std_instead_of_core, reason = "hosted; small numbers")]

mod common;

use common::{BEGIN, Client, DIRECTORY, END, GET_PERMS, MKDIR, READ, RM, SET_PERMS, WATCH, WRITE};
use xen_hypercall::{DomId, Nanos};
use xen_mock::{Access, Host, Offers, Permission, Quotas, StoreOp, Violation};

#[test]
fn reads_what_the_toolstack_made() {
    let host = Host::builder().name("tested").build();
    let mut client = Client::new(&host);
    assert_eq!(client.read("name").unwrap(), "tested");
    assert_eq!(client.read("/local/domain/1/domid").unwrap(), "1");
    assert_eq!(client.read("control/platform-feature-xs_reset_watches").unwrap(), "1");
    assert_eq!(client.read("control/feature-suspend").unwrap(), "");
    assert!(client.path(DIRECTORY, 0, "control").unwrap().contains("shutdown\0"));
    host.check().unwrap();
}

#[test]
fn relative_and_absolute_paths_are_the_same_node() {
    let host = Host::builder().build();
    let mut client = Client::new(&host);
    client.write("data/x", "1").unwrap();
    assert_eq!(client.read("/local/domain/1/data/x").unwrap(), "1");
    assert_eq!(host.store().read("data/x").as_deref(), Some("1"));
    assert_eq!(host.store().list("data"), ["x"]);
}

#[test]
fn errors_are_those_of_xenstored() {
    let host = Host::builder().build();
    let mut client = Client::new(&host);
    assert_eq!(client.read("data/none").unwrap_err(), "ENOENT");
    assert_eq!(client.write("control/new", "").unwrap_err(), "EACCES", "control is dom0's");
    assert_eq!(client.write("control/platform-feature-xs_reset_watches", "0").unwrap_err(), "EACCES");
    assert_eq!(client.read("/libxl/1").unwrap_err(), "EACCES", "the root is not ours to know");
    assert_eq!(client.read("data//x").unwrap_err(), "EINVAL");
    assert_eq!(client.read("data/").unwrap_err(), "EINVAL");
    assert_eq!(client.request(READ, 0, b"no-nul").unwrap_err(), "EINVAL");
    assert_eq!(client.path(READ, 77, "name").unwrap_err(), "ENOENT", "no such transaction");
    assert_eq!(client.request(8, 0, b"1\0").unwrap_err(), "EACCES", "introduce is dom0's");
    assert_eq!(client.request(99, 0, b"\0").unwrap_err(), "ENOSYS");
    assert_eq!(client.request(10, 0, b"7\0").unwrap(), b"/local/domain/7\0");
}

#[test]
fn the_guest_writes_only_its_own_control_nodes() {
    let host = Host::builder().build();
    let mut client = Client::new(&host);
    for node in ["shutdown", "feature-suspend", "feature-poweroff", "feature-reboot", "sysrq"] {
        client.write(&format!("control/{node}"), "1").unwrap();
    }
    client.write("device/suspend/event-channel", "5").unwrap();
    assert_eq!(client.write("device/vbd", "").unwrap_err(), "EACCES");
    // A removed node comes back with the permissions of `control`: the guest cannot acknowledge any more.
    client.path(RM, 0, "control/shutdown").unwrap();
    host.toolstack().word("poweroff");
    assert_eq!(client.read("control/shutdown").unwrap(), "poweroff");
    assert_eq!(client.write("control/shutdown", "").unwrap_err(), "EACCES");
}

#[test]
fn mkdir_and_rm() {
    let host = Host::builder().build();
    let mut client = Client::new(&host);
    client.path(MKDIR, 0, "data/a/b/c").unwrap();
    client.path(MKDIR, 0, "data/a/b/c").unwrap();
    client.path(RM, 0, "data/a").unwrap();
    client.path(RM, 0, "data/a").unwrap();
    assert_eq!(client.path(RM, 0, "data/x/y").unwrap_err(), "ENOENT", "the node above is not there either");
    assert_eq!(client.read("data/a/b").unwrap_err(), "ENOENT");
}

#[test]
fn permissions_are_read_and_set() {
    let host = Host::builder().build();
    let mut client = Client::new(&host);
    client.write("data/x", "v").unwrap();
    assert_eq!(client.path(GET_PERMS, 0, "data/x").unwrap(), "n1\0");
    client.request(SET_PERMS, 0, b"data/x\0r1\0b7\0").unwrap();
    assert_eq!(client.path(GET_PERMS, 0, "data/x").unwrap(), "r1\0b7\0");
    assert_eq!(client.request(SET_PERMS, 0, b"data/x\0r0\0").unwrap_err(), "EPERM");
    assert_eq!(client.request(SET_PERMS, 0, b"name\0n1\0").unwrap_err(), "EACCES");
    let other = Permission { domain: DomId(9), access: Access::None };
    host.store().set_permissions("data/x", &[other]);
    assert_eq!(client.read("data/x").unwrap_err(), "EACCES");
}

#[test]
fn an_answer_may_be_larger_than_the_ring() {
    let host = Host::builder().build();
    let mut client = Client::new(&host);
    let value: String = (0..1900_u32).map(|at| char::from(b'a' + u8::try_from(at % 26).unwrap())).collect();
    client.write("data/big", &value).unwrap();
    assert_eq!(client.read("data/big").unwrap(), value);
    host.store().write("data/bigger", "x".repeat(4000));
    assert_eq!(client.read("data/bigger").unwrap().len(), 4000);
    assert_eq!(client.write("data/big", &"y".repeat(2049)).unwrap_err(), "ENOSPC");
}

#[test]
fn a_request_may_arrive_in_pieces() {
    let host = Host::builder().build();
    let client = Client::new(&host);
    let mut request: Vec<u8> = [READ, 5, 0, 5].iter().flat_map(|word| word.to_le_bytes()).collect();
    request.extend(b"name\0");
    for byte in request {
        client.send_raw(&[byte]);
    }
    assert_eq!(host.trace().requests_since(Default::default()).len(), 1);
}

#[test]
fn transactions_conflict_on_what_they_touched() {
    let host = Host::builder().build();
    let mut client = Client::new(&host);
    client.write("data/x", "1").unwrap();
    let tx = client.begin();
    assert_eq!(client.path(READ, tx, "data/x").unwrap(), "1");
    client.write_in(tx, "data/x", "2").unwrap();
    assert_eq!(client.read("data/x").unwrap(), "1", "not yet");
    host.store().write("data/x", "3");
    assert_eq!(client.commit(tx).unwrap_err(), "EAGAIN");
    assert_eq!(client.commit(tx).unwrap_err(), "ENOENT", "it is over all the same");
    assert_eq!(client.read("data/x").unwrap(), "3");

    let tx = client.begin();
    client.write_in(tx, "data/x", "4").unwrap();
    host.store().write("memory/target", "1");
    client.commit(tx).unwrap();
    assert_eq!(client.read("data/x").unwrap(), "4", "others' nodes do not matter");
}

#[test]
fn an_abandoned_transaction_leaves_nothing() {
    let host = Host::builder().build();
    let mut client = Client::new(&host);
    let tx = client.begin();
    client.write_in(tx, "data/x", "2").unwrap();
    assert_eq!(client.path(BEGIN, tx, "").unwrap_err(), "EBUSY");
    client.path(END, tx, "F").unwrap();
    assert_eq!(client.read("data/x").unwrap_err(), "ENOENT");
    assert!(host.ledger().holdings().transactions.is_empty());
}

#[test]
fn quotas_are_enforced() {
    let quotas = Quotas { nodes: 14, watches: 2, transactions: 1, node_size: 2048 };
    let host = Host::builder().quotas(quotas).build();
    let mut client = Client::new(&host);
    client.watch("data", "1").unwrap();
    client.watch("data", "2").unwrap();
    assert_eq!(client.watch("data", "3").unwrap_err(), "E2BIG");
    client.begin();
    assert_eq!(client.path(BEGIN, 0, "").unwrap_err(), "ENOSPC");
    let written = (0..20).map(|at| client.write(&format!("data/{at}"), "")).take_while(Result::is_ok).count();
    assert!((1..14).contains(&written), "{written}");
}

#[test]
fn faults_change_answers() {
    let host = Host::builder().build();
    let mut client = Client::new(&host);
    host.faults().on_store(StoreOp::Write).path("data/x").nth(2).fails("EWEIRD");
    client.write("data/x", "1").unwrap();
    assert_eq!(client.write("data/x", "2").unwrap_err(), "EWEIRD");
    client.write("data/x", "3").unwrap();

    host.faults().on_store(StoreOp::TransactionEnd).times(2).fails("EAGAIN");
    for expected in [Err("EAGAIN".into()), Err("EAGAIN".into()), Ok(())] {
        let tx = client.begin();
        assert_eq!(client.commit(tx), expected);
    }
    host.faults().on_store(StoreOp::Read).answers(StoreOp::Read, b"another");
    assert_eq!((client.read("data/x").unwrap().as_str(), client.read("data/x").unwrap().as_str()), ("another", "3"));
    host.faults().on_store(StoreOp::Read).delays(Nanos::from_secs(3));
    let before = host.now();
    client.read("data/x").unwrap();
    assert!(host.now().since(before) >= Nanos::from_secs(3));
}

#[test]
fn a_broken_ring_is_reported_and_a_sound_one_reconnects() {
    use std::sync::atomic::Ordering::Relaxed;
    let host = Host::builder().build();
    let mut client = Client::new(&host);
    client.watch("data", "t").unwrap();
    reconnect(&client);
    assert_eq!(client.ring.u32_at::<2068>().load(Relaxed), 0);
    assert!(host.ledger().holdings().watches.is_empty());
    assert_eq!(client.read("domid").unwrap(), "1");
    assert_eq!(client.request(WATCH, 0, b"only-one\0").unwrap_err(), "EINVAL");
    host.check().unwrap();
    let too_long: Vec<u8> = [WRITE, 1, 0, 4097].iter().flat_map(|word: &u32| word.to_le_bytes()).collect();
    client.send_raw(&too_long);
    assert_eq!(client.ring.u32_at::<2072>().load(Relaxed), 3);
    assert!(host.check().is_err());
    reconnect(&client);
    assert_eq!(client.ring.u32_at::<2068>().load(Relaxed), 1, "who broke it is not listened to any more");
}

/// Asks for a fresh connection, and lets the daemon see it.
fn reconnect(client: &Client) {
    client.ring.u32_at::<2068>().store(1, std::sync::atomic::Ordering::Relaxed);
    xen_hypercall::op::event_channel::send(&client.xen, client.port).unwrap();
    xen_hypercall::op::sched::poll(&client.xen, &[], common::after(&client.guest, 10)).unwrap();
}

#[test]
fn what_a_newer_server_offers() {
    use std::sync::atomic::Ordering::Relaxed;
    let host = Host::builder().offers(Offers { watch_depth: true, any_domain: true, ..Offers::default() }).build();
    let mut client = Client::new(&host);
    assert_eq!(client.ring.u32_at::<2064>().load(Relaxed), 15);
    assert_eq!(client.request(23, 0, b"").unwrap(), b"15\0");
    assert_eq!(client.request(23, 0, b"1\0").unwrap_err(), "EACCES", "of another, or itself, only dom0 asks");
    for others in [24, 25, 26] {
        assert_eq!(client.request(others, 0, b"1\x000\0").unwrap_err(), "EACCES");
    }
    assert_eq!(client.request(WATCH, 0, b"data\0t\0-1\0").unwrap_err(), "EINVAL");
    client.request(WATCH, 0, b"data\0t\x001\0").unwrap();
    assert_eq!(client.take_events(), [("data".into(), "t".into())], "the first");
    for path in ["data/x", "data/x/deep", "data"] {
        host.store().write(path, "1");
    }
    assert_eq!(client.take_events(), [("data/x".into(), "t".into()), ("data".into(), "t".into())]);
    let other = Permission { domain: DomId(7), access: Access::None };
    let all = Permission { domain: DomId::ANY, access: Access::Read };
    host.store().write("/public", "for all");
    assert_eq!(client.read("/public").unwrap_err(), "EACCES");
    host.store().set_permissions("/public", &[other, all]);
    assert_eq!(client.read("/public").unwrap(), "for all");
    client.write("data/mine", "").unwrap();
    client.request(SET_PERMS, 0, b"data/mine\0n1\0r32757\0").unwrap();
    host.check().unwrap();
}

#[test]
fn what_an_older_server_does_not_offer_is_refused() {
    use std::sync::atomic::Ordering::Relaxed;
    let host = Host::builder().offers(Offers { reconnection: false, ..Offers::default() }).build();
    let mut client = Client::new(&host);
    assert_eq!(client.ring.u32_at::<2064>().load(Relaxed), 2);
    for newer in 23..=26 {
        assert_eq!(client.request(newer, 0, b"").unwrap_err(), "ENOSYS");
    }
    assert_eq!(client.request(WATCH, 0, b"data\0t\x001\0").unwrap_err(), "EINVAL");
    client.write("data/mine", "").unwrap();
    assert_eq!(client.request(SET_PERMS, 0, b"data/mine\0n1\0r32757\0").unwrap_err(), "EINVAL");
    host.check().unwrap();
    client.ring.u32_at::<2068>().store(1, Relaxed);
    xen_hypercall::op::event_channel::send(&client.xen, client.port).unwrap();
    xen_hypercall::op::sched::poll(&client.xen, &[], common::after(&client.guest, 10)).unwrap();
    assert_eq!(host.check(), Err(vec![Violation::ReconnectNotOffered]));
}
