//! Devices that the toolstack announces.
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a panic fails the test")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic fails the test")]
#![allow(clippy::as_conversions, clippy::std_instead_of_core, reason = "hosted; small numbers")]

mod common;

use common::Client;
use xen_mock::{Destination, Device, Host, Save};

#[test]
fn a_device_has_two_ends_and_begins_anew_after_a_restore() {
    let disk = Device::new("vbd", 51712).front("virtual-device", "51712").back("mode", "w");
    let host = Host::builder().device(disk).build();
    let mut client = Client::new(&host);
    client.write("device/vbd/51712/state", "3").unwrap();
    client.write("device/vbd/51712/ring-ref", "8").unwrap();
    let back = client.read("device/vbd/51712/backend").unwrap();
    assert_eq!(back, "/local/domain/0/backend/vbd/1/51712");
    assert_eq!(client.read(&format!("{back}/mode")).unwrap(), "w");
    assert_eq!(client.write(&format!("{back}/state"), "4").unwrap_err(), "EACCES");
    client.watch(&format!("{back}/state"), "other").unwrap();
    client.take_events();
    host.store().write(&format!("{back}/state"), "2");
    assert_eq!(client.take_events(), [(format!("{back}/state"), "other".into())]);

    host.toolstack().await_suspend(Save::Restore(Destination::default()));
    assert_eq!(client.suspend(), 0);
    client.rebuild();
    assert_eq!(client.read("device/vbd/51712/state").unwrap(), "1");
    assert_eq!(client.read("device/vbd/51712/ring-ref").unwrap_err(), "ENOENT");
    assert_eq!(client.read("device/vbd/51712/backend").unwrap(), "/local/domain/0/backend/vbd/2/51712");
    assert!(host.store().read(&back).is_none());
    host.check().unwrap();
}
