//! The lifecycles with several processors: all come back, and what each did is by the rules.

use guest::lifecycle::{ALL, Host, Lifecycle};
use xen_hypercall::{Number, Vcpu};
use xen_mock::{Call, Mark};
use xen_sim::{Arrangement, play, play_on};

fn on_mock() -> impl Iterator<Item = &'static Lifecycle> {
    ALL.iter().filter(|lifecycle| !matches!(lifecycle.only, Some((Host::Xen, _))))
}

#[test]
fn every_lifecycle_with_2_8_and_33_processors() {
    for vcpus in [2, 8, 33] {
        for lifecycle in on_mock() {
            eprintln!("{}", lifecycle.name);
            let arrangement = Arrangement::default().built(move |builder| builder.vcpus(vcpus));
            let report = play(lifecycle, arrangement).unwrap_or_else(|failure| panic!("{}: {failure}", lifecycle.name));
            let ready = format!("vcpus={vcpus}");
            let lines = || report.lines.iter().map(|line| line.text.as_str());
            assert!(lines().any(|line| line.contains(" ready ") && line.ends_with(&ready)), "{}", lifecycle.name);
        }
    }
}
