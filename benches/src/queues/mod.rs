//! Queues of other makes that carry the same requests and answers between two threads, to print beside ours.

mod transport;
mod virtio;

use core::hint::spin_loop;

use crate::duel::{Asker, Server};
use crate::wire::{Block, BlockRequest, BlockResponse, Wire};
use xen_ring::{Protocol, RequestId};

/// Requests and answers that a queue has room for: as many as the block ring has.
const ROOM: usize = 32;

/// What a queue's front does with one request, and one answer.
trait Asking: Send {
    fn put(&mut self, request: BlockRequest);
    fn take(&mut self) -> Option<BlockResponse>;
}

/// What a queue's back does.
trait Serving: Send {
    fn take(&mut self) -> Option<BlockRequest>;
    fn put(&mut self, answer: BlockResponse);
}

impl<Put: FnMut(BlockRequest) + Send, Take: FnMut() -> Option<BlockResponse> + Send> Asking for (Put, Take) {
    fn put(&mut self, request: BlockRequest) {
        self.0(request);
    }

    fn take(&mut self) -> Option<BlockResponse> {
        self.1()
    }
}

impl<Take: FnMut() -> Option<BlockRequest> + Send, Put: FnMut(BlockResponse) + Send> Serving for (Take, Put) {
    fn take(&mut self) -> Option<BlockRequest> {
        self.0()
    }

    fn put(&mut self, answer: BlockResponse) {
        self.1(answer);
    }
}

/// An end that shares no cache line with another.
#[repr(align(128))]
struct End<T>(T);

impl<T: Asking> Asker for End<T> {
    fn rounds(&mut self, rounds: u32, batch: u32) -> u64 {
        let mut sum = 0_u64;
        for _ in 0..rounds {
            for token in 0..batch {
                let mut request = Block::ask(token);
                Block::stamp(&mut request, RequestId(token.into()));
                self.0.put(request);
            }
            let mut done = 0;
            while done < batch {
                match self.0.take() {
                    Some(answer) => {
                        let token = Block::id(&answer).map_or(0, |id| id.0);
                        sum = sum.wrapping_add(token).wrapping_add(Block::status(&answer) as u64);
                        done += 1;
                    }
                    None => spin_loop(),
                }
            }
        }
        sum
    }
}

impl<T: Serving> Server for End<T> {
    fn serve(&mut self, count: u32) {
        let mut done = 0;
        while done < count {
            match self.0.take() {
                Some(request) => {
                    let (id, operation, _) = Block::asked(&request);
                    self.0.put(Block::reply(id, operation, 0));
                    done += 1;
                }
                None => spin_loop(),
            }
        }
    }
}

/// Both ends of a pair of queues.
pub type Ends = (Box<dyn Asker>, Box<dyn Server>);

/// The queues of other makes, by name.
#[must_use]
pub fn all() -> Vec<(&'static str, Ends)> {
    vec![("rtrb", rtrb()), ("heapless", heapless()), ("ringbuf", ringbuf()), ("virtio-drivers", virtio::ends())]
}

fn rtrb() -> Ends {
    let (mut requests, mut asked) = rtrb::RingBuffer::new(ROOM);
    let (mut answers, mut answered) = rtrb::RingBuffer::new(ROOM);
    let front = (move |request| requests.push(request).expect("room for a batch"), move || answered.pop().ok());
    let back = (move || asked.pop().ok(), move |answer| answers.push(answer).expect("room for a batch"));
    (Box::new(End(front)), Box::new(End(back)))
}

fn heapless() -> Ends {
    // One place of a queue stays free.
    const PLACES: usize = ROOM * 2;
    let (mut requests, mut asked) = Box::leak(Box::new(heapless::spsc::Queue::<_, PLACES>::new())).split();
    let (mut answers, mut answered) = Box::leak(Box::new(heapless::spsc::Queue::<_, PLACES>::new())).split();
    let front =
        (move |request| assert!(requests.enqueue(request).is_ok(), "room for a batch"), move || answered.dequeue());
    let back = (move || asked.dequeue(), move |answer| assert!(answers.enqueue(answer).is_ok(), "room for a batch"));
    (Box::new(End(front)), Box::new(End(back)))
}

fn ringbuf() -> Ends {
    use ringbuf::traits::{Consumer as _, Producer as _, Split as _};

    let (mut requests, mut asked) = ringbuf::HeapRb::new(ROOM).split();
    let (mut answers, mut answered) = ringbuf::HeapRb::new(ROOM).split();
    let front =
        (move |request| assert!(requests.try_push(request).is_ok(), "room for a batch"), move || answered.try_pop());
    let back = (move || asked.try_pop(), move |answer| assert!(answers.try_push(answer).is_ok(), "room for a batch"));
    (Box::new(End(front)), Box::new(End(back)))
}
