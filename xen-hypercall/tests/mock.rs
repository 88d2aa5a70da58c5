//! The operations on the mock host, which decodes their blocks by a code of its own.
#![allow(clippy::std_instead_of_core, clippy::unwrap_used, reason = "hosted; a panic fails the test")]

use xen_hypercall::op::event_channel::{self, Binding, Virq};
use xen_hypercall::op::{console_io, grant_table, hvm, memory, sched, vcpu, xen_version};
use xen_hypercall::{
    Clock, Counted, DomId, Errno, Faulty, Nanos, Number, Port, Presence, SharedInfo, Traced, Vcpu, detect, incarnation,
};
use xen_mock::{Destination, Hook, Host, Leaves, Save};

fn suspend(host: &Host, xen: &Hook, save: Save) -> isize {
    host.toolstack().save(save);
    host.store().write("control/shutdown", "");
    sched::shutdown(xen, sched::Reason::SUSPEND)
}

#[test]
fn ports_are_made_used_and_closed() {
    let host = Host::builder().build();
    let xen = host.guest().hook();
    let (one, two) = (event_channel::alloc_unbound(&xen, DomId::DOM0).unwrap(), event_channel::bind_ipi(&xen, Vcpu(0)));
    let virq = event_channel::bind_virq(&xen, Virq::TIMER, Vcpu(0)).unwrap();
    let loopback = event_channel::alloc_unbound(&xen, DomId::SELF).unwrap();
    let far = event_channel::bind_interdomain(&xen, DomId::SELF, loopback).unwrap();
    let own = host.guest().domid();
    let bindings = [
        (one, Binding::Unbound(DomId::DOM0)),
        (two.unwrap(), Binding::Ipi),
        (virq, Binding::Virq(Virq::TIMER)),
        (far, Binding::Interdomain(own, loopback)),
    ];
    for (port, binding) in bindings {
        assert_eq!(event_channel::status(&xen, port).unwrap().binding, binding);
        event_channel::unmask(&xen, port).unwrap();
        event_channel::close(&xen, port).unwrap();
        assert_eq!(event_channel::status(&xen, port).unwrap().binding, Binding::Closed);
    }
    event_channel::close(&xen, loopback).unwrap();
    assert_eq!((host.ledger().holdings().ports, host.check()), (vec![], Ok(())));
}

/// E20: refusals by Xen's own rules, each typed.
#[test]
fn refusals_have_names() {
    let host = Host::builder().max_port(3).max_grant_version(1).build();
    let xen = host.guest().hook();
    assert_eq!(event_channel::bind_interdomain(&xen, DomId::DOM0, Port(999)), Err(Errno::EINVAL));
    assert_eq!(event_channel::bind_interdomain(&xen, DomId(99), Port(1)), Err(Errno::ESRCH));
    assert_eq!(event_channel::bind_ipi(&xen, Vcpu(7)), Err(Errno::ENOENT));
    assert_eq!(event_channel::status(&xen, Port(5000)).unwrap_err(), Errno::EINVAL);
    event_channel::bind_virq(&xen, Virq::DEBUG, Vcpu(0)).unwrap();
    assert_eq!(event_channel::bind_virq(&xen, Virq::DEBUG, Vcpu(0)), Err(Errno::EEXIST));
    assert_eq!(event_channel::bind_ipi(&xen, Vcpu(0)), Err(Errno::ENOSPC));
    assert_eq!(xen_version::features(&xen, 9), Err(Errno::EINVAL));
    assert_eq!(grant_table::set_version(&xen, 2), Err(Errno::ENOSYS));
    assert_eq!(console_io::write(&xen, b"text"), Err(Errno::EPERM));
    assert_eq!(host.check(), Ok(()), "no padding was dirty");
}

#[test]
fn the_start_of_a_guest() {
    let host = Host::builder().max_grant_frames(8).version(4, 17).build();
    let (guest, xen) = (host.guest(), host.guest().hook());
    let version = xen_version::version(&xen).unwrap();
    assert_eq!((version.major, version.minor), (4, 17));
    assert_ne!(xen_version::features(&xen, 0).unwrap(), 0);
    assert_eq!(vcpu::is_up(&xen, Vcpu(0)), Ok(true));
    let vector = hvm::callback_vector(0x33);
    hvm::set_param(&xen, hvm::Param::CALLBACK_IRQ, vector).unwrap();
    assert_eq!(hvm::param(&xen, hvm::Param::CALLBACK_IRQ), Ok(vector));
    assert_ne!(hvm::param(&xen, hvm::Param::STORE_PFN).unwrap(), 0);
    memory::map_shared_info(&xen, &guest.page()).unwrap();
    memory::map_grant_frame(&xen, 7, &guest.page()).unwrap();
    assert_eq!(memory::map_grant_frame(&xen, 8, &guest.page()), Err(Errno::EINVAL));
    let size = grant_table::query_size(&xen).unwrap();
    assert_eq!((size.frames, size.max_frames), (8, 8));
    sched::yield_now(&xen).unwrap();
    assert_eq!(host.check(), Ok(()));
}

/// H09: the same on the mock's processor.
#[test]
fn detection_finds_what_is_there() {
    for (leaves, base) in
        [(Leaves::First, 0x4000_0000), (Leaves::Behind(1), 0x4000_0100), (Leaves::Behind(7), 0x4000_0700)]
    {
        let host = Host::builder().leaves(leaves).build();
        assert_eq!(detect(&host.guest().cpu()), Ok(Presence { base, major: 4, minor: 19 }));
    }
    assert!(detect(&Host::builder().leaves(Leaves::Absent).build().guest().cpu()).is_err());
}

#[test]
fn a_restore_is_another_incarnation_and_the_time_goes_on() {
    let host = Host::builder().build();
    let (guest, xen) = (host.guest(), host.guest().hook());
    let info = SharedInfo::new(guest.page());
    memory::map_shared_info(&xen, info.page()).unwrap();
    let (cpu, clock) = (guest.cpu(), Clock::new(guest.cpu(), &info));
    let presence = detect(&cpu).unwrap();
    for (turn, uptime) in (1..).zip([Nanos::from_secs(1), Nanos::from_secs(900_000)]) {
        let (before, held_at) = (clock.now(), incarnation(&cpu, presence));
        clock.hold();
        let to = Destination { uptime, ..Destination::default() };
        assert_eq!(suspend(&host, &xen, Save::Restore(to)), 0, "restore {turn}");
        memory::map_shared_info(&xen, info.page()).unwrap();
        clock.rebuild();
        let after = clock.now();
        assert!(after >= before && after.since(before) < Nanos::from_secs(60), "{before} to {after}");
        assert!(clock.system_time().unwrap().0 >= uptime.0);
        assert_ne!(incarnation(&cpu, presence), held_at);
    }
}

#[test]
fn a_checkpoint_returns_one_and_the_clock_ran_on() {
    let host = Host::builder().build();
    let (guest, xen) = (host.guest(), host.guest().hook());
    let info = SharedInfo::new(guest.page());
    memory::map_shared_info(&xen, info.page()).unwrap();
    hvm::set_param(&xen, hvm::Param::CALLBACK_IRQ, hvm::callback_vector(0x20)).unwrap();
    let clock = Clock::new(guest.cpu(), &info);
    clock.hold();
    let before = clock.now();
    assert_eq!(suspend(&host, &xen, Save::Checkpoint), 1);
    clock.release();
    assert!(clock.now() > before);
    let wall = clock.wall_clock().unwrap();
    assert!(wall >= Nanos::from_secs(1_800_000_000), "{wall}");
}

#[test]
fn decorators_see_every_call() {
    let host = Host::builder().build();
    let seen = std::cell::RefCell::new(vec![]);
    let xen = Counted::new(Traced::new(host.guest().hook(), |number, cmd, result| {
        seen.borrow_mut().push((number, cmd, result));
    }));
    xen_version::version(&xen).unwrap();
    event_channel::close(&xen, Port(700)).unwrap_err();
    assert_eq!(xen.calls(), 2);
    let expected = [(Number::XEN_VERSION, 0, 0x0004_0013), (Number::EVENT_CHANNEL_OP, 3, -22)];
    assert_eq!(*seen.borrow(), expected);
    assert!(host.check().is_err(), "the mock is strict: a closed port is not to be closed");
}

/// H01: an unknown code comes through all layers.
#[test]
fn a_fault_is_told_as_it_is() {
    let host = Host::builder().build();
    let xen = host.guest().hook();
    host.faults().on_call(Number::HVM_OP).returns(-4077);
    assert_eq!(hvm::param(&xen, hvm::Param::STORE_PFN).unwrap_err().raw(), -4077);
    assert!(hvm::param(&xen, hvm::Param::STORE_PFN).is_ok(), "once");
}

#[test]
fn a_plan_makes_chosen_hypercalls_fail() {
    let host = Host::builder().build();
    let seen = std::cell::RefCell::new(Vec::new());
    let xen = Faulty::new(host.guest().hook(), |number, cmd, nth| {
        seen.borrow_mut().push((number, cmd, nth));
        match nth {
            1 => Some(Errno::ENOSPC),
            2 => Errno::exact(7).err(),
            _ => None,
        }
    });
    let made = event_channel::bind_ipi(&xen, Vcpu(0)).unwrap();
    assert_eq!(event_channel::bind_ipi(&xen, Vcpu(0)), Err(Errno::ENOSPC));
    assert_eq!(event_channel::close(&xen, made).unwrap_err().raw(), 7, "positive, and no success");
    assert_eq!(host.ledger().holdings().ports, [made], "neither reached the hook inside");
    event_channel::close(&xen, made).unwrap();
    let number = Number::EVENT_CHANNEL_OP;
    assert_eq!(*seen.borrow(), [(number, 7, 0), (number, 7, 1), (number, 3, 2), (number, 3, 3)], "failed ones count");
    assert_eq!((host.trace().calls_since(Default::default()).len(), host.check()), (2, Ok(())));
}
