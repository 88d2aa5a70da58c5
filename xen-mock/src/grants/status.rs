//! What becomes of one operation (`GNTST_*`).

pub(crate) const OKAY: i16 = 0;
pub(crate) const GENERAL_ERROR: i16 = -1;
pub(crate) const BAD_DOMAIN: i16 = -2;
pub(crate) const BAD_GNTREF: i16 = -3;
pub(crate) const BAD_HANDLE: i16 = -4;
pub(crate) const BAD_VIRT_ADDR: i16 = -5;
pub(crate) const PERMISSION_DENIED: i16 = -8;
pub(crate) const BAD_PAGE: i16 = -9;
pub(crate) const BAD_COPY_ARG: i16 = -10;
pub(crate) const EAGAIN: i16 = -12;
pub(crate) const NO_SPACE: i16 = -13;
