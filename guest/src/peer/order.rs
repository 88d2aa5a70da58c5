//! What is asked and answered, as text.

use core::fmt;
use core::str::{FromStr, SplitAsciiWhitespace};

use xen_hypercall::{DomId, Port};

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
            _ => return None,
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
            Self::Die => f.write_str("die"),
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

    use super::{Answer, DomId, Message, Order, Port};

    const ORDERS: [Order; 6] = [
        Order::Bind(Port(7)),
        Order::Open,
        Order::Notify(Port(9), 1000),
        Order::Heard(Port(9)),
        Order::Close(Port(9)),
        Order::Die,
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
        for text in ["", "1", "1 5", "1 5 bind", "1 5 bind x", "1 5 open 3", "1 5 jump", "-1 5 open", "1 70000 open"] {
            assert_eq!(Message::parse(text.as_bytes()), None, "{text}");
        }
        for text in ["", "3", "3 ok", "3 no x", "3 ok 1 2", "3 maybe 1", "\u{e9}"] {
            assert_eq!(Answer::parse(text.as_bytes()), None, "{text}");
        }
        assert_eq!(Answer::parse(b"\xff"), None);
    }
}
