//! What the toolstack gave the guest to start with.
#![expect(unsafe_code, reason = "reads where the boot protocol says")]

use core::fmt;
use core::ptr::with_exposed_provenance;
use core::str::{Utf8Error, from_utf8};

use xen_hypercall::{NoStartInfo, PAGE_SIZE, StartInfo};

use super::{firmware, paging};

/// Longest command line that is taken, in bytes.
pub(super) const LONGEST: usize = 1024;

/// The start of day is not as the boot protocol has it.
#[derive(Debug, Clone, Copy)]
pub(super) enum BadStart {
    /// Not all of the bytes from this address on are mapped memory.
    Address(u64),
    /// There is no start info.
    Info(NoStartInfo),
    /// The command line has no end within [`LONGEST`] bytes.
    Endless,
    /// The command line is not UTF-8.
    Text(Utf8Error),
}

impl fmt::Display for BadStart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(at) => write!(f, "what is given at {at:#x} cannot lie there"),
            Self::Info(none) => none.fmt(f),
            Self::Endless => write!(f, "the command line is longer than {LONGEST} bytes"),
            Self::Text(error) => write!(f, "the command line is not text: {error}"),
        }
    }
}

impl core::error::Error for BadStart {}

/// Copies the command line into `buffer` and returns it; empty if there is none.
///
/// A guest in the place of an HVM domain's firmware finds none in the start info; the device model has it.
///
/// # Errors
/// [`BadStart`] if the start info at `at` or the command line are not as they should be.
pub(super) fn options(at: u32, buffer: &mut [u8; LONGEST]) -> Result<&str, BadStart> {
    let record = located(u64::from(at), StartInfo::SIZE)?;
    // SAFETY: `located` has the bytes mapped, or null.
    let info = unsafe { StartInfo::read(record) }.map_err(BadStart::Info)?;
    if info.cmdline_paddr == 0 {
        firmware::cmdline(buffer);
    } else {
        let line = located(info.cmdline_paddr, LONGEST)?;
        for (offset, to) in buffer.iter_mut().enumerate() {
            // SAFETY: `located` has the bytes mapped.
            *to = unsafe { line.wrapping_add(offset).read() };
        }
    }
    let end = buffer.iter().position(|byte| *byte == 0).ok_or(BadStart::Endless)?;
    from_utf8(&buffer[..end]).map_err(BadStart::Text)
}

/// The memory of `len` bytes at `address`, all of it mapped; or null.
fn located(address: u64, len: usize) -> Result<*const u8, BadStart> {
    let mapped = address >= PAGE_SIZE as u64 && address.saturating_add(len as u64) <= paging::END;
    if address == 0 || mapped { Ok(with_exposed_provenance(address as usize)) } else { Err(BadStart::Address(address)) }
}
