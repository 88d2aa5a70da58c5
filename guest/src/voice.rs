//! What the guest says: one event a line, `xen-guest: <event> key=value …`.

use core::fmt::{self, Write};

use xen_frontend::console::Console;
use xen_hypercall::Hypercall;

use crate::Machine;

/// Longest line, in bytes with its end; what is beyond is cut off.
pub(crate) const LONGEST: usize = 256;

/// The guest's way to speak: its console, and for failures the hypervisor's too.
pub(crate) struct Voice<'v, 'c, M: Machine, H: Hypercall> {
    machine: &'v M,
    console: &'v Console<'c, &'c H, M::Gate>,
}

impl<M: Machine, H: Hypercall> Clone for Voice<'_, '_, M, H> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M: Machine, H: Hypercall> Copy for Voice<'_, '_, M, H> {}

impl<M: Machine, H: Hypercall> fmt::Debug for Voice<'_, '_, M, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Voice").finish_non_exhaustive()
    }
}

impl<'v, 'c, M: Machine, H: Hypercall> Voice<'v, 'c, M, H> {
    /// Makes the voice of a machine with a console, which need not be connected.
    pub(crate) const fn new(machine: &'v M, console: &'v Console<'c, &'c H, M::Gate>) -> Self {
        Self { machine, console }
    }

    /// Says one event.
    pub(crate) fn say(&self, event: fmt::Arguments<'_>) {
        let line = Line::of(event);
        self.console.write(line.bytes());
    }

    /// Says that something is wrong, on the hypervisor's console too.
    pub(crate) fn fail(&self, what: fmt::Arguments<'_>) {
        let line = Line::of(format_args!("FAIL what={what}"));
        self.console.write(line.bytes());
        self.machine.emergency(line.text());
    }
}

/// Says that something is wrong before there is a console.
pub(crate) fn cry<M: Machine>(machine: &M, what: fmt::Arguments<'_>) {
    machine.emergency(Line::of(format_args!("FAIL what={what}")).text());
}

/// One line in a fixed buffer, always ended.
pub(crate) struct Line {
    bytes: [u8; LONGEST],
    len: usize,
}

impl Line {
    fn of(event: fmt::Arguments<'_>) -> Self {
        Self::with(format_args!("xen-guest: {event}"), "")
    }

    /// Takes a text alone, without an end.
    pub(crate) fn bare(text: fmt::Arguments<'_>) -> Self {
        let mut line = Self { bytes: [0; LONGEST], len: 0 };
        // Writing never fails: what is too long is cut off.
        let _ = line.write_fmt(text);
        line
    }

    /// Makes a line of `head`, and of `tail` as often as it takes to fill it.
    pub(crate) fn with(head: fmt::Arguments<'_>, tail: &str) -> Self {
        let mut line = Self::bare(head);
        while !tail.is_empty() && line.len + 1 < LONGEST {
            let _ = line.write_str(tail);
        }
        line.bytes[line.len] = b'\n';
        line.len += 1;
        line
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    fn text(&self) -> &str {
        core::str::from_utf8(self.bytes()).unwrap_or("xen-guest: FAIL what=text\n")
    }
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for letter in text.chars() {
            let letter = if letter == '\n' || letter == '\r' { ' ' } else { letter };
            if self.len + letter.len_utf8() < LONGEST {
                self.len += letter.encode_utf8(&mut self.bytes[self.len..]).len();
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, Line};

    #[test]
    fn a_line_is_one_line_and_bounded() {
        assert_eq!(Line::of(format_args!("tick n={}", 3)).text(), "xen-guest: tick n=3\n");
        assert_eq!(Line::of(format_args!("x=a\nb\r")).text(), "xen-guest: x=a b \n");
        let long = Line::of(format_args!("{:>400}", "ä"));
        assert_eq!(long.bytes().len(), LONGEST);
        assert!(long.text().ends_with('\n'));
    }
}
