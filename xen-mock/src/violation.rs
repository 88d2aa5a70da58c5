//! What a correct guest never does.

mod grants;

use std::fmt;

use xen_hypercall::{DomId, Gfn, GrantRef, Number, Port, Vcpu};

pub use grants::GrantMisuse;

/// Something that the guest did and must not do, even where Xen bears it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Violation {
    /// It closed a port that is not open.
    ClosedTwice(Port),
    /// It closed the port of xenstore or of the console, or one of the device model's.
    ClosedToolstackPort(Port),
    /// A field that the header does not name, or that must be 0, was not 0.
    Padding(Number, usize),
    /// It made a hypercall after it had shut down.
    CallAfterStop(Number, usize),
    /// It sent an event by a port that is not open, or has no other end.
    SentByWrongPort(Port),
    /// It gave an event a priority that there is not.
    NoSuchPriority(Port, u32),
    /// It changed what is Xen's in an event word of the FIFO ABI, or while it was not its to change.
    EventWord {
        /// The port whose word it is.
        port: Port,
        /// The word as Xen left it.
        seen: u32,
        /// The word as Xen found it.
        found: u32,
    },
    /// It changed more in the control block of a processor than ready bits, from 1 to 0.
    ControlBlock(Vcpu),
    /// It gave Xen memory for the FIFO ABI that is in use for another purpose.
    FifoMemoryInUse(Gfn),
    /// It gave Xen memory for the FIFO ABI in which an older life of the guest has left something.
    FifoMemoryStale(Gfn),
    /// An event was lost, since the processor that is told of it has no control block.
    NoControlBlock(Port, Vcpu),
    /// It changed a grant entry that a backend still has mapped.
    ChangedWhileMapped(DomId, GrantRef),
    /// It used grants wrongly.
    Grant(GrantMisuse),
    /// It broke the ring of xenstore: indices out of range, or a request too long.
    BrokenStoreRing,
    /// It wants the ring of xenstore connected anew, which xenstored does not offer.
    ReconnectNotOffered,
    /// It broke the ring of the console: indices out of range.
    BrokenConsoleRing,
    /// It suspended while the toolstack did not wait for it: not asked, not acknowledged, or too late.
    SuspendedUnasked,
    /// It unplugged emulated devices, but not again in the domain where it is now.
    EmulatedAgain,
    /// It named a frame that it does not have.
    NoSuchFrame(Gfn),
    /// It registered the `vcpu_info` of another processor that runs.
    RegisteredForAnother(Vcpu),
    /// It suspended on another processor than vCPU 0, where the toolstack writes the result.
    SuspendedElsewhere(Vcpu),
    /// It suspended while a request lay in the ring of xenstore, or in the middle of a message.
    SuspendedAmidMessage,
    /// It suspended with a transaction of xenstore's open, which does not come along.
    SuspendedInTransaction(u32),
    /// It gave a request to xenstore the number of one that has no answer yet.
    RequestIdInUse(u32),
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ClosedTwice(port) => write!(f, "port {port} was closed and is not open"),
            Self::ClosedToolstackPort(port) => write!(f, "port {port}, of xenstore or the console, was closed"),
            Self::Padding(number, cmd) => write!(f, "padding of hypercall {}, command {cmd}, is not zero", number.0),
            Self::CallAfterStop(number, cmd) => {
                write!(f, "hypercall {}, command {cmd}, after the domain had shut down", number.0)
            }
            Self::SentByWrongPort(port) => write!(f, "an event was sent by port {port}, which cannot send"),
            Self::NoSuchPriority(port, priority) => write!(f, "port {port} was given priority {priority}"),
            Self::EventWord { port, seen, found } => {
                write!(f, "the event word of port {port} was made {found:#010x}, from {seen:#010x}")
            }
            Self::ControlBlock(vcpu) => write!(f, "the control block of vCPU {vcpu} was written to"),
            Self::FifoMemoryInUse(gfn) => write!(f, "frame {gfn} was given for events and is in use"),
            Self::FifoMemoryStale(gfn) => write!(f, "frame {gfn} was given for events and is not clean"),
            Self::NoControlBlock(port, vcpu) => {
                write!(f, "an event of port {port} was lost, for vCPU {vcpu} has no control block")
            }
            Self::ChangedWhileMapped(domain, gref) => {
                write!(f, "grant {gref} was changed while domain {domain} had it mapped")
            }
            Self::Grant(misuse) => misuse.fmt(f),
            Self::BrokenStoreRing => f.write_str("the ring of xenstore makes no sense"),
            Self::ReconnectNotOffered => f.write_str("the ring of xenstore cannot be connected anew"),
            Self::BrokenConsoleRing => f.write_str("the ring of the console makes no sense"),
            Self::SuspendedUnasked => f.write_str("the guest suspended, and the toolstack does not wait for it"),
            Self::EmulatedAgain => f.write_str("emulated devices are there again after a resume"),
            Self::NoSuchFrame(gfn) => write!(f, "there is no frame {gfn}"),
            Self::RegisteredForAnother(vcpu) => {
                write!(f, "the vcpu_info of vCPU {vcpu} was registered by another while it ran")
            }
            Self::SuspendedElsewhere(vcpu) => write!(f, "the suspend call was made on vCPU {vcpu}"),
            Self::SuspendedAmidMessage => f.write_str("the guest suspended in the middle of a message of xenstore's"),
            Self::SuspendedInTransaction(transaction) => {
                write!(f, "the guest suspended with transaction {transaction} of xenstore's open")
            }
            Self::RequestIdInUse(request) => {
                write!(f, "request {request} to xenstore has the number of one without an answer")
            }
        }
    }
}
