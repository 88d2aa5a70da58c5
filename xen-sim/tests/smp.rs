//! The lifecycles with several processors: all come back, and what each did is by the rules.

use guest::lifecycle::{ALL, Host as On, Lifecycle, Step};
use xen_hypercall::{Nanos, Number, Vcpu};
use xen_mock::{Call, Host, Mark};
use xen_sim::{Arrangement, play, play_on};

fn on_mock() -> impl Iterator<Item = &'static Lifecycle> {
    ALL.iter().filter(|lifecycle| !matches!(lifecycle.only, Some((On::Xen | On::Hvm, _))))
}

fn with(vcpus: u32) -> Arrangement {
    Arrangement::default().built(move |builder| builder.vcpus(vcpus))
}

const fn lifecycle(cmdline: &'static str, steps: &'static [Step]) -> Lifecycle {
    Lifecycle { name: "smp", about: "", cmdline, steps, only: None }
}

#[test]
fn every_lifecycle_with_2_8_and_33_processors() {
    for vcpus in [2, 8, 33] {
        for lifecycle in on_mock() {
            let report = play(lifecycle, with(vcpus)).unwrap_or_else(|failure| panic!("{}: {failure}", lifecycle.name));
            let ready = format!("vcpus={vcpus}");
            let lines = || report.lines.iter().map(|line| line.text.as_str());
            assert!(lines().any(|line| line.contains(" ready ") && line.ends_with(&ready)), "{}", lifecycle.name);
        }
    }
}

#[test]
fn all_processors_work_before_and_after_each_kind_of_resume_however_they_are_told_of_events() {
    use Step::{Checkpoint, Create, Poweroff, SaveRestore, Says, SlowResume};
    const ALL_WORK: Step = Says("tick", &["cpus=8"]);
    const STEPS: &[Step] = &[
        Create,
        ALL_WORK,
        Checkpoint,
        Says("resumed", &["class=cancel"]),
        ALL_WORK,
        SaveRestore,
        Says("resumed", &["class=new", "intact=yes"]),
        ALL_WORK,
        SlowResume,
        Says("resumed", &["class=inplace", "intact=yes"]),
        ALL_WORK,
        SaveRestore,
        Says("resumed", &["class=new", "intact=yes"]),
        ALL_WORK,
        Poweroff,
    ];
    for cmdline in ["", "upcall=vector", "upcall=callback", "evtchn=2l", "evtchn=2l upcall=vector"] {
        play(&lifecycle(cmdline, STEPS), with(8)).unwrap_or_else(|failure| panic!("{cmdline}: {failure}"));
    }
}

/// What each processor did from the suspend call of vCPU 0 on.
fn after_the_call(host: &Host) -> Vec<Call> {
    let calls = host.trace().calls_since(Mark::default());
    let is_suspend = |call: &Call| call.number == Number::SCHED_OP && call.cmd == 2;
    let at = calls.iter().position(is_suspend).expect("the guest suspended");
    assert_eq!(calls[at].vcpu, Vcpu(0), "I3");
    calls[at + 1..].to_vec()
}

/// I3, I10, I12, I16: nobody but vCPU 0 makes a hypercall until it is told to, then each registers for itself, in order.
#[test]
fn in_a_new_domain_each_registers_for_itself_when_it_is_told_to() {
    const STEPS: &[Step] =
        &[Step::Create, Step::SaveRestore, Step::Says("resumed", &["class=new"]), Step::Alive, Step::Poweroff];
    let host = Host::builder().vcpus(4).build();
    play_on(&host, &lifecycle("upcall=vector", STEPS)).unwrap_or_else(|failure| panic!("{failure}"));
    let calls = after_the_call(&host);
    for vcpu in [1, 2, 3].map(Vcpu) {
        let own: Vec<_> = calls.iter().filter(|call| call.vcpu == vcpu).map(|call| (call.number, call.cmd)).collect();
        let expected = [
            (Number::VCPU_OP, 10),
            (Number::HVM_OP, 23),
            (Number::EVENT_CHANNEL_OP, 11),
            (Number::EVENT_CHANNEL_OP, 7),
            (Number::EVENT_CHANNEL_OP, 1),
            (Number::VCPU_OP, 8),
        ];
        assert_eq!(own[..6], expected, "vCPU {vcpu}");
    }
    let first_of_others = calls.iter().position(|call| call.vcpu != Vcpu(0)).expect("the others register");
    let mapped = calls.iter().position(|call| call.number == Number::MEMORY_OP).expect("shared_info is mapped");
    assert!(mapped < first_of_others, "after shared_info, and not before");
}

/// I18: after a checkpoint no processor makes an object, nor a record of its own.
#[test]
fn after_a_checkpoint_nobody_registers_anything() {
    const STEPS: &[Step] =
        &[Step::Create, Step::Checkpoint, Step::Says("resumed", &["class=cancel"]), Step::Alive, Step::Poweroff];
    let host = Host::builder().vcpus(4).build();
    play_on(&host, &lifecycle("upcall=vector", STEPS)).unwrap_or_else(|failure| panic!("{failure}"));
    let makes = |call: &&Call| match call.number {
        Number::EVENT_CHANNEL_OP => matches!(call.cmd, 0..=3 | 6 | 7 | 10..=12),
        Number::VCPU_OP => call.cmd == 10,
        Number::HVM_OP | Number::MEMORY_OP => true,
        _ => false,
    };
    let calls = after_the_call(&host);
    // At its end the guest closes its ports.
    let soon = calls[0].at.after(Nanos::from_secs(1));
    let calls: Vec<Call> = calls.into_iter().take_while(|call| call.at < soon).collect();
    assert_eq!(calls.iter().filter(makes).collect::<Vec<_>>(), Vec::<&Call>::new());
    assert!(calls.iter().any(|call| call.vcpu == Vcpu(3)), "the others go on");
}

/// A processor that Xen refuses is done without; the others are as many as there are.
#[test]
fn a_processor_that_does_not_start_is_done_without() {
    const STEPS: &[Step] = &[
        Step::Create,
        Step::SaveRestore,
        Step::Says("resumed", &["class=new", "intact=yes"]),
        Step::Says("tick", &["cpus=2"]),
        Step::Poweroff,
    ];
    let host = Host::builder().vcpus(4).build();
    // VCPUOP_initialise of the second that is started.
    host.faults().on_call(Number::VCPU_OP).cmd(0).nth(2).returns(-12);
    let report = play_on(&host, &lifecycle("", STEPS)).unwrap_or_else(|failure| panic!("{failure}"));
    assert!(report.emergencies.contains("vcpu number=2"), "{}", report.emergencies);
}

/// A processor that cannot register in the new domain: the guest ends with a message, and does not hang.
#[test]
fn a_processor_that_cannot_be_rebuilt_ends_the_guest_with_a_message() {
    const STEPS: &[Step] = &[Step::Create, Step::Gone];
    let host = Host::builder().vcpus(2).build();
    host.at(Nanos::from_secs(1), |host| {
        host.faults().on_call(Number::VCPU_OP).cmd(10).returns(-12);
        host.toolstack().save(xen_mock::Save::Restore(xen_mock::Destination::default()));
    });
    let report = play_on(&host, &lifecycle("", STEPS)).unwrap_or_else(|failure| panic!("{failure}"));
    assert_eq!(
        report.emergencies.trim_end(),
        "xen-guest: FAIL what=rebuild PerVcpu cannot be rebuilt: Xen said ENOMEM"
    );
}
