//! A small part of the sweep of faults; `cargo xtask faults` plays all of it.

use xen_sim::faults::{Baseline, Case, Fault, Outcome, pairwise, subject, subjects};

/// Plays the cases, and tells of each in which a rule was broken.
fn sound(baseline: &Baseline, cases: &[Case]) -> Vec<Outcome> {
    let played: Vec<_> = cases.iter().map(|case| (case, baseline.run(case))).collect();
    let broken: Vec<String> =
        played.iter().filter_map(|(case, done)| Some(format!("{case}: {}", done.as_ref().err()?))).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    played.into_iter().filter_map(|(_, done)| done.ok()).collect()
}

/// One case in many of each lifecycle, so that the whole takes seconds.
#[test]
fn a_part_of_every_lifecycle() {
    for lifecycle in subjects() {
        let baseline = Baseline::of(lifecycle).unwrap();
        let cases: Vec<Case> = pairwise(&baseline.cases()).into_iter().step_by(41).collect();
        assert!(cases.len() > 1, "{}", lifecycle.name);
        sound(&baseline, &cases);
    }
}

/// Each hypercall of a restore fails once, each with one error: what may fail, and what must not.
#[test]
fn every_hypercall_of_a_guest_that_is_restored() {
    let baseline = Baseline::of(subject("poweroff").unwrap()).unwrap();
    let last = |case: &Case| matches!(case.fault, Fault::Call(_, -9999));
    let cases: Vec<Case> = baseline.cases().into_iter().filter(last).collect();
    let outcomes = sound(&baseline, &cases);
    let count = |wanted| outcomes.iter().filter(|outcome| **outcome == wanted).count();
    // At the start `shared_info`, the event words, the callback, the grant table's version and its frame, and xenstore's two
    // parameters; in the new domain the first five of those.
    assert_eq!((count(Outcome::Unstarted), count(Outcome::Crashed)), (7, 5));
    // The two suspend calls.
    assert_eq!((count(Outcome::Refused), count(Outcome::Aborted)), (0, 2));
    // The console at the start, by its port, the canary, and queues in place of which there are bitmaps.
    assert_eq!(count(Outcome::Degraded) + count(Outcome::Survived) + 14, cases.len());
    assert!(count(Outcome::Survived) > cases.len() / 2);
}

/// The same part comes each time, and holds every pair.
#[test]
fn the_quick_part_holds_all_pairs() {
    let all = Baseline::of(subject("poweroff").unwrap()).unwrap().cases();
    let part = pairwise(&all);
    assert_eq!(part, pairwise(&all));
    assert!(part.len() * 4 < all.len(), "{} of {}", part.len(), all.len());
    for case in &all {
        let has = |same: &dyn Fn(&Case) -> bool| part.iter().any(same);
        assert!(has(&|one| one.operation == case.operation && one.result() == case.result()), "{case}");
        assert!(has(&|one| one.operation == case.operation && one.moment == case.moment), "{case}");
    }
}
