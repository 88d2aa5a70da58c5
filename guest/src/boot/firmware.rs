//! What the device model has for a domain's firmware (QEMU's `fw_cfg`, by its documented ports and keys).

use super::ports;

const SELECT: u16 = 0x510;
const DATA: u16 = 0x511;

const SIGNATURE: u16 = 0x00;
const CMDLINE_SIZE: u16 = 0x14;
const CMDLINE_DATA: u16 = 0x15;

/// Copies the kernel's command line to the beginning of `buffer`, which holds zeros, as far as there is room. Does
/// nothing where there is no device model.
pub(super) fn cmdline(buffer: &mut [u8]) {
    if item(SIGNATURE) != *b"QEMU" {
        return;
    }
    let size = u32::from_le_bytes(item(CMDLINE_SIZE)) as usize;
    let room = size.min(buffer.len());
    ports::write16(SELECT, CMDLINE_DATA);
    ports::read_all(DATA, &mut buffer[..room]);
}

fn item(key: u16) -> [u8; 4] {
    let mut bytes = [0; 4];
    ports::write16(SELECT, key);
    ports::read_all(DATA, &mut bytes);
    bytes
}
