//! An executor of a few lines, and how its tasks wait.
#![allow(dead_code, reason = "each test uses its own part")]

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};

use xen_hypercall::Nanos;
use xen_mock::Host;
use xen_store::Link;
use xen_store::future::TaskLink;

use super::guest::Seam;

/// Whether a task is to be polled again.
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, SeqCst);
    }
}

/// One thread's tasks on a guest, which sleeps when all of them wait.
pub(crate) struct Tasks {
    pub(crate) seam: Seam,
    /// When somebody is to be woken at the latest.
    next: Cell<Option<Nanos>>,
    pub(crate) notified: Cell<usize>,
}

impl std::fmt::Debug for Tasks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tasks")
    }
}

impl Tasks {
    pub(crate) fn new(host: &Host) -> Self {
        Self { seam: Seam::new(host), next: Cell::new(None), notified: Cell::new(0) }
    }

    pub(crate) fn block_on<F: Future>(&self, future: F) -> F::Output {
        let (mut future, woken) = (pin!(future), Arc::new(Woken(AtomicBool::new(true))));
        let waker = Waker::from(Arc::clone(&woken));
        loop {
            if woken.0.swap(false, SeqCst) {
                if let Poll::Ready(done) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                    return done;
                }
            } else {
                self.seam.sleep(self.next.take().expect("somebody waits for the clock, or for ever"));
                woken.0.store(true, SeqCst);
            }
        }
    }

    pub(crate) fn time(&self) -> Nanos {
        self.seam.now()
    }

    pub(crate) fn after(&self, seconds: u64) -> Nanos {
        self.time().after(Nanos::from_secs(seconds))
    }

    /// Sleeps for a time.
    pub(crate) async fn sleep(&self, time: Nanos) {
        let deadline = self.time().after(time);
        poll_fn(|_| if self.time() >= deadline { Poll::Ready(()) } else { self.until(deadline) }).await;
    }

    fn until(&self, deadline: Nanos) -> Poll<()> {
        self.next.set(Some(self.next.get().map_or(deadline, |next| next.min(deadline))));
        Poll::Pending
    }
}

impl Link for Tasks {
    fn notify(&self) {
        self.notified.set(self.notified.get() + 1);
        self.seam.notify();
    }

    fn now(&self) -> Nanos {
        self.seam.now()
    }

    fn wait(&self, deadline: Nanos) {
        self.seam.wait(deadline);
    }
}

impl TaskLink for Tasks {
    fn poll_wait(&self, _cx: &mut Context<'_>, deadline: Option<Nanos>) -> Poll<()> {
        if self.seam.take_pending() || deadline.is_some_and(|deadline| self.time() >= deadline) {
            return Poll::Ready(());
        }
        self.until(deadline.unwrap_or_else(|| self.after(3600)))
    }
}

/// Waits for the first of two.
pub(crate) async fn first<T>(one: impl Future<Output = T>, two: impl Future<Output = T>) -> T {
    let (mut one, mut two) = (pin!(one), pin!(two));
    poll_fn(|cx| match one.as_mut().poll(cx) {
        Poll::Pending => two.as_mut().poll(cx),
        done => done,
    })
    .await
}

/// Waits for two.
pub(crate) async fn both<T, U>(one: impl Future<Output = T>, two: impl Future<Output = U>) -> (T, U) {
    let (mut one, mut two) = (pin!(one), pin!(two));
    let (mut first, mut second) = (None, None);
    poll_fn(|cx| {
        if first.is_none()
            && let Poll::Ready(done) = one.as_mut().poll(cx)
        {
            first = Some(done);
        }
        if second.is_none()
            && let Poll::Ready(done) = two.as_mut().poll(cx)
        {
            second = Some(done);
        }
        if first.is_some() && second.is_some() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    (first.unwrap(), second.unwrap())
}

/// A task among others: polled only when it was woken itself.
struct Child<F: Future> {
    future: Pin<Box<F>>,
    woken: Arc<Woken>,
    parent: Arc<std::sync::Mutex<Option<Waker>>>,
    done: Option<F::Output>,
}

struct ChildWaker(Arc<Woken>, Arc<std::sync::Mutex<Option<Waker>>>);

impl Wake for ChildWaker {
    fn wake(self: Arc<Self>) {
        self.0.0.store(true, SeqCst);
        let parent = self.1.lock().unwrap().take();
        parent.into_iter().for_each(Waker::wake);
    }
}

impl<F: Future> Child<F> {
    fn new(future: F) -> Self {
        let woken = Arc::new(Woken(AtomicBool::new(true)));
        Self { future: Box::pin(future), woken, parent: Arc::default(), done: None }
    }

    fn poll(&mut self, cx: &Context<'_>) {
        *self.parent.lock().unwrap() = Some(cx.waker().clone());
        if self.done.is_none() && self.woken.0.swap(false, SeqCst) {
            let waker = Waker::from(Arc::new(ChildWaker(Arc::clone(&self.woken), Arc::clone(&self.parent))));
            if let Poll::Ready(output) = self.future.as_mut().poll(&mut Context::from_waker(&waker)) {
                self.done = Some(output);
            }
        }
    }
}

/// Waits for all, each a task of its own.
pub(crate) async fn all<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut children: Vec<_> = futures.map(Child::new).collect();
    poll_fn(|cx| {
        children.iter_mut().for_each(|child| child.poll(cx));
        if children.iter().all(|child| child.done.is_some()) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    children.into_iter().map(|child| child.done.unwrap()).collect()
}
