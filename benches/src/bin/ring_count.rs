//! Runs a number of rounds of one side, for a counter of instructions: `ring_count rust|c ROUNDS`.

use xen_benches::{expected, rust_side};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let side = arguments.next();
    let rounds = arguments.next().and_then(|rounds| rounds.parse().ok()).unwrap_or(1000);
    match side.as_deref() {
        Some("rust") => {
            let mut pair = rust_side::Pair::connected();
            run(rounds, || pair.round().unwrap_or(u64::MAX));
        }
        Some("c") => c(rounds),
        _ => println!("usage: ring_count rust|c [ROUNDS]"),
    }
}

#[cfg(xen_headers)]
fn c(rounds: u32) {
    let mut pair = xen_benches::c_side::Pair::connected();
    run(rounds, || pair.round());
}

#[cfg(not(xen_headers))]
fn c(_rounds: u32) {
    println!("{}", xen_benches::SKIPPED);
}

fn run(rounds: u32, mut round: impl FnMut() -> u64) {
    for _ in 0..rounds {
        assert_eq!(round(), expected(), "every token came back");
    }
}
