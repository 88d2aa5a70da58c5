//! What Xen answers when it says no.

use core::fmt;
use core::num::NonZeroIsize;

/// A result of a hypercall that is not its success.
///
/// Holds the raw value: a negative one is Xen's error code, negated; a positive one is an answer that the operation does
/// not define (old hypervisors gave such), never to be taken for success. Unknown codes are kept.
///
/// # Xen
/// `errno.h`, since Xen 4.6; the values are older.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Errno(NonZeroIsize);

macro_rules! codes {
    ($($name:ident = $code:literal, $text:literal;)*) => {
        impl Errno {
            $(#[doc = concat!($text, ".")]
            pub const $name: Self = Self::of($code);)*

            /// Returns the name in `errno.h`, if the code is known.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self.0.get().checked_neg() {
                    $(Some($code) => Some(stringify!($name)),)*
                    _ => None,
                }
            }
        }
    };
}

codes! {
    EPERM = 1, "Not permitted";
    ENOENT = 2, "No such object";
    ESRCH = 3, "No such domain";
    EIO = 5, "Input or output failed";
    ENXIO = 6, "No such device";
    E2BIG = 7, "Too many arguments";
    EBADF = 9, "Bad handle";
    EAGAIN = 11, "Try again";
    ENOMEM = 12, "Out of memory";
    EACCES = 13, "Access denied";
    EFAULT = 14, "Bad address";
    EBUSY = 16, "Busy";
    EEXIST = 17, "Exists already";
    EXDEV = 18, "Crosses devices";
    ENODEV = 19, "No such device";
    EINVAL = 22, "Invalid argument";
    ENOSPC = 28, "No space left";
    EROFS = 30, "Read only";
    EMLINK = 31, "Too many links";
    EDOM = 33, "Argument out of domain";
    ERANGE = 34, "Result out of range";
    ENOSYS = 38, "Not implemented";
    ENODATA = 61, "No data";
    ETIME = 62, "Timer expired";
    EOPNOTSUPP = 95, "Not supported";
    ECONNREFUSED = 111, "Connection refused";
    ETIMEDOUT = 110, "Timed out";
}

impl Errno {
    /// Makes the error of a positive code of `errno.h`.
    ///
    /// # Panics
    /// If `code` is 0, at compile time where used in a constant.
    #[must_use]
    pub const fn of(code: i32) -> Self {
        assert!(code > 0, "error codes are positive");
        #[expect(clippy::as_conversions, reason = "widening in a constant function, where From is not to be had")]
        #[expect(clippy::arithmetic_side_effects, reason = "a positive i32 can be negated")]
        match NonZeroIsize::new(-(code as isize)) {
            Some(raw) => Self(raw),
            None => unreachable!(),
        }
    }

    /// Takes a result whose only success is 0.
    ///
    /// # Errors
    /// Any other value, positive ones too.
    pub const fn exact(raw: isize) -> Result<(), Self> {
        match NonZeroIsize::new(raw) {
            None => Ok(()),
            Some(raw) => Err(Self(raw)),
        }
    }

    /// Takes a result whose success is any number that is not negative.
    ///
    /// # Errors
    /// A negative value.
    pub const fn value(raw: isize) -> Result<usize, Self> {
        match NonZeroIsize::new(raw) {
            Some(no) if no.get() < 0 => Err(Self(no)),
            _ => Ok(raw.unsigned_abs()),
        }
    }

    /// Returns the value that Xen returned: negative for an error code.
    #[must_use]
    pub const fn raw(self) -> isize {
        self.0.get()
    }
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "Errno({})", self.raw()),
        }
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "Xen said {name}"),
            None => write!(f, "Xen returned {}", self.raw()),
        }
    }
}

impl core::error::Error for Errno {}

#[cfg(test)]
mod tests {
    use super::Errno;

    #[test]
    fn only_zero_is_exact_success() {
        assert_eq!(Errno::exact(0), Ok(()));
        assert_eq!(Errno::exact(1).unwrap_err().raw(), 1);
        assert_eq!(Errno::exact(-22), Err(Errno::EINVAL));
    }

    #[test]
    fn a_value_may_be_positive() {
        assert_eq!(Errno::value(0), Ok(0));
        assert_eq!(Errno::value(0x0004_0011), Ok(0x0004_0011));
        assert_eq!(Errno::value(-38), Err(Errno::ENOSYS));
    }

    #[test]
    fn unknown_codes_and_extremes_are_kept() {
        let unknown = Errno::exact(-4077).unwrap_err();
        assert_eq!((unknown.raw(), unknown.name()), (-4077, None));
        assert_eq!(Errno::exact(isize::MIN).unwrap_err().name(), None);
        assert_eq!(Errno::value(isize::MIN).unwrap_err().raw(), isize::MIN);
    }
}
