//! The macros of the public headers, and the usual way where there are none, compiled by `build.rs`.

mod bound;
mod bytes;
mod slots;
mod state;
mod table;
mod usual;

pub use bound::{Bound, copies};
pub use bytes::CBytes;
pub use slots::{CBack, CFront, rounds};
pub use usual::{CEvents, CGrants, CStore};

use table::{BoundOps, ByteOps, SlotOps, Table, side_native, side_o2, side_o3};

use crate::wire::{Block, Small, Wire};

/// How the C side was compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compiled {
    /// By `-O2`.
    O2,
    /// By `-O3`.
    O3,
    /// By `-O3 -march=native`.
    Native,
    /// By `-O2`, with a front that checks answers, and a dispatch that checks ports, as ours do: for comparison, not among [`Compiled::ALL`].
    Checked,
}

impl Compiled {
    /// Each way to compile C that checks nothing.
    pub const ALL: [Self; 3] = [Self::O2, Self::O3, Self::Native];

    /// Returns the compiler's words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::O2 => "-O2",
            Self::O3 => "-O3",
            Self::Native => "-O3 -march=native",
            Self::Checked => "-O2, with our checks",
        }
    }

    fn usual(self) -> &'static usual::Table {
        match self {
            Self::O2 | Self::Checked => &usual::usual_o2,
            Self::O3 => &usual::usual_o3,
            Self::Native => &usual::usual_native,
        }
    }

    fn table(self) -> &'static Table {
        match self {
            Self::O2 | Self::Checked => &side_o2,
            Self::O3 => &side_o3,
            Self::Native => &side_native,
        }
    }
}

/// A protocol that the C side has, too.
pub trait CWire: Wire {
    #[doc(hidden)]
    fn ops(compiled: Compiled) -> Ops;
}

/// The functions of one protocol.
#[doc(hidden)]
#[derive(Clone, Copy)]
pub struct Ops(&'static SlotOps);

impl core::fmt::Debug for Ops {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Ops")
    }
}

impl CWire for Block {
    fn ops(compiled: Compiled) -> Ops {
        let table = compiled.table();
        Ops(if compiled == Compiled::Checked { &table.checked_block } else { &table.block })
    }
}

impl CWire for Small {
    fn ops(compiled: Compiled) -> Ops {
        let table = compiled.table();
        Ops(if compiled == Compiled::Checked { &table.checked_small } else { &table.small })
    }
}

fn byte_ops(compiled: Compiled) -> &'static ByteOps {
    &compiled.table().bytes
}

fn bound_ops(compiled: Compiled) -> &'static BoundOps {
    &compiled.table().bound
}
