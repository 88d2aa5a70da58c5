use super::*;
use crate::xen::protocol::parse;
use crate::xen::table;
use crate::xen::variant::{Abi, Kind, product};
use guest::lifecycle::Step;

const fn lifecycle(name: &'static str) -> Lifecycle {
    Lifecycle { name, about: "", cmdline: "", steps: &[Step::Create, Step::Migrate], only: None }
}

fn job(lifecycle: Lifecycle, lane: Lane) -> Job {
    Job { lifecycle, variant: Variant { kind: Kind::Pvh, vcpus: 1, abi: Abi::Fifo }, lane }
}

fn boot(daemon: Daemon, jobs: Vec<Job>, lines: &[&str]) -> Played {
    let mut board = Board::new(&jobs);
    for line in lines {
        board.take(&parse(line));
    }
    Played { daemon, jobs, board }
}

fn front() -> Vec<Job> {
    vec![job(lifecycle("a"), Lane::Foreground)]
}

fn verdict(jobs: Vec<Job>, lines: &[&str], mock: Option<RunOnMock>) -> (Verdict, String) {
    let played = [boot(Daemon::C, jobs, lines)];
    let verdict = Verdict::new(&played, mock);
    let text = table::show(&verdict, &played);
    (verdict, text)
}

fn good(_: &Lifecycle, _: Variant) -> Result<Report, Failure> {
    Ok(Report { scenarios: vec!["grant".into()] })
}

fn bad(_: &Lifecycle, _: Variant) -> Result<Report, Failure> {
    Err(Failure("leak".into()))
}

const DONE: [&str; 3] = ["@@step a-pvh-1 0 700 ok", "@@step a-pvh-1 1 800 ok", "@@done a-pvh-1 1500 ok"];

#[test]
fn both_hosts_well_is_no_miss() {
    let (verdict, text) = verdict(front(), &DONE, Some(good));
    assert_eq!(verdict.misses(), [] as [&str; 0]);
    assert!(text.contains("1.5") && text.contains("0.7..0.7 x1") && text.contains("0.8..0.8 x1"), "{text}");
}

#[test]
fn a_failure_on_either_host_is_a_miss() {
    let lines = ["@@step a-pvh-1 0 90 fail not said", "@@done a-pvh-1 99 fail"];
    assert!(verdict(front(), &DONE, Some(bad)).0.misses()[0].contains("leak"));
    assert!(verdict(front(), &lines, Some(good)).0.misses()[0].contains("not said"));
    assert_eq!(verdict(front(), &[], Some(good)).0.misses(), ["a-pvh-1, xenstored c: on Xen: no result"]);
}

#[test]
fn a_failure_in_any_round_stays_one() {
    let lines = ["@@step a-pvh-1 0 90 fail not said", "@@done a-pvh-1 99 fail"];
    for rounds in [[&lines[..], &DONE], [&DONE, &lines[..]]] {
        let played = rounds.map(|lines| boot(Daemon::C, front(), lines));
        assert_eq!(Verdict::new(&played, Some(good)).misses().len(), 1);
    }
}

#[test]
fn what_did_not_run_says_why() {
    let only = |host| Lifecycle { only: Some((host, "why")), ..lifecycle("a") };
    let (excused, text) = verdict(vec![job(only(Host::Xen), Lane::Foreground)], &DONE, Some(bad));
    assert!(excused.misses().is_empty() && text.contains("a: not on the mock host: why"), "{text}");
    let (skipped, text) = verdict(vec![job(only(Host::Mock), Lane::Skipped("why"))], &[], Some(good));
    assert!(skipped.misses().is_empty() && text.contains("a: not on Xen: why"), "{text}");
    let (_, text) = verdict(vec![job(lifecycle("a"), Lane::Skipped(PAIRED))], &[], Some(good));
    assert!(text.contains(".: left out"), "{text}");
}

#[test]
fn without_a_mock_its_column_is_empty() {
    let (verdict, text) = verdict(front(), &DONE, None);
    assert!(verdict.misses().is_empty() && text.contains("a          -   1.5"), "{text}");
}

#[test]
fn self_test_scenarios_must_be_the_same_on_both_hosts() {
    let jobs = || vec![job(lifecycle("selftest"), Lane::Foreground)];
    let done = ["@@step selftest-pvh-1 0 5 ok", "@@step selftest-pvh-1 1 5 ok", "@@done selftest-pvh-1 10 ok"];
    let said = |lines: &[&'static str]| [lines, &done].concat();
    let grant = "@@console selftest-pvh-1 xen-guest: scenario name=grant result=ok";
    let ring = "@@console selftest-pvh-1 xen-guest: scenario name=ring result=ok";
    assert!(verdict(jobs(), &said(&[grant]), Some(good)).0.misses().is_empty());
    assert!(verdict(jobs(), &said(&[grant, ring]), Some(good)).0.misses()[0].contains("ring"));
    assert!(verdict(jobs(), &said(&[]), Some(good)).0.misses()[0].contains("grant"));
    let broken = "@@console selftest-pvh-1 xen-guest: scenario name=grant result=fail";
    assert!(verdict(jobs(), &said(&[broken]), None).0.misses()[0].contains("failed on Xen"));
}

/// What a boot has done whose guests are told of events so.
fn whole_boot(daemon: Daemon, abi: Abi) -> Played {
    let of = |variant| {
        let job = |name, lane| Job { variant: Variant { abi, ..variant }, ..job(lifecycle(name), lane) };
        let why = "a reason that takes some words, as long as those of the table or longer still, to be sure of it";
        [job(SELF_TEST, Lane::Foreground), job("frozen", Lane::Skipped(why)), job("junk", Lane::Skipped(PAIRED))]
    };
    let word = if abi == Abi::Fifo { "fifo" } else { "2l" };
    let jobs: Vec<Job> = product(&[Kind::Pvh, Kind::Hvm], &[1, 2, 8]).unwrap().into_iter().flat_map(of).collect();
    let mut lines = Vec::new();
    for name in jobs.iter().filter(|job| job.runs()).map(Job::name) {
        for index in 0..2 {
            lines.push(format!("@@step {name} {index} 12345 ok"));
        }
        for class in ["cancel", "new", "inplace", "frozen"] {
            lines
                .push(format!("@@console {name} xen-guest: resumed class={class} evtchn={word} blackout_ns=123456789"));
            lines.push(format!("@@console {name} xen-guest: scenario name=event-errors-{class} result=ok"));
        }
        lines.push(format!("@@done {name} 123456 ok"));
    }
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    boot(daemon, jobs, &lines)
}

#[test]
fn the_whole_matrix_fits_in_120_columns() {
    let played = [whole_boot(Daemon::C, Abi::Fifo), whole_boot(Daemon::Ocaml, Abi::TwoLevel)];
    let text = table::show(&Verdict::new(&played, Some(good)), &played);
    println!("{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 120), "{text}");
    assert_eq!(text.matches("12.3..12.3 x1").count(), 24, "{text}");
}
