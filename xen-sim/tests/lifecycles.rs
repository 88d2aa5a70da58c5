//! Every lifecycle of the guest, on the mock host.

use guest::lifecycle::{self, ALL, Lifecycle, Step, of_another_abi};
use xen_hypercall::{Nanos, Number};
use xen_mock::{Host, StoreOp};
use xen_sim::{Arrangement, play};

fn run(name: &str) {
    let lifecycle = ALL.iter().find(|lifecycle| lifecycle.name == name).expect("a lifecycle of this name");
    let report = play(lifecycle, Arrangement::default()).unwrap_or_else(|failure| panic!("{name}: {failure}"));
    let lines = report.lines.iter().map(|line| line.text.as_str());
    assert_eq!(of_another_abi(lifecycle.cmdline, lines), None);
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
            let only_xen = |one: &&Lifecycle| matches!(one.only, Some((lifecycle::Host::Xen | lifecycle::Host::Hvm, _)));
            let wanted = ALL.iter().filter(|one| !only_xen(one));
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

/// A guest that looks at each wake says so all the time: what it said before it was frozen shows nothing.
#[test]
fn what_was_said_before_a_freeze_does_not_count() {
    let first = Step::Says("tick", &["n=1"]);
    let play = |steps: &[Step]| {
        let steps = steps.to_vec().leak();
        play(&Lifecycle { name: "told", about: "", cmdline: "wake=1", steps, only: None }, Arrangement::default())
    };
    assert!(play(&[Step::Create, Step::Alive, first, Step::FreezeHere, Step::Poweroff]).is_ok());
    let late = play(&[Step::Create, Step::Alive, Step::FreezeHere, first, Step::Poweroff]);
    assert!(late.unwrap_err().why.contains("took too long"));
}

/// The canary cannot be bound again in the new domain: the guest goes on without it, and holds a port less.
#[test]
fn a_census_finds_what_is_not_as_it_was() {
    const MOVED: Step = Step::Says("trace", &["mapped=2"]);
    const STEPS: &[Step] =
        &[Step::Create, Step::Alive, Step::Census, Step::SaveRestore, MOVED, Step::Census, Step::Poweroff];
    let counted = Lifecycle { name: "counted", about: "", cmdline: "", steps: STEPS, only: None };
    assert!(play(&counted, Arrangement::default()).is_ok());
    let bind_ipi = |host: &Host| host.faults().on_call(Number::EVENT_CHANNEL_OP).cmd(7).nth(2).returns(-28);
    let short = play(&counted, Arrangement::default().prepared(bind_ipi)).unwrap_err();
    assert!(short.why.contains("step 5 (Census): it holds [0, "), "{}", short.why);
}

/// As with the daemon in OCaml: what a write makes a watch say may come when the write's answer has been read long since.
#[test]
fn the_selftest_bears_an_event_behind_an_answer() {
    const STEPS: &[Step] = &[Step::Create, Step::Says("selftest", &["result=ok"]), Step::Poweroff];
    let selftest = Lifecycle { name: "late", about: "", cmdline: "selftest=1", steps: STEPS, only: None };
    for nth in 1..=40 {
        let late = move |host: &Host| {
            host.faults().on_store(StoreOp::Write).nth(nth).delays_events(Nanos::from_millis(1));
        };
        if let Err(failure) = play(&selftest, Arrangement::default().prepared(late)) {
            panic!("write {nth}: {failure}");
        }
    }
}
