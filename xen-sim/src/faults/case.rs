//! One fault at one place.

use core::fmt;

use xen_hypercall::Nanos;
use xen_mock::{Host, StoreOp};

use super::variant::Variant;

/// What xenstore answers in place of what is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// An error of this name, and the request is not served.
    Error(&'static str),
    /// Nothing, ever; the request is served.
    Nothing,
    /// What is due, so much later.
    Late(Nanos),
    /// A message of a type that does not exist.
    WrongType,
    /// The type that is due, with bytes that make no sense.
    Garbage,
}

/// Every answer of a sweep. `EEXIST` is none: to a watch it is a success, and would be a lie.
pub(super) const ANSWERS: [(&str, Answer); 10] = [
    ("EAGAIN", Answer::Error("EAGAIN")),
    ("ENOENT", Answer::Error("ENOENT")),
    ("EACCES", Answer::Error("EACCES")),
    ("EIO", Answer::Error("EIO")),
    ("EBOGUS", Answer::Error("EBOGUS")),
    ("nothing", Answer::Nothing),
    ("late-3s", Answer::Late(Nanos::from_secs(3))),
    ("late-7s", Answer::Late(Nanos::from_secs(7))),
    ("wrong-type", Answer::WrongType),
    ("garbage", Answer::Garbage),
];

/// What goes wrong, once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The hypercall with this index returns this, and is not made.
    Call(usize, isize),
    /// The request to xenstore with this index is answered so.
    Store(usize, Answer),
}

/// A lifecycle with one fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Case {
    /// Name of the lifecycle.
    pub lifecycle: &'static str,
    /// The guest that goes through it.
    pub variant: Variant,
    /// What goes wrong.
    pub fault: Fault,
    /// What it goes wrong with: the hypercall by its name in Xen's header, or the request.
    pub operation: &'static str,
    /// The step of the toolstack's in which it goes wrong.
    pub moment: &'static str,
}

impl Case {
    /// Names what the fault answers.
    #[must_use]
    pub fn result(&self) -> String {
        match self.fault {
            Fault::Call(_, result) => result.to_string(),
            Fault::Store(_, answer) => {
                ANSWERS.iter().find(|(_, one)| *one == answer).map_or("?", |(name, _)| *name).to_owned()
            }
        }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, at) = match self.fault {
            Fault::Call(at, _) => ("call", at),
            Fault::Store(at, _) => ("store", at),
        };
        write!(f, "{}/{}/{kind}/{at}/{}", self.lifecycle, self.variant, self.result())
    }
}

impl Answer {
    /// Has the `nth` request of its kind answered so, counted from 1.
    pub(super) fn arrange(self, host: &Host, op: StoreOp, nth: u64) {
        let fault = host.faults().on_store(op).nth(nth);
        match self {
            Self::Error(name) => fault.fails(name),
            Self::Nothing => fault.swallows(),
            Self::Late(by) => fault.delays(by),
            Self::WrongType => fault.answers(StoreOp::Unknown(99), b"OK\0"),
            Self::Garbage => fault.answers(op, b"\xff\0gar\xfebage"),
        }
    }
}

/// Names a kind of request.
pub(super) const fn store_name(op: StoreOp) -> &'static str {
    match op {
        StoreOp::Directory => "XS_DIRECTORY",
        StoreOp::Read => "XS_READ",
        StoreOp::GetPerms => "XS_GET_PERMS",
        StoreOp::Watch => "XS_WATCH",
        StoreOp::Unwatch => "XS_UNWATCH",
        StoreOp::TransactionStart => "XS_TRANSACTION_START",
        StoreOp::TransactionEnd => "XS_TRANSACTION_END",
        StoreOp::Write => "XS_WRITE",
        StoreOp::Mkdir => "XS_MKDIR",
        StoreOp::Rm => "XS_RM",
        StoreOp::SetPerms => "XS_SET_PERMS",
        _ => "XS_other",
    }
}
