//! The ports of Xen's platform device.

use core::arch::asm;

use super::Native;
use crate::PlatformPorts;

impl PlatformPorts for Native {
    fn magic(&self) -> u16 {
        let word: u16;
        // SAFETY: reading the port changes nothing, with the device and without.
        unsafe { asm!("in ax, 0x10", out("ax") word, options(nomem, nostack, preserves_flags)) }
        word
    }

    fn version(&self) -> u8 {
        let byte: u8;
        // SAFETY: as above.
        unsafe { asm!("in al, 0x12", out("al") byte, options(nomem, nostack, preserves_flags)) }
        byte
    }

    fn product(&self, product: u16) {
        // SAFETY: the device takes a number; Xen drops what is written where there is none.
        unsafe { asm!("out 0x12, ax", in("ax") product, options(nomem, nostack, preserves_flags)) }
    }

    fn build(&self, build: u32) {
        // SAFETY: as above.
        unsafe { asm!("out 0x10, eax", in("eax") build, options(nomem, nostack, preserves_flags)) }
    }

    fn unplug(&self, devices: u16) {
        // SAFETY: emulated devices vanish with what they did to memory; without the device as above.
        unsafe { asm!("out 0x10, ax", in("ax") devices, options(nomem, nostack, preserves_flags)) }
    }
}
