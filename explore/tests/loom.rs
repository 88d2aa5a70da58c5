//! A model that explores too little, and twins that do not fail, or not as they should: each is found.
#![cfg(loom)]

use loom::sync::Arc;
use loom::sync::atomic::{AtomicU32, Ordering::Relaxed};
use loom::thread;
use xen_explore::{fails, holds};

/// Two threads add to a number, each in one step or in two.
fn addition(steps: u32) {
    let number = Arc::new(AtomicU32::new(0));
    let add = move |number: &AtomicU32| match steps {
        1 => drop(number.fetch_add(1, Relaxed)),
        _ => number.store(number.load(Relaxed) + 1, Relaxed),
    };
    let theirs = Arc::clone(&number);
    let other = thread::spawn(move || add(&theirs));
    add(&number);
    other.join().unwrap();
    assert_eq!(number.load(Relaxed), 2, "an addition is lost");
}

#[test]
fn an_addition_in_one_step_is_never_lost() {
    holds("addition", 2, || addition(1));
    fails("addition", "the single step", "an addition is lost", || addition(2));
}

#[test]
#[should_panic(expected = "interleavings are fewer than 100")]
fn a_model_that_explores_too_little_is_found() {
    holds("addition", 100, || addition(1));
}

#[test]
#[should_panic(expected = "interleavings pass")]
fn a_twin_that_passes_is_found() {
    fails("addition", "nothing", "an addition is lost", || addition(1));
}

#[test]
#[should_panic(expected = "fails by another way: assertion")]
fn a_twin_that_fails_by_another_way_is_found() {
    fails("addition", "the single step", "a race", || addition(2));
}

#[test]
#[should_panic(expected = "an addition is lost")]
fn a_model_that_fails_is_found() {
    holds("addition", 1, || addition(2));
}
