//! Random scripts for event channels of both ABIs. Some thousand scripts each, unless `PROPTEST_CASES` says otherwise.

use proptest::collection::vec;
use proptest::prelude::*;
use xen_sim::fuzz;

/// How many bytes a script has at most.
const LONG: usize = 200;

fn config() -> ProptestConfig {
    let given = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if std::env::var_os("PROPTEST_CASES").is_some() { given } else { ProptestConfig { cases: 2500, ..given } }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn e01_e02_e03_e04_e06_e08_e16_e17_e19_e20_e21_e22_any_script_with_two_levels(script in vec(any::<u8>(), 0..LONG)) {
        fuzz::evtchn_2l(&script);
    }

    #[test]
    fn e02_e03_e04_e06_e08_e09_e10_e11_e12_e13_e14_e15_e16_e19_e20_e22_any_script_with_queues(script in vec(any::<u8>(), 0..LONG)) {
        fuzz::evtchn_fifo(&script);
    }
}
