//! What a PVH guest is given at its start.

use core::fmt;

use static_assertions::const_assert_eq;
use zerocopy::{FromBytes, Immutable, KnownLayout};

/// The start of day record of a PVH guest, as the boot protocol gives it: its physical address is in EBX.
///
/// # Xen
/// `hvm_start_info` of `arch-x86/hvm/start_info.h`, since Xen 4.7; all fields are written by the toolstack.
#[doc(alias = "hvm_start_info")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, KnownLayout, Immutable)]
#[repr(C)]
pub struct StartInfo {
    /// [`StartInfo::MAGIC`].
    pub magic: u32,
    /// Version of the record; 1 has a memory map.
    pub version: u32,
    /// `SIF_*` of `xen.h`.
    pub flags: u32,
    /// Number of modules.
    pub nr_modules: u32,
    /// Physical address of the list of modules.
    pub modlist_paddr: u64,
    /// Physical address of the command line, ended by a zero byte; 0 for none.
    pub cmdline_paddr: u64,
    /// Physical address of the ACPI RSDP; 0 for none.
    pub rsdp_paddr: u64,
    /// Physical address of the memory map; version 1.
    pub memmap_paddr: u64,
    /// Entries of the memory map; version 1.
    pub memmap_entries: u32,
    /// Must be 0.
    pub reserved: u32,
}

const_assert_eq!(size_of::<StartInfo>(), StartInfo::SIZE);

/// The bytes are no start info.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoStartInfo {
    /// The address is 0.
    Null,
    /// There is another number where the magic one should be.
    Magic(u32),
}

impl fmt::Display for NoStartInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("the address of the start info is 0"),
            Self::Magic(found) => write!(f, "the start info begins with {found:#x} and not with the magic number"),
        }
    }
}

impl core::error::Error for NoStartInfo {}

impl StartInfo {
    /// The number that the record begins with.
    pub const MAGIC: u32 = 0x336e_c578;

    /// Size of the record, in bytes.
    pub const SIZE: usize = 56;

    /// Decodes the record.
    ///
    /// # Errors
    /// [`NoStartInfo::Magic`] if the bytes do not begin with the magic number.
    pub fn parse(bytes: &[u8; Self::SIZE]) -> Result<Self, NoStartInfo> {
        let found: Self = zerocopy::transmute!(*bytes);
        if found.magic == Self::MAGIC { Ok(found) } else { Err(NoStartInfo::Magic(found.magic)) }
    }

    /// Reads the record that lies at `at`.
    ///
    /// # Errors
    /// [`NoStartInfo`] if the address is 0, or the record none.
    ///
    /// # Safety
    /// Unless it is null, 56 readable bytes lie at `at`.
    #[expect(unsafe_code, reason = "reads where the boot protocol says")]
    pub unsafe fn read(at: *const u8) -> Result<Self, NoStartInfo> {
        if at.is_null() {
            return Err(NoStartInfo::Null);
        }
        // SAFETY: the caller's promise.
        Self::parse(unsafe { &*at.cast() })
    }
}

/// The kind of the ELF note; for [`pvh_note`](crate::pvh_note).
#[doc(hidden)]
pub const PHYS32_ENTRY: u32 = 18;

/// Emits the ELF note that makes an ELF file a PVH guest: the physical address of its 32-bit entry.
///
/// The linker script must keep section `.note.xen` in a segment of notes.
///
/// # Xen
/// `XEN_ELFNOTE_PHYS32_ENTRY` of `elfnote.h`.
#[macro_export]
macro_rules! pvh_note {
    ($entry:literal) => {
        core::arch::global_asm!(
            ".pushsection .note.xen, \"a\", @note",
            ".balign 4",
            ".long 4, 4, {kind}",
            ".asciz \"Xen\"",
            concat!(".long ", $entry),
            ".popsection",
            kind = const $crate::PHYS32_ENTRY,
        );
    };
}

#[cfg(test)]
mod tests {
    use super::{NoStartInfo, StartInfo};

    #[test]
    fn takes_a_record_and_refuses_another() {
        let mut bytes = [0; StartInfo::SIZE];
        bytes[..4].copy_from_slice(&StartInfo::MAGIC.to_le_bytes());
        bytes[24..32].copy_from_slice(&0x1234_5000_u64.to_le_bytes());
        assert_eq!(StartInfo::parse(&bytes).unwrap().cmdline_paddr, 0x1234_5000);
        bytes[0] ^= 1;
        assert_eq!(StartInfo::parse(&bytes), Err(NoStartInfo::Magic(0x336e_c579)));
    }

    #[test]
    #[expect(unsafe_code, reason = "the function under test")]
    fn reads_where_there_is_one() {
        // SAFETY: null is allowed.
        let found = unsafe { StartInfo::read(core::ptr::null()) };
        assert_eq!(found, Err(NoStartInfo::Null));
        let bytes = [0x5a_u8; StartInfo::SIZE];
        // SAFETY: as many bytes as are read.
        let found = unsafe { StartInfo::read(bytes.as_ptr()) };
        assert_eq!(found, Err(NoStartInfo::Magic(0x5a5a_5a5a)));
    }
}
