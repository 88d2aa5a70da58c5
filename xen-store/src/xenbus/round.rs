//! What is asked for all devices at once.

use core::fmt::{self, Write};

use super::connection::{Stage, Step};
use crate::text::Text;
use crate::{Connection, PathBuf, Refusal, Reply, Request, Requests, StoreError, WatchId, XenbusState};

/// The longest value that a driver publishes, in bytes.
const VALUE_MAX: usize = 256;

/// One wave: all that can be asked now, for all devices that do not wait.
pub(crate) struct Round<'c, 'd> {
    connections: &'c mut [Connection<'d>],
}

type Ask<'a> = &'a mut dyn FnMut(Request<'_>) -> Result<(), StoreError>;

impl<'c, 'd> Round<'c, 'd> {
    pub(crate) const fn of(connections: &'c mut [Connection<'d>]) -> Self {
        Self { connections }
    }

    /// Returns the device that a request is for, and the number of the request among that one's.
    fn place(&self, index: usize) -> Option<(usize, usize)> {
        let mut left = index;
        for (at, connection) in self.connections.iter().enumerate() {
            let count = connection.requests();
            if left < count {
                return Some((at, left));
            }
            left = left.wrapping_sub(count);
        }
        None
    }

    fn connection(&mut self, index: usize) -> Option<(&mut Connection<'d>, usize)> {
        let (at, number) = self.place(index)?;
        Some((self.connections.get_mut(at)?, number))
    }
}

impl Requests for Round<'_, '_> {
    fn count(&self) -> usize {
        self.connections.iter().map(Connection::requests).sum()
    }

    fn ask(&mut self, index: usize, ask: Ask<'_>) -> Result<(), StoreError> {
        self.connection(index).map_or(Ok(()), |(connection, number)| connection.ask(number, ask))
    }

    fn answer(&mut self, index: usize, answer: Result<Reply<'_>, StoreError>) {
        if let Some((connection, number)) = self.connection(index) {
            connection.answer(number, answer);
        }
    }

    fn watch(&self, index: usize) -> Option<WatchId> {
        let (at, number) = self.place(index)?;
        self.connections.get(at).filter(|connection| number == 0 && matches!(connection.stage, Stage::Look(_)))?.watch()
    }
}

impl Connection<'_> {
    /// Tells how many requests its stage takes.
    fn requests(&self) -> usize {
        match self.stage {
            _ if !self.is_active() => 0,
            Stage::Locate => 2,
            Stage::Look(Step::Greet(phase)) => self.device.wanted(phase).len().saturating_add(1),
            Stage::Tell(Step::Greet(phase)) => self.device.nodes(phase).saturating_add(1),
            Stage::Look(_) | Stage::Tell(_) => 1,
            Stage::Over(_) => 0,
        }
    }

    fn ask(&mut self, number: usize, ask: Ask<'_>) -> Result<(), StoreError> {
        match self.stage {
            Stage::Locate => {
                let name = self.device.side().other().get(number).copied().unwrap_or_default();
                ask(Request::Read(self.ours(&name)?.as_path()))
            }
            Stage::Look(step) => {
                let name = match (number.checked_sub(1), step) {
                    (Some(index), Step::Greet(phase)) => self.device.wanted(phase).get(index).copied(),
                    _ => None,
                };
                let other = self.other().ok_or(StoreError::Stale)?;
                let path = other.path.join(name.unwrap_or("state")).map_err(|_| StoreError::TooLong)?;
                ask(Request::Read(path.as_path()))
            }
            Stage::Tell(step) => self.tell(step, number, ask),
            Stage::Over(_) => Ok(()),
        }
    }

    /// Writes one of the nodes, or the state after them.
    fn tell(&mut self, step: Step, number: usize, ask: Ask<'_>) -> Result<(), StoreError> {
        let last = self.requests().saturating_sub(1);
        let mut node = None;
        if let Step::Greet(phase) = step
            && number < last
        {
            let directory = PathBuf::<256>::new(self.device.directory()).map_err(|_| StoreError::TooLong)?;
            self.device.publish(phase, number, &mut |name, value| node = Some(entry(directory, name, value)));
        } else {
            let state = self.next_state(step);
            node = Some(self.ours(&"state").and_then(|path| Ok((path, text(&state)?))));
        }
        let Some((path, value)) = node.transpose()? else { return Ok(()) };
        ask(Request::Write(path.as_path(), value.as_bytes()))
    }

    fn answer(&mut self, number: usize, answer: Result<Reply<'_>, StoreError>) {
        match (self.stage, number.checked_sub(1)) {
            (Stage::Locate, _) => match answer {
                Ok(reply) => self.placed(number, reply.value()),
                Err(error) => self.trouble(error),
            },
            (Stage::Look(_), None) => match answer {
                Ok(reply) => self.seen(XenbusState::parse(reply.value()).unwrap_or(XenbusState::Unknown)),
                // Of a node that is gone, a server says so only to those who may read the one above.
                Err(StoreError::Said(Refusal::NoEntry | Refusal::Access)) => self.seen(XenbusState::Unknown),
                Err(error) => self.trouble(error),
            },
            (Stage::Look(Step::Greet(phase)), Some(index)) => match answer {
                Ok(reply) => self.device.value(phase, index, Ok(reply.value())),
                Err(StoreError::Said(refusal)) => self.device.value(phase, index, Err(StoreError::Said(refusal))),
                Err(error) => self.trouble(error),
            },
            (Stage::Tell(_), _) => match answer {
                Ok(_) => {}
                Err(error) => self.trouble(error),
            },
            (Stage::Look(_) | Stage::Over(_), _) => {}
        }
    }

    fn ours(&self, name: &dyn fmt::Display) -> Result<PathBuf, StoreError> {
        PathBuf::new(self.device.directory()).and_then(|path| path.join(name)).map_err(|_| StoreError::TooLong)
    }
}

fn entry(
    directory: PathBuf,
    name: &dyn fmt::Display,
    value: &dyn fmt::Display,
) -> Result<(PathBuf, Text<VALUE_MAX>), StoreError> {
    Ok((directory.join(name).map_err(|_| StoreError::TooLong)?, text(value)?))
}

fn text(value: &dyn fmt::Display) -> Result<Text<VALUE_MAX>, StoreError> {
    let mut text = Text::new();
    write!(text, "{value}").map_err(|_| StoreError::TooLong)?;
    Ok(text)
}
