//! What the processor takes for the two things that rings are made of.

use core::hint::{black_box, spin_loop};
use core::sync::atomic::AtomicU32;
use core::sync::atomic::Ordering::{Acquire, Release, SeqCst};
use std::sync::Arc;

use crate::duel::{Asker, Server};

/// Makes a number of locked read-modify-writes of private memory.
#[inline(never)]
#[must_use]
pub fn locked(count: u32) -> u64 {
    let word = AtomicU32::new(0);
    for _ in 0..count {
        black_box(&word).fetch_or(0, SeqCst);
    }
    u64::from(count)
}

/// Copies so many bytes to another place and back.
#[inline]
#[must_use]
pub fn copies(room: &mut [[u8; 256]; 2], len: usize) -> u64 {
    let [here, there] = black_box(room);
    there[..len].copy_from_slice(&here[..len]);
    let [here, there] = black_box([here, there]);
    here[..len].copy_from_slice(&there[..len]);
    u64::from(here[0])
}

/// One end of a cache line that goes to and fro.
#[derive(Debug, Clone)]
pub struct Line {
    word: Arc<Alone>,
    batch: u32,
}

#[derive(Debug)]
#[repr(align(128))]
struct Alone(AtomicU32);

impl Line {
    /// Makes both ends of a line that goes there and back once a batch.
    #[must_use]
    pub fn ends(batch: u32) -> (Box<dyn Asker>, Box<dyn Server>) {
        let line = Self { word: Arc::new(Alone(AtomicU32::new(0))), batch };
        (Box::new(line.clone()), Box::new(line))
    }

    fn pass(&self, when: u32, next: u32) {
        while self.word.0.load(Acquire) != when {
            spin_loop();
        }
        self.word.0.store(next, Release);
    }
}

impl Asker for Line {
    fn rounds(&mut self, rounds: u32, _: u32) -> u64 {
        for _ in 0..rounds {
            self.pass(0, 1);
        }
        // The last answer, too.
        while self.word.0.load(Acquire) != 0 {
            spin_loop();
        }
        0
    }
}

impl Server for Line {
    fn serve(&mut self, count: u32) {
        for _ in 0..count / self.batch {
            self.pass(1, 0);
        }
    }
}
