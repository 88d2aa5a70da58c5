//! What becomes of the FIFO ABI at a reset, and in each class of resume.
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a panic fails the test")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic fails the test")]
#![allow(clippy::as_conversions, clippy::std_instead_of_core, reason = "hosted; small numbers")]

mod common;

use std::sync::atomic::Ordering::Relaxed;

use common::events::*;
use common::set_callback;
use xen_hypercall::op::hvm::{self, Param};
use xen_hypercall::op::sched;
use xen_hypercall::{DomId, Port};
use xen_mock::{Destination, FifoAbi, Host, Kind, Save, State, Violation};

fn suspended(host: &Host, save: Save) -> isize {
    let xen = host.guest().hook();
    set_callback(&xen);
    let _operation = host.toolstack().await_suspend(save);
    let result = sched::shutdown(&xen, sched::Reason::SUSPEND);
    assert_eq!(host.state(), State::Running);
    result
}

/// A guest with an event in a queue and one that is masked.
fn loaded(host: &Host) -> (FifoGuest, [Port; 2]) {
    let fifo = FifoGuest::new(host, 2);
    let ports = [ipi(&fifo.xen, 0), ipi(&fifo.xen, 1)];
    fifo.mask(ports[1]);
    for port in ports {
        done(&fifo.xen, SEND, [port.0]);
    }
    (fifo, ports)
}

#[test]
fn in_the_same_domain_all_of_it_survives() {
    for (save, code) in [(Save::Checkpoint, 1), (Save::Fail, 1), (Save::SlowResume, 0)] {
        let host = Host::builder().vcpus(2).build();
        let (mut fifo, ports) = loaded(&host);
        let held = host.ledger().holdings();
        assert_eq!(suspended(&host, save), code);
        assert!(host.events().is_fifo());
        assert_eq!(host.ledger().holdings(), held);
        assert_eq!(init_control(&fifo.xen, fifo.guest.page().gfn().0, (0, 0)).0, EINVAL, "is there already");
        done(&fifo.xen, UNMASK, [ports[1].0]);
        assert_eq!((fifo.drain(0), fifo.drain(1)), (vec![(7, ports[0])], vec![(7, ports[1])]));
        host.check().unwrap();
    }
}

#[test]
fn a_new_domain_begins_with_two_levels() {
    let host = Host::builder().vcpus(2).build();
    let (fifo, ports) = loaded(&host);
    assert_eq!(suspended(&host, Save::Restore(Destination::default())), 0);
    assert!(!host.events().is_fifo());
    let held = host.ledger().holdings();
    assert_eq!((held.control_blocks, held.event_pages, held.ports.len()), (0, 0, 0));
    assert_eq!(fifo.word(ports[0]), PENDING | LINKED, "the pages are the guest's memory, and came along");
    assert_eq!(event(&fifo.xen, SET_PRIORITY, [1, 0]), ENOSYS);
    assert_eq!(expand_array(&fifo.xen, fifo.array[0].gfn().0), EOPNOTSUPP);
    host.check().unwrap();
}

#[test]
fn the_same_pages_serve_again_once_they_are_clean() {
    let host = Host::builder().vcpus(2).build();
    let (mut fifo, ports) = loaded(&host);
    suspended(&host, Save::Restore(Destination::default()));
    for cell in fifo.array[0].u32s_at::<0, 1024>() {
        cell.store(0, Relaxed);
    }
    for (vcpu, block) in [0, 1].into_iter().zip(&fifo.blocks) {
        block.u32s_at::<0, 18>().iter().for_each(|cell| cell.store(0, Relaxed));
        assert_eq!(init_control(&fifo.xen, block.gfn().0, (0, vcpu)).0, 0);
    }
    assert_eq!(expand_array(&fifo.xen, fifo.array[0].gfn().0), 0);
    assert_eq!(fifo.drain(0), [(7, Port(1))], "xenstored's, which was pending by its bit");
    assert_eq!(ipi(&fifo.xen, 0), ports[0]);
    host.check().unwrap();
}

#[test]
fn pages_of_the_old_life_are_noted() {
    let host = Host::builder().vcpus(2).build();
    let (fifo, _) = loaded(&host);
    suspended(&host, Save::Restore(Destination::default()));
    assert_eq!(init_control(&fifo.xen, fifo.blocks[0].gfn().0, (0, 0)).0, 0);
    assert_eq!(expand_array(&fifo.xen, fifo.array[0].gfn().0), 0);
    let stale = [fifo.blocks[0].gfn(), fifo.array[0].gfn()].map(Violation::FifoMemoryStale);
    assert_eq!(host.check().unwrap_err(), stale);
}

#[test]
fn the_next_host_may_lack_it_and_the_one_behind_have_it() {
    let host = Host::builder().vcpus(2).build();
    let (fifo, _) = loaded(&host);
    let to = |fifo| Save::Restore(Destination { fifo, ..Destination::default() });
    let again = || init_control(&fifo.xen, fifo.guest.page().gfn().0, (0, 0)).0;
    suspended(&host, to(Some(FifoAbi::Unknown)));
    assert_eq!(again(), ENOSYS);
    suspended(&host, to(None));
    assert_eq!(again(), ENOSYS, "of the same kind");
    suspended(&host, to(Some(FifoAbi::Present)));
    assert_eq!(again(), 0);
    host.check().unwrap();
}

#[test]
fn a_reset_closes_everything_and_goes_back_to_two_levels() {
    let host = Host::builder().vcpus(2).build();
    let (fifo, ports) = loaded(&host);
    let own = u32::from(fifo.guest.domid().0);
    for (domain, error) in [(0, EPERM), (own + 1, ESRCH)] {
        assert_eq!(event(&fifo.xen, RESET, [domain]), error);
    }
    assert!(host.events().is_fifo());
    done(&fifo.xen, RESET, [SELF]);
    assert!(!host.events().is_fifo() && host.ledger().holdings().ports.is_empty());
    assert_eq!([Port(1), Port(2), ports[0]].map(|port| status(&fifo.xen, port)), [[0; 4]; 3]);
    assert_eq!(ipi(&fifo.xen, 0), Port(1), "the toolstack's, too");
    let cut = [Violation::ClosedToolstackPort(Port(1)), Violation::ClosedToolstackPort(Port(2))];
    assert_eq!(host.check().unwrap_err(), cut);
}

#[test]
fn what_a_reset_cut_off_can_be_bound_again() {
    let host = Host::builder().build();
    let mut fifo = FifoGuest::new(&host, 1);
    let far = [Port(1), Port(2)].map(|port| status(&fifo.xen, port)[3]);
    let dom0 = u32::from(DomId::DOM0.0);
    done(&fifo.xen, RESET, [SELF]);
    for (far, param) in far.into_iter().zip([Param::STORE_EVTCHN, Param::CONSOLE_EVTCHN]) {
        let (result, [_, _, local]) = event_op(&fifo.xen, BIND_INTERDOMAIN, [dom0, far, 0]);
        assert_eq!(result, 0);
        hvm::set_param(&fifo.xen, param, u64::from(local)).unwrap();
    }
    host.check().unwrap();
    assert!(host.ledger().holdings().ports.is_empty(), "they are the toolstack's again");
    // FIFO from the start, with the memory of before: the reset gave it back.
    let (block, array) = (fifo.blocks.remove(0), fifo.array.remove(0));
    block.u32s_at::<0, 18>().iter().for_each(|cell| cell.store(0, Relaxed));
    assert_eq!(init_control(&fifo.xen, block.gfn().0, (0, 0)).0, 0);
    assert_eq!(expand_array(&fifo.xen, array.gfn().0), 0);
    host.check().unwrap();
}

#[test]
fn a_daemon_speaks_to_the_port_that_was_bound_again() {
    let host = Host::builder().build();
    let client = common::Client::new(&host);
    let far = status(&client.xen, client.port)[3];
    done(&client.xen, RESET, [SELF]);
    let before = [ipi(&client.xen, 0), ipi(&client.xen, 0)];
    let (result, [_, _, local]) = event_op(&client.xen, BIND_INTERDOMAIN, [0, far, 0]);
    assert_eq!((result, before), (0, [Port(1), Port(2)]));
    hvm::set_param(&client.xen, Param::STORE_EVTCHN, u64::from(local)).unwrap();
    let mut client = common::Client { port: Port(local), ..client };
    assert_eq!(client.read("name").as_deref(), Ok("guest"));
    assert!(!common::is_pending(&client.shared, Port(1)), "and not to the number that it had");
}

#[test]
fn the_device_models_ports_outlive_a_reset() {
    let host = Host::builder().kind(Kind::Hvm).build();
    let xen = host.guest().hook();
    done(&xen, RESET, [SELF]);
    assert_eq!([1, 2, 3, 4].map(|port| status(&xen, Port(port))[0]), [0, 0, 2, 2]);
}
