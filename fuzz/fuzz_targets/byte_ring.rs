//! Either end of a byte ring, and a peer that may lie.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ending = xen_sim::fuzz::byte_ring(data);
});
