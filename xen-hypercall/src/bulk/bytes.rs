//! Copies byte by byte: for processors without a better way here, and for Miri.

use core::sync::atomic::AtomicU8;
use core::sync::atomic::Ordering::Relaxed;

/// Copies shared bytes into private memory.
pub(crate) fn read(from: &[AtomicU8], to: &mut [u8]) {
    to.iter_mut().zip(from).for_each(|(to, byte)| *to = byte.load(Relaxed));
}

/// Copies private bytes into shared memory.
pub(crate) fn write(to: &[AtomicU8], from: &[u8]) {
    from.iter().zip(to).for_each(|(from, byte)| byte.store(*from, Relaxed));
}
