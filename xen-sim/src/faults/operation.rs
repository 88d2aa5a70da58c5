//! What each operation may answer, and how much hangs on it.

use xen_hypercall::Number;

/// How much hangs on an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    /// The guest runs on without.
    Light,
    /// The first processor runs on without; another cannot come back without, and a guest that had it goes no further.
    Crew,
    /// A guest cannot start without.
    Start,
    /// Neither can it start, nor go on in a new domain.
    Vital,
}

/// An operation: a row of the table below.
#[derive(Debug, Clone, Copy)]
pub(super) struct Operation {
    number: Number,
    cmd: usize,
    pub(super) name: &'static str,
    pub(super) weight: Weight,
    /// The codes that the headers name for it, or that Xen gives where an argument, a right or memory is wanting.
    codes: &'static [isize],
}

/// No code of `errno.h`.
const UNKNOWN: isize = -9999;
/// No success of any operation that has one success, and not the 1 of a cancelled suspend.
const POSITIVE: isize = 7;

const EPERM: isize = -1;
const ENOENT: isize = -2;
const ESRCH: isize = -3;
const ENXIO: isize = -6;
const E2BIG: isize = -7;
const EAGAIN: isize = -11;
const ENOMEM: isize = -12;
const EFAULT: isize = -14;
const EBUSY: isize = -16;
const EEXIST: isize = -17;
const EINVAL: isize = -22;
const ENOSPC: isize = -28;
const ENOSYS: isize = -38;
const ETIME: isize = -62;
const EOPNOTSUPP: isize = -95;

const fn row((number, cmd): (Number, usize), name: &'static str, weight: Weight, codes: &'static [isize]) -> Operation {
    Operation { number, cmd, name, weight, codes }
}

use Weight::{Crew, Light, Start, Vital};

/// Every operation that a guest of ours may make; one without a row is a finding.
const TABLE: &[Operation] = &[
    row((Number::XEN_VERSION, 0), "XENVER_version", Light, &[EPERM, ENOSYS]),
    row((Number::XEN_VERSION, 6), "XENVER_get_features", Light, &[EFAULT, EINVAL, ENOSYS]),
    row(
        (Number::MEMORY_OP, 7),
        "XENMEM_add_to_physmap",
        Vital,
        &[EPERM, ESRCH, EAGAIN, ENOMEM, EFAULT, EBUSY, EINVAL, ENOSYS, EOPNOTSUPP],
    ),
    row((Number::GRANT_TABLE_OP, 6), "GNTTABOP_query_size", Light, &[EFAULT, EINVAL, ENOSYS]),
    row((Number::GRANT_TABLE_OP, 8), "GNTTABOP_set_version", Vital, &[ENOMEM, EFAULT, EBUSY, EINVAL, ENOSYS]),
    row((Number::GRANT_TABLE_OP, 10), "GNTTABOP_get_version", Light, &[EFAULT, EINVAL, ENOSYS]),
    row((Number::VCPU_OP, 0), "VCPUOP_initialise", Light, &[ENOENT, ENOMEM, EFAULT, EEXIST, EINVAL, EOPNOTSUPP]),
    row((Number::VCPU_OP, 1), "VCPUOP_up", Light, &[ENOENT, EINVAL]),
    row((Number::VCPU_OP, 2), "VCPUOP_down", Light, &[ENOENT]),
    row((Number::VCPU_OP, 3), "VCPUOP_is_up", Light, &[ENOENT]),
    row((Number::VCPU_OP, 7), "VCPUOP_stop_periodic_timer", Light, &[ENOENT, ENOSYS]),
    row((Number::VCPU_OP, 8), "VCPUOP_set_singleshot_timer", Crew, &[ENOENT, EFAULT, EINVAL, ETIME]),
    row((Number::VCPU_OP, 9), "VCPUOP_stop_singleshot_timer", Light, &[ENOENT, EINVAL]),
    row((Number::VCPU_OP, 10), "VCPUOP_register_vcpu_info", Vital, &[ENOENT, ENXIO, ENOMEM, EFAULT, EBUSY, EINVAL]),
    row((Number::SCHED_OP, 0), "SCHEDOP_yield", Light, &[ENOSYS]),
    row((Number::SCHED_OP, 1), "SCHEDOP_block", Light, &[ENOSYS]),
    row((Number::SCHED_OP, 2), "SCHEDOP_shutdown", Light, &[EPERM, EFAULT, EINVAL, ENOSYS, 1]),
    row((Number::SCHED_OP, 3), "SCHEDOP_poll", Light, &[ENOMEM, EFAULT, EINVAL, ENOSYS]),
    row((Number::SCHED_OP, 6), "SCHEDOP_watchdog", Light, &[EFAULT, EEXIST, EINVAL, ENOSPC]),
    row(
        (Number::EVENT_CHANNEL_OP, 0),
        "EVTCHNOP_bind_interdomain",
        Light,
        &[EPERM, ESRCH, ENOMEM, EFAULT, EINVAL, ENOSPC],
    ),
    row((Number::EVENT_CHANNEL_OP, 1), "EVTCHNOP_bind_virq", Crew, &[ENOENT, ENOMEM, EEXIST, EINVAL, ENOSPC]),
    row((Number::EVENT_CHANNEL_OP, 3), "EVTCHNOP_close", Light, &[EFAULT, EBUSY, EINVAL]),
    row((Number::EVENT_CHANNEL_OP, 4), "EVTCHNOP_send", Light, &[EPERM, EFAULT, EINVAL]),
    // Not EINVAL and ENOENT, which are answers about the port and would be lies: see `a_witness_that_lies`.
    row((Number::EVENT_CHANNEL_OP, 5), "EVTCHNOP_status", Light, &[EPERM, ESRCH, EFAULT, ENOSYS]),
    row(
        (Number::EVENT_CHANNEL_OP, 6),
        "EVTCHNOP_alloc_unbound",
        Light,
        &[EPERM, ESRCH, ENOMEM, EFAULT, EINVAL, ENOSPC],
    ),
    row((Number::EVENT_CHANNEL_OP, 7), "EVTCHNOP_bind_ipi", Crew, &[ENOENT, ENOMEM, EFAULT, ENOSPC]),
    row((Number::EVENT_CHANNEL_OP, 8), "EVTCHNOP_bind_vcpu", Light, &[ENOENT, EINVAL]),
    row((Number::EVENT_CHANNEL_OP, 9), "EVTCHNOP_unmask", Light, &[EFAULT, EINVAL]),
    row(
        (Number::EVENT_CHANNEL_OP, 11),
        "EVTCHNOP_init_control",
        Crew,
        &[ENOENT, ENOMEM, EFAULT, EINVAL, ENOSYS, EOPNOTSUPP],
    ),
    row((Number::EVENT_CHANNEL_OP, 12), "EVTCHNOP_expand_array", Vital, &[ENOMEM, EFAULT, EINVAL, ENOSPC, ENOSYS]),
    row((Number::HVM_OP, 0), "HVMOP_set_param", Vital, &[EPERM, ESRCH, EFAULT, EEXIST, EINVAL, ENOSYS]),
    row((Number::HVM_OP, 1), "HVMOP_get_param", Start, &[EPERM, ESRCH, EFAULT, EINVAL, ENOSYS]),
    row((Number::HVM_OP, 23), "HVMOP_set_evtchn_upcall_vector", Vital, &[ENOENT, EFAULT, EINVAL, E2BIG, ENOSYS]),
];

impl Operation {
    /// Finds the row of a hypercall.
    pub(super) fn of(number: Number, cmd: usize) -> Option<&'static Self> {
        TABLE.iter().find(|row| (row.number, row.cmd) == (number, cmd))
    }

    /// Returns all that it is to answer, one after the other: its codes, one that nobody knows, and a positive one.
    pub(super) fn results(&self) -> impl Iterator<Item = isize> + use<> {
        self.codes.iter().copied().chain([UNKNOWN, POSITIVE])
    }
}
