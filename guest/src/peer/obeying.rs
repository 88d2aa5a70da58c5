//! The side that obeys: a guest that does what the other one wants, and ends when it is told to.

mod sharing;

use core::cell::RefCell;

use xen_evtchn::{BindError, BoundPort, Events, PortError};
use xen_hypercall::op::sched::{self, Reason};
use xen_hypercall::{DomId, Errno, Hypercall, IrqGate, Port};
use xen_store::{Nodes, Path, PathBuf, StoreError, WatchId};

use super::pages::code;
use super::{ANSWER, ASK, ASKER, Answer, LONGEST, Message, Order};
use crate::Machine;
use crate::crew::TableOf;
use crate::start::{Base, DOMID, StoreOf};
use crate::voice::Line;

use sharing::Sharing;

/// How many ports the other may have us hold.
const PORTS: usize = 8;

/// What an order came to: a number, or the code by which Xen refused.
type Result<T = u32> = core::result::Result<T, i32>;

/// The peer.
pub(crate) struct Obedient<'p, 'b, M: Machine, H: Hypercall> {
    hook: &'b H,
    events: &'b Events<'b, &'b H, M::Gate>,
    ports: [Option<BoundPort<'b, &'b H, M::Gate>>; PORTS],
    pages: Sharing<'p, 'b, M, H>,
    /// The last order that was taken, and whose it was.
    last: (DomId, u32),
    /// What wakes it: who the other is, and what that one asks.
    watches: [Option<WatchId>; 2],
}

impl<'p, 'b, M: Machine, H: Hypercall> Obedient<'p, 'b, M, H> {
    pub(crate) const fn new(base: &Base<'b, M, H>, table: &'p TableOf<'p, 'b, M, H>) -> Self {
        let Base { machine, hook, events, .. } = *base;
        let pages = Sharing::new(machine, hook, table);
        Self { hook, events, ports: [const { None }; PORTS], pages, last: (DomId::DOM0, 0), watches: [None; 2] }
    }

    /// Does what there is to do. Without an order, or with nobody to obey, that is nothing.
    pub(crate) fn turn(&mut self, store: &RefCell<StoreOf<'_, 'b, M, H>>) -> core::result::Result<(), StoreError> {
        let store = &mut *store.borrow_mut();
        self.keep_awake(0, ASKER, store)?;
        let Ok(asker) = store.read_number(ASKER) else { return Ok(()) };
        let own = store.read_number(DOMID)?;
        let home = |node: Path<'static>| {
            PathBuf::<LONGEST>::new(Path::literal("/local/domain")).and_then(|root| root.join(asker)?.join(node))
        };
        let (Ok(ask), Ok(answer), Ok(asker)) = (home(ASK), home(ANSWER), u16::try_from(asker)) else { return Ok(()) };
        if self.last.0 != DomId(asker) {
            self.watches[1].take().map_or(Ok(()), |watch| store.unwatch(watch))?;
            self.last = (DomId(asker), 0);
        }
        self.keep_awake(1, ask.as_path(), store)?;
        let mut buffer = [0; LONGEST];
        // Another domain's node: it may be gone, or not be there yet.
        let Ok(text) = store.read(ask.as_path(), &mut buffer) else { return Ok(()) };
        let message = Message::parse(text).filter(|message| u64::from(message.to.0) == own);
        let Some(message) = message.filter(|message| self.last.1 != message.number) else { return Ok(()) };
        self.last.1 = message.number;
        let result = self.obey(message.order);
        let said = Line::bare(format_args!("{}", Answer { number: message.number, result }));
        store.write(answer.as_path(), said.bytes())?;
        if message.order == Order::Die {
            // With all that it holds: that is the point. It returns only where Xen refuses.
            sched::shutdown(self.hook, Reason::CRASH);
        }
        Ok(())
    }

    /// Watches a node, if it does not yet, and forgets what was said of it.
    fn keep_awake(
        &mut self,
        place: usize,
        node: Path<'_>,
        store: &mut StoreOf<'_, 'b, M, H>,
    ) -> core::result::Result<(), StoreError> {
        let watch = match self.watches[place] {
            Some(watch) => watch,
            None => *self.watches[place].insert(store.watch(node)?),
        };
        while store.poll_event_of(watch)?.is_some() {}
        Ok(())
    }

    fn obey(&mut self, order: Order) -> Result {
        match order {
            Order::Bind(port) => {
                let bound = self.events.bind_interdomain(self.last.0, port).map_err(refused)?;
                // It comes with an event that nobody sent.
                let _ = bound.take_pending();
                self.keep(bound)
            }
            Order::Open => self.keep(self.events.alloc_unbound(self.last.0).map_err(refused)?),
            Order::Notify(port, times) => {
                let port = self.port(port)?;
                (0..times).try_for_each(|_| port.notify().map_err(no_port))?;
                Ok(times)
            }
            Order::Heard(port) => Ok(u32::from(self.port(port)?.take_pending() == Ok(true))),
            Order::Close(port) => {
                let place = self.ports.iter_mut().find(|place| is(place, port)).ok_or(code(Errno::ENOENT.raw()))?;
                let closed = place.take().map(BoundPort::close);
                closed.map_or(Ok(0), |closed| closed.map(|()| 0).map_err(|error| code(error.errno.raw())))
            }
            Order::Page(order) => self.pages.obey(self.last.0, order),
            Order::Die => Ok(0),
        }
    }

    /// Keeps a port, and returns its number.
    fn keep(&mut self, port: BoundPort<'b, &'b H, M::Gate>) -> Result {
        let place = self.ports.iter_mut().find(|place| place.is_none()).ok_or(code(Errno::ENOSPC.raw()))?;
        Ok(place.insert(port).number().0)
    }

    fn port(&self, number: Port) -> Result<&BoundPort<'b, &'b H, M::Gate>> {
        self.ports.iter().find(|place| is(place, number)).and_then(Option::as_ref).ok_or(code(Errno::ENOENT.raw()))
    }
}

fn is<H: Hypercall, G: IrqGate>(place: &Option<BoundPort<'_, H, G>>, number: Port) -> bool {
    place.as_ref().is_some_and(|port| port.number() == number)
}

/// What Xen said; the table of ports being full is said in its words.
fn refused(error: BindError) -> i32 {
    match error {
        BindError::Xen(errno) => code(errno.raw()),
        _ => code(Errno::ENOSPC.raw()),
    }
}

fn no_port(error: PortError) -> i32 {
    match error {
        PortError::Xen(errno) => code(errno.raw()),
        PortError::Stale(_) => code(Errno::ENOENT.raw()),
    }
}
