//! The platform device of HVM guests.
#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

mod common;

use common::{Client, set_callback};
use xen_hypercall::{Devices, Drivers, Nanos, NotUnplugged, unplug};
use xen_mock::{Destination, Guest, Host, Kind, Save, Violation};

const ALL: Devices = Devices::DISKS.and(Devices::NICS);

fn take_away(guest: &Guest, devices: Devices) -> Result<(), NotUnplugged> {
    unplug(&guest.ports(), Drivers::EXPERIMENTAL, devices)
}

fn hvm() -> Host {
    Host::builder().kind(Kind::Hvm).build()
}

#[test]
fn devices_go_one_kind_after_the_other() {
    let host = hvm();
    let guest = host.guest();
    assert_eq!(guest.ports().emulated(), (1, 1));
    take_away(&guest, Devices::NICS).unwrap();
    assert_eq!(guest.ports().emulated(), (1, 0));
    take_away(&guest, Devices::DISKS).unwrap();
    assert_eq!(guest.ports().emulated(), (0, 0));
    host.check().unwrap();
}

#[test]
fn a_pvh_guest_has_no_such_device() {
    let host = Host::builder().build();
    assert_eq!(take_away(&host.guest(), ALL), Err(NotUnplugged::NoPlatform));
    assert_eq!(host.guest().ports().emulated(), (0, 0));
    host.check().unwrap();
}

#[test]
fn refused_drivers_unplug_nothing() {
    let host = hvm();
    host.faults().refuse_drivers();
    assert_eq!(take_away(&host.guest(), ALL), Err(NotUnplugged::Refused));
    assert_eq!(host.guest().ports().emulated(), (1, 1));
    host.check().unwrap();
}

/// The devices are there again, and it is a fault of the guest's to leave them; of one that unplugs at all.
#[test]
fn a_new_domain_has_them_again() {
    for unplugs in [false, true] {
        let host = hvm();
        let mut client = Client::new(&host);
        set_callback(&client.xen);
        if unplugs {
            take_away(&host.guest(), ALL).unwrap();
        }
        host.at(Nanos::from_secs(1), |host| {
            host.toolstack().save(Save::Restore(Destination::default()));
        });
        client.acknowledge("suspend");
        assert_eq!(client.suspend(), 0);
        assert_eq!(host.guest().ports().emulated(), (1, 1));
        let expected = if unplugs { Err(vec![Violation::EmulatedAgain]) } else { Ok(()) };
        assert_eq!(host.check(), expected);
    }
}

#[test]
fn a_cancelled_suspend_leaves_them_away() {
    let host = hvm();
    let mut client = Client::new(&host);
    set_callback(&client.xen);
    take_away(&host.guest(), ALL).unwrap();
    host.at(Nanos::from_secs(1), |host| {
        host.toolstack().save(Save::Checkpoint);
    });
    client.acknowledge("suspend");
    assert_eq!(client.suspend(), 1);
    assert_eq!(host.guest().ports().emulated(), (0, 0));
    host.check().unwrap();
}
