//! Both ABIs of event channels, in the whole guest: the one that it is to have, or the one that there is.

use guest::lifecycle::{ALL, Host as On, Lifecycle, Step, of_another_abi};
use xen_hypercall::{Nanos, Number, Vcpu};
use xen_mock::{Destination, FifoAbi, Host, Mark, Save};
use xen_sim::{Arrangement, Report, play, play_on};

const PATIENCE: Nanos = Nanos::from_secs(5);

const fn lifecycle(cmdline: &'static str, steps: &'static [Step]) -> Lifecycle {
    Lifecycle { name: "abis", about: "", cmdline, steps, only: None }
}

fn with(vcpus: u32) -> Arrangement {
    Arrangement::default().built(move |builder| builder.vcpus(vcpus))
}

fn other_abi(lifecycle: &Lifecycle, report: &Report) -> Option<String> {
    of_another_abi(lifecycle.cmdline, report.lines.iter().map(|line| line.text.as_str())).map(str::to_owned)
}

/// By queues they go in `lifecycles.rs`.
#[test]
fn every_lifecycle_by_bitmaps() {
    let on_mock = |one: &&Lifecycle| !matches!(one.only, Some((On::Xen | On::Hvm, _)));
    for lifecycle in ALL.iter().filter(on_mock) {
        let cmdline = format!("evtchn=2l {}", lifecycle.cmdline).leak();
        let lifecycle = Lifecycle { cmdline, ..*lifecycle };
        let report = play(&lifecycle, with(2)).unwrap_or_else(|failure| panic!("{cmdline}: {failure}"));
        assert_eq!(other_abi(&lifecycle, &report), None, "{}", lifecycle.name);
    }
}

/// What one processor asked of Xen for its queues: `EVTCHNOP_init_control`, `EVTCHNOP_expand_array`.
fn queues(host: &Host, since: Mark, vcpu: Vcpu) -> [usize; 2] {
    let calls = host.trace().calls_since(since);
    [11, 12].map(|cmd| {
        let made = |call: &&xen_mock::Call| (call.number, call.cmd, call.vcpu) == (Number::EVENT_CHANNEL_OP, cmd, vcpu);
        calls.iter().filter(made).count()
    })
}

/// I12, I18: queues are asked for once in each domain, by each processor for itself; a resume in the same domain has them.
#[test]
fn queues_are_made_anew_in_a_new_domain_and_in_no_other() {
    use Step::{Alive, Checkpoint, Create, Migrate, Poweroff, SaveOutOfSpace, SaveRestore, SlowResume};
    for (steps, times) in [
        (&[Create, Alive, Poweroff][..], 1),
        (&[Create, Checkpoint, Alive, SaveOutOfSpace, Alive, SlowResume, Alive, Poweroff], 1),
        (&[Create, SaveRestore, Alive, SlowResume, Alive, Checkpoint, Alive, Migrate, Alive, Poweroff], 3),
    ] {
        let host = Host::builder().vcpus(3).build();
        let lifecycle = lifecycle("", steps.to_vec().leak());
        play_on(&host, &lifecycle).unwrap_or_else(|failure| panic!("{steps:?}: {failure}"));
        assert_eq!(queues(&host, Mark::default(), Vcpu(0)), [times, times], "{steps:?}");
        for vcpu in [1, 2].map(Vcpu) {
            assert_eq!(queues(&host, Mark::default(), vcpu), [times, 0], "{steps:?}");
        }
    }
}

/// Migrates the guest to a host that has the FIFO ABI, or has it not.
fn migrate_to(host: &Host, fifo: FifoAbi) {
    host.toolstack().save(Save::Restore(Destination { fifo: Some(fifo), ..Destination::default() }));
}

/// I12, I13, I15: on a host without queues the guest goes on by bitmaps, and by queues again on one that has them; all
/// processors work, whatever each is told of events by, and the self-test finds nothing amiss.
#[test]
fn a_guest_goes_to_a_host_without_queues_and_back() {
    use Step::{Create, Poweroff, Says};
    const STEPS: &[Step] = &[
        Create,
        Says("resumed", &["class=new", "evtchn=2l", "intact=yes"]),
        Says("selftest", &["result=ok"]),
        Says("tick", &["cpus=3"]),
        Says("resumed", &["class=new", "evtchn=fifo", "intact=yes"]),
        Says("selftest", &["result=ok"]),
        Says("tick", &["cpus=3"]),
        Poweroff,
    ];
    for without in [FifoAbi::Unknown, FifoAbi::Disabled] {
        for cmdline in ["selftest_after=1", "selftest_after=1 upcall=vector", "selftest_after=1 upcall=callback"] {
            let host = Host::builder().vcpus(3).build();
            host.at(PATIENCE, move |host| migrate_to(host, without));
            host.at(PATIENCE.after(PATIENCE), |host| migrate_to(host, FifoAbi::Present));
            let lifecycle = lifecycle(cmdline, STEPS);
            let report = play_on(&host, &lifecycle).unwrap_or_else(|failure| panic!("{without:?}: {failure}"));
            let line = other_abi(&lifecycle, &report).expect("it went by bitmaps for a while");
            assert!(line.contains("resumed class=new epoch=1 "), "{line}");
        }
    }
}

/// A host that never had queues is no worse than a guest that does not want them.
#[test]
fn a_guest_starts_without_queues_and_finds_them_later() {
    use Step::{Create, Poweroff, Says};
    const STEPS: &[Step] = &[
        Create,
        Says("selftest", &["result=ok"]),
        Says("tick", &["cpus=2"]),
        Says("resumed", &["class=new", "evtchn=fifo"]),
        Says("selftest", &["result=ok"]),
        Says("tick", &["cpus=2"]),
        Poweroff,
    ];
    let host = Host::builder().vcpus(2).fifo(FifoAbi::Unknown).build();
    host.at(PATIENCE, |host| migrate_to(host, FifoAbi::Present));
    let lifecycle = lifecycle("selftest=1 selftest_after=1", STEPS);
    let report = play_on(&host, &lifecycle).unwrap_or_else(|failure| panic!("{failure}"));
    assert!(other_abi(&lifecycle, &report).expect("it starts by bitmaps").contains("ready"));
}

/// A guest that wants bitmaps asks for no queues, in no domain.
#[test]
fn a_guest_by_bitmaps_asks_for_no_queues() {
    use Step::{Create, Poweroff, SaveRestore, Says};
    const STEPS: &[Step] = &[Create, SaveRestore, Says("resumed", &["class=new", "evtchn=2l"]), Poweroff];
    let host = Host::builder().vcpus(2).build();
    play_on(&host, &lifecycle("evtchn=2l", STEPS)).unwrap_or_else(|failure| panic!("{failure}"));
    for vcpu in [0, 1].map(Vcpu) {
        assert_eq!(queues(&host, Mark::default(), vcpu), [0, 0]);
    }
}

/// What is typed is told of by an event, which vCPU 0 dispatches: more than the ring holds comes through.
#[test]
fn the_console_is_served_by_events_of_either_abi() {
    use Step::{Create, Heard, Loaded, Poweroff, SaveRestore, Says, Type};
    const STEPS: &[Step] = &[
        Create,
        Type(1500),
        Heard,
        SaveRestore,
        Says("resumed", &["class=new", "intact=yes"]),
        Type(1500),
        Heard,
        Loaded,
        Poweroff,
    ];
    for cmdline in ["load_kib=8", "load_kib=8 evtchn=2l"] {
        play(&lifecycle(cmdline, STEPS), with(1)).unwrap_or_else(|failure| panic!("{cmdline}: {failure}"));
    }
}
