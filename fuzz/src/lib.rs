//! The body of `store_wire`, which the tests of `xen-store` share; those of the other targets are in `xen_sim::fuzz`.

pub mod store_wire;
