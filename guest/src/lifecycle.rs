//! Lifecycle scenarios as data: what a toolstack does to the guest, and what the guest must then say.
//!
//! One table drives two hosts. The mock host interprets it in one process; the real-Xen rig turns it into commands of
//! `xl` and `xenstore-write` in dom0. A scenario that only one of the two can run says so in [`Lifecycle::only`].

mod table;

pub use table::{ALL, UNTOUCHED};

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
    /// `None`: runs on both hosts, in every guest. Otherwise where alone it can, and why.
    pub only: Option<(Host, &'static str)>,
}

/// Who plays Xen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host {
    /// The mock host, in this process.
    Mock,
    /// A real hypervisor with the real `xl`.
    Xen,
    /// The same, in a guest with a device model.
    Hvm,
    /// Any, in a guest of several processors.
    Smp,
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
    /// `xl save` onto a disk that outlives the machine: the domain is gone from it.
    SaveAway,
    /// `xl restore` of what [`Step::SaveAway`] of another machine saved: a new domain.
    RestoreHere,
    /// `xl migrate` to the same host: a new domain, as after a save and a restore.
    Migrate,
    /// Destroy the domain, then restore the image of the last [`Step::Checkpoint`].
    RestoreCheckpoint,
    /// `xl save` that must fail because the guest never acknowledges or never suspends; the guest goes on.
    SaveFails,
    /// `xl save` into a file system that is full after the suspend: the toolstack resumes the same domain.
    SaveOutOfSpace,
    /// A save whose toolstack resumes the same domain the slow way, as if it were a new one.
    SlowResume,
    /// `xl pause`, and after a while `xl unpause`.
    Pause,
    /// The guest is frozen where it is, without being asked, and thawed in the same domain.
    FreezeHere,
    /// The guest is frozen where it is, without being asked, and restored into a new domain.
    FreezeMove,
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
    /// Type so many bytes on the guest's console; they need not be read yet.
    Type(u32),
    /// Wait until the guest says that it has heard all that was typed, by number and checksum.
    Heard,
    /// Wait for the guest to say that its load is written, and compare its number of bytes and checksum with what came.
    /// At least one suspend must have come amid it.
    Loaded,
    /// Create a guest that obeys this one, or another after it has ended, and tell each of the other.
    Peer,
    /// Count what the guest holds of Xen, and its peer; what the first one finds, all later ones must find.
    Census,
    /// Wait for two further `tick` lines: the guest is alive.
    Alive,
}
