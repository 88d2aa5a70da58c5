//! What is asked and answered, as text.

use core::fmt;
use core::str::{FromStr, SplitAsciiWhitespace};

use xen_hypercall::op::grant_table::MapMode;
use xen_hypercall::{DomId, GrantRef, Port};

use super::Pattern;

/// What the guest that is tested asks of its peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Bind to this port of ours, which waits for the peer; the answer is the peer's own end.
    Bind(Port),
    /// Make a port that waits for us; the answer is its number.
    Open,
    /// Send so many events by the peer's port.
    Notify(Port, u32),
    /// Tell whether an event has come by the peer's port since this was asked last: 1 or 0.
    Heard(Port),
    /// Close the peer's port.
    Close(Port),
    /// Do something with a page.
    Page(PageOrder),
    /// End at once, without giving anything back.
    Die,
}

impl Order {
    fn parse(words: &mut SplitAsciiWhitespace<'_>) -> Option<Self> {
        Some(match words.next()? {
            "bind" => Self::Bind(Port(word(words)?)),
            "open" => Self::Open,
            "notify" => Self::Notify(Port(word(words)?), word(words)?),
            "heard" => Self::Heard(Port(word(words)?)),
            "close" => Self::Close(Port(word(words)?)),
            "die" => Self::Die,
            verb => Self::Page(PageOrder::parse(verb, words)?),
        })
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bind(Port(port)) => write!(f, "bind {port}"),
            Self::Open => f.write_str("open"),
            Self::Notify(Port(port), times) => write!(f, "notify {port} {times}"),
            Self::Heard(Port(port)) => write!(f, "heard {port}"),
            Self::Close(Port(port)) => write!(f, "close {port}"),
            Self::Page(order) => order.fmt(f),
            Self::Die => f.write_str("die"),
        }
    }
}

/// Where the peer has a page of ours mapped, by a number of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spot(pub u32);

/// What is asked of the peer about pages; checksums are those of [`Tally`](crate::Tally).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageOrder {
    /// Map a page that we grant; the answer is a [`Spot`].
    Map(GrantRef, MapMode),
    /// Unmap it.
    Unmap(Spot),
    /// Tell the checksum of what is in it.
    Sum(Spot),
    /// Fill it.
    Fill(Spot, Pattern),
    /// Grant us a page that is full of this; the answer is the reference.
    Grant(MapMode, Pattern),
    /// End our access; refused with `EBUSY` as long as we have the page mapped.
    End(GrantRef),
    /// Tell the checksum of what is in a page that is granted to us.
    Look(GrantRef),
    /// Copy a page that we grant; the answer is its checksum.
    CopyFrom(GrantRef),
    /// Copy a page full of this to one that we grant.
    CopyTo(GrantRef, Pattern),
}

impl PageOrder {
    fn parse(verb: &str, words: &mut SplitAsciiWhitespace<'_>) -> Option<Self> {
        Some(match verb {
            "map" => Self::Map(GrantRef(word(words)?), mode(words)?),
            "unmap" => Self::Unmap(Spot(word(words)?)),
            "sum" => Self::Sum(Spot(word(words)?)),
            "fill" => Self::Fill(Spot(word(words)?), Pattern(word(words)?)),
            "grant" => Self::Grant(mode(words)?, Pattern(word(words)?)),
            "end" => Self::End(GrantRef(word(words)?)),
            "look" => Self::Look(GrantRef(word(words)?)),
            "copy-from" => Self::CopyFrom(GrantRef(word(words)?)),
            "copy-to" => Self::CopyTo(GrantRef(word(words)?), Pattern(word(words)?)),
            _ => return None,
        })
    }
}

fn mode(words: &mut SplitAsciiWhitespace<'_>) -> Option<MapMode> {
    match words.next()? {
        "r" => Some(MapMode::Read),
        "rw" => Some(MapMode::Write),
        _ => None,
    }
}

const fn letters(mode: MapMode) -> &'static str {
    match mode {
        MapMode::Read => "r",
        MapMode::Write => "rw",
    }
}

impl fmt::Display for PageOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Map(reference, mode) => write!(f, "map {reference} {}", letters(mode)),
            Self::Unmap(Spot(spot)) => write!(f, "unmap {spot}"),
            Self::Sum(Spot(spot)) => write!(f, "sum {spot}"),
            Self::Fill(Spot(spot), Pattern(pattern)) => write!(f, "fill {spot} {pattern}"),
            Self::Grant(mode, Pattern(pattern)) => write!(f, "grant {} {pattern}", letters(mode)),
            Self::End(reference) => write!(f, "end {reference}"),
            Self::Look(reference) => write!(f, "look {reference}"),
            Self::CopyFrom(reference) => write!(f, "copy-from {reference}"),
            Self::CopyTo(reference, Pattern(pattern)) => write!(f, "copy-to {reference} {pattern}"),
        }
    }
}

/// An order, its number, and to whom it is: a peer that is new does not take what an earlier one was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message {
    /// Counts the orders.
    pub number: u32,
    /// The peer.
    pub to: DomId,
    /// The order.
    pub order: Order,
}

impl Message {
    /// Reads the value of a node; `None` if it is no message.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let mut words = core::str::from_utf8(text).ok()?.split_ascii_whitespace();
        let (number, to) = (word(&mut words)?, DomId(word(&mut words)?));
        let order = Order::parse(&mut words)?;
        words.next().is_none().then_some(Self { number, to, order })
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.number, self.to.0, self.order)
    }
}

/// What came of an order: a number whose meaning is the order's, or the code by which Xen refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// The number of the order.
    pub number: u32,
    /// What came of it.
    pub result: Result<u32, i32>,
}

impl Answer {
    /// Reads the value of a node; `None` if it is no answer.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let mut words = core::str::from_utf8(text).ok()?.split_ascii_whitespace();
        let number = word(&mut words)?;
        let result = match words.next()? {
            "ok" => Ok(word(&mut words)?),
            "no" => Err(word(&mut words)?),
            _ => return None,
        };
        words.next().is_none().then_some(Self { number, result })
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.result {
            Ok(value) => write!(f, "{} ok {value}", self.number),
            Err(code) => write!(f, "{} no {code}", self.number),
        }
    }
}

fn word<T: FromStr>(words: &mut SplitAsciiWhitespace<'_>) -> Option<T> {
    words.next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::string::ToString as _;

    use super::{Answer, DomId, GrantRef, MapMode, Message, Order, PageOrder, Pattern, Port, Spot};

    const ORDERS: [Order; 15] = [
        Order::Bind(Port(7)),
        Order::Open,
        Order::Notify(Port(9), 1000),
        Order::Heard(Port(9)),
        Order::Close(Port(9)),
        Order::Die,
        Order::Page(PageOrder::Map(GrantRef(9), MapMode::Write)),
        Order::Page(PageOrder::Unmap(Spot(1))),
        Order::Page(PageOrder::Sum(Spot(0))),
        Order::Page(PageOrder::Fill(Spot(0), Pattern(u32::MAX))),
        Order::Page(PageOrder::Grant(MapMode::Read, Pattern(3))),
        Order::Page(PageOrder::End(GrantRef(9))),
        Order::Page(PageOrder::Look(GrantRef(9))),
        Order::Page(PageOrder::CopyFrom(GrantRef(9))),
        Order::Page(PageOrder::CopyTo(GrantRef(9), Pattern(4))),
    ];

    #[test]
    fn what_is_written_is_read() {
        for (number, order) in (1..).zip(ORDERS) {
            let message = Message { number, to: DomId(5), order };
            assert_eq!(Message::parse(message.to_string().as_bytes()), Some(message));
        }
        for result in [Ok(0), Ok(u32::MAX), Err(-22)] {
            let answer = Answer { number: 3, result };
            assert_eq!(Answer::parse(answer.to_string().as_bytes()), Some(answer));
        }
    }

    #[test]
    fn what_is_cut_or_goes_on_is_nothing() {
        for text in [
            "",
            "1",
            "1 5",
            "1 5 bind",
            "1 5 bind x",
            "1 5 open 3",
            "1 5 jump",
            "1 5 map 3",
            "1 5 map 3 w",
            "-1 5 open",
            "1 70000 open",
        ] {
            assert_eq!(Message::parse(text.as_bytes()), None, "{text}");
        }
        for text in ["", "3", "3 ok", "3 no x", "3 ok 1 2", "3 maybe 1", "\u{e9}"] {
            assert_eq!(Answer::parse(text.as_bytes()), None, "{text}");
        }
        assert_eq!(Answer::parse(b"\xff"), None);
    }
}
