//! What can go wrong with a port.

use core::fmt;

use xen_hypercall::{Errno, Hypercall, IrqGate, Port, Stale};

use crate::BoundPort;

/// Why a port was not bound; nothing is left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BindError {
    /// Xen said no.
    Xen(Errno),
    /// The number is 0 or one that the ABI does not have: no port.
    NotAPort(Port),
    /// The caller's storage has no slot for this number; the port was closed again, if it was ours.
    NoSlot(Port),
    /// The number has a guard already; it was left alone.
    Taken(Port),
}

impl BindError {
    /// Returns Xen's code, if it was Xen that said no.
    #[must_use]
    pub const fn errno(self) -> Option<Errno> {
        match self {
            Self::Xen(errno) => Some(errno),
            Self::NotAPort(_) | Self::NoSlot(_) | Self::Taken(_) => None,
        }
    }
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Xen(errno) => errno.fmt(f),
            Self::NotAPort(port) => write!(f, "{port} is no port"),
            Self::NoSlot(port) => write!(f, "the table of ports has no slot for port {port}"),
            Self::Taken(port) => write!(f, "port {port} has an owner already"),
        }
    }
}

impl core::error::Error for BindError {}

impl From<Errno> for BindError {
    fn from(errno: Errno) -> Self {
        Self::Xen(errno)
    }
}

/// Why an operation on a port did nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PortError {
    /// The guard is of an earlier epoch; no hypercall was made.
    Stale(Stale),
    /// Xen said no.
    Xen(Errno),
}

impl fmt::Display for PortError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stale(stale) => stale.fmt(f),
            Self::Xen(errno) => errno.fmt(f),
        }
    }
}

impl core::error::Error for PortError {}

impl From<Stale> for PortError {
    fn from(stale: Stale) -> Self {
        Self::Stale(stale)
    }
}

impl From<Errno> for PortError {
    fn from(errno: Errno) -> Self {
        Self::Xen(errno)
    }
}

/// Xen refused to close a port: here is its guard back.
pub struct CloseError<'e, H: Hypercall, G: IrqGate> {
    /// The port, open and masked.
    pub port: BoundPort<'e, H, G>,
    /// What Xen said.
    pub errno: Errno,
}

impl<H: Hypercall, G: IrqGate> fmt::Debug for CloseError<'_, H, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CloseError").field("port", &self.port).field("errno", &self.errno).finish()
    }
}

impl<H: Hypercall, G: IrqGate> fmt::Display for CloseError<'_, H, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "port {} stays open: {}", self.port.number(), self.errno)
    }
}

impl<H: Hypercall, G: IrqGate> core::error::Error for CloseError<'_, H, G> {}
