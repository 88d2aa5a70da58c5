//! What a driver says of its end of a device.

use core::fmt;

use crate::{OtherEnd, Path, StoreError, XenbusState};

/// An end of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The end that uses the device.
    Frontend,
    /// The end that serves it.
    Backend,
}

impl Side {
    /// Returns the names of the nodes that tell where the other end is: its directory, and its domain.
    pub(crate) const fn other(self) -> [&'static str; 2] {
        match self {
            Self::Frontend => ["backend", "backend-id"],
            Self::Backend => ["frontend", "frontend-id"],
        }
    }
}

/// A part of the greeting: something is read of the other end, then something is told to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// A frontend reads what the backend can do, and publishes its ring; a backend publishes what it can do.
    Offer,
    /// A frontend reads what it is given; a backend reads the frontend's ring, and serves it.
    Connect,
}

/// The driver will not have the other end as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unfit;

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the other end is of no use to the driver")
    }
}

impl core::error::Error for Unfit {}

/// One end of a device, as its driver knows it.
///
/// The calls for one device come in this order: [`locate`](Self::locate), then for each [`Phase`] the values that are
/// [`wanted`](Self::wanted), [`judge`](Self::judge), and the nodes that it [publishes](Self::publish). Values may come more
/// than once: the last ones count.
#[doc(alias("xenbus_driver", "xenbus_device"))]
pub trait Device {
    /// Returns the directory of this end, such as `device/vbd/51712`.
    fn directory(&self) -> Path<'_>;

    /// Tells which end it is.
    fn side(&self) -> Side {
        Side::Frontend
    }

    /// Returns the state in which a frontend waits for its backend, once its ring is published: `Initialised` for disks,
    /// `Connected` for network cards and consoles.
    fn offered(&self) -> XenbusState {
        XenbusState::Initialised
    }

    /// Takes note of where the other end is, which may be elsewhere than before: rings are to be offered to that domain now.
    ///
    /// # Errors
    /// [`Unfit`], and the device is left alone.
    fn locate(&mut self, other: &OtherEnd) -> Result<(), Unfit>;

    /// Returns the names of the nodes to be read in the other end's directory.
    fn wanted(&self, phase: Phase) -> &[&str];

    /// Takes the value of the node at that place in [`wanted`](Self::wanted); the server's refusal if it has none.
    fn value(&mut self, phase: Phase, index: usize, value: Result<&[u8], StoreError>);

    /// Decides whether to go on, with all values there.
    ///
    /// # Errors
    /// [`Unfit`]; the device is left as it is.
    fn judge(&mut self, phase: Phase) -> Result<(), Unfit>;

    /// Tells how many nodes are to be published in this end's directory; the state, which follows them, aside.
    fn nodes(&self, phase: Phase) -> usize;

    /// Hands the name and the value of one of those nodes to `write`, once.
    fn publish(&mut self, phase: Phase, index: usize, write: &mut dyn FnMut(&dyn fmt::Display, &dyn fmt::Display));
}
