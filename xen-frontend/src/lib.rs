//! Frontends of Xen's split devices; each one is a suspend device.
#![no_std]
