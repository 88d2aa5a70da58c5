//! What is wrong with nodes and watches of a hoard is noticed, by the steps that look at them.

use guest::lifecycle::Step::{Alive, Census, Checkpoint, Create, Hoarded, Poke, Poweroff, SaveRestore, Says};
use guest::lifecycle::{Lifecycle, Step};
use xen_hypercall::{DomId, Nanos};
use xen_mock::{Access, Host, Permission, StoreOp};
use xen_sim::{Arrangement, play};

/// Two ticks pass before the nodes are looked at for the first time: in half a second, and a second later.
const STEPS: [Step; 14] = [
    Create,
    Says("hoard", &["class=none", "fired=64", "events=64", "nodes=100"]),
    Alive,
    Hoarded,
    Checkpoint,
    Says("hoard", &["class=cancel", "fired=0", "events=0"]),
    Poke,
    SaveRestore,
    Says("hoard", &["class=new", "fired=64", "events=64"]),
    Hoarded,
    Poke,
    Census,
    Alive,
    Poweroff,
];

/// Plays it, and has something happen between these ticks; returns what was wrong.
fn complaint(steps: &'static [Step], happens: fn(&Host)) -> Option<String> {
    let lifecycle = Lifecycle { name: "hoard", about: "", cmdline: "hoard=100", steps, only: None };
    let arrangement = Arrangement::default().prepared(move |host| host.at(Nanos::from_millis(1000), happens));
    play(&lifecycle, arrangement).err().map(|failure| failure.why)
}

/// What a step says of a failure, whichever it was.
fn fails(happens: fn(&Host), step: &str) {
    let why = complaint(&STEPS, happens).unwrap_or_else(|| panic!("nothing was noticed by {step}"));
    assert!(why.contains(step), "{step}: {why}");
}

#[test]
fn all_is_well_with_an_honest_store() {
    assert_eq!(complaint(&STEPS, |_| ()), None);
}

#[test]
fn another_value_is_noticed() {
    fails(|host| host.store().write("data/hoard/07/01", "1.0"), "(Hoarded): there are nodes=100 ");
}

#[test]
fn other_permissions_are_noticed() {
    fails(
        |host| {
            let own = Permission { domain: DomId(1), access: Access::Both };
            host.store().set_permissions("data/hoard/63/00", &[own]);
        },
        "(Hoarded): there are nodes=100 ",
    );
}

#[test]
fn a_node_too_few_or_too_many_is_noticed() {
    fails(|host| host.store().remove("data/hoard/35/01"), "(Hoarded): there are nodes=99 ");
    fails(|host| host.store().write("data/hoard/35/02", ""), "(Hoarded): there are nodes=101 ");
}

/// The group's own value is no part of the nodes, but its watch tells of it, and the checkpoint is to have no events.
#[test]
fn an_event_of_nothing_is_noticed() {
    fails(|host| host.store().write("data/hoard/12", "?"), r#"Says("hoard", ["class=cancel""#);
}

#[test]
fn a_group_that_is_poked_twice_is_noticed() {
    const TWICE: [Step; 4] = [Create, Says("hoard", &[]), Alive, Poke];
    let why = complaint(&TWICE, |host| host.store().write("data/hoard/12", "?"));
    assert!(why.as_ref().is_some_and(|why| why.contains("(Poke)")), "{why:?}");
}

/// Registered again after a restore, a watch that the server refuses has no first event.
#[test]
fn a_watch_that_is_lost_is_noticed() {
    let lifecycle = Lifecycle { name: "hoard", about: "", cmdline: "hoard=100", steps: &STEPS, only: None };
    let refused = |host: &Host| {
        host.faults().on_store(StoreOp::Watch).path("data/hoard/40").nth(2).times(9).fails("EIO");
    };
    let failure = play(&lifecycle, Arrangement::default().prepared(refused)).unwrap_err();
    assert!(failure.why.contains(r#"Says("hoard", ["class=new""#), "{}", failure.why);
    let told = |line: &xen_sim::Line| line.text.contains("hoard class=new fired=63 events=63 nodes=100");
    assert!(failure.report.lines.iter().any(told), "{failure}");
}
