//! Shared-memory rings, front and back: slot rings and byte rings.
#![no_std]
