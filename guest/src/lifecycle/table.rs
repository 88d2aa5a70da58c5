//! The lifecycles.

use super::Step::{
    Alive, Checkpoint, Create, FreezeHere, FreezeMove, Gone, Migrate, NeverSays, NodeIs, Pause, Poweroff, Reboot,
    RestoreCheckpoint, SaveFails, SaveOutOfSpace, SaveRestore, Says, SlowResume, Word,
};
use super::{Host, Lifecycle, Step};

/// A checkpoint and what the guest must say of it: it did nothing but go on.
macro_rules! checkpoint {
    () => {
        [Checkpoint, Says("resumed", &["class=cancel", "intact=yes"]), Says("trace", UNTOUCHED)]
    };
}

/// A save and a restore and what the guest must say of it.
macro_rules! restore {
    () => {
        [SaveRestore, Says("resumed", &["class=new", "intact=yes"])]
    };
}

/// What a cancelled suspend does to the objects of Xen and of xenstore: nothing, and one message, which reads
/// `control/shutdown` again.
pub const UNTOUCHED: &[&str] = &["bound=0", "closed=0", "mapped=0", "registered=0", "xenstore=1"];

/// A migration and what the guest must say of it.
macro_rules! migrate {
    () => {
        [Migrate, Says("resumed", &["class=new", "intact=yes"])]
    };
}

const fn five<const N: usize, const M: usize>(cycle: [Step; N]) -> [Step; M] {
    let mut steps = [Alive; M];
    steps[0] = Create;
    let mut at = 0;
    while at < 5 * N {
        steps[1 + at] = cycle[at % N];
        at += 1;
    }
    steps[M - 1] = Poweroff;
    steps
}

const CHECKPOINTS: [Step; 18] = five(checkpoint!());
const RESTORES: [Step; 13] = five(restore!());
const MIGRATIONS: [Step; 13] = five(migrate!());

/// What a guest goes through whose vCPU 0 is interrupted by events; the scenario `upcall` says whether it is.
const INTERRUPTED: &[Step] = &[
    Create,
    Says("selftest", &["result=ok"]),
    Checkpoint,
    Says("resumed", &["class=cancel", "intact=yes"]),
    Says("selftest", &["result=ok"]),
    SaveRestore,
    Says("resumed", &["class=new", "intact=yes"]),
    Says("selftest", &["result=ok"]),
    Migrate,
    Says("resumed", &["class=new", "intact=yes"]),
    Says("selftest", &["result=ok"]),
    Alive,
    Poweroff,
];

const fn both(name: &'static str, about: &'static str, cmdline: &'static str, steps: &'static [Step]) -> Lifecycle {
    Lifecycle { name, about, cmdline, steps, only: None }
}

/// Every scenario.
pub const ALL: &[Lifecycle] = &[
    both("checkpoint", "five checkpoints; each is a strict no-op", "", &CHECKPOINTS),
    both("restore", "five times saved and restored into a new domain", "", &RESTORES),
    both("migrate", "five times migrated", "", &MIGRATIONS),
    Lifecycle {
        name: "rewind",
        about: "a checkpoint's image is restored after the domain is gone",
        cmdline: "",
        steps: &[
            Create,
            Checkpoint,
            Says("resumed", &["class=cancel", "intact=yes"]),
            Alive,
            RestoreCheckpoint,
            Says("resumed", &["class=new", "intact=yes"]),
            Alive,
            Poweroff,
        ],
        only: Some((
            Host::Xen,
            "the mock host's guest lives in the process's own memory, which cannot go back to an older image; \
             what the guest sees is what `restore` shows",
        )),
    },
    both(
        "mixed",
        "checkpoints and restores in turn",
        "",
        &[
            Create,
            Checkpoint,
            Says("resumed", &["class=cancel"]),
            SaveRestore,
            Says("resumed", &["class=new"]),
            Checkpoint,
            Says("resumed", &["class=cancel"]),
            SaveRestore,
            Says("resumed", &["class=new", "epoch=2", "intact=yes"]),
            Alive,
            Poweroff,
        ],
    ),
    both(
        "selftest",
        "the guest's own scenarios, also after each kind of resume",
        "selftest=1 selftest_after=1",
        &[
            Create,
            Says("selftest", &["result=ok"]),
            Checkpoint,
            Says("resumed", &["class=cancel"]),
            Says("selftest", &["result=ok"]),
            SaveRestore,
            Says("resumed", &["class=new"]),
            Says("selftest", &["result=ok"]),
            Poweroff,
        ],
    ),
    both(
        "slow-resume",
        "the same domain, resumed as if it were a new one: everything exists, and is found to",
        "selftest_after=1",
        &[
            Create,
            SlowResume,
            Says("resumed", &["class=inplace", "epoch=1", "intact=yes"]),
            Says("selftest", &["result=ok"]),
            SlowResume,
            Says("resumed", &["class=inplace", "epoch=2"]),
            SaveRestore,
            Says("resumed", &["class=new", "epoch=3", "intact=yes"]),
            Alive,
            Poweroff,
        ],
    ),
    both(
        "frozen",
        "frozen without being asked: found out after the sleep, and adapted to",
        "wake=1 selftest_after=1",
        &[
            Create,
            Pause,
            Says("resumed", &["class=frozen", "epoch=0", "intact=yes"]),
            Says("trace", UNTOUCHED),
            Says("selftest", &["result=ok"]),
            FreezeHere,
            Says("resumed", &["class=frozen", "epoch=0", "intact=yes"]),
            Says("trace", UNTOUCHED),
            Says("selftest", &["result=ok"]),
            FreezeMove,
            Says("resumed", &["class=new", "epoch=1", "intact=yes"]),
            Says("selftest", &["result=ok"]),
            SaveRestore,
            Says("resumed", &["class=new", "epoch=2", "intact=yes"]),
            Alive,
            Poweroff,
        ],
    ),
    Lifecycle {
        name: "hypercall-page",
        about: "hypercalls by the page that Xen fills, and fills again in a new domain",
        cmdline: "hypercall=page",
        steps: &[
            Create,
            Says("hypercalls", &["by=page"]),
            Checkpoint,
            Says("resumed", &["class=cancel", "intact=yes"]),
            SaveRestore,
            Says("resumed", &["class=new", "intact=yes"]),
            Migrate,
            Says("resumed", &["class=new", "intact=yes"]),
            Alive,
            Poweroff,
        ],
        only: Some((Host::Xen, "the mock host takes hypercalls without an instruction")),
    },
    both(
        "vector",
        "events by an interrupt vector of each processor's own, through every kind of resume",
        "upcall=vector selftest=1 selftest_after=1",
        INTERRUPTED,
    ),
    both(
        "callback",
        "events by the vector of the domain's callback, through every kind of resume",
        "upcall=callback selftest=1 selftest_after=1",
        INTERRUPTED,
    ),
    Lifecycle {
        name: "intx",
        about: "events by the interrupt of the platform device, through every kind of resume",
        cmdline: "upcall=intx selftest=1 selftest_after=1",
        steps: INTERRUPTED,
        only: Some((
            Host::Hvm,
            "it takes a platform device and an I/O APIC, which PVH guests and the mock host have not",
        )),
    },
    both("poweroff", "a clean end", "", &[Create, Alive, Poweroff, Says("stopping", &["reason=poweroff"])]),
    both("halt", "the other word for it", "", &[Create, Word("halt"), Says("stopping", &["reason=halt"]), Gone]),
    both("reboot", "ends and comes again", "", &[Create, Reboot, Alive, Poweroff]),
    both(
        "junk",
        "an unknown word is reported, not acknowledged, and does no harm",
        "",
        &[
            Create,
            Word("frobnicate"),
            Says("unknown", &["word=frobnicate"]),
            Alive,
            NodeIs("frobnicate"),
            Word(""),
            SaveRestore,
            Says("resumed", &["class=new", "intact=yes"]),
            Poweroff,
        ],
    ),
    both(
        "overwritten",
        "`poweroff` written over `suspend` before the acknowledgement powers off",
        "ack_delay_ms=3000",
        &[
            Create,
            Word("suspend"),
            Says("suspending", &[]),
            Word("poweroff"),
            Says("aborted", &["why=word-changed-poweroff"]),
            Says("stopping", &["reason=poweroff"]),
            Gone,
            NeverSays("resumed"),
        ],
    ),
    both(
        "options",
        "options that mean nothing are reported and harmless",
        "colour=blue evtchn=3l",
        &[Create, Says("option", &["unknown=colour=blue"]), Says("option", &["unknown=evtchn=3l"]), Alive, Poweroff],
    ),
    both(
        "full-disk",
        "a save that fails after the suspend: the toolstack resumes the same domain",
        "",
        &[
            Create,
            SaveOutOfSpace,
            Says("resumed", &["class=cancel", "intact=yes"]),
            Says("trace", UNTOUCHED),
            Alive,
            Poweroff,
        ],
    ),
    both(
        "refuse",
        "a guest that refuses stays up and serves the next request",
        "refuse=1",
        &[
            Create,
            SaveFails,
            Says("refused", &["why=policy"]),
            NodeIs(""),
            Alive,
            NeverSays("resumed"),
            Reboot,
            Poweroff,
        ],
    ),
    Lifecycle {
        name: "deaf",
        about: "one processor does not come when all are called together: given up, and everybody goes on",
        cmdline: "deaf=1",
        steps: &[Create, SaveFails, Says("aborted", &["why=park"]), NodeIs(""), Alive, NeverSays("resumed"), Poweroff],
        only: Some((Host::Smp, "one processor has nobody to wait for")),
    },
    both(
        "fail-prepare",
        "a device fails before the acknowledgement",
        "fail=prepare",
        &[Create, SaveFails, Says("aborted", &["why=device-1-device"]), Alive, NeverSays("resumed"), Poweroff],
    ),
    both(
        "fail-freeze",
        "a device fails after the acknowledgement",
        "fail=freeze",
        &[
            Create,
            SaveFails,
            Says("aborted", &["why=device-1-device"]),
            NodeIs(""),
            Alive,
            NeverSays("resumed"),
            Poweroff,
        ],
    ),
    both(
        "fail-resume",
        "a device does not come back: it is degraded, and the guest goes on",
        "fail=resume",
        &[Create, SaveRestore, Says("resumed", &["class=new", "degraded=1"]), Alive, Poweroff],
    ),
];
