//! A part of all cases that holds every pair.

use std::collections::BTreeSet;

use super::Case;

/// Returns a part of `cases` in which there are all pairs of lifecycle and operation, of operation and result, of
/// lifecycle and result, of operation and moment, that there are in all of them; the same part each time.
#[must_use]
pub fn pairwise(cases: &[Case]) -> Vec<Case> {
    let mut seen = BTreeSet::new();
    // Spread over the sweep, so that it is not always the first call of a kind that fails.
    let mut order: Vec<usize> = (0..cases.len()).collect();
    order.sort_by_key(|at| (at.wrapping_mul(0x9E37_79B1) & 0xFFFF_FFFF, *at));
    let mut chosen: Vec<usize> =
        order.into_iter().filter(|&at| pairs(&cases[at]).map(|pair| seen.insert(pair)).contains(&true)).collect();
    chosen.sort_unstable();
    chosen.into_iter().map(|at| cases[at]).collect()
}

fn pairs(case: &Case) -> [(u8, String, String); 5] {
    let (lifecycle, operation, result, moment) =
        (case.lifecycle.to_owned(), case.operation.to_owned(), case.result(), case.moment.to_owned());
    [
        (0, lifecycle.clone(), operation.clone()),
        (1, operation.clone(), result.clone()),
        (2, lifecycle, result),
        (4, operation.clone(), case.variant.to_string()),
        (3, operation, moment),
    ]
}
