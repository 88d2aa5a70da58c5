//! A virtqueue of `virtio-drivers`, with a device of our own at its other end.
#![expect(unsafe_code, reason = "buffers are lent to a device, which follows addresses")]

use core::ptr::{self, NonNull};
use core::sync::atomic::AtomicU16;
use core::sync::atomic::Ordering::{Acquire, Release};
use std::sync::mpsc::{Receiver, channel};

use virtio_drivers::queue::VirtQueue;
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes};

use super::transport::{Areas, Memory, Wires};
use super::{Asking, End, Ends, ROOM, Serving};
use crate::wire::{BlockRequest, BlockResponse};

/// Descriptors: two for a request, its own and that of its answer.
const SIZE: usize = ROOM * 2;

/// What lies behind the two descriptors of a request.
struct Buffers {
    request: BlockRequest,
    response: BlockResponse,
}

struct Driver {
    queue: VirtQueue<Memory, SIZE>,
    buffers: Vec<NonNull<Buffers>>,
    free: Vec<usize>,
    lent: [usize; SIZE],
}

// SAFETY: the buffers are leaked, and reached by this value and, while they are lent, by the device.
unsafe impl Send for Driver {}

impl Driver {
    /// Returns what the queue wants to know of one pair of buffers.
    ///
    /// # Safety
    /// The pair is free, or the device has given it back; the slices are gone before it is lent.
    unsafe fn slices(&mut self, which: usize) -> (&'static [u8], &'static mut [u8]) {
        let at = self.buffers[which].as_ptr();
        // SAFETY: leaked, and ours by the caller's promise.
        let buffers = unsafe { &mut *at };
        (buffers.request.as_bytes(), buffers.response.as_mut_bytes())
    }
}

impl Asking for Driver {
    fn put(&mut self, request: BlockRequest) {
        let which = self.free.pop().expect("room for a batch");
        // SAFETY: a free pair; nobody else reaches it.
        unsafe { (*self.buffers[which].as_ptr()).request = request }
        // SAFETY: a free pair, and the slices do not outlive this call.
        let (input, output) = unsafe { self.slices(which) };
        // SAFETY: the buffers are leaked, and left alone until `pop_used`.
        let head = unsafe { self.queue.add(&[input], &mut [output]) }.expect("room for a batch");
        self.lent[usize::from(head)] = which;
    }

    fn take(&mut self) -> Option<BlockResponse> {
        let head = self.queue.peek_used()?;
        let which = self.lent[usize::from(head)];
        // SAFETY: the device has given the pair back, and the slices do not outlive this call.
        let (input, output) = unsafe { self.slices(which) };
        // SAFETY: the pair of buffers that was given to `add`.
        unsafe { self.queue.pop_used(head, &[input], &mut [output]) }.expect("the next one");
        self.free.push(which);
        // SAFETY: ours again.
        Some(unsafe { (*self.buffers[which].as_ptr()).response })
    }
}

#[derive(FromBytes, Immutable)]
#[repr(C)]
struct Descriptor {
    address: u64,
    len: u32,
    flags: u16,
    next: u16,
}

#[repr(C)]
struct Available {
    flags: u16,
    index: AtomicU16,
    ring: [u16; SIZE],
}

#[repr(C)]
struct Used {
    flags: u16,
    index: AtomicU16,
    ring: [[u32; 2]; SIZE],
}

/// The device: takes what is available and gives it back used.
struct Device {
    areas: Areas,
    seen: u16,
    used: u16,
    current: (u16, u64),
}

impl Device {
    fn descriptor(&self, at: u16) -> Descriptor {
        let first = ptr::with_exposed_provenance::<Descriptor>(self.areas.descriptors as usize);
        // SAFETY: the queue's own table, of which the driver made this entry before it told its index.
        unsafe { first.wrapping_add(at.into()).read() }
    }
}

impl Serving for Device {
    fn take(&mut self) -> Option<BlockRequest> {
        let available = ptr::with_exposed_provenance::<Available>(self.areas.driver as usize);
        // SAFETY: the queue's own area, never freed; an atomic.
        let index = unsafe { &(*available).index };
        if index.load(Acquire) == self.seen {
            return None;
        }
        // SAFETY: the driver wrote this entry before the index that was just seen.
        let head = unsafe { (*available).ring[usize::from(self.seen) % SIZE] };
        self.seen = self.seen.wrapping_add(1);
        let request = self.descriptor(head);
        self.current = (head, self.descriptor(request.next).address);
        // SAFETY: a request was lent at this address.
        Some(unsafe { ptr::with_exposed_provenance::<BlockRequest>(request.address as usize).read() })
    }

    fn put(&mut self, answer: BlockResponse) {
        let (head, address) = self.current;
        // SAFETY: room for an answer was lent at this address.
        unsafe { ptr::with_exposed_provenance_mut::<BlockResponse>(address as usize).write(answer) }
        let used = ptr::with_exposed_provenance_mut::<Used>(self.areas.device as usize);
        let element = [u32::from(head), size_of::<BlockResponse>() as u32];
        // SAFETY: the device's own entry, which the driver does not read before the index.
        unsafe { (*used).ring[usize::from(self.used) % SIZE] = element }
        self.used = self.used.wrapping_add(1);
        // SAFETY: the device's own index; an atomic.
        let index = unsafe { &(*used).index };
        index.store(self.used, Release);
    }
}

pub(super) fn ends() -> Ends {
    let (tell, areas): (_, Receiver<Areas>) = channel();
    let queue = VirtQueue::new(&mut Wires(tell), 0, false, false).expect("a new queue");
    let areas = areas.recv().expect("the queue told its areas");
    let new = |_| {
        let (request, response) = (BlockRequest::new_zeroed(), BlockResponse::new_zeroed());
        NonNull::from(Box::leak(Box::new(Buffers { request, response })))
    };
    let driver = Driver { queue, buffers: (0..ROOM).map(new).collect(), free: (0..ROOM).collect(), lent: [0; SIZE] };
    let device = Device { areas, seen: 0, used: 0, current: (0, 0) };
    (Box::new(End(driver)), Box::new(End(device)))
}
