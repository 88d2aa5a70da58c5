//! Event channels by queues, on a host that keeps its word or not.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ending = xen_sim::fuzz::evtchn_fifo(data);
});
