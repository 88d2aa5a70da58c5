//! Why there may be no console, and the neighbour in which there is one.

mod support;

use support::{Stand, connected, on, with_page};
use xen_evtchn::BindError;
use xen_frontend::console::{ConnectError, ring_gfn};
use xen_hypercall::op::hvm::{self, Param};
use xen_hypercall::{Errno, Gfn, Number, Port};
use xen_mock::{Daemon, Host};

/// The console keeps what is written, and connects once what was wrong is gone.
fn not_until(stand: &Stand<'_>, error: ConnectError, mend: impl FnOnce()) {
    stand.console.write(b"kept");
    assert_eq!(stand.console.connect(), Err(error));
    assert_eq!((stand.console.port(), stand.events.open()), (None, 0), "nothing is left behind");
    assert_eq!(stand.seen(), "");
    mend();
    stand.console.connect().unwrap();
    assert_eq!(stand.seen(), "kept");
}

#[test]
fn a_domain_may_have_none() {
    on(Host::builder().console(Daemon::Absent), |stand| {
        assert_eq!(ring_gfn(stand.hook), Err(ConnectError::Missing));
        assert_eq!(stand.console.connect(), Err(ConnectError::Missing));
        stand.console.write(b"into the backlog");
        assert_eq!(stand.console.dropped(), 0);
    });
}

#[test]
fn the_console_may_be_gone_in_the_parameters_only() {
    with_page(
        Host::builder().console(Daemon::Absent),
        |host| Some(host.guest().page()),
        |stand| {
            assert_eq!(stand.console.connect(), Err(ConnectError::Missing));
        },
    );
}

#[test]
fn a_port_of_zero_is_none() {
    on(Host::builder(), |stand| {
        let port = stand.param(Param::CONSOLE_EVTCHN);
        let set = |value| hvm::set_param(stand.hook, Param::CONSOLE_EVTCHN, value).unwrap();
        set(0);
        not_until(stand, ConnectError::Missing, || set(port));
    });
}

/// H10: parameters of all ones, or beyond what a port can be.
#[test]
fn a_port_out_of_range_is_refused() {
    let wrong = [
        (u64::MAX, ConnectError::Missing),
        (1 << 32 | 2, ConnectError::Missing),
        (4096, ConnectError::Port(BindError::NotAPort(Port(4096)))),
        (4095, ConnectError::Port(BindError::NoSlot(Port(4095)))),
    ];
    for (value, error) in wrong {
        on(Host::builder(), |stand| {
            let port = stand.param(Param::CONSOLE_EVTCHN);
            let set = |value| hvm::set_param(stand.hook, Param::CONSOLE_EVTCHN, value).unwrap();
            set(value);
            not_until(stand, error, || set(port));
        });
    }
}

#[test]
fn a_ring_in_another_frame_is_not_taken_for_ours() {
    with_page(
        Host::builder(),
        |host| Some(host.guest().page()),
        |stand| {
            let gfn = Gfn(stand.param(Param::CONSOLE_PFN));
            assert_ne!(stand.ring.gfn(), gfn);
            assert_eq!(stand.console.connect(), Err(ConnectError::Moved(gfn)));
            assert_eq!(stand.out_prod(), 0, "the page was left alone");
        },
    );
}

#[test]
fn what_xen_says_is_kept() {
    for (nth, raw) in [(1, -12), (2, -1), (1, -9999)] {
        on(Host::builder(), |stand| {
            stand.host.faults().on_call(Number::HVM_OP).cmd(1).nth(nth).returns(raw);
            let errno = Errno::exact(raw).unwrap_err();
            not_until(stand, ConnectError::Xen(errno), || {});
        });
    }
}

#[test]
fn connecting_again_takes_the_same_port() {
    connected(Host::builder(), |stand| {
        let (port, open) = (stand.console.port(), stand.events.open());
        stand.console.connect().unwrap();
        assert_eq!((stand.console.port(), stand.events.open()), (port, open));
        stand.console.write(b"still there");
        assert_eq!(stand.seen(), "still there");
    });
}

#[test]
fn a_port_that_somebody_else_has_is_left_alone() {
    on(Host::builder(), |stand| {
        let port = Port(u32::try_from(stand.param(Param::CONSOLE_EVTCHN)).unwrap());
        let other = stand.events.adopt(port).unwrap();
        assert_eq!(stand.console.connect(), Err(ConnectError::Port(BindError::Taken(port))));
        assert_eq!(other.is_pending(), Ok(false));
        drop(other);
        stand.console.connect().unwrap();
    });
}

#[test]
fn every_reason_reads_as_a_sentence() {
    assert_eq!(ConnectError::Missing.to_string(), "the domain has no console");
    assert_eq!(ConnectError::Moved(Gfn(7)).to_string(), format!("the console's ring is in frame {}", Gfn(7)));
    assert_eq!(ConnectError::Xen(Errno::ENOMEM).to_string(), Errno::ENOMEM.to_string());
    let taken = BindError::Taken(Port(3));
    assert_eq!(ConnectError::Port(taken).to_string(), taken.to_string());
}
