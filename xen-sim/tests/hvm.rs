//! HVM guests on the mock host: emulated devices are unplugged, and stay so.

use guest::lifecycle::{ALL, Lifecycle};
use xen_sim::{Arrangement, play};

fn lifecycle(name: &str) -> &'static Lifecycle {
    ALL.iter().find(|lifecycle| lifecycle.name == name).expect("a lifecycle of this name")
}

/// What the guest said of emulated devices.
fn said(name: &str) -> Vec<String> {
    let report = play(lifecycle(name), Arrangement::hvm()).unwrap_or_else(|failure| panic!("{name}: {failure}"));
    let of_devices = |text: &String| text.contains("platform ") || text.contains("unplugged ");
    report.lines.into_iter().map(|line| line.text).filter(of_devices).collect()
}

const MET: &str = "xen-guest: platform disks=1 nics=1";
const GONE: &str = "xen-guest: unplugged disks=0 nics=0";

#[test]
fn each_new_domain_is_freed_of_them() {
    assert_eq!(said("restore"), [MET, GONE, GONE, GONE, GONE, GONE, GONE]);
    assert_eq!(said("reboot"), [MET, GONE, MET, GONE]);
}

#[test]
fn in_the_same_domain_they_stay_away() {
    assert_eq!(said("checkpoint"), [MET, GONE]);
    assert_eq!(said("slow-resume"), [MET, GONE, GONE], "the last one is a restore");
}

#[test]
fn a_guest_that_is_refused_goes_on_with_them() {
    let arrangement = Arrangement::hvm().prepared(|host| host.faults().refuse_drivers());
    let report = play(lifecycle("restore"), arrangement).unwrap_or_else(|failure| panic!("{failure}"));
    let lines: Vec<&str> = report.lines.iter().map(|line| line.text.as_str()).collect();
    assert!(lines.contains(&MET) && !lines.contains(&GONE), "{lines:?}");
}

/// Two drivers for one disk is worse than none: a message, and the end.
#[test]
fn a_refusal_after_a_restore_is_fatal() {
    let arrangement = Arrangement::hvm().prepared(|host| {
        host.at(xen_hypercall::Nanos::from_millis(500), |host| host.faults().refuse_drivers());
    });
    let failure = play(lifecycle("restore"), arrangement).expect_err("it cannot go on");
    assert!(failure.report.emergencies.contains("FAIL what=rebuild"), "{failure}");
}
