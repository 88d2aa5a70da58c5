//! The bodies of answers.

use crate::names::{Strings, are_names};
use crate::wire::Header;
use crate::{Features, MessageType, Part, Path, Permissions, Refusal, Reject, StoreError};

/// Reads a decimal number: digits only, no sign, no blank, no overflow.
///
/// # Errors
/// [`Reject::BadNumber`] for anything else.
pub fn number(text: &[u8]) -> Result<u64, Reject> {
    if text.is_empty() {
        return Err(Reject::BadNumber);
    }
    let digit = |sum: u64, byte: &u8| {
        let digit = char::from(*byte).to_digit(10)?;
        sum.checked_mul(10)?.checked_add(u64::from(digit))
    };
    text.iter().try_fold(0, digit).ok_or(Reject::BadNumber)
}

/// Tells what the answer to a request of this type, in this transaction, says; a body of success is checked.
#[inline]
pub(crate) fn judge((kind, transaction): (MessageType, u32), header: &Header, body: &[u8]) -> Result<(), StoreError> {
    let refused = header.kind == MessageType::Error.raw();
    if !refused && header.kind != kind.raw() {
        return Err(StoreError::Rejected(Reject::UnexpectedType(header.kind)));
    }
    if header.transaction != transaction {
        return Err(StoreError::Rejected(Reject::WrongTransaction(header.transaction)));
    }
    if refused { Err(refusal(kind, body)) } else { check(kind, body).map_err(StoreError::Rejected) }
}

#[cold]
fn refusal(kind: MessageType, body: &[u8]) -> StoreError {
    match (kind, Refusal::parse(body)) {
        (MessageType::TransactionEnd, Refusal::NoEntry) => StoreError::TransactionGone,
        (_, refusal) => StoreError::Said(refusal),
    }
}

/// Checks that a body is what a request of this type is answered with.
#[inline]
pub(crate) fn check(kind: MessageType, body: &[u8]) -> Result<(), Reject> {
    match kind {
        // The answer to a command is whatever the daemon says.
        MessageType::Read | MessageType::Control => Ok(()),
        MessageType::Directory => are_names(body).then_some(()).ok_or(Reject::BadNames),
        MessageType::Write => ack(body),
        _ => check_strings(kind, body),
    }
}

fn check_strings(kind: MessageType, body: &[u8]) -> Result<(), Reject> {
    match kind {
        MessageType::GetPermissions => Permissions::parse(body).map(drop),
        MessageType::TransactionStart => transaction(body).map(drop),
        MessageType::GetDomainPath => path(body).map(drop),
        MessageType::DirectoryPart => Part::parse(body).map(drop),
        MessageType::IsDomainIntroduced => introduced(body).map(drop),
        MessageType::GetFeature => features(body).map(drop),
        MessageType::GetQuota => text(body).map(drop),
        _ => ack(body),
    }
}

/// Reads the one terminated string of a body.
fn string(body: &[u8]) -> Option<&[u8]> {
    let mut strings = Strings::new(body)?;
    let string = strings.next()?;
    if strings.next().is_some() { None } else { Some(string) }
}

pub(crate) fn path(body: &[u8]) -> Result<Path<'_>, Reject> {
    let text = string(body).ok_or(Reject::BadPath)?;
    Path::from_bytes(text).map_err(|_| Reject::BadPath)
}

/// Reads the id of a new transaction: a 32-bit number, not 0.
pub(crate) fn transaction(body: &[u8]) -> Result<u32, Reject> {
    let id = number(string(body).ok_or(Reject::BadNumber)?)?;
    u32::try_from(id).ok().filter(|id| *id != 0).ok_or(Reject::BadNumber)
}

/// Reads whether a domain is connected.
pub(crate) fn introduced(body: &[u8]) -> Result<bool, Reject> {
    match body {
        b"T\0" => Ok(true),
        b"F\0" => Ok(false),
        _ => Err(Reject::BadAck),
    }
}

/// Reads the features that the server offers.
pub(crate) fn features(body: &[u8]) -> Result<Features, Reject> {
    let bits = number(text(body)?)?;
    u32::try_from(bits).map(Features::from_bits_retain).map_err(|_| Reject::BadNumber)
}

/// Reads the one string of a body.
pub(crate) fn text(body: &[u8]) -> Result<&[u8], Reject> {
    string(body).ok_or(Reject::BadText)
}

fn ack(body: &[u8]) -> Result<(), Reject> {
    if body == b"OK\0" { Ok(()) } else { Err(Reject::BadAck) }
}

/// Reads the path and the token of a watch event.
pub(crate) fn event(body: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut strings = Strings::new(body)?;
    let pair = (strings.next()?, strings.next()?);
    if strings.next().is_some() { None } else { Some(pair) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s32_numbers_are_strict() {
        for bad in ["+5", "-1", " 7", "7 ", "0x10", "1e3", "", "18446744073709551616", "111111111111111111111111111111"]
        {
            assert_eq!(number(bad.as_bytes()), Err(Reject::BadNumber), "{bad:?}");
        }
        assert_eq!(number(b"0"), Ok(0));
        assert_eq!(number(b"007"), Ok(7));
        assert_eq!(number(b"18446744073709551615"), Ok(u64::MAX));
    }

    #[test]
    fn s26_transaction_ids_are_strict() {
        for bad in [&b"0\0"[..], b"99999999999\0", b"12x\0", b"\0", b"", b"12", b"1\x002\0"] {
            assert_eq!(transaction(bad), Err(Reject::BadNumber), "{bad:?}");
        }
        assert_eq!(transaction(b"4294967295\0"), Ok(u32::MAX));
    }

    #[test]
    fn s45_only_ok_is_an_ack() {
        for bad in [&b""[..], b"OK", b"ok\0", b"OK\0\0", b"ENOENT\0"] {
            assert_eq!(check(MessageType::Write, bad), Err(Reject::BadAck), "{bad:?}");
        }
        assert_eq!(check(MessageType::Write, b"OK\0"), Ok(()));
    }

    #[test]
    fn s15_an_event_is_two_strings() {
        for bad in [&b""[..], b"p\0", b"p\0t", b"p\0t\0x\0", b"p"] {
            assert_eq!(event(bad), None, "{bad:?}");
        }
        assert_eq!(event(b"p\0t\0"), Some((&b"p"[..], &b"t"[..])));
    }

    #[test]
    fn s45_what_a_server_tells_of_itself_is_strict() {
        assert_eq!((introduced(b"T\0"), introduced(b"F\0")), (Ok(true), Ok(false)));
        for bad in [&b""[..], b"T", b"t\0", b"OK\0", b"T\0F\0"] {
            assert_eq!(introduced(bad), Err(Reject::BadAck), "{bad:?}");
        }
        assert_eq!(features(b"3\0"), Ok(Features::RECONNECTION | Features::ERROR));
        assert_eq!(features(b"4294967295\0").map(|features| features.bits()), Ok(u32::MAX), "unknown ones are kept");
        for bad in [&b"4294967296\0"[..], b"-1\0", b"\0", b"0x3\0"] {
            assert_eq!(features(bad), Err(Reject::BadNumber), "{bad:?}");
        }
        for bad in [&b""[..], b"nodes", b"nodes\0watches\0"] {
            assert_eq!(check(MessageType::GetQuota, bad), Err(Reject::BadText), "{bad:?}");
        }
        assert_eq!(text(b"nodes watches\0"), Ok(&b"nodes watches"[..]));
    }

    #[test]
    fn a_home_is_a_path() {
        assert_eq!(path(b"/local/domain/3\0"), Ok(Path::literal("/local/domain/3")));
        for bad in [&b"/local/domain/\0"[..], b"/local/domain/3", b""] {
            assert_eq!(path(bad), Err(Reject::BadPath), "{bad:?}");
        }
    }
}
