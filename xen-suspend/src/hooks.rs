//! What the embedding operating system offers.

use core::marker::PhantomData;
use core::task::Poll;

use xen_hypercall::Nanos;

use crate::{Ack, Class, ControlWord, Ending, Fatal, Refusal, State, Witnesses};

/// The proof that vCPU 0 runs alone, with interrupts off. Nobody but the runner can make one.
///
/// Does not compile: nobody keeps it beyond the hook that was given it.
/// ```compile_fail
/// # use xen_suspend::{Class, CoreService, Dark, Fatal, Stage};
/// struct Keeper(Option<&'static Dark<'static>>);
///
/// impl CoreService for Keeper {
///     fn pre_dark(&mut self, dark: &Dark<'_>) {
///         self.0 = Some(dark);
///     }
/// #    fn rebuild(&mut self, _: Stage, _: Class, _: &Dark<'_>) -> Result<(), Fatal> { Ok(()) }
/// }
/// ```
#[derive(Debug)]
pub struct Dark<'a>(PhantomData<&'a mut ()>);

impl Dark<'_> {
    pub(crate) const fn new() -> Self {
        Self(PhantomData)
    }
}

/// Tells the time, which never goes back.
pub trait Clock {
    /// Returns the time. Must work with interrupts off, and between the return of the call and the rebuild.
    fn now(&self) -> Nanos;

    /// Returns the time of day, if there is one, to tell how long the guest was away.
    fn wall(&self) -> Option<Nanos>;

    /// Goes on by itself from now on: what it reads the time of may be gone after the call.
    fn hold(&self) {}

    /// Reads the time as ever, once the guest is back.
    fn release(&self) {}
}

/// Says whether the guest may be suspended now.
pub trait Policy {
    /// Allows a suspend, and takes the lock against what excludes it: ballooning, hotplug, kexec, a stop.
    ///
    /// # Errors
    /// The refusal; the request is then not acknowledged.
    fn admit(&mut self) -> Result<(), Refusal>;

    /// Gives the lock back, if it was taken.
    fn release(&mut self);
}

/// The policy of a guest in which nothing excludes a suspend.
#[derive(Debug, Clone, Copy, Default)]
pub struct Willing;

impl Policy for Willing {
    fn admit(&mut self) -> Result<(), Refusal> {
        Ok(())
    }

    fn release(&mut self) {}
}

/// Stops the operating system's producers of I/O and lets them go on, and waits as it waits.
pub trait OsQuiesce {
    /// Stops the producers.
    ///
    /// # Errors
    /// The refusal; [`OsQuiesce::thaw`] follows.
    #[doc(alias = "freeze_processes")]
    fn freeze(&mut self) -> Result<(), Refusal>;

    /// Lets the producers go on.
    #[doc(alias = "thaw_processes")]
    fn thaw(&mut self);

    /// Does something else until an event comes, or until `until`.
    fn wait(&mut self, until: Nanos);
}

/// Brings the other processors to a standstill for a suspend, and lets them go.
#[doc(alias = "stop_machine")]
pub trait VcpuPark {
    /// Parks all other processors outside of critical sections and goes to vCPU 0; tells whether all came by `until`.
    ///
    /// If not, [`VcpuPark::release`] follows, and one that comes later finds that it is not wanted any more.
    fn park(&mut self, until: Nanos) -> bool;

    /// Has each parked processor rebuild, on itself, its own part of a stage that [is per vCPU](Stage::is_per_vcpu).
    ///
    /// vCPU 0's part is that of the [`CoreService`]s, and is done before.
    ///
    /// # Errors
    /// [`Fatal`] if one of them cannot go on.
    fn on_each(&mut self, stage: Stage, class: Class, dark: &Dark<'_>) -> Result<(), Fatal> {
        let _ = (stage, class, dark);
        Ok(())
    }

    /// Releases those that are parked.
    fn release(&mut self);
}

/// Makes the suspend call, and what comes right before and after it, as the architecture wants.
pub trait ArchOps {
    /// Does what must be done last before the call.
    #[doc(alias = "xen_arch_pre_suspend")]
    fn pre(&mut self, dark: &Dark<'_>);

    /// Makes the suspend call and returns its raw result.
    #[doc(alias("xen_suspend", "SCHEDOP_shutdown"))]
    fn call(&mut self, dark: &Dark<'_>) -> isize;

    /// Hears the witnesses.
    fn probe(&mut self, dark: &Dark<'_>) -> Witnesses;

    /// Undoes [`ArchOps::pre`], or in a new domain adapts to the processor: before the first rebuild step.
    #[doc(alias = "xen_arch_post_suspend")]
    fn post(&mut self, class: Class, dark: &Dark<'_>);

    /// Prints the message and stops the guest as crashed. Returns only if Xen refuses even that.
    fn crash(&mut self, fatal: Fatal);
}

/// Parts of the rebuild, in the order in which they are done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// B1: the callback parameter, first of all, so that a further migration in between asks us.
    Callback,
    /// B2: `shared_info`.
    SharedInfo,
    /// B3: all ports masked.
    Mask,
    /// B4: what each processor registers by itself.
    PerVcpu,
    /// B5: the grant table.
    Grants,
    /// B6: the console, so that what fails later can be printed.
    Console,
    /// B7: clocks.
    Clock,
    /// B8: timers and messages between processors.
    Timers,
    /// B9: other interrupts.
    Interrupts,
    /// B10: emulated devices unplugged again.
    Platform,
    /// B11: the port of xenstore.
    Store,
}

impl Stage {
    /// All stages in their order.
    pub const ALL: [Self; 11] = [
        Self::Callback,
        Self::SharedInfo,
        Self::Mask,
        Self::PerVcpu,
        Self::Grants,
        Self::Console,
        Self::Clock,
        Self::Timers,
        Self::Interrupts,
        Self::Platform,
        Self::Store,
    ];

    /// Tells whether each processor has a part of its own in this stage.
    #[must_use]
    pub const fn is_per_vcpu(self) -> bool {
        matches!(self, Self::PerVcpu | Self::Timers)
    }
}

/// A service without which the guest cannot run. Each does its part in the stages that concern it.
pub trait CoreService {
    /// Gets ready for the call: saves what a rebuild needs.
    fn pre_dark(&mut self, dark: &Dark<'_>) {
        let _ = dark;
    }

    /// Makes its objects of this stage anew ([`Class::New`]), or finds that they exist ([`Class::InPlace`]).
    ///
    /// # Errors
    /// [`Fatal`] if the guest cannot go on without; at [`Stage::Store`] it goes on with its devices degraded.
    fn rebuild(&mut self, stage: Stage, class: Class, dark: &Dark<'_>) -> Result<(), Fatal>;

    /// Goes on as it was: undoes [`CoreService::pre_dark`].
    fn cancel(&mut self, dark: &Dark<'_>) {
        let _ = dark;
    }
}

/// Takes a device with a backend in another domain through a suspend.
///
/// Hooks that return [`Poll`] are asked again while they say `Pending`. `Pending` and errors may leave a part done:
/// the undoing hook follows.
pub trait DeviceSuspend {
    /// Reserves what a resume needs, and begins to drain. The request is not acknowledged yet.
    fn prepare(&mut self) -> Poll<Result<(), Refusal>>;

    /// Gives back what was reserved.
    fn unprepare(&mut self);

    /// Gives the backend no more work, and waits for what the policy wants to be drained.
    fn freeze(&mut self) -> Poll<Result<(), Refusal>>;

    /// Goes on with the same backend and the same rings; `class` is [`Class::Cancel`] or [`Class::Abort`].
    fn thaw(&mut self, class: Class);

    /// Takes the answers that can be seen on the rings, once: the last look at them.
    fn dark_harvest(&mut self, dark: &Dark<'_>) {
        let _ = dark;
    }

    /// Connects to the backend of the new domain, or again to the old one. `Err` gives the device up until it recovers.
    fn resume(&mut self, class: Class) -> Poll<Result<(), Refusal>>;

    /// Learns that it did not come back in time; it goes on trying by itself.
    fn degrade(&mut self);
}

/// Reaches xenstore, as far as the coordinator needs it.
pub trait Control {
    /// Returns the word of `control/shutdown`, an absent node being idle; `None` if it could not be read.
    fn read(&mut self) -> Option<ControlWord>;

    /// Returns the word if a watch event came since the last time.
    fn changed(&mut self) -> Option<ControlWord>;

    /// Clears the node in a transaction, provided that it holds `word`.
    fn acknowledge(&mut self, word: ControlWord) -> Ack;

    /// Lets no new request in and waits until all is quiet; tells whether it was by `until`.
    fn fence(&mut self, until: Nanos) -> bool;

    /// Lets requests in again.
    fn unfence(&mut self);

    /// Connects anew, registers all watches and lets requests in; tells whether xenstore answered by `until`.
    ///
    /// Requests are let in although it did not: it may answer later.
    fn store_up(&mut self, class: Class, until: Nanos) -> bool;

    /// Writes the guest's nodes (features, data) again.
    fn publish(&mut self, class: Class);
}

/// Learns of every step.
pub trait Observer {
    /// The coordinator goes from one state to the next.
    fn state(&mut self, now: Nanos, state: State) {
        let _ = (now, state);
    }

    /// An operation is over; `away` is how long it took by the time of day, if it is known.
    fn ended(&mut self, now: Nanos, ending: &Ending, away: Option<Nanos>) {
        let _ = (now, ending, away);
    }

    /// A word is in the node that is not served.
    fn unknown(&mut self, word: ControlWord) {
        let _ = word;
    }
}

/// An observer that does not look.
#[derive(Debug, Clone, Copy, Default)]
pub struct Blind;

impl Observer for Blind {}
