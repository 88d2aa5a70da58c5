//! A grant table in use, peers that may hold what they mapped, and a host that may fail.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ending = xen_sim::fuzz::grant_table(data);
});
