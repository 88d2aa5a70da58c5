//! What can go wrong, one trouble a lifecycle: made by the mock host, survived by the guest.

use guest::lifecycle::{Host as On, Lifecycle, Step};
use xen_hypercall::{Nanos, Number};
use xen_mock::{ControlNodes, Daemon, Destination, Leaves, Save, StoreOp};

use crate::{Arrangement, Failure, Report, play};

/// A lifecycle on a host where something is wrong.
#[derive(Debug, Clone, Copy)]
pub struct Trouble {
    /// What happens, and what the guest must say.
    pub lifecycle: Lifecycle,
    /// What is wrong.
    pub arrange: fn() -> Arrangement,
    /// What the guest must say on the hypervisor's console; nothing, unless the trouble is its end.
    pub last_words: &'static str,
}

impl Trouble {
    /// Plays the lifecycle, and compares the guest's last words.
    ///
    /// # Errors
    /// As [`play`], and if the last words are others.
    pub fn play(&self) -> Result<Report, Failure> {
        let report = play(&self.lifecycle, (self.arrange)())?;
        let said = report.emergencies.trim_end();
        if said == self.last_words {
            return Ok(report);
        }
        Err(Failure { why: format!("the last words are {said:?}"), report })
    }

    const fn with_last_words(self, last_words: &'static str) -> Self {
        Self { last_words, ..self }
    }
}

const fn trouble(
    name: &'static str,
    about: &'static str,
    steps: &'static [Step],
    arrange: fn() -> Arrangement,
) -> Trouble {
    let only = Some((On::Mock, "a real host does not go wrong on demand"));
    Trouble { lifecycle: Lifecycle { name, about, cmdline: "", steps, only }, arrange, last_words: "" }
}

use Step::{Alive, Checkpoint, Create, Gone, NeverSays, NodeIs, Poweroff, SaveFails, SaveRestore, Says, Word};

/// A suspend that works, at the end of every trouble that the guest is to survive.
const AGAIN: [Step; 2] = [SaveRestore, Says("resumed", &["class=new", "intact=yes"])];

/// Every trouble.
pub const TROUBLES: &[Trouble] = &[
    trouble(
        "call-fails",
        "the suspend call returns an error: the guest goes on, and is suspended the next time",
        &[Create, SaveFails, Says("aborted", &["why=call--22"]), NodeIs(""), Alive, AGAIN[0], AGAIN[1], Poweroff],
        || Arrangement::default().prepared(|host| host.faults().on_call(Number::SCHED_OP).cmd(2).returns(-22)),
    ),
    trouble(
        "ack-denied",
        "the acknowledgement cannot be written: refused, and the node is left alone",
        &[
            Create,
            Word("suspend"),
            Says("aborted", &["why=ack-denied"]),
            Alive,
            NodeIs("suspend"),
            NeverSays("resumed"),
            Word("poweroff"),
            Gone,
        ],
        || Arrangement::default().prepared(|host| host.faults().deny_acknowledgement()),
    ),
    trouble(
        "ack-conflicts",
        "fifteen conflicts in a row: the acknowledgement is committed all the same",
        &[Create, Checkpoint, Says("resumed", &["class=cancel"]), Poweroff],
        || {
            Arrangement::default()
                .prepared(|host| host.faults().on_store(StoreOp::TransactionEnd).times(15).fails("EAGAIN"))
        },
    ),
    trouble(
        "unknown-error",
        "xenstore refuses with a name that nobody knows: the word is read again, and served",
        &[Create, Word("poweroff"), Says("stopping", &["reason=poweroff"]), Gone],
        || {
            Arrangement::default().prepared(|host| {
                host.faults().on_store(StoreOp::TransactionStart).times(1).fails("EBOGUS\u{1b}[2J");
            })
        },
    ),
    trouble(
        "no-control",
        "there is no directory `control`: the guest runs, and is asked nothing",
        &[Create, Alive, Word("poweroff"), Says("stopping", &["reason=poweroff"]), Gone],
        || Arrangement::default().built(|builder| builder.control(ControlNodes::Absent)),
    ),
    trouble(
        "fence",
        "xenstore never answers one request: it does not become quiet, and the suspend is given up",
        &[Create, SaveFails, Says("aborted", &["why=fence"]), Alive, NeverSays("resumed"), Poweroff],
        || {
            // The guest reads the node when the word comes, within the acknowledgement, and once more before the fence: the
            // first event of its watch comes together with the word.
            Arrangement::default().prepared(|host| {
                host.faults().on_store(StoreOp::Read).path("control/shutdown").nth(3).swallows();
            })
        },
    ),
    trouble(
        "rebuild-fails",
        "`shared_info` cannot be mapped in the new domain: the guest crashes with a message, and does not hang",
        &[Create, Gone],
        || {
            Arrangement::default().prepared(|host| {
                host.at(Nanos::from_secs(1), |host| {
                    host.faults().on_call(Number::MEMORY_OP).returns(-12);
                    host.toolstack().save(Save::Restore(Destination::default()));
                });
            })
        },
    )
    .with_last_words("xen-guest: FAIL what=rebuild SharedInfo cannot be rebuilt: Xen said ENOMEM"),
    trouble(
        "store-lost",
        "the port of xenstore cannot be had in the new domain: the guest runs on, with its devices degraded",
        &[Create, SaveRestore, Says("resumed", &["class=new", "intact=yes", "degraded=2"]), Alive],
        || {
            Arrangement::default().prepared(|host| {
                // At the start: CONSOLE_PFN twice, CONSOLE_EVTCHN, STORE_PFN, STORE_EVTCHN. In the new domain: the witness
                // CALLBACK_IRQ, CONSOLE_PFN, CONSOLE_EVTCHN, and then STORE_PFN, the ninth, asked for three times.
                host.faults().on_call(Number::HVM_OP).cmd(1).nth(9).times(3).returns(-12);
            })
        },
    ),
    trouble(
        "store-slow",
        "xenstore is silent for 40 s after a restore: the devices are degraded, and what comes later is served",
        &[Create, SaveRestore, Says("resumed", &["class=new", "intact=yes"]), Alive, Poweroff],
        || {
            Arrangement::default().prepared(|host| {
                host.faults().on_store(StoreOp::Watch).nth(2).delays(Nanos::from_secs(40));
            })
        },
    ),
    trouble(
        "console-stuck",
        "nobody reads the console: nothing waits for it",
        &[Checkpoint, SaveRestore, Poweroff],
        || Arrangement::default().built(|builder| builder.console(Daemon::Stuck)),
    ),
    trouble("no-console", "there is no console: the guest runs without", &[Checkpoint, SaveRestore, Poweroff], || {
        Arrangement::default().built(|builder| builder.console(Daemon::Absent))
    })
    .with_last_words("xen-guest: FAIL what=console the domain has no console"),
    trouble("no-store", "there is no xenstore: the guest says so and ends", &[Gone], || {
        Arrangement::default().built(|builder| builder.store(Daemon::Absent))
    })
    .with_last_words("xen-guest: FAIL what=start the domain has no xenstore"),
    trouble("no-xen", "CPUID has no leaf of Xen's: the guest says so and ends", &[Gone], || {
        Arrangement::default().built(|builder| builder.leaves(Leaves::Absent))
    })
    .with_last_words(
        "xen-guest: FAIL what=start no CPUID leaf between 0x40000000 and 0x4000ff00 bears Xen's signature",
    ),
];
