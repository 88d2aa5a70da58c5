//! Runs loom's models: counts what they explore, and wants their twins to fail.
//!
//! A model that explores nothing passes too, and so does one whose twin, from which a fence or a check was taken away,
//! passes as well; neither shows anything. So each model has a floor for the number of its interleavings, and each twin
//! must fail with the words of what went wrong. `cargo xtask loom` runs the models, and wants a twin of each.
//!
//! Without `--cfg loom` there is nothing here.
#![cfg(loom)]
#![allow(clippy::panic, clippy::expect_used, clippy::std_instead_of_core, reason = "a panic is a failed test")]

use std::any::Any;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Where `cargo xtask loom` wants the lines of the report, in a file to be appended to.
pub const REPORT: &str = "LOOM_REPORT";

/// Explores every interleaving of a model, which shall have at least `floor` of them.
///
/// # Panics
/// If an interleaving fails, or if there are fewer: then something holds the threads of the model apart.
#[track_caller]
pub fn holds(name: &str, floor: u64, model: impl Fn() + Sync + Send + 'static) {
    let (explored, failure) = explore(None, model);
    judge(name, (explored, floor), failure);
}

#[track_caller]
fn judge(name: &str, (explored, floor): (u64, u64), failure: Option<String>) {
    if let Some(why) = failure {
        panic!("{name}: interleaving {explored} fails: {why}");
    }
    assert!(explored >= floor, "{name}: {explored} interleavings are fewer than {floor}");
    report(&format!("model\t{name}\t{explored}\t{floor}"));
}

/// As [`holds`], of the interleavings in which threads are interrupted at most so often: for a model that has too many.
///
/// # Panics
/// As [`holds`].
#[track_caller]
pub fn holds_within(preemptions: usize, (name, floor): (&str, u64), model: impl Fn() + Sync + Send + 'static) {
    let (explored, failure) = explore(Some(preemptions), model);
    judge(name, (explored, floor), failure);
}

/// As [`fails`], of the interleavings in which threads are interrupted at most so often.
///
/// # Panics
/// As [`fails`].
#[track_caller]
pub fn fails_within(
    preemptions: usize,
    (name, missing, why): (&str, &str, &str),
    model: impl Fn() + Sync + Send + 'static,
) {
    let found = explore(Some(preemptions), model);
    judge_twin((name, missing, why), found);
}

/// Explores a twin of the model `name`, from which `missing` was taken away, until it fails with the words `why`.
///
/// # Panics
/// If it does not fail, or not so.
#[track_caller]
pub fn fails(name: &str, missing: &str, why: &str, model: impl Fn() + Sync + Send + 'static) {
    judge_twin((name, missing, why), explore(None, model));
}

#[track_caller]
fn judge_twin((name, missing, why): (&str, &str, &str), (explored, failure): (u64, Option<String>)) {
    let found = failure.unwrap_or_else(|| panic!("{name} without {missing}: all {explored} interleavings pass"));
    assert!(found.contains(why), "{name} without {missing}: fails by another way: {found}");
    report(&format!("twin\t{name}\t{missing}\t{explored}\t{why}"));
}

/// Returns how many interleavings were begun, and why the last one failed.
fn explore(preemptions: Option<usize>, model: impl Fn() + Sync + Send + 'static) -> (u64, Option<String>) {
    let explored = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&explored);
    let run = move || {
        count.fetch_add(1, Relaxed);
        model();
    };
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = preemptions;
    let failure = catch_unwind(AssertUnwindSafe(|| builder.check(run))).err();
    (explored.load(Relaxed), failure.map(|thrown| words(&*thrown)))
}

fn words(thrown: &(dyn Any + Send)) -> String {
    let owned = thrown.downcast_ref::<String>().cloned();
    owned.or_else(|| thrown.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default()
}

fn report(line: &str) {
    println!("{line}");
    let Some(path) = std::env::var_os(REPORT) else { return };
    let mut file = OpenOptions::new().create(true).append(true).open(path).expect("the report's file");
    file.write_all(format!("{line}\n").as_bytes()).expect("the report's file");
}
