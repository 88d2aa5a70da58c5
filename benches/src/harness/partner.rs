//! The thread at the other end, which answers for whichever contender is on.

use core::hint::spin_loop;
use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::{Acquire, Release};
use std::sync::Arc;
use std::thread::yield_now;
use std::time::Instant;

use crate::duel::Server;
use core_affinity::CoreId;

use super::sample::{Run, nanos};

/// The other thread, as the first one sees it; it ends with this value.
#[derive(Debug)]
pub struct Partner(Arc<Orders>);

#[derive(Debug, Default)]
#[repr(align(128))]
struct Orders {
    /// How many requests are to be answered, and by which server: `(count << 32) | server`.
    what: AtomicU64,
    /// Orders given, begun and done.
    given: AtomicU64,
    begun: AtomicU64,
    done: AtomicU64,
}

/// The order to go home.
const HOME: u64 = u64::MAX;

impl Partner {
    /// Starts the thread on its core, with a server a contender.
    pub fn start(core: CoreId, servers: Vec<Box<dyn Server>>) -> Self {
        let orders = Arc::new(Orders::default());
        let theirs = Arc::clone(&orders);
        std::thread::spawn(move || {
            core_affinity::set_for_current(core);
            obey(&theirs, servers);
        });
        Self(orders)
    }

    /// Has a server answer `count` requests while `ask` asks them; times the asking, both threads being there.
    pub fn with(&self, server: usize, count: u32, ask: impl FnOnce() -> u64) -> Run {
        let order = self.order((u64::from(count) << 32) | server as u64);
        wait(|| self.0.begun.load(Acquire) == order);
        let begin = Instant::now();
        let sum = ask();
        let nanos = nanos(begin.elapsed());
        wait(|| self.0.done.load(Acquire) == order);
        Run { nanos, sum }
    }

    fn order(&self, what: u64) -> u64 {
        self.0.what.store(what, Release);
        let order = self.0.given.load(Acquire) + 1;
        self.0.given.store(order, Release);
        order
    }
}

impl Drop for Partner {
    fn drop(&mut self) {
        self.order(HOME);
    }
}

fn obey(orders: &Orders, mut servers: Vec<Box<dyn Server>>) {
    for order in 1.. {
        wait(|| orders.given.load(Acquire) == order);
        let what = orders.what.load(Acquire);
        if what == HOME {
            return;
        }
        orders.begun.store(order, Release);
        servers[(what & 0xffff_ffff) as usize].serve((what >> 32) as u32);
        orders.done.store(order, Release);
    }
}

/// Spins, since both threads shall be awake, and lets others run if it takes long.
fn wait(ready: impl Fn() -> bool) {
    let mut turns = 0_u32;
    while !ready() {
        turns += 1;
        if turns.is_multiple_of(1 << 12) {
            yield_now();
        }
        spin_loop();
    }
}
