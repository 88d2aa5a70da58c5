//! `ring`: the console's ring under load, out and in, through checkpoints, saves and restores; not a byte may be lost.

use guest::lifecycle::{Lifecycle, Step, UNTOUCHED};

/// What it is called on the command line.
pub(super) const NAME: &str = "ring";
/// Rounds where nobody says how many.
pub(super) const ROUNDS: u32 = 10;

/// Bytes typed twice a round: 64 KiB in all rounds together, and no more than ring and terminal hold.
const TYPED: u32 = 3277;

/// One round: input is under way while the same domain goes on, and has come before another one takes over, for the
/// console daemon forgets what it has not handed on.
const ROUND: [Step; 9] = [
    Step::Type(TYPED),
    Step::Checkpoint,
    Step::Says("resumed", &["class=cancel", "intact=yes"]),
    Step::Says("trace", UNTOUCHED),
    Step::Type(TYPED),
    Step::Heard,
    Step::SaveRestore,
    Step::Says("resumed", &["class=new", "intact=yes"]),
    Step::Says("trace", &[]),
];

/// The lifecycle of so many rounds; made once a run, for which it stays.
pub(super) fn lifecycle(rounds: u32) -> Lifecycle {
    let mut steps = vec![Step::Create];
    (0..rounds).for_each(|_| steps.extend(ROUND));
    steps.extend([Step::Loaded, Step::Poweroff]);
    Lifecycle {
        name: NAME,
        about: "64 KiB to the console at the start and after each resume, and 64 KiB typed: what comes is what was sent",
        cmdline: "load_kib=64",
        steps: steps.leak(),
        only: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xen::variant::{Abi, Kind, Variant};

    #[test]
    fn all_rounds_together_type_64_kib() {
        let typed = |step: &Step| if let Step::Type(bytes) = step { *bytes } else { 0 };
        assert!(lifecycle(ROUNDS).steps.iter().map(typed).sum::<u32>() >= 64 << 10);
    }

    #[test]
    fn a_few_rounds_go_well_on_the_mock_host() {
        assert!(crate::mock_host::run(&lifecycle(2), Variant { kind: Kind::Pvh, vcpus: 2, abi: Abi::Fifo }).is_ok());
    }
}
