//! What the guest does at a stop, and how a stop can end.

use crate::xen::board::State;
use crate::xen::plan::{Job, Lane};
use crate::xen::variant::Variant;
use guest::lifecycle::{Host, Lifecycle, Step};

use Step::{Alive, Checkpoint, Create, Poweroff, RestoreHere, SaveAway, SaveRestore, Says};

/// What the domains' names begin with.
const NAME: &str = "cross";

/// The guest tests itself when it starts and after each resume.
const CMDLINE: &str = "selftest=1 selftest_after=1";
const TESTED: Step = Says("selftest", &["result=ok"]);
const NEW: Step = Says("resumed", &["class=new", "intact=yes"]);
const SAME: Step = Says("resumed", &["class=cancel", "intact=yes"]);
const FIRST: &[Step] = &[Create, TESTED, Alive, SaveAway];
const BETWEEN: &[Step] = &[RestoreHere, NEW, TESTED, Alive, Checkpoint, SAME, TESTED, SaveAway];
const LAST: &[Step] =
    &[RestoreHere, NEW, TESTED, Alive, Checkpoint, SAME, TESTED, SaveRestore, NEW, TESTED, Alive, Poweroff];

/// What became of the guest at a stop.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    Well,
    /// An older Xen does not take the image.
    Refused,
    Bad(String),
}

/// The part of the guest's life at a stop of so many.
pub(super) const fn job(at: usize, stops: usize, variant: Variant) -> Job {
    let only = Some((Host::Xen, "it takes several machines"));
    let about = "from one release's Xen to the next one's";
    let lifecycle = Lifecycle { name: NAME, about, cmdline: CMDLINE, steps: steps(at, stops), only };
    Job { lifecycle, variant, lane: Lane::Foreground }
}

const fn steps(at: usize, stops: usize) -> &'static [Step] {
    match at {
        0 => FIRST,
        _ if at + 1 == stops => LAST,
        _ => BETWEEN,
    }
}

/// Major and minor number of a version of Xen.
pub(super) type Number = [u32; 2];

/// Reads them from a package's version.
pub(super) fn number(version: &str) -> Number {
    let mut numbers = version.split('.').map(|text| text.parse().unwrap_or(0));
    [numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)]
}

/// How xl ends when it cannot restore; a time that is over, or a disk that is not there, is no refusal.
const CANNOT_RESTORE: &str = "xl restore: status 1";

/// How a stay ended, the image coming from one version to another: an older one may refuse it.
pub(super) fn end(state: &State, steps: usize, (from, to): (Option<Number>, Number)) -> End {
    let back = from > Some(to);
    match state {
        State::Passed => End::Well,
        State::Failed(why) if back && steps == 1 && why.ends_with(CANNOT_RESTORE) => End::Refused,
        State::Failed(why) => End::Bad(why.clone()),
        State::Waiting | State::At(_) => End::Bad("no result".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_is_made_at_the_first_stop_and_ends_at_the_last() {
        assert_eq!(steps(0, 3), FIRST);
        assert_eq!(steps(1, 3), BETWEEN);
        assert_eq!(steps(2, 3), LAST);
        assert_eq!(steps(1, 2), LAST);
    }

    #[test]
    fn each_stop_but_the_first_wants_the_guest_back_with_its_memory() {
        for steps in [BETWEEN, LAST] {
            assert_eq!(steps[..3], [RestoreHere, NEW, TESTED]);
        }
    }

    #[test]
    fn versions_are_compared_by_numbers() {
        assert!(number("4.20.4+63-g7") > number("4.17.7+13") && number("4.9") < number("4.17"));
        assert_eq!(number(""), [0, 0]);
    }

    #[test]
    fn only_an_older_xen_may_refuse_and_only_the_image() {
        let (old, new) = ([4, 17], [4, 20]);
        let back = (Some(new), old);
        let ended = |steps, why: &str, way| end(&State::Failed(why.into()), steps, way);
        let why = "step 1 (RestoreHere): xl restore: status 1";
        assert_eq!(ended(1, why, back), End::Refused);
        for way in [(Some(old), new), (Some(new), new), (None, old)] {
            assert_eq!(ended(1, why, way), End::Bad(why.into()));
        }
        assert_eq!(ended(2, why, back), End::Bad(why.into()));
        for why in
            ["the machine stopped", "step 1 (RestoreHere): no disk", "step 1 (RestoreHere): xl restore: status 124"]
        {
            assert_eq!(ended(1, why, back), End::Bad(why.into()));
        }
        assert_eq!(end(&State::Passed, 12, (Some(old), new)), End::Well);
    }
}
