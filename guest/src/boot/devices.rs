//! Emulated devices, looked for as a kernel without Xen's drivers would.

use core::ops::Range;

use guest::Emulated;

use super::ports;

/// Configuration of PCI devices: which word, and its value.
const PCI_ADDRESS: u16 = 0xCF8;
const PCI_DATA: u16 = 0xCFC;
const PCI_ENABLE: u32 = 1 << 31;
/// Words of a device: vendor and number; with its class in the top byte; with its interrupt pin in the second byte.
const PCI_ID: u32 = 0;
const PCI_CLASS: u32 = 8;
const PCI_INTERRUPT: u32 = 0x3C;
const CLASS_NETWORK: u32 = 0x02;

/// On one bus.
const DEVICES: Range<u8> = 0..32;

/// The two IDE channels, by their first ports.
const IDE: [u16; 2] = [0x1F0, 0x170];
const IDE_SELECT: u16 = 6;
const IDE_STATUS: u16 = 7;
/// The first and the second drive of a channel.
const IDE_DRIVES: [u8; 2] = [0xA0, 0xB0];
const IDE_READY: u8 = 1 << 6;
const IDE_BUSY: u8 = 1 << 7;

/// Counts network cards on the first PCI bus, and IDE drives.
pub(super) fn count() -> Emulated {
    let nics = DEVICES.filter(|&device| pci(device, PCI_CLASS) >> 24 == CLASS_NETWORK).count();
    let drives = IDE.iter().flat_map(|&channel| IDE_DRIVES.map(|drive| (channel, drive)));
    let disks = drives.filter(|&(channel, drive)| is_ready(channel, drive)).count();
    Emulated { disks: disks as u32, nics: nics as u32 }
}

/// Finds a device on the first PCI bus by vendor and number.
pub(super) fn find(id: u32) -> Option<u8> {
    DEVICES.into_iter().find(|&device| pci(device, PCI_ID) == id)
}

/// The interrupt pin of a device, counted from 0; `None` if it has none.
pub(super) fn interrupt_pin(device: u8) -> Option<u8> {
    let [_, pin, ..] = pci(device, PCI_INTERRUPT).to_le_bytes();
    pin.checked_sub(1).filter(|&pin| pin < 4)
}

/// A word of a device's first function; all ones where there is none.
fn pci(device: u8, word: u32) -> u32 {
    ports::write32(PCI_ADDRESS, PCI_ENABLE | u32::from(device) << 11 | word);
    ports::read32(PCI_DATA)
}

/// Where there is no drive, none of the bits or all of them are set.
fn is_ready(channel: u16, drive: u8) -> bool {
    ports::write8(channel + IDE_SELECT, drive);
    ports::read8(channel + IDE_STATUS) & (IDE_READY | IDE_BUSY) == IDE_READY
}
