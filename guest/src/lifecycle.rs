//! Lifecycle scenarios as data: what a toolstack does to the guest, and what the guest must then say.
//!
//! One table drives two hosts. The mock host interprets it in one process; the real-Xen rig turns it into commands of
//! `xl` and `xenstore-write` in dom0. A scenario that only one of the two can run says so in [`Lifecycle::only`].

/// A run of one guest from its creation to its end.
#[derive(Debug, Clone, Copy)]
pub struct Lifecycle {
    /// Name of the scenario and of its domain: lower-case letters and `-`.
    pub name: &'static str,
    /// What the scenario shows, in one sentence.
    pub about: &'static str,
    /// Kernel command line of the guest, `key=value …`.
    pub cmdline: &'static str,
    /// What happens, in order.
    pub steps: &'static [Step],
    /// `None`: runs on both hosts. Otherwise the only host that can, and why.
    pub only: Option<(Host, &'static str)>,
}

/// Who plays Xen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host {
    /// The mock host, in this process.
    Mock,
    /// A real hypervisor with the real `xl`.
    Xen,
}

/// One action of the toolstack, or one thing to be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Create the domain and wait for its `ready` line.
    Create,
    /// `xl save -c`: save an image, let the same domain go on. Must succeed.
    Checkpoint,
    /// `xl save`, then `xl restore` of that image: a new domain. Both must succeed.
    SaveRestore,
    /// Destroy the domain, then restore the image of the last [`Step::Checkpoint`].
    RestoreCheckpoint,
    /// `xl save` that must fail because the guest never acknowledges or never suspends; the guest goes on.
    SaveFails,
    /// `xl save` into a file system that is full after the suspend: the toolstack resumes the same domain.
    SaveOutOfSpace,
    /// Write this word to `control/shutdown`, as the toolstack would.
    Word(&'static str),
    /// Wait until `control/shutdown` holds exactly this word (empty: acknowledged).
    NodeIs(&'static str),
    /// `xl shutdown -w`: the guest powers off and its domain is gone.
    Poweroff,
    /// `xl reboot`: the guest reboots and says `ready` again in a new domain.
    Reboot,
    /// Wait until the domain has gone by itself.
    Gone,
    /// Wait for a console line `xen-guest: EVENT …` that comes after all lines matched so far and holds each of these
    /// words (`key=value`, or a bare word).
    Says(&'static str, &'static [&'static str]),
    /// Fail if the console, from the beginning, holds a line of this event.
    NeverSays(&'static str),
    /// Wait for two further `tick` lines: the guest is alive.
    Alive,
}
