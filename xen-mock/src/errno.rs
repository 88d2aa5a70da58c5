//! Xen's error codes, as a hypercall returns them (`errno.h`).

/// What a hypercall returns: zero or more for success, a code from here for an error.
pub(crate) type Answer = Result<isize, isize>;

pub(crate) const EPERM: isize = -1;
pub(crate) const ENOENT: isize = -2;
pub(crate) const ESRCH: isize = -3;
pub(crate) const ENXIO: isize = -6;
pub(crate) const EACCES: isize = -13;
pub(crate) const EFAULT: isize = -14;
pub(crate) const EBUSY: isize = -16;
pub(crate) const EEXIST: isize = -17;
pub(crate) const EINVAL: isize = -22;
pub(crate) const ENOSPC: isize = -28;
pub(crate) const ERANGE: isize = -34;
pub(crate) const ENOSYS: isize = -38;
pub(crate) const ETIME: isize = -62;
pub(crate) const EOPNOTSUPP: isize = -95;
