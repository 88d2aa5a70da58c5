//! Lifecycle scenarios as data: what a toolstack does to the guest, and what the guest must then say.
//!
//! One table drives two hosts. The mock host interprets it in one process; the real-Xen rig turns it into commands of
//! `xl` and `xenstore-write` in dom0. A scenario that only one of the two can run says so in [`Lifecycle::only`].

mod table;

use crate::Options;
use crate::options::word;

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

/// Finds a line by which the guest says that it runs by another ABI of event channels than `cmdline` asks for, or does not
/// say by which. Not for a host without the FIFO ABI, which a guest does without.
pub fn of_another_abi<'l>(cmdline: &str, lines: impl IntoIterator<Item = &'l str>) -> Option<&'l str> {
    let wanted = word(Options::parse(cmdline, |_| ()).evtchn);
    lines.into_iter().find(|line| {
        let mut words = line.split_ascii_whitespace().skip_while(|word| *word != "xen-guest:").skip(1);
        let tells = matches!(words.next(), Some("ready" | "resumed"));
        tells && words.find_map(|word| word.strip_prefix("evtchn=")) != Some(wanted)
    })
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
    /// Make backends for so many devices of each kind, which greet the guest's ends, and wait until the guest has connected to them
    /// as often as it will.
    Devices(u32),
    /// Compare the nodes of the guest's hoard, their values and permissions, with what it said last of them.
    Hoarded,
    /// Write another word to all groups of the hoard; the guest must say it, and each watch have told of it once.
    Poke,
    /// Count what the guest holds of Xen, and its peer; what the first one finds, all later ones must find.
    Census,
    /// Wait for two further `tick` lines: the guest is alive.
    Alive,
}

#[cfg(test)]
mod tests {
    use super::of_another_abi;

    #[test]
    fn a_guest_is_held_to_the_abi_that_was_asked_for() {
        const TOLD: [&str; 3] = [
            "xen-guest: ready domid=1 evtchn=fifo vcpus=2",
            "xen-guest: tick n=1",
            "xen-guest: resumed evtchn=fifo n=1",
        ];
        for cmdline in ["", "evtchn=fifo", "evtchn=3l", "evtchn=2l evtchn=fifo"] {
            assert_eq!(of_another_abi(cmdline, TOLD), None, "{cmdline}");
        }
        assert_eq!(of_another_abi("selftest=1 evtchn=2l", TOLD), Some(TOLD[0]));
        let fell_back = [TOLD[0], "xen-guest: resumed class=new evtchn=2l intact=yes"];
        assert_eq!(of_another_abi("", fell_back), Some(fell_back[1]));
        assert_eq!(
            of_another_abi("", ["xen-guest: ready domid=1"]),
            Some("xen-guest: ready domid=1"),
            "it does not say"
        );
    }
}
