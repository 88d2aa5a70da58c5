//! A back of a slot ring, and a front that may lie.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ending = xen_sim::fuzz::ring_back(data);
});
