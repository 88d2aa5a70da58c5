//! Argument blocks, byte by byte as Xen's headers have them, and what is read out of them.

mod fake;

use fake::{Scripted, page};
use xen_hypercall::op::event_channel::{self, Binding, ControlBlock, Priority, Share, Virq};
use xen_hypercall::op::vcpu::{self, LongMode};
use xen_hypercall::op::{hvm, memory, sched, xen_version};
use xen_hypercall::{DomId, Errno, Port, SystemTime, Vcpu, VcpuInfo};

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn sent(xen: &Scripted) -> (usize, usize, Vec<u8>) {
    let (number, [cmd, ..], block) = xen.seen.borrow().clone();
    (number, cmd, block)
}

/// H07: padding is zero, for the block is compared whole.
#[test]
fn event_channel_blocks() {
    let xen = Scripted::new(8).writing(4, &words(&[9]));
    assert_eq!(event_channel::alloc_unbound(&xen, DomId(5)), Ok(Port(9)));
    assert_eq!(sent(&xen), (32, 6, words(&[0x0005_7FF0, 0])));

    let xen = Scripted::new(12).writing(8, &words(&[9]));
    assert_eq!(event_channel::bind_interdomain(&xen, DomId(5), Port(3)), Ok(Port(9)));
    assert_eq!(sent(&xen), (32, 0, words(&[5, 3, 0])));

    let xen = Scripted::new(12).writing(8, &words(&[9]));
    assert_eq!(event_channel::bind_virq(&xen, Virq(1), Vcpu(2)), Ok(Port(9)));
    assert_eq!(sent(&xen), (32, 1, words(&[1, 2, 0])));

    let xen = Scripted::new(8).writing(4, &words(&[9]));
    assert_eq!(event_channel::bind_ipi(&xen, Vcpu(2)), Ok(Port(9)));
    assert_eq!(sent(&xen), (32, 7, words(&[2, 0])));

    type OnPort = fn(&Scripted, Port) -> Result<(), Errno>;
    let on_port: [(OnPort, usize); 3] =
        [(event_channel::close, 3), (event_channel::send, 4), (event_channel::unmask, 9)];
    for (op, cmd) in on_port {
        let xen = Scripted::new(4);
        assert_eq!(op(&xen, Port(7)), Ok(()));
        assert_eq!(sent(&xen), (32, cmd, words(&[7])));
    }
}

/// H07: a physical interrupt, shared or not; and all ports at once.
#[test]
fn event_channel_blocks_of_hardware_and_reset() {
    for (share, flags) in [(Share::Alone, 0), (Share::Others, 1)] {
        let xen = Scripted::new(12).writing(8, &words(&[9]));
        assert_eq!(event_channel::bind_pirq(&xen, 16, share), Ok(Port(9)));
        assert_eq!(sent(&xen), (32, 2, words(&[16, flags, 0])));
    }
    let xen = Scripted::new(2);
    event_channel::reset(&xen).unwrap();
    assert_eq!(sent(&xen), (32, 10, vec![0xF0, 0x7F]));
}

/// H07: the control block of a processor lies where its place says, and what Xen tells of links comes back.
#[test]
fn event_channel_blocks_of_the_fifo() {
    let controls = page(0x2_0000_0040);
    for place in [0, 1, 31] {
        let xen = Scripted::new(24).writing(16, &[17]);
        let control = ControlBlock::new(&controls, place).unwrap();
        assert_eq!(event_channel::init_control(&xen, Vcpu(40), control), Ok(17));
        let offset = u32::try_from(place * 128).unwrap();
        assert_eq!(sent(&xen), (32, 11, words(&[0x40, 2, offset, 40, 0, 0])));
    }
    assert!(ControlBlock::new(&controls, 32).is_none());

    let xen = Scripted::new(8);
    event_channel::expand_array(&xen, &page(0x3_0000_0041)).unwrap();
    assert_eq!(sent(&xen), (32, 12, words(&[0x41, 3])));

    let xen = Scripted::new(8);
    event_channel::set_priority(&xen, Port(0x1_FFFF), Priority::LOWEST).unwrap();
    assert_eq!(sent(&xen), (32, 13, words(&[0x1_FFFF, 15])));
}

/// E12: ready bits and heads are where the header has them, and a block does not reach into the next one.
#[test]
fn e12_a_control_block_is_words_in_its_place() {
    use core::sync::atomic::Ordering::Relaxed;
    let controls = page(1);
    let control = ControlBlock::new(&controls, 3).unwrap();
    control.ready().store(0x8001, Relaxed);
    control.heads()[0].store(5, Relaxed);
    control.heads()[15].store(0x1_FFFF, Relaxed);
    let mut bytes = [0; 256];
    controls.copy_in(3 * 128, &mut bytes);
    assert_eq!((bytes[..12].to_vec(), bytes[68..72].to_vec()), (words(&[0x8001, 0, 5]), words(&[0x1_FFFF])));
    assert_eq!(bytes.iter().filter(|byte| **byte != 0).count(), 6);
}

/// E21: each state by name, and one that nobody knows.
#[test]
fn e21_event_channel_status() {
    let cases = [
        ([0, 0, 0], Binding::Closed),
        ([1, 5, 0], Binding::Unbound(DomId(5))),
        ([2, 5, 3], Binding::Interdomain(DomId(5), Port(3))),
        ([3, 16, 0], Binding::Pirq(16)),
        ([4, 1, 0], Binding::Virq(Virq(1))),
        ([5, 0, 0], Binding::Ipi),
        ([6, 1, 2], Binding::Other(6)),
        ([u32::MAX, 1, 2], Binding::Other(u32::MAX)),
    ];
    for ([status, u0, u1], binding) in cases {
        let xen = Scripted::new(24).writing(8, &words(&[status, 1, u0, u1]));
        let found = event_channel::status(&xen, Port(7)).unwrap();
        assert_eq!((found.binding, found.vcpu), (binding, Vcpu(1)));
        assert_eq!(sent(&xen), (32, 5, words(&[0x7FF0, 7, 0, 0, 0, 0])));
    }
}

#[test]
fn memory_blocks() {
    let xen = Scripted::new(24);
    memory::map_shared_info(&xen, &page(0x1_2345_6789)).unwrap();
    assert_eq!(sent(&xen), (12, 7, words(&[0x7FF0, 0, 0, 0, 0x2345_6789, 1])));
    memory::map_grant_frame(&xen, 3, &page(0x40)).unwrap();
    assert_eq!(sent(&xen), (12, 7, words(&[0x7FF0, 1, 3, 0, 0x40, 0])));
}

#[test]
fn hvm_blocks() {
    let xen = Scripted::new(16).writing(8, &words(&[1, 2]));
    assert_eq!(hvm::param(&xen, hvm::Param::CONSOLE_EVTCHN), Ok(0x2_0000_0001));
    assert_eq!(sent(&xen), (34, 1, words(&[0x7FF0, 18, 0, 0])));
    let xen = Scripted::new(16);
    hvm::set_param(&xen, hvm::Param::CALLBACK_IRQ, hvm::callback_vector(0xF3)).unwrap();
    assert_eq!(sent(&xen), (34, 0, words(&[0x7FF0, 0, 0xF3, 0x0200_0000])));
}

#[test]
fn sched_blocks() {
    let xen = Scripted::new(4);
    let _: isize = sched::shutdown(&xen, sched::Reason::SUSPEND);
    assert_eq!(sent(&xen), (29, 2, words(&[2])));
    for (deadline, timeout) in [(None, 0), (Some(SystemTime(0)), 1), (Some(SystemTime(7)), 7)] {
        let xen = Scripted::new(24);
        sched::poll(&xen, &[Port(1), Port(2)], deadline).unwrap();
        let (number, cmd, block) = sent(&xen);
        assert_eq!((number, cmd, &block[8..]), (29, 3, &words(&[2, 0, timeout, 0])[..]));
    }
}

/// The processor comes before the block.
#[test]
#[expect(unsafe_code, reason = "what a processor starts with is a promise")]
fn vcpu_blocks() {
    let plain = |xen: &Scripted| xen.seen.borrow().1;
    let xen = Scripted::new(128).at(2);
    let start = LongMode { rip: 0x1000, cr3: 0x2000, efer: 0x500, ..LongMode::default() };
    // SAFETY: nothing runs.
    unsafe { vcpu::initialise(&xen, Vcpu(3), start) }.unwrap();
    let block = [&[1][..], &[0; 8], &[0x1000, 0, 0, 0x2000, 0, 0x500, 0]].concat();
    let expected: Vec<u8> = block.iter().flat_map(|word: &u64| word.to_le_bytes()).collect();
    assert_eq!((plain(&xen), sent(&xen)), ([0, 3, 0], (24, 0, expected)));

    let xen = Scripted::new(16).at(2);
    vcpu::set_singleshot_timer(&xen, Vcpu(1), SystemTime(0x2_0000_0007)).unwrap();
    assert_eq!((plain(&xen), sent(&xen)), ([8, 1, 0], (24, 8, words(&[7, 2, 0, 0]))));
    let records = Box::leak(Box::new(page(0x40)));
    vcpu::register_vcpu_info(&xen, Vcpu(40), VcpuInfo::new(records, 8).unwrap()).unwrap();
    assert_eq!((plain(&xen), sent(&xen)), ([10, 40, 0], (24, 10, words(&[0x40, 0, 512, 0]))));

    let xen = Scripted::new(0);
    vcpu::up(&xen, Vcpu(5)).unwrap();
    assert_eq!(plain(&xen), [1, 5, 0]);
}

#[test]
fn feature_blocks() {
    let xen = Scripted::new(8).writing(4, &words(&[0x2304]));
    assert_eq!(xen_version::features(&xen, 1), Ok(0x2304));
    assert_eq!(sent(&xen), (17, 6, words(&[1, 0])));
}
