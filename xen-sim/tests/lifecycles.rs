//! Every lifecycle of the guest, on the mock host.

use guest::lifecycle::{ALL, Host};
use xen_sim::{Arrangement, play};

fn run(name: &str) {
    let lifecycle = ALL.iter().find(|lifecycle| lifecycle.name == name).expect("a lifecycle of this name");
    if let Err(failure) = play(lifecycle, Arrangement::default()) {
        panic!("{name}: {failure}");
    }
}

macro_rules! lifecycles {
    ($($test:ident = $name:literal),* $(,)?) => {
        $(#[test]
        fn $test() {
            run($name);
        })*

        /// No lifecycle is forgotten here, save those that only a real Xen can run.
        #[test]
        fn all_are_here() {
            let here = [$($name),*];
            let wanted = ALL.iter().filter(|lifecycle| !matches!(lifecycle.only, Some((Host::Xen | Host::Hvm, _))));
            for lifecycle in wanted {
                assert!(here.contains(&lifecycle.name), "{} is not run", lifecycle.name);
            }
        }
    };
}

lifecycles! {
    checkpoint = "checkpoint",
    restore = "restore",
    migrate = "migrate",
    mixed = "mixed",
    selftest = "selftest",
    slow_resume = "slow-resume",
    frozen = "frozen",
    hypercall_page = "hypercall-page",
    vector = "vector",
    callback = "callback",
    poweroff = "poweroff",
    halt = "halt",
    reboot = "reboot",
    junk = "junk",
    overwritten = "overwritten",
    options = "options",
    full_disk = "full-disk",
    refuse = "refuse",
    deaf = "deaf",
    fail_prepare = "fail-prepare",
    fail_freeze = "fail-freeze",
    fail_resume = "fail-resume",
}
