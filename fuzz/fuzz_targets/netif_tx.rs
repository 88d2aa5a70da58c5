//! Either end of a ring that sends packets, and a peer that may lie.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ending = xen_sim::fuzz::netif_tx(data);
});
