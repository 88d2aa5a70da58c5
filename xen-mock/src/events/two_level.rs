//! The 2-level ABI: bits in `shared_info` and `vcpu_info` (`xen.h`).

use xen_hypercall::Port;

use crate::domain::Domain;

/// Ports that the ABI has.
pub(crate) const CHANNELS: usize = 4096;
/// Bytes of `shared_info` before the pending bits, and before the mask bits.
const PENDING: usize = 2048;
const MASK: usize = 2560;
/// `evtchn_pending_sel` in `vcpu_info`.
const SELECT: usize = 8;

const fn word_and_bit(port: Port) -> (usize, u64) {
    let port = port.0 as usize;
    (port / 64 * 8, 1 << (port % 64))
}

impl Domain {
    pub(super) fn is_pending_bit(&self, port: Port) -> bool {
        let (at, bit) = word_and_bit(port);
        (port.0 as usize) < CHANNELS && self.shared_info.u64(PENDING + at) & bit != 0
    }

    fn is_masked_bit(&self, port: Port) -> bool {
        let (at, bit) = word_and_bit(port);
        self.shared_info.u64(MASK + at) & bit != 0
    }

    /// Makes an event come in: the bit, and where it is not masked, the selector and the upcall.
    pub(super) fn raise_bit(&mut self, port: Port) {
        if port.0 as usize >= CHANNELS || self.is_pending_bit(port) {
            return;
        }
        let (at, bit) = word_and_bit(port);
        self.shared_info.set_u64(PENDING + at, self.shared_info.u64(PENDING + at) | bit);
        if !self.is_masked_bit(port) {
            self.select(port);
        }
    }

    fn select(&mut self, port: Port) {
        let vcpu = self.notified(port);
        let (frame, base) = self.vcpu_info(vcpu);
        let selector = frame.u64(base + SELECT);
        let bit = 1 << (port.0 / 64);
        if selector & bit == 0 {
            frame.set_u64(base + SELECT, selector | bit);
            self.mark_upcall(vcpu);
        }
    }

    pub(super) fn clear_bit(&self, port: Port) {
        let (at, bit) = word_and_bit(port);
        self.shared_info.set_u64(PENDING + at, self.shared_info.u64(PENDING + at) & !bit);
    }

    pub(super) fn unmask_bit(&mut self, port: Port) {
        let (at, bit) = word_and_bit(port);
        let was_masked = self.is_masked_bit(port);
        self.shared_info.set_u64(MASK + at, self.shared_info.u64(MASK + at) & !bit);
        if was_masked && self.is_pending_bit(port) {
            self.select(port);
        }
    }

    /// Marks every word as worth a look, as Xen does when a `vcpu_info` moves.
    pub(crate) fn mark_all(&mut self, vcpu: u32) {
        self.set_selector(vcpu, u64::MAX);
        self.mark_upcall(vcpu);
    }

    pub(crate) fn set_selector(&self, vcpu: u32, selector: u64) {
        let (frame, base) = self.vcpu_info(vcpu);
        frame.set_u64(base + SELECT, selector);
    }
}
