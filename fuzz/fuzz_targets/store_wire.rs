//! Any bytes from a xenstore server.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _summary = xen_fuzz::store_wire::any_bytes(data);
});
