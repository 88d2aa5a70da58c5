//! A network front that receives, and a back that may lie.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ending = xen_sim::fuzz::netif_rx(data);
});
