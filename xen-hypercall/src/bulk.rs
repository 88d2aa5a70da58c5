//! Copies between private memory and memory that a peer may change meanwhile, opaque to the compiler.
//!
//! The peer's bytes come as atomics, which promise all that a copy needs: they are there, and others may write them. Each
//! is touched once. As many are copied as both sides have.

#[cfg(any(test, not(target_arch = "x86_64"), miri))]
mod bytes;
#[cfg(all(target_arch = "x86_64", not(miri)))]
mod x86_64;

#[cfg(any(not(target_arch = "x86_64"), miri))]
pub(crate) use bytes::{read, write};
#[cfg(all(target_arch = "x86_64", not(miri)))]
pub(crate) use x86_64::{read, write};

#[cfg(test)]
mod tests {
    extern crate std;

    use core::sync::atomic::AtomicU8;
    use core::sync::atomic::Ordering::Relaxed;

    use std::vec::Vec;

    use super::bytes;

    /// Lengths on both sides of each way of copying go there and back whole, wherever they lie, and nothing beside them is
    /// touched.
    fn is_exact(read: fn(&[AtomicU8], &mut [u8]), write: fn(&[AtomicU8], &[u8])) {
        let longer: &[usize] = if cfg!(miri) { &[33, 70] } else { &[255, 256, 257, 1000, 1023, 1024, 1025, 1100] };
        let lens = (0..=if cfg!(miri) { 17 } else { 200 }).chain(longer.iter().copied());
        for (len, shift) in lens.flat_map(|len| [0, 1, 4, 8, 15].map(|shift| (len, shift))) {
            let bytes: Vec<u8> = (0..len).map(|at| u8::try_from(at % 199).unwrap()).collect();
            let memory: Vec<_> = (0..len + 48).map(|_| AtomicU8::new(0xee)).collect();
            let shared = &memory[16 + shift..][..len];
            write(shared, &bytes);
            let mut back = std::vec![0xdd; len + 32];
            read(shared, &mut back[16..][..len]);
            assert_eq!(back[16..][..len], bytes, "{len} {shift}");
            assert_eq!(back.iter().filter(|byte| **byte != 0xdd).count(), len, "{len} {shift}");
            let touched = memory.iter().filter(|byte| byte.load(Relaxed) != 0xee).count();
            assert_eq!(touched, len, "{len} {shift}");
        }
    }

    #[test]
    fn every_length_is_exact_at_every_place() {
        is_exact(super::read, super::write);
        is_exact(bytes::read, bytes::write);
    }

    /// The shorter side says how much is copied, whichever it is: no more, and no less.
    #[test]
    fn the_shorter_side_is_copied_whole() {
        for (shared, private) in [(70, 80), (80, 70), (16, 32), (32, 16), (0, 5), (5, 0), (60, 64), (64, 60)] {
            let memory = [const { AtomicU8::new(1) }; 96];
            super::write(&memory[..shared], &[2; 96][..private]);
            let touched = memory.iter().filter(|byte| byte.load(Relaxed) == 2).count();
            let mut back = [3; 96];
            super::read(&memory[..shared], &mut back[..private]);
            let read = back.iter().filter(|byte| **byte == 2).count();
            assert_eq!((touched, read), (shared.min(private), shared.min(private)), "{shared} {private}");
            assert_eq!(back.iter().filter(|byte| **byte == 3).count(), 96 - read);
        }
    }
}
