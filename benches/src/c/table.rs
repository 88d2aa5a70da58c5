//! The tables of `c/side.h`, field by field.
#![expect(unsafe_code, reason = "names what C defines")]

use core::ffi::c_void;

#[repr(C)]
pub(super) struct SlotOps {
    pub(super) front_size: usize,
    pub(super) back_size: usize,
    pub(super) request_size: usize,
    pub(super) response_size: usize,
    pub(super) front_init: unsafe extern "C" fn(*mut c_void, *mut c_void, u32),
    pub(super) back_init: unsafe extern "C" fn(*mut c_void, *mut c_void, u32),
    pub(super) rounds: unsafe extern "C" fn(*mut c_void, *mut c_void, u32, u32, u32) -> u64,
    pub(super) front_rounds: unsafe extern "C" fn(*mut c_void, u32, u32) -> u64,
    pub(super) back_serve: unsafe extern "C" fn(*mut c_void, u32) -> u64,
    pub(super) front_ask: unsafe extern "C" fn(*mut c_void, u32),
    pub(super) back_hold: unsafe extern "C" fn(*mut c_void) -> u32,
    pub(super) back_push_each: unsafe extern "C" fn(*mut c_void),
    pub(super) front_collect: unsafe extern "C" fn(*mut c_void) -> u64,
    pub(super) front_notified: unsafe extern "C" fn(*const c_void) -> u64,
    pub(super) back_notified: unsafe extern "C" fn(*const c_void) -> u64,
    pub(super) front_stage: unsafe extern "C" fn(*mut c_void, *const c_void) -> i32,
    pub(super) front_publish: unsafe extern "C" fn(*mut c_void) -> i32,
    pub(super) front_take: unsafe extern "C" fn(*mut c_void, *mut c_void) -> i32,
    pub(super) back_take: unsafe extern "C" fn(*mut c_void, *mut c_void) -> i32,
    pub(super) back_stage: unsafe extern "C" fn(*mut c_void, *const c_void),
    pub(super) back_publish: unsafe extern "C" fn(*mut c_void) -> i32,
}

#[repr(C)]
pub(super) struct ByteOps {
    pub(super) write: unsafe extern "C" fn(*mut u32, *mut u8, u32, *const c_void, usize) -> usize,
    pub(super) read: unsafe extern "C" fn(*mut u32, *mut u8, u32, *mut c_void, usize) -> usize,
    pub(super) rounds: unsafe extern "C" fn(*mut u32, *mut u8, u32, u32, u32) -> u64,
}

#[repr(C)]
pub(super) struct BoundOps {
    pub(super) size: usize,
    pub(super) rounds: unsafe extern "C" fn(*mut c_void, u32, u32) -> u64,
    pub(super) copies: extern "C" fn(u32, u32) -> u64,
}

#[repr(C)]
pub(super) struct Table {
    pub(super) block: SlotOps,
    pub(super) small: SlotOps,
    pub(super) checked_block: SlotOps,
    pub(super) checked_small: SlotOps,
    pub(super) bytes: ByteOps,
    pub(super) bound: BoundOps,
}

unsafe extern "C" {
    pub(super) safe static side_o2: Table;
    pub(super) safe static side_o3: Table;
    pub(super) safe static side_native: Table;
}
