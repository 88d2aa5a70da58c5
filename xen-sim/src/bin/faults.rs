//! Plays cases of the sweep: their names come in, one a line, and what became of each goes out.
//!
//! `cargo xtask faults` runs several of these beside each other, so that a guest that hangs for real costs one of them.
//! A line out is the case, what became of it, and what was said to that, apart by tabs.
#![allow(clippy::std_instead_of_core, reason = "a hosted tool")]

use std::collections::HashMap;
use std::io::{self, BufRead, Write};

use xen_sim::faults::{Baseline, Case, NoVariant, Variant, subject};

/// A lifecycle and its cases by name.
struct Known {
    baseline: Baseline,
    cases: HashMap<String, Case>,
}

fn main() -> io::Result<()> {
    // What a panic says is in the verdict.
    std::panic::set_hook(Box::new(|_| ()));
    let mut known = HashMap::new();
    for name in io::stdin().lock().lines() {
        let name = name?;
        let (outcome, words) = verdict(&mut known, &name).unwrap_or_else(|why| ("broken".to_owned(), why));
        let mut out = io::stdout().lock();
        writeln!(out, "{name}\t{outcome}\t{}", words.replace(['\n', '\t'], " "))?;
        out.flush()?;
    }
    Ok(())
}

/// Plays the case of this name: what became of it, or how it is broken.
fn verdict(known: &mut HashMap<String, Known>, name: &str) -> Result<(String, String), String> {
    let mut fields = name.split('/');
    let lifecycle = fields.next().unwrap_or_default();
    let variant = fields.next().unwrap_or_default();
    let guest = format!("{lifecycle}/{variant}");
    if !known.contains_key(&guest) {
        let learned = learn(lifecycle, variant.parse().map_err(|why: NoVariant| why.to_string())?)?;
        known.insert(guest.clone(), learned);
    }
    let Known { baseline, cases } = known.get(&guest).ok_or("no lifecycle")?;
    let case = cases.get(name).ok_or("there is no such case")?;
    let outcome = baseline.run(case).map_err(|broken| broken.0)?;
    Ok((outcome.to_string(), String::new()))
}

fn learn(lifecycle: &str, variant: Variant) -> Result<Known, String> {
    let subject = subject(lifecycle).ok_or("there is no such lifecycle")?;
    let baseline = Baseline::in_variant(subject, variant).map_err(|broken| broken.0)?;
    let cases = baseline.cases().into_iter().map(|case| (case.to_string(), case)).collect();
    Ok(Known { baseline, cases })
}
