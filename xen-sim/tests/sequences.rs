//! Random scripts for each family of rings, and the corpus of the fuzz targets. Ten thousand scripts each, unless
//! `PROPTEST_CASES` says otherwise.
#![allow(clippy::std_instead_of_core, reason = "hosted")]

use proptest::collection::vec;
use proptest::prelude::*;
use std::fs;
use std::path::Path;
use xen_sim::fuzz::{self, Ending};

/// How many bytes a script has at most.
const LONG: usize = 160;

fn config() -> ProptestConfig {
    let given = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if std::env::var_os("PROPTEST_CASES").is_some() { given } else { ProptestConfig { cases: 10_000, ..given } }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn r01_r02_r03_r05_r08_r09_r10_r12_r14_r19_r21_r32_any_script_with_a_front(script in vec(any::<u8>(), 0..LONG)) {
        fuzz::ring_front(&script);
    }

    #[test]
    fn r01_r03_r05_r19_any_script_with_a_back(script in vec(any::<u8>(), 0..LONG)) {
        fuzz::ring_back(&script);
    }

    #[test]
    fn c01_c02_c04_c07_c12_c13_c14_any_script_with_bytes(script in vec(any::<u8>(), 0..LONG)) {
        fuzz::byte_ring(&script);
    }

    #[test]
    fn b01_r08_r09_r10_r12_r14_any_script_with_a_block_front(script in vec(any::<u8>(), 0..LONG)) {
        fuzz::blkif_response(&script);
    }

    #[test]
    fn n01_n02_n03_n04_n07_n08_n09_any_script_with_a_front_that_receives(script in vec(any::<u8>(), 0..LONG)) {
        fuzz::netif_rx(&script);
    }

    #[test]
    fn n10_n11_n13_k20_any_script_with_a_ring_that_sends(script in vec(any::<u8>(), 0..LONG)) {
        fuzz::netif_tx(&script);
    }

    #[test]
    fn s01_s06_s07_s08_s09_s10_s11_s13_s15_s16_s17_s18_s22_s26_s45_any_script_with_a_server(script in vec(any::<u8>(), 0..LONG)) {
        fuzz::store_session(&script);
    }
}

/// What came of each input of a target's corpus.
fn corpus(target: &str) -> Vec<(String, Ending)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let (_, body) = fuzz::TARGETS.into_iter().find(|(name, _)| *name == target).unwrap();
    let mut inputs: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    inputs.sort();
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    inputs.iter().map(|path| (name(path), body(&fs::read(path).unwrap()))).collect()
}

/// The inputs reach what they are there for: honest peers that are served, and lies that are found out.
#[test]
fn the_corpora_are_replayed() {
    for (target, _) in fuzz::TARGETS {
        let endings = corpus(target);
        let honest = endings.iter().filter(|(_, ending)| !ending.lied && ending.through > 0).count();
        let found = endings.iter().filter(|(_, ending)| ending.found > 0).count();
        println!(
            "{target}: {} inputs, {honest} honest ones that came through, {found} with a liar found",
            endings.len()
        );
        assert!(honest > 0 && found > 0, "{target}: {endings:?}");
        let came_through = |(name, ending): &(String, Ending)| !name.starts_with("honest") || ending.through > 0;
        assert!(endings.iter().all(came_through), "{target}: {endings:?}");
    }
}
