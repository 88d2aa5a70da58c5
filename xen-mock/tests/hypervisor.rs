//! The rest of the hypercalls, the processor, faults of calls, and the trace.
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a panic fails the test")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic fails the test")]
#![allow(clippy::as_conversions, clippy::std_instead_of_core, reason = "hosted; small numbers")]

mod common;

use common::{after, raw};
use xen_hypercall::op::hvm::{self, Param};
use xen_hypercall::op::{console_io, event_channel, memory, sched, vcpu, xen_version};
use xen_hypercall::{Cpu, DomId, Errno, Gfn, NoXen, Number, Port, SharedPage, Vcpu, VcpuInfo, Word, detect};
use xen_mock::{Host, Leaves, Mark, Vendor, Violation};

#[test]
fn version_and_features() {
    let host = Host::builder().version(4, 17).build();
    let xen = host.guest().hook();
    assert_eq!(xen_version::version(&xen).unwrap(), xen_version::Version { major: 4, minor: 17 });
    assert_ne!(xen_version::features(&xen, 0).unwrap() & 1 << 8, 0);
    assert_eq!(xen_version::features(&xen, 1), Err(Errno::EINVAL));
    assert_eq!(console_io::write(&xen, b"x"), Err(Errno::EPERM));
    assert_eq!(raw(&xen, Number(55), [Word::ZERO; 5]), -38);
    assert_eq!(
        raw(&xen, Number::EVENT_CHANNEL_OP, [Word::int(4), Word::ZERO, Word::ZERO, Word::ZERO, Word::ZERO]),
        -14
    );
}

#[test]
fn parameters() {
    let host = Host::builder().build();
    let xen = host.guest().hook();
    assert_eq!(hvm::param(&xen, Param::STORE_PFN), Ok(0xf_efff));
    assert_eq!(hvm::param(&xen, Param::CONSOLE_PFN), Ok(0xf_effc));
    assert_eq!(hvm::param(&xen, Param(39)), Err(Errno::EINVAL));
    assert_eq!(hvm::param(&xen, Param(5)), Err(Errno::EPERM));
    assert_eq!(hvm::set_param(&xen, Param::STORE_PFN, 9), Err(Errno::EPERM));
    assert_eq!(hvm::set_param(&xen, Param(4), 9), Err(Errno::EINVAL), "deprecated");
    hvm::set_param(&xen, Param::CALLBACK_IRQ, 7).unwrap();
    assert_eq!(hvm::param(&xen, Param::CALLBACK_IRQ), Ok(7));
}

#[test]
fn vcpu_info_moves() {
    let host = Host::builder().vcpus(2).build();
    let guest = host.guest();
    let xen = guest.hook();
    let page: &'static SharedPage = Box::leak(Box::new(guest.page()));
    let place = |place| VcpuInfo::new(page, place).unwrap();
    vcpu::register_vcpu_info(&xen, Vcpu(0), place(2)).unwrap();
    assert_eq!(vcpu::register_vcpu_info(&xen, Vcpu(0), place(2)), Err(Errno::EBUSY));
    assert_eq!(vcpu::register_vcpu_info(&xen, Vcpu(2), place(0)), Err(Errno::ENOENT));
    use std::sync::atomic::Ordering::Relaxed;
    assert_eq!(page.u8_at::<128>().load(Relaxed), 1, "Xen marks everything as pending");
    assert_ne!(page.u64_at::<176>().load(Relaxed), 0, "and keeps the time there");
    assert_eq!(vcpu::is_up(&xen, Vcpu(0)), Ok(true));
    assert_eq!(vcpu::is_up(&xen, Vcpu(1)), Ok(false));
    assert_eq!(vcpu::is_up(&xen, Vcpu(2)), Err(Errno::ENOENT));
}

#[test]
fn a_timer_goes_off() {
    let host = Host::builder().build();
    let guest = host.guest();
    let xen = guest.hook();
    let port = event_channel::bind_virq(&xen, event_channel::Virq::TIMER, Vcpu(0)).unwrap();
    let at = after(&guest, 30).unwrap();
    let mut block = [at.0, 0];
    let words = [Word::int(8), Word::int(0), Word::ptr(&raw mut block), Word::ZERO, Word::ZERO];
    assert_eq!(raw(&xen, Number::VCPU_OP, words), 0);
    sched::poll(&xen, &[port], None).unwrap();
    assert!(guest.system_time() >= at);
}

#[test]
fn detection() {
    let first = Host::builder().vendor(Vendor::Amd).build();
    assert_eq!(detect(&first.guest().cpu()).unwrap().base, 0x4000_0000);
    let name = first.guest().cpu().cpuid(0, 0);
    assert_eq!([name.ebx, name.edx, name.ecx].map(u32::to_le_bytes).concat(), b"AuthenticAMD");
    let behind = Host::builder().leaves(Leaves::Behind(1)).build();
    assert_eq!(detect(&behind.guest().cpu()).unwrap().base, 0x4000_0100);
    let absent = Host::builder().leaves(Leaves::Absent).build();
    assert_eq!(detect(&absent.guest().cpu()), Err(NoXen));
}

#[test]
fn frames_that_are_not_there() {
    let host = Host::builder().build();
    let guest = host.guest();
    let mut block = [0_u64; 3];
    block[0] = u64::from(DomId::SELF.0);
    block[2] = 0xdead;
    let words = [Word::int(7), Word::ptr(&raw mut block), Word::ZERO, Word::ZERO, Word::ZERO];
    assert_eq!(raw(&guest.hook(), Number::MEMORY_OP, words), -22);
    assert_eq!(host.check().unwrap_err(), [Violation::NoSuchFrame(Gfn(0xdead))]);
}

#[test]
fn padding_must_be_zero() {
    let host = Host::builder().build();
    let mut block = [u64::from(DomId::SELF.0) | 1 << 16 | 1 << 32, 0];
    let words = [Word::int(1), Word::ptr(&raw mut block), Word::ZERO, Word::ZERO, Word::ZERO];
    assert_eq!(raw(&host.guest().hook(), Number::HVM_OP, words), 0, "Xen bears it");
    assert_eq!(host.check().unwrap_err(), [Violation::Padding(Number::HVM_OP, 1)]);
}

#[test]
fn calls_fail_on_demand_and_are_traced() {
    let host = Host::builder().build();
    let guest = host.guest();
    let xen = guest.hook();
    host.faults().on_call(Number::EVENT_CHANNEL_OP).cmd(7).nth(2).times(2).returns(-12);
    let mark = host.trace().mark();
    let results: Vec<_> = (0..4).map(|_| event_channel::bind_ipi(&xen, Vcpu(0))).collect();
    let no = Err(Errno::ENOMEM);
    assert_eq!(results, [Ok(Port(3)), no, no, Ok(Port(4))]);
    let calls = host.trace().calls_since(mark);
    assert_eq!(calls.iter().map(|call| call.result.unwrap()).collect::<Vec<_>>(), [0, -12, -12, 0]);
    assert_eq!(host.trace().count(Mark::default(), Number::EVENT_CHANNEL_OP, 7), 4);
    host.faults().on_any_call().nth(1).returns(-5);
    assert_eq!(memory::map_shared_info(&xen, &guest.page()).unwrap_err(), Errno::EIO);
}
