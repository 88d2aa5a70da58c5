//! `soak`: round after round of checkpoint, save, restore and migration, at whose ends the guest holds the same.

use super::plan::Extent;
use super::variant::Variant;
use guest::lifecycle::{Lifecycle, Step};

/// What it is called on the command line.
pub(crate) const NAME: &str = "soak";
/// Rounds where nobody says how many.
const ROUNDS: u32 = 30;
/// Rounds of a quick one.
const FEW: u32 = 3;

const CANCELLED: Step = Step::Says("resumed", &["class=cancel", "intact=yes"]);
const MOVED: Step = Step::Says("resumed", &["class=new", "intact=yes"]);
const TRACED: Step = Step::Says("trace", &[]);

/// One round. The trace is the last thing that the guest says of a resume, so that it holds then what it will hold.
const ROUND: [Step; 10] =
    [Step::Checkpoint, CANCELLED, TRACED, Step::SaveRestore, MOVED, TRACED, Step::Migrate, MOVED, TRACED, Step::Census];

/// How many rounds there are: as many as wished, or what is usual.
pub(crate) fn rounds(wished: Option<u32>, extent: Extent) -> u32 {
    wished.unwrap_or(if extent == Extent::Quick { FEW } else { ROUNDS })
}

/// The variant that soaks: one of two processors, if there is any.
pub(crate) fn variants(all: &[Variant]) -> Vec<Variant> {
    all.iter().find(|variant| variant.vcpus == 2).or(all.first()).copied().into_iter().collect()
}

/// The lifecycle of so many rounds; made once a run, for which it stays.
pub(crate) fn lifecycle(rounds: u32) -> Lifecycle {
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
    use crate::xen::variant::{Kind, product};

    #[test]
    fn each_round_ends_in_a_census() {
        let soak = lifecycle(4);
        assert_eq!(soak.steps.iter().filter(|step| **step == Step::Census).count(), 4);
        assert_eq!((soak.steps[0], soak.steps[1 + 4 * ROUND.len() - 1]), (Step::Create, Step::Census));
    }

    #[test]
    fn the_guest_has_two_processors_if_there_may_be() {
        let of = |vcpus: &[u32]| variants(&product(&[Kind::Pvh, Kind::Hvm], vcpus).unwrap());
        assert_eq!(of(&[1, 2, 8]), [Variant { kind: Kind::Pvh, vcpus: 2 }]);
        assert_eq!(of(&[8]), [Variant { kind: Kind::Pvh, vcpus: 8 }]);
    }

    #[test]
    fn a_wish_goes_before_what_is_usual() {
        assert_eq!(
            [rounds(Some(7), Extent::Quick), rounds(None, Extent::Quick), rounds(None, Extent::Full)],
            [7, FEW, ROUNDS]
        );
    }

    #[test]
    fn a_few_rounds_go_well_on_the_mock_host() {
        assert!(crate::mock_host::run(&lifecycle(FEW), Variant { kind: Kind::Pvh, vcpus: 2 }).is_ok());
    }
}
