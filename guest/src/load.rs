//! Load for the console: numbered lines out, a share of them after each resume, and what comes in counted.

use xen_frontend::console::Console;
use xen_hypercall::{Hypercall, IrqGate};

use crate::Tally;
use crate::voice::{LONGEST, Line};

/// What fills a line.
const LETTERS: &str = "the quick brown fox jumps over the lazy dog, 0123456789 times; ";
const _: () = assert!(LONGEST == 256, "four lines are a KiB");

/// What is to be written, and what was written and read.
#[derive(Debug)]
pub(crate) struct Load {
    /// Lines of one share.
    share: u32,
    owed: u32,
    number: u32,
    out: Tally,
    heard: Tally,
    /// Suspends that came while lines were owed.
    amid: u32,
}

/// What there is to say of a turn.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    /// All that was heard, if something was.
    pub(crate) heard: Option<Tally>,
    /// All that was written, and the suspends amid it, if the share is done.
    pub(crate) done: Option<(Tally, u32)>,
}

impl Load {
    /// Makes one of so many KiB a share; of none it does nothing.
    pub(crate) const fn new(kib: u32) -> Self {
        let share = kib.saturating_mul(4);
        Self { share, owed: share, number: 0, out: Tally::new(), heard: Tally::new(), amid: 0 }
    }

    /// Tells whether there is any.
    pub(crate) const fn is_some(&self) -> bool {
        self.share > 0
    }

    /// Owes another share.
    pub(crate) fn resumed(&mut self) {
        self.amid += u32::from(self.owed > 0);
        self.owed += self.share;
    }

    /// Reads what there is, and writes a line, if the console takes it.
    pub(crate) fn turn<H: Hypercall, G: IrqGate>(&mut self, console: &Console<'_, H, G>) -> Turn {
        let mut turn = Turn::default();
        if !self.is_some() {
            return turn;
        }
        let mut bytes = [0; 128];
        loop {
            let read = console.read(&mut bytes);
            if read == 0 {
                break;
            }
            self.heard.add(&bytes[..read]);
            turn.heard = Some(self.heard.clone());
        }
        // A line fits as a whole, if nothing is kept back.
        if self.owed > 0 && console.flush() {
            self.write(console);
            turn.done = (self.owed == 0).then(|| (self.out.clone(), self.amid));
        }
        turn
    }

    /// Writes a line.
    fn write<H: Hypercall, G: IrqGate>(&mut self, console: &Console<'_, H, G>) {
        let line = Line::with(format_args!("load {:08x} ", self.number), LETTERS);
        console.write(line.bytes());
        self.out.add(line.bytes());
        self.number += 1;
        self.owed -= 1;
    }
}
