//! What `virtio-drivers` wants to know of a machine: here memory is memory, and the device learns where the queue is.
#![expect(unsafe_code, reason = "gives memory")]

use core::ptr::NonNull;
use std::sync::mpsc::Sender;

use virtio_drivers::transport::{DeviceStatus, DeviceType, InterruptStatus, Transport};
use virtio_drivers::{BufferDirection, Hal, PAGE_SIZE, PhysAddr, Result};
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// Where the parts of a queue are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Areas {
    pub(super) descriptors: PhysAddr,
    pub(super) driver: PhysAddr,
    pub(super) device: PhysAddr,
}

#[derive(Clone, Copy)]
#[repr(align(4096))]
struct Page(#[expect(dead_code, reason = "reached by address")] [u8; PAGE_SIZE]);

/// Memory whose physical address is its address.
pub(super) struct Memory;

// SAFETY: pages are leaked, aligned and zero; an address is valid as long as what it names is.
unsafe impl Hal for Memory {
    fn dma_alloc(pages: usize, _: BufferDirection) -> (PhysAddr, NonNull<u8>) {
        let memory = Box::leak(vec![Page([0; PAGE_SIZE]); pages].into_boxed_slice());
        let start = NonNull::from(memory).cast::<u8>();
        (start.expose_provenance().get() as PhysAddr, start)
    }

    unsafe fn dma_dealloc(_: PhysAddr, _: NonNull<u8>, _: usize) -> i32 {
        // The device may still look: leaked.
        0
    }

    unsafe fn mmio_phys_to_virt(_: PhysAddr, _: usize) -> NonNull<u8> {
        unreachable!("no registers")
    }

    unsafe fn share(buffer: NonNull<[u8]>, _: BufferDirection) -> PhysAddr {
        buffer.cast::<u8>().expose_provenance().get() as PhysAddr
    }

    unsafe fn unshare(_: PhysAddr, _: NonNull<[u8]>, _: BufferDirection) {}
}

/// A transport that does nothing but tell where the queue is.
pub(super) struct Wires(pub(super) Sender<Areas>);

impl Transport for Wires {
    fn device_type(&self) -> DeviceType {
        DeviceType::Block
    }

    fn read_device_features(&mut self) -> u64 {
        0
    }

    fn write_driver_features(&mut self, _: u64) {}

    fn max_queue_size(&mut self, _: u16) -> u32 {
        1 << 15
    }

    fn notify(&mut self, _: u16) {}

    fn get_status(&self) -> DeviceStatus {
        DeviceStatus::empty()
    }

    fn set_status(&mut self, _: DeviceStatus) {}

    fn set_guest_page_size(&mut self, _: u32) {}

    fn requires_legacy_layout(&self) -> bool {
        false
    }

    fn queue_set(&mut self, _: u16, _: u32, descriptors: PhysAddr, driver: PhysAddr, device: PhysAddr) {
        self.0.send(Areas { descriptors, driver, device }).expect("somebody listens");
    }

    fn queue_unset(&mut self, _: u16) {}

    fn queue_used(&mut self, _: u16) -> bool {
        false
    }

    fn ack_interrupt(&mut self) -> InterruptStatus {
        InterruptStatus::empty()
    }

    fn read_config_generation(&self) -> u32 {
        0
    }

    fn read_config_space<T: FromBytes + IntoBytes>(&self, _: usize) -> Result<T> {
        Err(virtio_drivers::Error::ConfigSpaceMissing)
    }

    fn write_config_space<T: IntoBytes + Immutable>(&mut self, _: usize, _: T) -> Result<()> {
        Err(virtio_drivers::Error::ConfigSpaceMissing)
    }
}
