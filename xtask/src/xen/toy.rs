//! `toy-kernel` and `async-guest`: kernels of the examples in the guest's place, through checkpoints, saves and restores, and
//! migrations.

use super::variant::{self, Kind, Variant};
use crate::guest_bin::Binary;
use anyhow::{Result, bail};
use guest::lifecycle::{Host, Lifecycle, Step};

/// What they are called on the command line.
pub(super) const NAME: &str = "toy-kernel";
pub(super) const ASYNC: &str = "async-guest";
/// Rounds where nobody says how many.
pub(super) const ROUNDS: u32 = 10;

/// Kernels.
const BINARIES: [Binary; 2] =
    [Binary { package: NAME, name: NAME, flags: &[] }, Binary { package: ASYNC, name: ASYNC, flags: &[] }];

/// Resumed the slow way, all objects exist and are found to; then they are made anew.
const SLOW: [Step; 9] = [
    Step::Create,
    Step::SlowResume,
    Step::Says("resumed", &["class=inplace", "n=1"]),
    Step::Alive,
    Step::SaveRestore,
    Step::Says("resumed", &["class=new", "n=2"]),
    Step::Alive,
    Step::Says("tick", &["resumes=2"]),
    Step::Poweroff,
];

/// Resumes in a round.
const RESUMES: u32 = 3;

/// One round: each kind of resume is told of, and the kernel ticks on, all its processors.
const ROUND: [Step; 9] = [
    Step::Checkpoint,
    Step::Says("resumed", &["class=cancel"]),
    Step::Alive,
    Step::SaveRestore,
    Step::Says("resumed", &["class=new"]),
    Step::Alive,
    Step::Migrate,
    Step::Says("resumed", &["class=new"]),
    Step::Alive,
];

/// The lifecycle of so many rounds; made once a run, for which it stays.
pub(super) fn lifecycle(rounds: u32) -> Lifecycle {
    let mut steps = vec![Step::Create, Step::Alive];
    (0..rounds).for_each(|_| steps.extend(ROUND));
    // All resumes of all rounds, and no more.
    let all: &str = format!("resumes={}", RESUMES * rounds).leak();
    steps.extend([Step::Says("tick", vec![all].leak()), Step::Poweroff]);
    Lifecycle {
        name: NAME,
        about: "a kernel made by the guide tells what each resume was, and ticks on",
        cmdline: "",
        steps: steps.leak(),
        only: Some((Host::Xen, "it is a binary of its own, not the guest whose library the mock host runs")),
    }
}

/// The lifecycle of so many rounds of a guest whose tasks wait, none of them woken for nothing and none forgotten.
pub(super) fn tasks(rounds: u32) -> Lifecycle {
    let mut steps = vec![Step::Create, Step::Alive];
    (0..rounds).for_each(|_| steps.extend(ROUND));
    let all: &str = format!("resumes={}", RESUMES * rounds).leak();
    // Of all rounds together.
    steps.extend([Step::Says("tick", vec![all, "wrong=0", "lost=0"].leak()), Step::Poweroff]);
    Lifecycle {
        name: ASYNC,
        about: "a hundred tasks wait for nodes and ports: none is woken for nothing, none misses anything",
        steps: steps.leak(),
        ..lifecycle(0)
    }
}

/// The same kernel, resumed the slow way, which takes a program that is compiled on the spot.
pub(super) fn slow(_rounds: u32) -> Lifecycle {
    Lifecycle {
        name: "toy-kernel-slow",
        about: "the kernel finds that its domain is the old one, although it is told otherwise",
        steps: &SLOW,
        ..lifecycle(0)
    }
}

/// Whether it is one of these.
pub(super) fn is_one(lifecycle: &Lifecycle) -> bool {
    lifecycle.name.starts_with(NAME) || lifecycle.name == ASYNC
}

/// The kernel's binary, if these cases are its own.
pub(super) fn binary(cases: &[String]) -> Result<Option<Binary>> {
    let named = |binary: &Binary| cases.iter().filter(|case| *case == binary.name).count();
    match BINARIES.into_iter().find(|binary| named(binary) > 0) {
        None => Ok(None),
        Some(binary) if named(&binary) == cases.len() => Ok(Some(binary)),
        Some(Binary { name, .. }) => bail!("{name} is another kernel than the guest, and is played by itself"),
    }
}

/// The domains that they run in: those that are wished for, or PVH guests of one processor and, where it has a second one,
/// of two.
pub(super) fn variants(cases: &[Lifecycle], kinds: &[Kind], vcpus: &[u32]) -> Result<Vec<Variant>> {
    let most = if cases.iter().any(|case| case.name == ASYNC) { 1 } else { 2 };
    if kinds.contains(&Kind::Hvm) || vcpus.iter().any(|count| *count > most) {
        bail!("it is a PVH guest of at most {most} processors");
    }
    variant::wished(kinds, vcpus, &[1, 2][..most as usize])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xen::plan;

    #[test]
    fn it_is_played_by_itself() {
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert!(binary(&names(&[])).unwrap().is_none() && binary(&names(&["restore"])).unwrap().is_none());
        assert_eq!(binary(&names(&[NAME])).unwrap().map(|binary| binary.package), Some(NAME));
        assert_eq!(binary(&names(&[ASYNC])).unwrap().map(|binary| binary.package), Some(ASYNC));
        assert!(binary(&names(&[NAME, "restore"])).is_err() && binary(&names(&[NAME, ASYNC])).is_err());
    }

    #[test]
    fn it_runs_in_what_it_was_made_for() {
        let labels = |kinds: &[Kind], vcpus: &[u32]| {
            variants(&[lifecycle(1)], kinds, vcpus).map(|all| all.into_iter().map(Variant::label).collect::<Vec<_>>())
        };
        assert_eq!(labels(&[], &[]).unwrap(), ["pvh-1", "pvh-2"]);
        assert_eq!(labels(&[Kind::Pvh], &[2]).unwrap(), ["pvh-2"]);
        assert!(labels(&[Kind::Hvm], &[]).is_err() && labels(&[], &[4]).is_err());
        assert_eq!(variants(&[tasks(1)], &[], &[]).unwrap().len(), 1);
        assert!(variants(&[tasks(1)], &[], &[2]).is_err());
    }

    #[test]
    fn each_resume_is_told_of_and_followed_by_ticks() {
        let lifecycle = lifecycle(2);
        let count = |wanted: fn(&Step) -> bool| lifecycle.steps.iter().filter(|step| wanted(step)).count();
        assert_eq!(count(|step| matches!(step, Step::Says("resumed", _))), 2 * RESUMES as usize);
        assert_eq!(count(|step| matches!(step, Step::Alive)), 2 * RESUMES as usize + 1);
        assert!(lifecycle.steps.contains(&Step::Says("tick", &["resumes=6"])));
        assert!(is_one(&lifecycle) && is_one(&slow(2)) && is_one(&tasks(2)));
        assert!(plan::all(&[lifecycle, slow(2)], &variants(&[], &[], &[]).unwrap()).iter().all(plan::Job::runs));
    }
}
