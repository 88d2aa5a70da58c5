//! The tasks that wait, and the one that pokes them.

use core::fmt::Write as _;

use xen_hypercall::{Nanos, Vcpu};
use xen_store::{Path, PathBuf, Reply, Request, Requests, StoreError};

use crate::guest::Guest;
use crate::tally::NODES;

/// How long all are at rest, so that most suspends come upon tasks that wait.
const REST: Nanos = Nanos::from_millis(300);
/// How often it is looked whether all have heard, and when it is given up.
const LOOK: Nanos = Nanos::from_millis(10);
const PATIENCE: Nanos = Nanos::from_secs(30);

/// Names the node of a task.
pub(crate) fn node(task: usize) -> PathBuf<32> {
    let folder = PathBuf::new(Path::literal("data")).expect("a short path");
    folder.join(format_args!("async-{task}")).expect("a path")
}

/// Moves what is asked of xenstore and answered.
pub(crate) async fn drives(guest: &'static Guest) {
    let over = guest.client.drive().await;
    panic!("xenstore: {over}");
}

/// Waits for a node to change, and reads it.
pub(crate) async fn hears(guest: &'static Guest, task: usize) {
    let path = node(task);
    guest.tally.reason(task);
    let watch = guest.client.watch(path.as_path()).await.expect("a watch");
    loop {
        guest.client.event(watch).await.expect("a watch that stands");
        guest.tally.woken(task);
        match guest.client.read(path.as_path(), &mut [0; 4]).await {
            Ok(bytes) => guest.tally.seen(task, u32::from_le_bytes(bytes.try_into().expect("a number"))),
            // Nobody was told anything yet.
            Err(error) if error.is_no_entry() => {}
            // A new domain, where the watch stands again, and has an event.
            Err(StoreError::EpochChanged) => {}
            Err(error) => panic!("xenstore: {error}"),
        }
    }
}

/// Waits for the event of a port, and for a new port in a new domain.
pub(crate) async fn rings(guest: &'static Guest, task: usize) {
    let Some(place) = guest.ports.get(task - NODES) else { return };
    loop {
        let port = guest.events.rebind_ipi(Vcpu(0)).expect("a port");
        port.unmask().expect("a port that was just bound");
        place.replace(Some(port));
        // What came before it was bound is seen now, as after any resume.
        guest.tally.seen(task, guest.tally.told());
        while guest.event_of(place).await.is_ok() {
            guest.tally.woken(task);
            guest.tally.seen(task, guest.tally.told());
        }
        guest.tally.woken(task);
        place.replace(None);
    }
}

/// Writes the number to all nodes, in a pipeline.
struct Told {
    guest: &'static Guest,
    number: u32,
}

impl Requests for Told {
    fn count(&self) -> usize {
        NODES
    }

    fn ask(
        &mut self,
        index: usize,
        ask: &mut dyn FnMut(Request<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        ask(Request::Write(node(index).as_path(), &self.number.to_le_bytes()))?;
        self.guest.tally.reason(index);
        Ok(())
    }

    fn answer(&mut self, _index: usize, answer: Result<Reply<'_>, StoreError>) {
        // In a new domain the nodes are published with the number of now.
        assert!(matches!(answer, Ok(_) | Err(StoreError::EpochChanged)), "{answer:?}");
    }
}

/// Waits until nothing comes any more of what was told: a new domain tells all of them again.
async fn rest(guest: &'static Guest) {
    loop {
        let epoch = guest.epoch.now();
        guest.alarm.sleep(REST).await;
        // The server has sent what it sends of earlier writes before it answers this.
        let answered = guest.client.read(Path::literal("domid"), &mut [0; 8]).await.is_ok();
        guest.alarm.sleep(LOOK).await;
        if answered && guest.epoch.now() == epoch {
            return;
        }
    }
}

/// Tells all of a number, until all have seen it; and then of the next.
pub(crate) async fn pokes(guest: &'static Guest) {
    loop {
        guest.tally.begin();
        let told = guest.tally.told();
        let mut console = guest.console;
        let begun = guest.clock.now();
        guest.client.pipeline(&mut Told { guest, number: told }).await;
        for (task, place) in (NODES..).zip(&guest.ports) {
            guest.tally.reason(task);
            // In a new domain it may not be bound again yet, and is a reason then too.
            let _ = place.borrow().as_ref().map(xen_evtchn::BoundPort::notify);
        }
        let deadline = guest.clock.now().after(PATIENCE);
        while guest.tally.missing() > 0 {
            if guest.clock.now() > deadline {
                guest.tally.give_up();
                break;
            }
            guest.alarm.sleep(LOOK).await;
        }
        let (took, resumes) = (guest.clock.now().since(begun), guest.tally.resumes());
        let (wrong, lost) = (guest.tally.wrong(), guest.tally.lost());
        let _ = writeln!(
            console,
            "xen-guest: tick n={told} cpus=1 resumes={resumes} wrong={wrong} lost={lost} took_ns={took}"
        );
        rest(guest).await;
    }
}
