//! Event channel operations as raw blocks, and a guest's end of the FIFO ABI, written from the public header.
#![allow(dead_code, reason = "each test uses a part")]

use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;

use xen_hypercall::{Number, Port, SharedPage, Word};
use xen_mock::{Guest, Hook, Host};

use super::raw;

pub(crate) const BIND_INTERDOMAIN: usize = 0;
pub(crate) const BIND_VIRQ: usize = 1;
pub(crate) const BIND_PIRQ: usize = 2;
pub(crate) const CLOSE: usize = 3;
pub(crate) const SEND: usize = 4;
pub(crate) const STATUS: usize = 5;
pub(crate) const ALLOC_UNBOUND: usize = 6;
pub(crate) const BIND_IPI: usize = 7;
pub(crate) const BIND_VCPU: usize = 8;
pub(crate) const UNMASK: usize = 9;
pub(crate) const RESET: usize = 10;
pub(crate) const INIT_CONTROL: usize = 11;
pub(crate) const EXPAND_ARRAY: usize = 12;
pub(crate) const SET_PRIORITY: usize = 13;

pub(crate) const EPERM: isize = -1;
pub(crate) const ENOENT: isize = -2;
pub(crate) const ESRCH: isize = -3;
pub(crate) const ENOMEM: isize = -12;
pub(crate) const EACCES: isize = -13;
pub(crate) const EFAULT: isize = -14;
pub(crate) const EBUSY: isize = -16;
pub(crate) const EEXIST: isize = -17;
pub(crate) const EINVAL: isize = -22;
pub(crate) const ENOSPC: isize = -28;
pub(crate) const ENOSYS: isize = -38;
pub(crate) const EOPNOTSUPP: isize = -95;

pub(crate) const SELF: u32 = 0x7ff0;
pub(crate) const PENDING: u32 = 1 << 31;
pub(crate) const MASKED: u32 = 1 << 30;
pub(crate) const LINKED: u32 = 1 << 29;
pub(crate) const BUSY: u32 = 1 << 28;
pub(crate) const LINK: u32 = 0x1_ffff;

/// Makes an operation; its result, and the block after it.
pub(crate) fn event_op<const N: usize>(xen: &Hook, cmd: usize, mut block: [u32; N]) -> (isize, [u32; N]) {
    let args = [Word::int(cmd), Word::ptr(&raw mut block), Word::ZERO, Word::ZERO, Word::ZERO];
    let result = raw(xen, Number::EVENT_CHANNEL_OP, args);
    (result, block)
}

/// Makes an operation that returns nothing but its result.
pub(crate) fn event<const N: usize>(xen: &Hook, cmd: usize, block: [u32; N]) -> isize {
    let (result, after) = event_op(xen, cmd, block);
    assert_eq!(after, block, "Xen writes nothing to it");
    result
}

/// Makes an operation that must do.
pub(crate) fn done<const N: usize>(xen: &Hook, cmd: usize, block: [u32; N]) {
    assert_eq!(event(xen, cmd, block), 0);
}

pub(crate) fn unbound(xen: &Hook, remote: u32) -> Port {
    let (result, [_, port]) = event_op(xen, ALLOC_UNBOUND, [SELF | remote << 16, 0]);
    assert_eq!(result, 0);
    Port(port)
}

pub(crate) fn ipi(xen: &Hook, vcpu: u32) -> Port {
    let (result, [_, port]) = event_op(xen, BIND_IPI, [vcpu, 0]);
    assert_eq!(result, 0);
    Port(port)
}

/// Returns status, processor and the two words of the union.
pub(crate) fn status(xen: &Hook, port: Port) -> [u32; 4] {
    let (result, [_, _, status, vcpu, first, second]) = event_op(xen, STATUS, [SELF, port.0, 0, 0, 0, 0]);
    assert_eq!(result, 0);
    [status, vcpu, first, second]
}

pub(crate) fn init_control(xen: &Hook, gfn: u64, (offset, vcpu): (u32, u32)) -> (isize, [u32; 6]) {
    event_op(xen, INIT_CONTROL, [gfn as u32, (gfn >> 32) as u32, offset, vcpu, 0, 0])
}

pub(crate) fn expand_array(xen: &Hook, gfn: u64) -> isize {
    event(xen, EXPAND_ARRAY, [gfn as u32, (gfn >> 32) as u32])
}

/// A guest that uses the FIFO ABI: a control block for each processor at the start of a page.
pub(crate) struct FifoGuest {
    pub(crate) guest: Guest,
    pub(crate) xen: Hook,
    pub(crate) blocks: Vec<SharedPage>,
    pub(crate) array: Vec<SharedPage>,
    heads: Vec<[u32; 16]>,
}

impl FifoGuest {
    pub(crate) fn new(host: &Host, vcpus: u32) -> Self {
        let mut fifo = Self::bare(host);
        for vcpu in 0..vcpus {
            fifo.add_block(vcpu);
        }
        fifo.add_page();
        // What came with the page.
        fifo.drain(0);
        fifo
    }

    /// Makes a guest that has not begun.
    pub(crate) fn bare(host: &Host) -> Self {
        let guest = host.guest();
        let xen = guest.hook();
        Self { guest, xen, blocks: Vec::new(), array: Vec::new(), heads: Vec::new() }
    }

    pub(crate) fn add_block(&mut self, vcpu: u32) {
        let page = self.guest.page();
        let (result, block) = init_control(&self.xen, page.gfn().0, (0, vcpu));
        assert_eq!((result, block[4]), (0, 17), "LINK has 17 bits");
        self.blocks.push(page);
        self.heads.push([0; 16]);
    }

    pub(crate) fn add_page(&mut self) {
        let page = self.guest.page();
        assert_eq!(expand_array(&self.xen, page.gfn().0), 0);
        self.array.push(page);
    }

    pub(crate) fn cell(&self, port: Port) -> &AtomicU32 {
        let at = port.0 as usize;
        &self.array[at / 1024].u32s_at::<0, 1024>()[at % 1024]
    }

    pub(crate) fn word(&self, port: Port) -> u32 {
        self.cell(port).load(Relaxed)
    }

    pub(crate) fn mask(&self, port: Port) {
        self.cell(port).fetch_or(MASKED, Relaxed);
    }

    pub(crate) fn ready(&self, vcpu: usize) -> u32 {
        self.blocks[vcpu].u32_at::<0>().load(Relaxed)
    }

    pub(crate) fn head(&self, vcpu: usize, priority: usize) -> u32 {
        self.blocks[vcpu].u32s_at::<8, 16>()[priority].load(Relaxed)
    }

    /// Takes all events of a processor out of its queues: priority and port.
    pub(crate) fn drain(&mut self, vcpu: usize) -> Vec<(u32, Port)> {
        let mut taken = Vec::new();
        loop {
            let ready = self.blocks[vcpu].u32_at::<0>().swap(0, Relaxed);
            if ready == 0 {
                return taken;
            }
            for priority in (0..16).filter(|priority| ready >> priority & 1 == 1) {
                self.drain_queue((vcpu, priority), &mut taken);
            }
        }
    }

    fn drain_queue(&mut self, (vcpu, priority): (usize, u32), taken: &mut Vec<(u32, Port)>) {
        let mut head = self.heads[vcpu][priority as usize];
        if head == 0 {
            head = self.head(vcpu, priority as usize);
        }
        while head != 0 {
            let port = Port(head);
            let word = self.cell(port).fetch_and(!(LINKED | LINK), Relaxed);
            assert_ne!(word & LINKED, 0, "what a queue holds is linked");
            head = word & LINK;
            if word & PENDING != 0 && word & MASKED == 0 {
                self.cell(port).fetch_and(!PENDING, Relaxed);
                taken.push((priority, port));
            }
        }
        self.heads[vcpu][priority as usize] = 0;
    }

    /// Takes down an upcall, as a handler does first.
    pub(crate) fn take_upcall(&self, shared: &SharedPage, vcpu: u32) -> bool {
        let cell = match vcpu {
            0 => shared.u8_at::<0>(),
            1 => shared.u8_at::<64>(),
            _ => panic!("not needed"),
        };
        cell.swap(0, Relaxed) != 0
    }
}
