//! A deterministic mock of a Xen host.
