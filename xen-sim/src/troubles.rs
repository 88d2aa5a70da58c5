//! What can go wrong, one trouble a lifecycle: made by the mock host, survived by the guest.

use guest::lifecycle::{Host as On, Lifecycle, Step};
use xen_hypercall::Number;
use xen_mock::{ControlNodes, Daemon, StoreOp};

use crate::Arrangement;

/// A lifecycle on a host where something is wrong.
#[derive(Debug, Clone, Copy)]
pub struct Trouble {
    /// What happens, and what the guest must say.
    pub lifecycle: Lifecycle,
    /// What is wrong.
    pub arrange: fn() -> Arrangement,
}

const fn trouble(
    name: &'static str,
    about: &'static str,
    steps: &'static [Step],
    arrange: fn() -> Arrangement,
) -> Trouble {
    let only = Some((On::Mock, "a real host does not go wrong on demand"));
    Trouble { lifecycle: Lifecycle { name, about, cmdline: "", steps, only }, arrange }
}

use Step::{Alive, Checkpoint, Create, NeverSays, NodeIs, Poweroff, SaveFails, SaveRestore, Says, Word};

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
            Step::Gone,
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
        &[Create, Word("poweroff"), Says("stopping", &["reason=poweroff"]), Step::Gone],
        || {
            Arrangement::default().prepared(|host| {
                host.faults().on_store(StoreOp::TransactionStart).times(1).fails("EBOGUS\u{1b}[2J");
            })
        },
    ),
    trouble(
        "no-control",
        "there is no directory `control`: the guest runs, and is asked nothing",
        &[Create, Alive, Word("poweroff"), Says("stopping", &["reason=poweroff"]), Step::Gone],
        || Arrangement::default().built(|builder| builder.control(ControlNodes::Absent)),
    ),
    trouble(
        "console-stuck",
        "nobody reads the console: nothing waits for it",
        &[Checkpoint, SaveRestore, Poweroff],
        || Arrangement::default().built(|builder| builder.console(Daemon::Stuck)),
    ),
    trouble("no-console", "there is no console: the guest runs without", &[Checkpoint, SaveRestore, Poweroff], || {
        Arrangement::default().built(|builder| builder.console(Daemon::Absent))
    }),
];
