//! What this guest, as an operating system, offers the coordinator.

use xen_frontend::console::Console;
use xen_hypercall::{Hypercall, IrqGate, Nanos};
use xen_store::Link;
use xen_suspend::services::Platform;
use xen_suspend::{Abort, ControlWord, Ending, Fatal, Observer, OsQuiesce, Policy, Refusal, State};

use crate::trace::Counts;
use crate::voice::{Voice, cry};
use crate::{Machine, Options};

/// Allows or refuses, as the options say.
#[derive(Debug)]
pub(crate) struct ByOption {
    refuse: bool,
}

impl ByOption {
    /// Makes the policy of the options.
    pub(crate) const fn new(options: &Options) -> Self {
        Self { refuse: options.refuse }
    }
}

impl Policy for ByOption {
    fn admit(&mut self) -> Result<(), Refusal> {
        if self.refuse { Err(Refusal::Policy) } else { Ok(()) }
    }

    fn release(&mut self) {}
}

/// A guest whose only producer of I/O is the one loop, which now runs the coordinator.
pub(crate) struct OneLoop<'a, 'c, H: Hypercall, G: IrqGate> {
    /// The way to sleep until xenstore has something to say.
    pub(crate) link: &'a dyn Link,
    /// The console, whose output is sent while there is nothing else to do.
    pub(crate) console: &'a Console<'c, &'c H, G>,
}

impl<H: Hypercall, G: IrqGate> OsQuiesce for OneLoop<'_, '_, H, G> {
    fn freeze(&mut self) -> Result<(), Refusal> {
        Ok(())
    }

    fn thaw(&mut self) {}

    fn wait(&mut self, until: Nanos) {
        self.console.flush();
        self.link.wait(until);
    }
}

/// Around the call: the machine, and the last words on the hypervisor's console.
#[derive(Debug)]
pub(crate) struct Around<'m, M>(pub &'m M);

impl<M: Machine> Platform for Around<'_, M> {
    fn moved(&mut self) {
        self.0.moved();
    }

    fn last_words(&mut self, fatal: Fatal) {
        cry(self.0, format_args!("rebuild {fatal}"));
    }
}

/// Says what happens, and remembers how it ended.
pub(crate) struct Witnessing<'a, 'g, 'c, M: Machine, H: Hypercall> {
    voice: &'a Voice<'g, 'c, M, H>,
    counts: &'a dyn Fn() -> Counts,
    /// The counts when the guest went into the dark, or made the call.
    pub(crate) at_call: Counts,
    /// How the last operation ended, and how long the guest was away.
    pub(crate) ended: Option<(Ending, Option<Nanos>)>,
}

impl<'a, 'g, 'c, M: Machine, H: Hypercall> Witnessing<'a, 'g, 'c, M, H> {
    /// Makes an observer with a voice.
    pub(crate) fn new(voice: &'a Voice<'g, 'c, M, H>, counts: &'a dyn Fn() -> Counts) -> Self {
        Self { voice, counts, at_call: Counts::default(), ended: None }
    }
}

impl<M: Machine, H: Hypercall> Observer for Witnessing<'_, '_, '_, M, H> {
    fn state(&mut self, _now: Nanos, state: State) {
        match state {
            State::Requested => self.voice.say(format_args!("suspending")),
            State::Dark | State::InCall => self.at_call = (self.counts)(),
            _ => {}
        }
    }

    fn ended(&mut self, _now: Nanos, ending: &Ending, away: Option<Nanos>) {
        match ending {
            Ending::Aborted(Abort::Refused(why)) => self.voice.say(format_args!("refused why={why}")),
            Ending::Aborted(why) => self.voice.say(format_args!("aborted why={why}")),
            Ending::Resumed(_) => {}
        }
        self.ended = Some((*ending, away));
    }

    fn unknown(&mut self, word: ControlWord) {
        self.voice.say(format_args!("unknown word={word}"));
    }
}
