//! Which watches fire, and how.
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a panic fails the test")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic fails the test")]
#![allow(clippy::as_conversions, clippy::std_instead_of_core, reason = "hosted; small numbers")]

mod common;

use common::{Client, MKDIR, RM};
use xen_hypercall::op::sched;
use xen_mock::Host;

fn pair(path: &str, token: &str) -> (String, String) {
    (path.into(), token.into())
}

#[test]
fn a_watch_fires_once_upon_registration() {
    let host = Host::builder().build();
    let mut client = Client::new(&host);
    client.watch("control/shutdown", "t").unwrap();
    assert_eq!(client.take_events(), [pair("control/shutdown", "t")]);
    assert_eq!(client.watch("control/shutdown", "t").unwrap_err(), "EEXIST");
    client.watch("control/shutdown", "u").unwrap();
    assert_eq!(client.take_events(), [pair("control/shutdown", "u")]);
}

#[test]
fn changes_below_fire_with_the_path_as_watched() {
    let host = Host::builder().build();
    let mut client = Client::new(&host);
    client.watch("data", "relative").unwrap();
    client.watch("/local/domain/1/data", "absolute").unwrap();
    client.take_events();
    host.store().write("data/a/b", "1");
    assert_eq!(client.take_events(), [pair("data/a/b", "relative"), pair("/local/domain/1/data/a/b", "absolute")]);
    host.store().write("database", "1");
    host.store().write("name", "1");
    assert!(client.take_events().is_empty(), "a neighbour with a longer name is not below");
}

#[test]
fn own_changes_fire_too() {
    let host = Host::builder().build();
    let mut client = Client::new(&host);
    client.watch("data", "t").unwrap();
    client.take_events();
    client.write("data/x", "1").unwrap();
    client.path(MKDIR, 0, "data/d").unwrap();
    assert_eq!(client.take_events(), [pair("data/x", "t"), pair("data/d", "t")]);
}

#[test]
fn removal_fires_above_and_below() {
    let host = Host::builder().build();
    let mut client = Client::new(&host);
    client.write("data/a/b", "1").unwrap();
    client.watch("data", "above").unwrap();
    client.watch("data/a/b", "below").unwrap();
    client.take_events();
    client.path(RM, 0, "data/a").unwrap();
    assert_eq!(client.take_events(), [pair("data/a", "above"), pair("data/a/b", "below")]);
}

#[test]
fn a_transaction_fires_when_it_commits() {
    let host = Host::builder().build();
    let mut client = Client::new(&host);
    client.watch("data", "t").unwrap();
    client.take_events();
    let tx = client.begin();
    client.write_in(tx, "data/x", "1").unwrap();
    assert!(client.take_events().is_empty());
    client.commit(tx).unwrap();
    assert_eq!(client.take_events(), [pair("data/x", "t")]);
}

#[test]
fn nobody_is_told_of_what_he_may_not_read() {
    use xen_hypercall::DomId;
    use xen_mock::{Access, Permission};
    let host = Host::builder().build();
    let mut client = Client::new(&host);
    client.watch("data", "t").unwrap();
    client.take_events();
    host.store().write("data/dark/secret", "1");
    client.take_events();
    let dark = [Permission { domain: DomId::DOM0, access: Access::None }];
    host.store().set_permissions("data/dark/secret", &dark);
    assert_eq!(client.take_events(), [pair("data/dark/secret", "t")], "of the loss he is told");
    host.store().write("data/dark/secret", "2");
    assert_eq!(client.take_events(), [pair("data/dark/secret", "t")], "who may list it knows of it anyway");
    host.store().set_permissions("data/dark", &dark);
    client.take_events();
    host.store().write("data/dark/secret", "3");
    assert!(client.take_events().is_empty());
}

#[test]
fn unwatch_ends_it() {
    let host = Host::builder().build();
    let mut client = Client::new(&host);
    client.watch("data", "t").unwrap();
    client.request(common::UNWATCH, 0, b"data\0t\0").unwrap();
    assert_eq!(client.request(common::UNWATCH, 0, b"data\0t\0").unwrap_err(), "ENOENT");
    client.take_events();
    host.store().write("data/x", "1");
    assert!(client.take_events().is_empty());
    assert!(host.ledger().holdings().watches.is_empty());
}

#[test]
fn the_same_event_waits_only_once() {
    let host = Host::builder().build();
    let mut client = Client::new(&host);
    client.watch("data", "t").unwrap();
    client.take_events();
    // The ring is full of an answer that is not read yet, so events wait behind it.
    host.store().write("data/big", "x".repeat(3000));
    client.take_events();
    client.send(common::READ, 0, b"data/big\0");
    sched::poll(&client.xen, &[], common::after(&client.guest, 10)).unwrap();
    for value in ["1", "2", "3"] {
        host.store().write("data/x", value);
    }
    assert_eq!(client.skip_answer().len(), 3000);
    assert_eq!(client.take_events(), [pair("data/x", "t")]);
}
