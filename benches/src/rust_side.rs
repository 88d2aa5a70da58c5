//! Front and back of `xen-ring` with the wire types of the block protocol.
#![expect(unsafe_code, reason = "gives a page")]

use core::ptr::NonNull;

use xen_hypercall::{Gfn, SharedPage};
use xen_ring::{Back, Front, Misbehaved, Notify, Protocol, RequestId, Slots};
use zerocopy::{FromBytes, Immutable, IntoBytes};

use crate::{BATCH, Page};

/// `struct blkif_request` of `io/blkif.h`, 64 bits.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub struct Request {
    operation: u8,
    segments: u8,
    handle: u16,
    pad: u32,
    id: u64,
    sector: u64,
    segment: [u64; 11],
}

/// `struct blkif_response` of `io/blkif.h`, 64 bits.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub struct Response {
    id: u64,
    operation: u8,
    pad: u8,
    status: u16,
    pad2: u32,
}

/// The block protocol.
#[derive(Debug)]
pub struct Block;

impl Protocol for Block {
    type Request = Request;
    type Response = Response;
    type Kind = u8;
    const ID_BITS: u32 = 64;

    fn stamp(request: &mut Request, id: RequestId) {
        request.id = id.0;
    }

    fn kind(request: &Request) -> u8 {
        request.operation
    }

    fn id(response: &Response) -> Option<RequestId> {
        Some(RequestId(response.id))
    }

    fn answers(response: &Response, asked: u8) -> bool {
        response.operation == asked
    }
}

/// Front and back of one page.
#[derive(Debug)]
pub struct Pair {
    front: Front<'static, Block, u64, 32>,
    back: Back<'static, Block>,
    notified: u64,
}

impl Pair {
    /// Sets up both ends in a page that is never freed.
    ///
    /// # Panics
    /// Never: a new ring is in order.
    #[must_use]
    pub fn connected() -> Self {
        let memory = NonNull::from(Box::leak(Box::new(Page([0; 4096]))));
        // SAFETY: leaked, aligned, zeroed, and reached through this value alone.
        let page = Box::leak(Box::new(unsafe { SharedPage::new(memory.cast(), Gfn(1)) }));
        let front = Front::new(page, Slots::FULL, Box::leak(Box::default()));
        Self { front, back: Back::attach(page, Slots::FULL).expect("a new ring"), notified: 0 }
    }

    /// Sends a batch there and back and returns the sum of the tokens.
    ///
    /// # Errors
    /// Never: both ends are in order.
    #[inline(never)]
    pub fn round(&mut self) -> Result<u64, Misbehaved> {
        self.ask()?;
        self.answer()?;
        let mut sum = 0_u64;
        while let Some(answer) = self.front.poll_answer()? {
            sum = sum.wrapping_add(answer.payload).wrapping_add(answer.response.status.into());
        }
        Ok(sum)
    }

    fn ask(&mut self) -> Result<(), Misbehaved> {
        for token in 0..u64::from(BATCH) {
            let Some(vacancy) = self.front.vacancy()? else { break };
            let [operation, segments] = [0, 1];
            let request = Request { operation, segments, handle: 0, pad: 0, id: 0, sector: token, segment: [0; 11] };
            vacancy.stage(request, token);
        }
        let notify = self.front.publish()?;
        self.count(notify);
        Ok(())
    }

    fn answer(&mut self) -> Result<(), Misbehaved> {
        while let Some(Request { id, operation, .. }) = self.back.poll_request()? {
            let Some(debt) = self.back.debt()? else { break };
            debt.stage(&Response { id, operation, pad: 0, status: 0, pad2: 0 });
        }
        let notify = self.back.publish()?;
        self.count(notify);
        Ok(())
    }

    fn count(&mut self, notify: Notify) {
        self.notified = self.notified.wrapping_add(u64::from(notify == Notify::Yes));
    }
}
