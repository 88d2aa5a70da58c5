//! The ring page between the guest and xenstored (`xenstore_domain_interface` of `xs_wire.h`).

use xen_hypercall::Nanos;

use super::Offers;
use super::connection::Connection;
use crate::memory::Frame;

const SIZE: u32 = 1024;
const RESPONSES: usize = 1024;
const REQ_CONS: usize = 2048;
const REQ_PROD: usize = 2052;
const RSP_CONS: usize = 2056;
const RSP_PROD: usize = 2060;
const FEATURES: usize = 2064;
const CONNECTION: usize = 2068;
const ERROR: usize = 2072;

/// Values of the error field.
#[derive(Debug, Clone, Copy)]
pub(crate) enum RingError {
    Index = 2,
    Protocol = 3,
}

/// Makes the page as xenstored does when the domain is introduced.
pub(crate) fn introduce(page: Frame, offers: Offers) {
    page.set_u32(FEATURES, offers.bits());
    page.set_u32(CONNECTION, 0);
    page.set_u32(ERROR, 0);
}

/// Tells the guest that its connection is broken.
pub(crate) fn report(page: Frame, error: RingError) {
    page.set_u32(ERROR, error as u32);
}

/// Tells whether the guest asks for a fresh connection.
pub(crate) fn is_asked_to_reconnect(page: Frame) -> bool {
    page.u32(CONNECTION) == 1
}

/// Connects the ring anew.
pub(crate) fn reconnect(page: Frame) {
    for at in [REQ_CONS, REQ_PROD, RSP_CONS, RSP_PROD, ERROR, CONNECTION] {
        page.set_u32(at, 0);
    }
}

/// Tells whether all requests were taken, and neither side is in the middle of a message.
pub(crate) fn is_between_messages(page: Frame, connection: &Connection) -> bool {
    page.u32(REQ_CONS) == page.u32(REQ_PROD) && connection.is_between_messages(page.u32(RSP_CONS))
}

/// Moves bytes from the page to the connection; how many, or that the indices make no sense.
pub(crate) fn receive(page: Frame, connection: &mut Connection) -> Result<u32, RingError> {
    let (cons, prod) = (page.u32(REQ_CONS), page.u32(REQ_PROD));
    let ready = prod.wrapping_sub(cons);
    if ready > SIZE {
        return Err(RingError::Index);
    }
    for at in 0..ready {
        let place = cons.wrapping_add(at) % SIZE;
        connection.incoming.push_back(page.u8(place as usize));
    }
    page.set_u32(REQ_CONS, prod);
    Ok(ready)
}

/// Moves bytes from the connection to the page as far as they fit; how many, or that the indices make no sense.
pub(crate) fn send(page: Frame, connection: &mut Connection, now: Nanos) -> Result<u32, RingError> {
    let (cons, mut prod) = (page.u32(RSP_CONS), page.u32(RSP_PROD));
    let waiting = prod.wrapping_sub(cons);
    if waiting > SIZE {
        return Err(RingError::Index);
    }
    let mut free = SIZE - waiting;
    let before = prod;
    while free > 0
        && let Some(byte) = connection.next_byte(prod, now)
    {
        page.write(RESPONSES + (prod % SIZE) as usize, &[byte]);
        prod = prod.wrapping_add(1);
        free -= 1;
    }
    page.set_u32(RSP_PROD, prod);
    Ok(prod.wrapping_sub(before))
}
