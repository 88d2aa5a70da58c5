//! The four ends of the two pages that carry bytes.

use crate::{ByteReceiver, ByteSender, Misbehaved, Words, console, xenstore};

/// Both directions of one page, seen from one end.
pub type Bytes<'p, W> = (ByteSender<'p, W>, ByteReceiver<'p, W>);

/// Takes the guest's end of a xenstore page.
///
/// # Errors
/// [`Misbehaved::Overrun`] if the indices in the page are impossible.
#[doc(alias = "xenstore_domain_interface")]
pub fn xenstore_front<W: Words>(page: &W) -> Result<Bytes<'_, W>, Misbehaved> {
    Ok((ByteSender::attach(page, xenstore::REQ)?, ByteReceiver::attach(page, xenstore::RSP)?))
}

/// Takes xenstored's end of a xenstore page.
///
/// # Errors
/// [`Misbehaved::Overrun`] if the indices in the page are impossible.
pub fn xenstore_back<W: Words>(page: &W) -> Result<Bytes<'_, W>, Misbehaved> {
    Ok((ByteSender::attach(page, xenstore::RSP)?, ByteReceiver::attach(page, xenstore::REQ)?))
}

/// Takes the guest's end of a console page.
///
/// # Errors
/// [`Misbehaved::Overrun`] if the indices in the page are impossible.
#[doc(alias = "xencons_interface")]
pub fn console_front<W: Words>(page: &W) -> Result<Bytes<'_, W>, Misbehaved> {
    Ok((ByteSender::attach(page, console::OUT)?, ByteReceiver::attach(page, console::IN)?))
}

/// Takes the daemon's end of a console page.
///
/// # Errors
/// [`Misbehaved::Overrun`] if the indices in the page are impossible.
pub fn console_back<W: Words>(page: &W) -> Result<Bytes<'_, W>, Misbehaved> {
    Ok((ByteSender::attach(page, console::IN)?, ByteReceiver::attach(page, console::OUT)?))
}
