//! What the kernel command line asks for: `key=value` words.

use xen_evtchn::Abi;
use xen_grant::Version;
use xen_hypercall::Nanos;

use crate::{frontends, hoard};

/// The options of a guest; each key is documented at its field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// `refuse=1`: the policy refuses every suspend.
    pub refuse: bool,
    /// `ack_delay_ms=N`: devices take so long to prepare.
    pub ack_delay: Nanos,
    /// `fail=prepare|freeze|resume`: a device fails at this step, each time.
    pub fail: Option<Failing>,
    /// `selftest=1`: run the scenarios before `ready`.
    pub selftest: bool,
    /// `selftest_after=1`: run the scenarios again after each resume.
    pub selftest_after: bool,
    /// `wake=1`: find out after each sleep whether the guest was frozen meanwhile.
    pub wake: bool,
    /// `upcall=poll|vector|callback|intx`: how vCPU 0 is told of events; it does not want to be, by default.
    pub upcall: Upcall,
    /// `rendezvous_ms=N`: how long the other processors may take to come together, 2000 by default.
    pub rendezvous: Nanos,
    /// `deaf=1`: vCPU 1 does not come to the rendezvous.
    pub deaf: bool,
    /// `load_kib=N`: write so much to the console at the start and after each resume, and count what comes in.
    pub load_kib: u32,
    /// `role=peer`: do what another guest of ours wants.
    pub role: Role,
    /// `grant=v1|v2`: the version of the grant table, 1 by default, and where there is no other.
    pub grant: Version,
    /// `evtchn=fifo|2l`: the ABI of event channels, FIFO by default; where Xen has not that, 2-level.
    pub evtchn: Abi,
    /// `trial=events|grants`: go through scenarios with a peer at the start and after each resume.
    pub trial: Option<Kind>,
    /// `hoard=N`: keep so many nodes in xenstore, in groups that are watched, and make them again in each new domain.
    pub hoard: usize,
    /// `devices=N`: connect and close so many devices of each kind, again and again, at the start.
    pub devices: usize,
    /// `tick_ms=N`: time between ticks, 1000 by default.
    pub tick: Nanos,
}

/// Where the test device fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failing {
    /// Before the acknowledgement: the toolstack cancels.
    Prepare,
    /// After the acknowledgement: the toolstack waits in vain.
    Freeze,
    /// After the resume: the device is degraded.
    Resume,
}

/// What a guest is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Role {
    /// It is tested.
    #[default]
    Tested,
    /// It helps to test another.
    Peer,
}

/// What the scenarios with a peer are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Event channels.
    Events,
    /// Pages.
    Grants,
}

/// How Xen tells processors of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Upcall {
    /// vCPU 0 looks for itself, with interrupts off always; the others are told as by [`Upcall::Callback`].
    #[default]
    Poll,
    /// By an interrupt vector of each processor's own, acknowledged at its local APIC.
    Vector,
    /// By the vector of the domain's callback, which needs no acknowledgement.
    Callback,
    /// vCPU 0 by the interrupt of the platform device, through the I/O APIC; the others as by [`Upcall::Vector`].
    Intx,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            refuse: false,
            ack_delay: Nanos::ZERO,
            fail: None,
            selftest: false,
            selftest_after: false,
            wake: false,
            upcall: Upcall::Poll,
            rendezvous: Nanos::from_secs(2),
            deaf: false,
            load_kib: 0,
            role: Role::Tested,
            grant: Version::V1,
            evtchn: Abi::Fifo,
            trial: None,
            hoard: 0,
            devices: 0,
            tick: Nanos::from_secs(1),
        }
    }
}

impl Options {
    /// Takes a command line; `unknown` is told of every word that means nothing here.
    pub fn parse<'a>(line: &'a str, mut unknown: impl FnMut(&'a str)) -> Self {
        let mut options = Self::default();
        for word in line.split_ascii_whitespace() {
            if options.take(word).is_none() {
                unknown(word);
            }
        }
        options
    }

    fn take(&mut self, word: &str) -> Option<()> {
        let (key, value) = word.split_once('=')?;
        match key {
            "refuse" => self.refuse = flag(value)?,
            "ack_delay_ms" => self.ack_delay = Nanos::from_millis(value.parse().ok()?),
            "upcall" => self.upcall = upcall(value)?,
            "rendezvous_ms" => self.rendezvous = Nanos::from_millis(value.parse().ok().filter(|&millis| millis > 0)?),
            "tick_ms" => self.tick = Nanos::from_millis(value.parse().ok().filter(|&millis| millis > 0)?),
            "load_kib" => self.load_kib = value.parse().ok()?,
            "selftest" => self.selftest = flag(value)?,
            "selftest_after" => self.selftest_after = flag(value)?,
            "deaf" => self.deaf = flag(value)?,
            "wake" => self.wake = flag(value)?,
            "role" => self.role = (value == "peer").then_some(Role::Peer)?,
            "evtchn" => self.evtchn = evtchn(value)?,
            "grant" => self.grant = grant(value)?,
            "trial" => self.trial = Some(trial(value)?),
            "hoard" => self.hoard = value.parse().ok().filter(|&nodes| nodes <= hoard::MOST)?,
            "devices" => self.devices = value.parse().ok().filter(|&count| count <= frontends::MOST)?,
            "fail" => self.fail = Some(failing(value)?),
            _ => return known_elsewhere(key, value),
        }
        Some(())
    }
}

fn flag(value: &str) -> Option<bool> {
    match value {
        "0" => Some(false),
        "1" => Some(true),
        _ => None,
    }
}

fn failing(value: &str) -> Option<Failing> {
    match value {
        "prepare" => Some(Failing::Prepare),
        "freeze" => Some(Failing::Freeze),
        "resume" => Some(Failing::Resume),
        _ => None,
    }
}

fn evtchn(value: &str) -> Option<Abi> {
    match value {
        "2l" => Some(Abi::TwoLevel),
        "fifo" => Some(Abi::Fifo),
        _ => None,
    }
}

/// The word for an ABI, on the command line and on the console.
pub(crate) const fn word(abi: Abi) -> &'static str {
    match abi {
        Abi::TwoLevel => "2l",
        Abi::Fifo => "fifo",
    }
}

fn grant(value: &str) -> Option<Version> {
    match value {
        "v1" => Some(Version::V1),
        "v2" => Some(Version::V2),
        _ => None,
    }
}

fn trial(value: &str) -> Option<Kind> {
    match value {
        "events" => Some(Kind::Events),
        "grants" => Some(Kind::Grants),
        _ => None,
    }
}

fn upcall(value: &str) -> Option<Upcall> {
    match value {
        "poll" => Some(Upcall::Poll),
        "vector" => Some(Upcall::Vector),
        "callback" => Some(Upcall::Callback),
        "intx" => Some(Upcall::Intx),
        _ => None,
    }
}

/// Options with one meaning so far, and those that the boot code takes for itself.
fn known_elsewhere(key: &str, value: &str) -> Option<()> {
    matches!((key, value), ("hypercall", "direct" | "page") | ("suspend_channel", "off") | ("fault", _)).then_some(())
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::vec::Vec;

    use super::{Abi, Failing, Nanos, Options, evtchn, word};

    fn parse(line: &str) -> (Options, Vec<&str>) {
        let mut unknown = Vec::new();
        let options = Options::parse(line, |word| unknown.push(word));
        (options, unknown)
    }

    #[test]
    fn known_words_are_taken() {
        let (options, unknown) = parse("refuse=1  ack_delay_ms=250 fail=freeze evtchn=2l grant=v1 suspend_channel=off");
        assert_eq!(unknown, [] as [&str; 0]);
        assert!(options.refuse);
        assert_eq!((options.ack_delay, options.fail), (Nanos::from_millis(250), Some(Failing::Freeze)));
    }

    #[test]
    fn an_abi_and_its_word_go_together() {
        assert_eq!(Options::default().evtchn, Abi::Fifo, "as whoever calls `choose` has it");
        for abi in [Abi::Fifo, Abi::TwoLevel] {
            assert_eq!(evtchn(word(abi)), Some(abi));
        }
        assert_eq!(parse("evtchn=2l evtchn=fifo").0.evtchn, Abi::Fifo, "the last one counts");
    }

    #[test]
    fn all_others_are_reported_and_harmless() {
        let (options, unknown) = parse("refuse=yes evtchn=3l grant=v3 quiet ack_delay_ms=-1 tick_ms=0 hoard=6401 =");
        assert_eq!(unknown[..4], ["refuse=yes", "evtchn=3l", "grant=v3", "quiet"]);
        assert_eq!(unknown[4..], ["ack_delay_ms=-1", "tick_ms=0", "hoard=6401", "="]);
        assert_eq!(options, Options::default());
    }
}
