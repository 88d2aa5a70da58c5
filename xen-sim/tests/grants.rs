//! Random scripts for a grant table, its peers and its host. Two thousand of them, unless `PROPTEST_CASES` says otherwise; the
//! corpus of the fuzz target is replayed with the others, in `sequences.rs`.
#![allow(clippy::std_instead_of_core, reason = "hosted")]

use proptest::collection::vec;
use proptest::prelude::*;
use xen_sim::fuzz;

/// How many bytes a script has at most.
const LONG: usize = 160;

fn config() -> ProptestConfig {
    let given = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if std::env::var_os("PROPTEST_CASES").is_some() { given } else { ProptestConfig { cases: 2_000, ..given } }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn g01_g02_g03_g05_g08_g09_g10_g11_g12_g21_g22_g24_g27_g28_g29_any_script(script in vec(any::<u8>(), 0..LONG)) {
        fuzz::grant_table(&script);
    }
}
