//! Grant tables: offer pages to another domain and take them back.
#![no_std]
