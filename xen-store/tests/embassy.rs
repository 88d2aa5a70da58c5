//! The facade for tasks under embassy's executor.
#![allow(clippy::unwrap_used, clippy::std_instead_of_core, reason = "a panic fails the test; hosted")]
#![allow(unsafe_code, reason = "embassy's promises")]

#[path = "support/guest.rs"]
#[allow(dead_code, reason = "each test uses its own part")]
mod guest;

use std::ptr::null_mut;
use std::sync::mpsc::{Sender, TryRecvError, channel};
use std::task::{Context, Poll};

use embassy_executor::raw;
use guest::Seam;
use xen_hypercall::Nanos;
use xen_mock::Host;
use xen_store::future::{Client, TaskLink};
use xen_store::{Attempts, Core, Link, Path, Request, Store};

const A: Path<'_> = Path::literal("data/a");
const B: Path<'_> = Path::literal("data/b");

/// A guest with one thread: when its driver waits there is nothing else to do, so that it sleeps at once.
#[derive(Debug)]
struct Machine(Seam);

impl Link for Machine {
    fn notify(&self) {
        self.0.notify();
    }

    fn now(&self) -> Nanos {
        self.0.now()
    }

    fn wait(&self, deadline: Nanos) {
        self.0.wait(deadline);
    }
}

impl TaskLink for Machine {
    fn poll_wait(&self, cx: &mut Context<'_>, deadline: Option<Nanos>) -> Poll<()> {
        if self.0.take_pending() {
            return Poll::Ready(());
        }
        self.0.sleep(deadline.unwrap_or(self.now()).min(self.0.after(1)));
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

type Shared = &'static Client<'static, Machine, 3, 2>;

#[embassy_executor::task]
async fn drive(client: Shared) {
    let over = client.drive().await;
    unreachable!("{over}");
}

/// Copies what `a` says to `b` whenever it changes.
#[embassy_executor::task]
async fn copy(client: Shared) {
    let watch = client.watch(A).await.unwrap();
    loop {
        client.event(watch).await.unwrap();
        let copied = client.transaction(Attempts(3), async |nodes| {
            let mut buffer = [0; 16];
            let value = nodes.perform(Request::Read(A), &mut buffer).await?.value().to_vec();
            nodes.perform(Request::Write(B, &value), &mut [0; 8]).await.map(drop)
        });
        copied.await.unwrap();
    }
}

/// Writes to `a`, and waits until `b` says the same.
#[embassy_executor::task]
async fn test(client: Shared, done: Sender<String>) {
    for value in ["one", "two", "three"] {
        client.write(A, value.as_bytes()).await.unwrap();
        let copied = client.wait_until(Nanos::MAX, async |nodes| match nodes.read(B, &mut [0; 16]).await {
            Ok(read) => Ok((read == value.as_bytes()).then_some(())),
            Err(error) if error.is_no_entry() => Ok(None),
            Err(error) => Err(error),
        });
        copied.await.unwrap();
    }
    done.send("three values went round".into()).unwrap();
}

/// Embassy says that a task is to have its turn; all have theirs all the time.
#[unsafe(export_name = "__pender")]
fn pend(_context: *mut ()) {}

#[test]
fn tasks_of_embassy_share_a_client() {
    let host = Host::builder().build();
    host.store().write("data/a", "zero");
    host.store().set_permissions("data/a", &host.store().permissions("data"));
    let machine = Machine(Seam::new(&host));
    let page = Box::leak(Box::new(machine.0.page()));
    let core: &'static mut Core<3, 2> = Box::leak(Box::default());
    let client: Shared = Box::leak(Box::new(Client::new(Store::attach(page, core, machine).unwrap())));
    let executor: &'static raw::Executor = Box::leak(Box::new(raw::Executor::new(null_mut())));
    let (done, result) = channel();
    let spawner = executor.spawner();
    spawner.spawn(drive(client).unwrap());
    spawner.spawn(copy(client).unwrap());
    spawner.spawn(test(client, done).unwrap());
    let said = loop {
        // SAFETY: only here, and no task has the executor.
        unsafe { executor.poll() };
        match result.try_recv() {
            Err(TryRecvError::Empty) => {}
            said => break said,
        }
    };
    assert_eq!(said, Ok("three values went round".to_owned()));
}
