//! What differs from one processor architecture to the next.

#[cfg(target_arch = "x86_64")]
pub mod x86_64;
