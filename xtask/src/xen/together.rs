//! `evtchn` and `grant`: two guests of ours with each other, through checkpoints, saves and restores.

use super::plan::Extent;
use guest::lifecycle::{Lifecycle, Step, UNTOUCHED};

/// What they are called on the command line; either stands for its twin, too, which has a name of its own on Xen.
pub(super) const EVTCHN: &str = "evtchn";
pub(super) const GRANT: &str = "grant";
/// Rounds where nobody says how many.
pub(super) const ROUNDS: u32 = 10;

/// The peer has ended, as it was told to: another comes, and all the rest goes well.
const ANOTHER: [Step; 3] = [Step::Says("bereft", &[]), Step::Peer, Step::Says("trial", &["result=ok"])];

/// One round: what is held goes on over a checkpoint, and is gone in another domain.
const ROUND: [Step; 10] = [
    Step::Checkpoint,
    Step::Says("resumed", &["class=cancel", "intact=yes"]),
    Step::Says("trace", UNTOUCHED),
    Step::Says("trial", &["result=ok", "class=cancel"]),
    Step::SaveRestore,
    Step::Says("resumed", &["class=new", "intact=yes"]),
    ANOTHER[0],
    ANOTHER[1],
    Step::Says("trial", &["result=ok", "class=new"]),
    Step::Census,
];

/// The lifecycle of so many rounds about event channels; made once a run, for which it stays.
pub(super) fn evtchn(rounds: u32) -> Lifecycle {
    Lifecycle {
        name: EVTCHN,
        about: "event channels with a second guest, which also dies while they are bound",
        cmdline: "trial=events evtchn=2l",
        steps: steps(rounds),
        only: None,
    }
}

/// The same in the other ABI.
pub(super) fn evtchn_fifo(rounds: u32) -> Lifecycle {
    Lifecycle { name: "evtchn-fifo", cmdline: "trial=events evtchn=fifo", ..evtchn(rounds) }
}

/// The same about grants.
pub(super) fn grant(rounds: u32) -> Lifecycle {
    Lifecycle {
        name: GRANT,
        about: "pages shared with a second guest, which also dies while they are mapped",
        cmdline: "trial=grants",
        steps: steps(rounds),
        only: None,
    }
}

/// The same with the other layout of the grant table.
pub(super) fn grant_v2(rounds: u32) -> Lifecycle {
    Lifecycle { name: "grant-v2", cmdline: "trial=grants grant=v2", ..grant(rounds) }
}

fn steps(rounds: u32) -> &'static [Step] {
    let mut steps = vec![Step::Create, Step::Peer];
    steps.extend(ANOTHER);
    (0..rounds).for_each(|_| steps.extend(ROUND));
    steps.extend([Step::Alive, Step::Poweroff]);
    steps.leak()
}

/// Whether a lifecycle has a second guest.
pub(super) fn is_one(lifecycle: &Lifecycle) -> bool {
    lifecycle.steps.contains(&Step::Peer)
}

/// Numbers of processors where nobody wishes for others.
pub(super) const fn usual(extent: Extent) -> &'static [u32] {
    match extent {
        Extent::Quick => &[1, 2],
        Extent::Full => &[1, 2, 4],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xen::variant::{Abi, Kind, Variant};

    #[test]
    fn a_few_rounds_go_well_on_the_mock_host() {
        let named = [
            (evtchn(2), "peer-offered"),
            (evtchn_fifo(2), "peer-storm"),
            (grant(2), "peer-maps"),
            (grant_v2(2), "version"),
        ];
        for (lifecycle, name) in named {
            for vcpus in [1, 2, 4] {
                let played = crate::mock_host::run(&lifecycle, Variant { kind: Kind::Pvh, vcpus, abi: Abi::Fifo });
                let report = played.unwrap_or_else(|failure| panic!("{}", failure.0));
                let times = |name: &str| report.scenarios.iter().filter(|told| *told == name).count();
                assert_eq!([name, "peer-held", "peer-held-new", "peer-dies"].map(times), [5, 2, 2, 3]);
            }
        }
    }
}
