//! What goes into the coordinator and what comes out of it.

use core::task::Poll;

use xen_hypercall::Nanos;

use crate::{Abort, Class, ControlWord, Fatal, Refusal, Witnesses};

/// A fact that the coordinator takes in. All but the first five answer the action that was polled last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A watch event came, and `control/shutdown` held this word. At any time.
    Word(ControlWord),
    /// The suspend event channel was signalled: a request that needs no acknowledgement. At any time.
    Channel,
    /// The guest woke from a sleep that it was not asked about (S3, pause), perhaps in another domain. When idle.
    Wake,
    /// Device number `.0`, which was degraded, is connected after all. At any time.
    Recovered(usize),
    /// The embedder calls the suspend off. Heeded until the call.
    CallOff,
    /// [`Action::Admit`]: the policy's answer.
    Admitted(Result<(), Refusal>),
    /// [`Action::Prepare`] and [`Action::Freeze`]: the device's answer. [`Action::Resume`]: `Err` gives the device up.
    Device(Poll<Result<(), Refusal>>),
    /// [`Action::Acknowledge`].
    Acknowledged(Ack),
    /// [`Action::FreezeOs`].
    OsFrozen(Result<(), Refusal>),
    /// [`Action::ReadControl`]; `None` if it could not be read.
    Control(Option<ControlWord>),
    /// [`Action::Fence`], [`Action::Park`], [`Action::StoreUp`]: whether it was done.
    Done(bool),
    /// [`Action::Call`]: the raw result.
    Returned(isize),
    /// [`Action::Probe`].
    Probed(Witnesses),
    /// [`Action::Rebuild`].
    Rebuilt(Result<(), Fatal>),
    /// [`Action::Wait`]: time passed, or something happened.
    Tick,
    /// Any other action: it is done, as it cannot fail.
    Finished,
}

impl Event {
    /// Tells whether this answers `action`.
    pub(crate) const fn fits(self, action: Action) -> bool {
        matches!(
            (action, self),
            (Action::Admit, Self::Admitted(_))
                | (Action::Prepare(_) | Action::Freeze(_) | Action::Resume(..), Self::Device(_))
                | (Action::Acknowledge(_), Self::Acknowledged(_))
                | (Action::FreezeOs, Self::OsFrozen(_))
                | (Action::ReadControl, Self::Control(_))
                | (Action::Fence | Action::Park | Action::StoreUp(_), Self::Done(_))
                | (Action::Call, Self::Returned(_))
                | (Action::Probe, Self::Probed(_))
                | (Action::Rebuild(_), Self::Rebuilt(_))
                | (Action::Wait(_), Self::Tick)
                | (Action::EnterDark | Action::LeaveDark(_) | Action::Release | Action::Unfence, Self::Finished)
                | (Action::Degrade(_) | Action::Publish(_) | Action::Thaw(..) | Action::ThawOs, Self::Finished)
                | (Action::Unprepare(_) | Action::Finish(_) | Action::Report(_), Self::Finished)
        )
    }
}

/// How the acknowledgement ended: a transaction that compares the word and clears it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ack {
    /// Committed: the node held the word, and is empty now.
    Committed,
    /// The node holds this word now; nothing was written. `suspend` again, after a conflict, is tried once more.
    Changed(ControlWord),
    /// It could not be written, or the conflicts did not end.
    Denied,
}

/// One effect that the embedder is to bring about, and answer with an [`Event`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Nothing: normal service.
    Idle,
    /// Ask the policy whether a suspend is welcome, and take the lock against what excludes it.
    Admit,
    /// Ask device number `.0` to reserve and to drain.
    Prepare(usize),
    /// Acknowledge this word.
    Acknowledge(ControlWord),
    /// Stop the operating system's producers of I/O.
    FreezeOs,
    /// Ask device number `.0` to give its backend no more work.
    Freeze(usize),
    /// Read `control/shutdown`.
    ReadControl,
    /// Let no new request into xenstore, and wait until it is quiet.
    Fence,
    /// Park all other processors, and go to vCPU 0.
    Park,
    /// Turn interrupts off, harvest the rings once, save timers.
    EnterDark,
    /// Make the suspend hypercall.
    Call,
    /// Hear the witnesses.
    Probe,
    /// Undo [`Action::EnterDark`]: nothing has changed.
    LeaveDark(Class),
    /// Advance the epoch and make the core services anew.
    Rebuild(Class),
    /// Release the processors, and turn interrupts on.
    Release,
    /// Open xenstore again as it was. In a new context only if the port of xenstore could not be rebuilt.
    Unfence,
    /// Connect to xenstore anew, open it, and register all watches.
    StoreUp(Class),
    /// Let device number `.0` reconnect.
    Resume(usize, Class),
    /// Device number `.0` did not come back in time: it goes on trying by itself.
    Degrade(usize),
    /// Write the guest's nodes again.
    Publish(Class),
    /// Let device number `.0` go on as it was.
    Thaw(usize, Class),
    /// Let the operating system's producers go on.
    ThawOs,
    /// Give back what device number `.0` reserved.
    Unprepare(usize),
    /// Give back the lock of [`Action::Admit`], if it was taken, and tell how the operation ended.
    Finish(Ending),
    /// Do something else, until this time at most.
    Wait(Nanos),
    /// Report a word that is not served.
    Report(ControlWord),
    /// Stop the guest for this word. The last action.
    Stop(ControlWord),
    /// Print the message and crash. The last action.
    Crash(Fatal),
}

/// How an operation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The guest came back from the call, or from a sleep.
    Resumed(Resumed),
    /// There was no call, or it failed.
    Aborted(Abort),
}

/// The figures of a resume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resumed {
    /// What it was.
    pub class: Class,
    /// From the rendezvous to the call, and from its return to the release; without the call itself.
    pub blackout: Nanos,
    /// How many devices did not come back in time.
    pub degraded: usize,
}
