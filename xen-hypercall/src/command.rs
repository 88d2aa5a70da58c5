//! Argument blocks: how a typed operation becomes a hypercall.
#![expect(unsafe_code, reason = "the one place where the operations make their hypercalls")]

use crate::{Hypercall, Number, Word};

/// An argument block of an operation of the shape `(command, pointer to the block, count)`.
///
/// # Safety
/// The implementer guarantees: 1. the type has the layout that Xen's header gives the block of `CMD`, without implicit
/// padding; 2. the operation touches no memory of this guest save the block and what the block borrows, or memory whose
/// type tolerates other writers.
pub(crate) unsafe trait Command {
    /// The hypercall.
    const NUMBER: Number;
    /// Its first argument.
    const CMD: usize;
    /// Its third argument, where the blocks are not counted: 1 for operations on an array of which one is given.
    const COUNT: usize = 0;
}

/// Makes the hypercall of `block` and returns Xen's result unchanged.
pub(crate) fn issue<H: Hypercall + ?Sized, C: Command>(hook: &H, block: &mut C) -> isize {
    let block: *mut C = block;
    let args = [Word::int(C::CMD), Word::ptr(block), Word::int(C::COUNT), Word::ZERO, Word::ZERO];
    // SAFETY: the block is as the ABI asks, and the effect stays within it, by the promise of `Command`.
    unsafe { hook.call(C::NUMBER, args) }
}

/// Makes the hypercall of blocks in a row, and returns Xen's result unchanged.
pub(crate) fn issue_all<H: Hypercall + ?Sized, C: Command>(hook: &H, blocks: &mut [C]) -> isize {
    let (count, first) = (blocks.len(), blocks.as_mut_ptr());
    let args = [Word::int(C::CMD), Word::ptr(first), Word::int(count), Word::ZERO, Word::ZERO];
    // SAFETY: as in `issue`, for each of so many blocks.
    unsafe { hook.call(C::NUMBER, args) }
}

/// Makes a hypercall that takes numbers only, and that changes no memory.
pub(crate) fn issue_plain<H: Hypercall + ?Sized>(hook: &H, number: Number, cmd: usize) -> isize {
    // SAFETY: no argument is an address.
    unsafe { hook.call(number, [Word::int(cmd), Word::ZERO, Word::ZERO, Word::ZERO, Word::ZERO]) }
}

/// Makes a `vcpu_op` on `vcpu`, whose block comes third.
pub(crate) fn issue_vcpu<H: Hypercall + ?Sized, C: Command>(hook: &H, vcpu: usize, block: &mut C) -> isize {
    let block: *mut C = block;
    let args = [Word::int(C::CMD), Word::int(vcpu), Word::ptr(block), Word::ZERO, Word::ZERO];
    // SAFETY: as in `issue`.
    unsafe { hook.call(C::NUMBER, args) }
}

/// Makes a `vcpu_op` on `vcpu` that takes no block.
pub(crate) fn issue_vcpu_plain<H: Hypercall + ?Sized>(hook: &H, vcpu: usize, cmd: usize) -> isize {
    let args = [Word::int(cmd), Word::int(vcpu), Word::ZERO, Word::ZERO, Word::ZERO];
    // SAFETY: no argument is an address.
    unsafe { hook.call(Number::VCPU_OP, args) }
}

/// Makes a `console_io` write: Xen reads `text` and keeps nothing of it.
pub(crate) fn issue_text<H: Hypercall + ?Sized>(hook: &H, cmd: usize, text: &[u8]) -> isize {
    let args = [Word::int(cmd), Word::int(text.len()), Word::read(text.as_ptr()), Word::ZERO, Word::ZERO];
    // SAFETY: the count is the length of the memory behind the address.
    unsafe { hook.call(Number::CONSOLE_IO, args) }
}
