//! Memory for the tests: a real page, and an adversary that writes between any two accesses.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use core::cell::RefCell;
use core::ptr::NonNull;

use xen_hypercall::{Gfn, SharedPage};
use xen_ring::{Protocol, RequestId, Requests, Words};
use zerocopy::{FromBytes, Immutable, IntoBytes};

#[repr(align(4096))]
struct Bytes([u8; 4096]);

/// Gives a real, zeroed page that lives as long as the test.
pub fn page() -> &'static SharedPage {
    let ptr = NonNull::from(Box::leak(Box::new(Bytes([0; 4096])))).cast();
    // SAFETY: leaked, aligned, zeroed and reached by nobody else.
    Box::leak(Box::new(unsafe { SharedPage::new(ptr, Gfn(1)) }))
}

/// Gives an empty table that lives as long as the test.
pub fn table<P: Protocol, T, const N: usize>() -> &'static mut Requests<P, T, N> {
    Box::leak(Box::default())
}

/// One access of ours, as the peer could see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    Load(usize),
    Store(usize, u32),
    Fence,
    In(usize, usize),
    Out(usize, usize),
}

type Stroke = (usize, Box<dyn Fn(&mut [u8; 4096])>);

impl core::fmt::Debug for Adversary {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Adversary")
    }
}

/// A page of a peer that strikes before chosen accesses, and a record of every access.
pub struct Adversary {
    bytes: RefCell<[u8; 4096]>,
    log: RefCell<Vec<Access>>,
    strokes: RefCell<Vec<Stroke>>,
}

impl Adversary {
    pub fn new() -> Self {
        Self { bytes: RefCell::new([0; 4096]), log: RefCell::new(Vec::new()), strokes: RefCell::default() }
    }

    /// Lets the peer write before access number `when` from now on.
    pub fn strike(&self, when: usize, how: impl Fn(&mut [u8; 4096]) + 'static) {
        let when = when + self.log.borrow().len();
        self.strokes.borrow_mut().push((when, Box::new(how)));
    }

    /// Lets the peer write now.
    pub fn poke(&self, offset: usize, value: u32) {
        put(&mut self.bytes.borrow_mut(), offset, value);
    }

    pub fn peek(&self, offset: usize) -> u32 {
        let bytes = self.bytes.borrow();
        u32::from_le_bytes(bytes[offset..offset + 4].try_into().unwrap())
    }

    pub fn with<R>(&self, f: impl FnOnce(&mut [u8; 4096]) -> R) -> R {
        f(&mut self.bytes.borrow_mut())
    }

    /// Returns the accesses since the last call; strokes that were to come are off.
    pub fn drain(&self) -> Vec<Access> {
        self.strokes.take();
        self.log.take()
    }

    /// Returns how many accesses there were since the last drain.
    pub fn len(&self) -> usize {
        self.log.borrow().len()
    }

    fn step(&self, access: Access) {
        let now = self.log.borrow().len();
        for (_, how) in self.strokes.borrow().iter().filter(|(when, _)| *when == now) {
            how(&mut self.bytes.borrow_mut());
        }
        self.log.borrow_mut().push(access);
    }
}

pub fn put(bytes: &mut [u8; 4096], offset: usize, value: u32) {
    bytes[offset..offset + 4].copy_from_slice(&value.to_le_bytes());
}

impl Words for Adversary {
    fn load(&self, offset: usize) -> u32 {
        self.step(Access::Load(offset));
        self.peek(offset)
    }

    fn store(&self, offset: usize, value: u32) {
        self.step(Access::Store(offset, value));
        self.poke(offset, value);
    }

    fn fence(&self) {
        self.step(Access::Fence);
    }

    fn copy_in(&self, offset: usize, to: &mut [u8]) {
        self.step(Access::In(offset, to.len()));
        to.copy_from_slice(&self.bytes.borrow()[offset..offset + to.len()]);
    }

    fn copy_out(&self, offset: usize, from: &[u8]) {
        self.step(Access::Out(offset, from.len()));
        self.bytes.borrow_mut()[offset..offset + from.len()].copy_from_slice(from);
    }
}

/// A request or a response of the test's protocols.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub struct Message {
    pub id: u64,
    pub operation: u32,
    pub value: u32,
}

pub fn message(operation: u32, value: u32) -> Message {
    Message { id: 0, operation, value }
}

/// A protocol whose ids have `BITS` bits.
#[derive(Debug)]
pub struct Test<const BITS: u32>;

impl<const BITS: u32> Protocol for Test<BITS> {
    type Request = Message;
    type Response = Message;
    type Kind = u32;
    const ID_BITS: u32 = BITS;

    fn stamp(request: &mut Message, id: RequestId) {
        request.id = id.0;
    }

    fn kind(request: &Message) -> u32 {
        request.operation
    }

    fn id(response: &Message) -> Option<RequestId> {
        Some(RequestId(response.id))
    }

    fn answers(response: &Message, asked: u32) -> bool {
        response.operation == asked
    }
}

pub const REQ_PROD: usize = 0;
pub const REQ_EVENT: usize = 4;
pub const RSP_PROD: usize = 8;
pub const RSP_EVENT: usize = 12;

/// Where slot number `at` of a ring of `Message` lies.
pub const fn slot(at: usize) -> usize {
    64 + at * 16
}

pub fn write(bytes: &mut [u8; 4096], at: usize, message: Message) {
    bytes[slot(at)..slot(at + 1)].copy_from_slice(message.as_bytes());
}
