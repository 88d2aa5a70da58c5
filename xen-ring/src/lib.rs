//! Shared-memory rings, front and back: slot rings and byte rings.
#![no_std]

mod bytes;
mod ends;
mod index;
mod layout;
mod misbehaved;
mod peer;
mod words;

pub use bytes::{ByteReceiver, ByteSender};
pub use ends::{Bytes, console_back, console_front, xenstore_back, xenstore_front};
pub use layout::{Layout, console, xenstore};
pub use misbehaved::Misbehaved;
#[doc(hidden)]
pub use words::Words;
