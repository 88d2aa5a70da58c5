//! Bytes as a script, to its end.

use crate::adversary::{CANARY, Memory, Stroke, put, word};

/// What is left of a script.
#[derive(Debug)]
pub(crate) struct Script<'d>(&'d [u8]);

impl<'d> Script<'d> {
    pub(crate) const fn new(data: &'d [u8]) -> Self {
        Self(data)
    }

    /// Takes the next byte.
    pub(crate) fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// Takes two bytes as a number; what is not there is 0.
    pub(super) fn pair(&mut self) -> u16 {
        u16::from_le_bytes(self.bytes())
    }

    /// Takes so many bytes; those that are not there are 0.
    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        core::array::from_fn(|_| self.byte().unwrap_or_default())
    }

    /// Takes a number below `end`.
    pub(super) fn below(&mut self, end: u8) -> Option<u8> {
        self.byte().map(|byte| byte % end)
    }

    /// Takes the index that a ring starts at: often near the wrap.
    pub(super) fn start(&mut self) -> Option<u32> {
        let byte = self.byte()?;
        Some(if byte < 128 { 0_u32.wrapping_sub(u32::from(byte % 16)) } else { u32::from(byte) << 12 })
    }

    fn value(&mut self) -> Option<u32> {
        let byte = u32::from(self.byte()?);
        Some(match byte {
            0..64 => byte,
            64..128 => 0_u32.wrapping_sub(byte - 63),
            _ => 1 << (byte % 32),
        })
    }

    /// Takes one lie: about a word of the header, or the bytes behind it.
    pub(super) fn lie(&mut self, words: &'static [usize], data: usize) -> Option<Stroke> {
        let kind = self.byte()?;
        let place = usize::from(self.byte()?);
        let value = self.value()?;
        let at = words[place % words.len()];
        Some(match kind % 5 {
            0 | 1 => Stroke::bytes("step", move |bytes| put(bytes, at, word(bytes, at).wrapping_add(value))),
            2 => Stroke::bytes("set", move |bytes| put(bytes, at, value)),
            3 => Stroke::bytes("byte", move |bytes| {
                let [byte, ..] = value.to_le_bytes();
                bytes[data + place % 160] = if byte == CANARY { 0 } else { byte };
            }),
            _ => Stroke::bytes("copy", move |bytes| {
                let from = data + place / 16 % 10 * 16;
                bytes.copy_within(from..from + 16, data + place % 10 * 16);
            }),
        })
    }

    /// Has the peer lie, now or before one of the next accesses.
    pub(super) fn strike(&mut self, memory: &Memory, words: &'static [usize], data: usize) -> Option<()> {
        let when = usize::from(self.below(8)?);
        let stroke = self.lie(words, data)?;
        if when == 7 {
            memory.strike_now(&stroke);
        } else {
            memory.strike_at(when, stroke);
        }
        Some(())
    }
}
