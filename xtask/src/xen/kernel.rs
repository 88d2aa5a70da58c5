//! Getting the ELF out of a compressed kernel image, so that Xen need not do it under emulation.

use anyhow::{Context as _, Result, bail};
use std::io::Read as _;

const ELF: &[u8] = b"\x7fELF";
/// Uncompressed size of a block of the kernel's LZ4 format.
const LZ4_BLOCK: usize = 8 << 20;

/// Unpacks a hypervisor image: gzip, or an ELF already.
pub(crate) fn hypervisor(image: &[u8]) -> Result<Vec<u8>> {
    expand(image).context("the hypervisor's image")
}

/// Unpacks a Linux image: a bzImage, or an ELF already.
pub(crate) fn linux(image: &[u8]) -> Result<Vec<u8>> {
    if image.starts_with(ELF) {
        return Ok(image.to_vec());
    }
    expand(payload(image)?).context("the kernel's payload")
}

/// The compressed kernel inside a bzImage, by the fields of the boot protocol's header.
fn payload(image: &[u8]) -> Result<&[u8]> {
    if image.get(0x202..0x206) != Some(b"HdrS") {
        bail!("neither an ELF nor a bzImage");
    }
    let sectors = match image[0x1f1] {
        0 => 4,
        n => usize::from(n),
    };
    let start = (sectors + 1) * 512 + le32(image, 0x248)?;
    let end = start + le32(image, 0x24c)?;
    image.get(start..end).context("the bzImage is cut short")
}

fn le32(bytes: &[u8], at: usize) -> Result<usize> {
    let word = bytes.get(at..at + 4).context("too short")?;
    Ok(u32::from_le_bytes(word.try_into()?) as usize)
}

/// Unpacks by magic number; the result must be an ELF.
fn expand(packed: &[u8]) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    match packed {
        [0x7f, b'E', b'L', b'F', ..] => out.extend_from_slice(packed),
        [0x1f, 0x8b, ..] => {
            flate2::read::GzDecoder::new(packed).read_to_end(&mut out)?;
        }
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => {
            liblzma::read::XzDecoder::new(packed).read_to_end(&mut out)?;
        }
        [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            ruzstd::decoding::StreamingDecoder::new(packed)?.read_to_end(&mut out)?;
        }
        [0x02, 0x21, 0x4c, 0x18, blocks @ ..] => out = lz4(blocks)?,
        _ => bail!("unknown compression {:02x?}", &packed[..packed.len().min(6)]),
    }
    if !out.starts_with(ELF) {
        bail!("no ELF inside");
    }
    Ok(out)
}

/// The kernel's LZ4 format: blocks with their size before them; the image ends with a word that is no block.
fn lz4(mut blocks: &[u8]) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    while blocks.len() > 4 {
        let size = le32(blocks, 0)?;
        let Some(block) = blocks.get(4..4 + size) else {
            break;
        };
        out.extend(lz4_flex::block::decompress(block, LZ4_BLOCK)?);
        blocks = &blocks[4 + size..];
    }
    Ok(out)
}

/// Unpacks a kernel module, which may be compressed as a file.
pub(crate) fn module(image: &[u8]) -> Result<Vec<u8>> {
    expand(image).context("a kernel module")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    const KERNEL: &[u8] = b"\x7fELF and the rest of a kernel, the rest of a kernel";

    /// A bzImage of one setup sector with `payload` 16 bytes behind it.
    fn bzimage(payload: &[u8]) -> Vec<u8> {
        let mut image = vec![0; 1024 + 16];
        image[0x1f1] = 1;
        image[0x202..0x206].copy_from_slice(b"HdrS");
        image[0x248] = 16;
        image[0x24c] = u8::try_from(payload.len()).unwrap();
        image.extend_from_slice(payload);
        image.extend_from_slice(b"trailing");
        image
    }

    fn xz() -> Vec<u8> {
        let mut packer = liblzma::write::XzEncoder::new(Vec::new(), 1);
        packer.write_all(KERNEL).unwrap();
        packer.finish().unwrap()
    }

    #[test]
    fn an_xz_kernel_comes_out_of_its_bzimage() {
        let mut packed = xz();
        packed.extend_from_slice(&[0, 1, 0, 0]); // the size that the kernel's build appends
        assert_eq!(linux(&bzimage(&packed)).unwrap(), KERNEL);
    }

    #[test]
    fn an_lz4_kernel_comes_out_of_its_bzimage() {
        let block = lz4_flex::block::compress(KERNEL);
        let mut packed = vec![0x02, 0x21, 0x4c, 0x18];
        packed.extend(u32::try_from(block.len()).unwrap().to_le_bytes());
        packed.extend(block);
        packed.extend([0, 1, 0, 0]);
        assert_eq!(linux(&bzimage(&packed)).unwrap(), KERNEL);
    }

    #[test]
    fn an_elf_is_left_as_it_is() {
        assert_eq!(linux(KERNEL).unwrap(), KERNEL);
        assert_eq!(hypervisor(KERNEL).unwrap(), KERNEL);
    }

    #[test]
    fn what_is_no_kernel_is_refused() {
        assert!(linux(b"MZ").is_err());
        assert!(linux(&bzimage(b"plain text")).is_err());
        let mut cut = bzimage(&xz());
        cut.truncate(1060);
        assert!(linux(&cut).is_err());
    }
}
