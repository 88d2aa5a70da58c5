//! `store`: a thousand nodes and 64 watches in xenstore, through checkpoints, saves and restores.

use super::devices;
use super::plan::Extent;
use guest::lifecycle::{Lifecycle, Step, UNTOUCHED};

/// What it is called on the command line.
pub(super) const NAME: &str = "store";
/// Rounds where nobody says how many.
pub(super) const ROUNDS: u32 = 10;

/// All watches tell of something once, at the beginning and in each new domain, before any node is written.
const FIRST: [&str; 3] = ["fired=64", "events=64", "nodes=1000"];

/// The guest has its nodes, of which those of a domain before are gone, and each watch works.
const HOARD: [Step; 2] = [Step::Hoarded, Step::Poke];

/// One round: over a checkpoint no watch tells of anything, and no node changes.
const ROUND: [Step; 11] = [
    Step::Checkpoint,
    Step::Says("resumed", &["class=cancel", "intact=yes"]),
    Step::Says("trace", UNTOUCHED),
    Step::Says("hoard", &["class=cancel", "fired=0", "events=0", "nodes=1000"]),
    HOARD[0],
    HOARD[1],
    Step::SaveRestore,
    Step::Says("resumed", &["class=new", "intact=yes"]),
    Step::Says("hoard", &["class=new", FIRST[0], FIRST[1], FIRST[2]]),
    HOARD[0],
    HOARD[1],
];

/// The lifecycle of so many rounds; made once a run, for which it stays.
pub(super) fn lifecycle(rounds: u32) -> Lifecycle {
    let mut steps = vec![Step::Create, Step::Says("hoard", &["class=none", FIRST[0], FIRST[1], FIRST[2]])];
    steps.extend(HOARD);
    for _ in 0..rounds {
        steps.extend(ROUND);
        steps.push(Step::Census);
    }
    steps.extend([Step::Alive, Step::Poweroff]);
    Lifecycle {
        name: NAME,
        about: "64 watches and 1000 nodes: none is lost, no watch fires for nothing",
        cmdline: "hoard=1000",
        steps: steps.leak(),
        only: None,
    }
}

/// Whether it is this lifecycle, or the one of its devices.
pub(super) fn is_one(lifecycle: &Lifecycle) -> bool {
    [NAME, devices::NAME].contains(&lifecycle.name)
}

/// Numbers of processors where nobody wishes for others.
pub(super) const fn usual(extent: Extent) -> &'static [u32] {
    match extent {
        Extent::Quick => &[1],
        Extent::Full => &[1, 2],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xen::variant::{Abi, Kind, Variant};

    #[test]
    fn each_kind_of_resume_is_followed_by_a_look_and_a_poke() {
        let lifecycle = lifecycle(ROUNDS);
        let count = |wanted: Step| lifecycle.steps.iter().filter(|step| **step == wanted).count();
        assert_eq!([Step::Checkpoint, Step::SaveRestore, Step::Census].map(count), [10; 3]);
        assert_eq!([Step::Hoarded, Step::Poke].map(count), [21; 2]);
    }

    #[test]
    fn a_few_rounds_go_well_on_the_mock_host() {
        for vcpus in [1, 2] {
            let played = crate::mock_host::run(&lifecycle(2), Variant { kind: Kind::Pvh, vcpus, abi: Abi::Fifo });
            played.unwrap_or_else(|failure| panic!("{}", failure.0));
        }
    }
}
