//! Event channels: bind, mask, scan, dispatch and wait.
#![no_std]
