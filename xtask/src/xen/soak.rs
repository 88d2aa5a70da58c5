//! `soak`: round after round of checkpoint, save, restore and migration, at whose ends the guest holds the same.

use guest::lifecycle::{Lifecycle, Step};

/// What it is called on the command line.
pub(super) const NAME: &str = "soak";
/// Rounds where nobody says how many.
pub(super) const ROUNDS: u32 = 30;

const CANCELLED: Step = Step::Says("resumed", &["class=cancel", "intact=yes"]);
const MOVED: Step = Step::Says("resumed", &["class=new", "intact=yes"]);
const TRACED: Step = Step::Says("trace", &[]);

/// One round. The trace is the last thing that the guest says of a resume, so that it holds then what it will hold.
const ROUND: [Step; 10] =
    [Step::Checkpoint, CANCELLED, TRACED, Step::SaveRestore, MOVED, TRACED, Step::Migrate, MOVED, TRACED, Step::Census];

/// The lifecycle of so many rounds; made once a run, for which it stays.
pub(super) fn lifecycle(rounds: u32) -> Lifecycle {
    let mut steps = vec![Step::Create];
    (0..rounds).for_each(|_| steps.extend(ROUND));
    steps.extend([Step::Alive, Step::Poweroff]);
    Lifecycle {
        name: NAME,
        about: "nothing is leaked, and no memory lost, however often",
        cmdline: "",
        steps: steps.leak(),
        only: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xen::variant::{Abi, Kind, Variant};

    #[test]
    fn each_round_ends_in_a_census() {
        let soak = lifecycle(4);
        assert_eq!(soak.steps.iter().filter(|step| **step == Step::Census).count(), 4);
        assert_eq!((soak.steps[0], soak.steps[1 + 4 * ROUND.len() - 1]), (Step::Create, Step::Census));
    }

    #[test]
    fn a_few_rounds_go_well_on_the_mock_host() {
        assert!(crate::mock_host::run(&lifecycle(3), Variant { kind: Kind::Pvh, vcpus: 2, abi: Abi::Fifo }).is_ok());
    }
}
