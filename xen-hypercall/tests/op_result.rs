//! What Xen answers is told as it is: success exactly as the operation defines it, all else kept.

mod fake;

use fake::{Scripted, page};
use xen_hypercall::op::event_channel::{ControlBlock, Priority, Share};
use xen_hypercall::op::grant_table::{self, GrantError, GrantStatus};
use xen_hypercall::op::{console_io, event_channel, hvm, memory, sched, vcpu, xen_version};
use xen_hypercall::{DomId, Errno, Port, Vcpu};

type Op = fn(&Scripted) -> Result<(), Errno>;

/// Operations whose only success is 0, with the size of their block.
const EXACT: [(usize, Op); 22] = [
    (8, |xen| event_channel::alloc_unbound(xen, DomId(1)).map(drop)),
    (12, |xen| event_channel::bind_interdomain(xen, DomId(1), Port(1)).map(drop)),
    (12, |xen| event_channel::bind_virq(xen, event_channel::Virq::TIMER, Vcpu(0)).map(drop)),
    (8, |xen| event_channel::bind_ipi(xen, Vcpu(0)).map(drop)),
    (4, |xen| event_channel::close(xen, Port(1))),
    (4, |xen| event_channel::send(xen, Port(1))),
    (4, |xen| event_channel::unmask(xen, Port(1))),
    (24, |xen| event_channel::status(xen, Port(1)).map(drop)),
    (12, |xen| event_channel::bind_pirq(xen, 16, Share::Alone).map(drop)),
    (24, |xen| event_channel::init_control(xen, Vcpu(0), ControlBlock::new(&page(1), 0).unwrap()).map(drop)),
    (8, |xen| event_channel::expand_array(xen, &page(1))),
    (8, |xen| event_channel::set_priority(xen, Port(1), Priority::HIGHEST)),
    (2, |xen| event_channel::reset(xen)),
    (24, |xen| memory::map_shared_info(xen, &page(1))),
    (24, |xen| memory::map_grant_frame(xen, 0, &page(1))),
    (16, |xen| hvm::param(xen, hvm::Param::STORE_PFN).map(drop)),
    (16, |xen| hvm::set_param(xen, hvm::Param::CALLBACK_IRQ, 1)),
    (0, |xen| sched::yield_now(xen)),
    (0, |xen| sched::block(xen)),
    (24, |xen| sched::poll(xen, &[], None)),
    (8, |xen| xen_version::features(xen, 0).map(drop)),
    (4, |xen| grant_table::set_version(xen, 1).map(drop)),
];

/// Operations that return a number.
const VALUE: [Op; 3] = [
    |xen| xen_version::version(xen).map(drop),
    |xen| vcpu::is_up(xen, Vcpu(0)).map(drop),
    |xen| console_io::write(xen, b"text"),
];

/// H01, H02, H03, H06: unknown codes and the extremes are kept; a positive answer where none is defined is no success.
#[test]
fn every_answer_that_is_no_success_is_kept() {
    for (size, op) in EXACT {
        assert_eq!(op(&Scripted::new(size)), Ok(()));
        for raw in [-1, -22, -38, -9999, isize::MIN, 1, isize::MAX] {
            let no = op(&Scripted::new(size).answering(raw)).unwrap_err();
            assert_eq!(no.raw(), raw);
        }
    }
}

/// H01, H12: of a number, only the negative half is an error; a console that took more than there is harms nobody.
#[test]
fn a_number_is_no_error() {
    for op in VALUE {
        for raw in [0, 1, 0x0004_0013, isize::MAX] {
            assert_eq!(op(&Scripted::new(0).answering(raw)), Ok(()));
        }
        for raw in [-1, -2, -9999, isize::MIN] {
            assert_eq!(op(&Scripted::new(0).answering(raw)).unwrap_err().raw(), raw);
        }
    }
}

/// The suspend call's result is not judged here: 0, 1 and errors all come through.
#[test]
fn the_shutdown_result_is_raw() {
    for raw in [0, 1, -16, isize::MIN] {
        assert_eq!(sched::shutdown(&Scripted::new(4).answering(raw), sched::Reason::SUSPEND), raw);
    }
}

/// G13, G14, G17, H05: only a status of exactly 0 is success: not a positive one, and not one that Xen did not write.
#[test]
fn a_grant_status_is_judged_too() {
    let ok = Scripted::new(16).writing(4, &[2, 0, 0, 0, 64, 0, 0, 0, 0, 0]);
    let size = grant_table::query_size(&ok).unwrap();
    assert_eq!((size.frames, size.max_frames), (2, 64));
    for status in [1_i16, -1, -12, -32767, i16::MAX] {
        let xen = Scripted::new(16).writing(12, &status.to_le_bytes());
        assert_eq!(grant_table::query_size(&xen), Err(GrantError::Status(GrantStatus(status))));
    }
    let untouched = grant_table::query_size(&Scripted::new(16));
    assert_eq!(untouched, Err(GrantError::Status(GrantStatus(i16::MIN))));
    let refused = grant_table::query_size(&Scripted::new(16).answering(-38));
    assert_eq!(refused, Err(GrantError::Call(Errno::ENOSYS)));
}

#[test]
fn a_processor_is_up_or_down() {
    assert_eq!(vcpu::is_up(&Scripted::new(0), Vcpu(1)), Ok(false));
    assert_eq!(vcpu::is_up(&Scripted::new(0).answering(1), Vcpu(1)), Ok(true));
}

#[test]
fn a_version_has_two_numbers() {
    let version = xen_version::version(&Scripted::new(0).answering(0x0004_0013)).unwrap();
    assert_eq!((version.major, version.minor), (4, 19));
}
