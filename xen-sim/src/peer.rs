//! The guest's peer on the mock host: another domain, which obeys as a second guest would.

use guest::peer::{Answer, Message, Order, PageOrder, Pattern, Spot};
use xen_hypercall::op::grant_table::MapMode as Mode;
use xen_hypercall::{DomId, Errno, GrantRef, Port};
use xen_mock::{Granted, Host, MapError, MapMode, Mapped};

const PAGE: usize = 4096;

/// What the domain does in the place of a second guest.
#[derive(Debug)]
pub(crate) struct Peer {
    /// How many there have been.
    count: u16,
    /// The number of the last order.
    last: u32,
    pages: Vec<Page>,
    granted: Vec<Granted>,
}

/// A page of the guest's that is mapped.
#[derive(Debug)]
struct Page {
    spot: u32,
    mapped: Mapped,
    mode: Mode,
    /// What was in it when it was looked at last. The mock host lets a mapping go with the guest's domain; a real one keeps
    /// the page, as it was, until it is unmapped.
    seen: Vec<u8>,
}

impl Page {
    fn look(&mut self) {
        if self.mapped.is_alive() {
            self.seen = self.mapped.read(0, PAGE);
        }
    }
}

impl Peer {
    pub(crate) const fn new() -> Self {
        Self { count: 0, last: 0, pages: Vec::new(), granted: Vec::new() }
    }

    /// Comes, or comes again with another number.
    pub(crate) fn appear(&mut self, host: &Host) {
        self.count += 1;
        self.name(host);
    }

    const fn domain(&self) -> DomId {
        DomId(100 + self.count)
    }

    fn name(&self, host: &Host) {
        host.store().write("data/peer", format!("{} {}", self.domain(), self.count));
    }

    /// Does what there is to do.
    pub(crate) fn turn(&mut self, host: &Host) {
        if self.count == 0 {
            return;
        }
        if host.store().read("data/peer").is_none() {
            // In a new domain, too.
            self.name(host);
        }
        self.pages.iter_mut().for_each(Page::look);
        let Some(message) = host.store().read_bytes("data/ask").and_then(|text| Message::parse(&text)) else { return };
        if (message.to, message.number) != (self.domain(), self.last) && message.to == self.domain() {
            self.last = message.number;
            let result = self.obey(host, message.order);
            host.store().write("data/answer", Answer { number: message.number, result }.to_string());
        }
    }

    fn obey(&mut self, host: &Host, order: Order) -> Result<u32, i32> {
        let dom0 = host.dom0();
        match order {
            Order::Bind(port) => {
                let Port(number) = dom0.bind_as(self.domain(), port).ok_or_else(|| code(Errno::EINVAL))?;
                return Ok(number);
            }
            Order::Open => return Ok(dom0.offer_as(self.domain()).0),
            Order::Heard(port) => return Ok(u32::from(dom0.take_events(port) > 0)),
            Order::Page(order) => return self.share(host, order),
            Order::Notify(port, times) => (0..times).for_each(|_| dom0.notify(port)),
            Order::Close(port) => dom0.close(port),
            Order::Die => {
                self.granted.clear();
                host.peer(self.domain()).die();
                self.pages.clear();
            }
        }
        Ok(0)
    }

    fn share(&mut self, host: &Host, order: PageOrder) -> Result<u32, i32> {
        match order {
            PageOrder::Map(reference, mode) => return self.map(host, reference, mode),
            PageOrder::Unmap(spot) => {
                self.page(spot)?;
                self.pages.retain(|page| page.spot != spot.0);
            }
            PageOrder::Sum(spot) => {
                let page = self.page(spot)?;
                page.look();
                return Ok(sum(&page.seen));
            }
            PageOrder::Fill(spot, pattern) => {
                let page = self.page(spot)?;
                // What is written to a mapping for reading is dropped.
                if page.mode == Mode::Write {
                    page.mapped.write(0, &bytes(pattern));
                }
            }
            PageOrder::Grant(mode, pattern) => {
                let granted = host.peer(self.domain()).grant(mock(mode));
                granted.write(0, &bytes(pattern));
                let GrantRef(reference) = granted.gref();
                self.granted.push(granted);
                return Ok(reference);
            }
            PageOrder::End(reference) => return self.end(reference),
            PageOrder::Look(reference) => {
                let granted = self.granted.iter().find(|granted| granted.gref() == reference);
                return granted.map(|granted| sum(&granted.read(0, PAGE))).ok_or_else(|| code(Errno::ENOENT));
            }
            PageOrder::CopyFrom(reference) => {
                let copied = host.peer(self.domain()).copy_from(reference, 0, PAGE);
                return copied.map(|bytes| sum(&bytes)).map_err(i32::from);
            }
            PageOrder::CopyTo(reference, pattern) => {
                host.peer(self.domain()).copy_to(reference, 0, &bytes(pattern)).map_err(i32::from)?;
            }
        }
        Ok(0)
    }

    fn page(&mut self, Spot(spot): Spot) -> Result<&mut Page, i32> {
        self.pages.iter_mut().find(|page| page.spot == spot).ok_or_else(|| code(Errno::ENOENT))
    }

    fn map(&mut self, host: &Host, reference: GrantRef, mode: Mode) -> Result<u32, i32> {
        let peer = host.peer(self.domain());
        let mapped = peer.map(reference, mock(mode)).map_err(|error| match error {
            // No entry at all, or one that grants nothing: by the status of a copy.
            MapError::BadRef => peer.copy_from(reference, 0, 1).map_or_else(i32::from, |_| i32::MIN),
            MapError::Denied => -1,
            _ => i32::MIN,
        })?;
        let spot = (0..).find(|spot| self.pages.iter().all(|page| page.spot != *spot)).unwrap_or_default();
        self.pages.push(Page { spot, mapped, mode, seen: Vec::new() });
        Ok(spot)
    }

    fn end(&mut self, reference: GrantRef) -> Result<u32, i32> {
        let at = self.granted.iter().position(|granted| granted.gref() == reference);
        let granted = self.granted.remove(at.ok_or_else(|| code(Errno::ENOENT))?);
        match granted.withdraw() {
            Ok(()) => Ok(0),
            Err(in_use) => {
                self.granted.push(in_use.0);
                Err(code(Errno::EBUSY))
            }
        }
    }
}

const fn mock(mode: Mode) -> MapMode {
    match mode {
        Mode::Read => MapMode::Read,
        Mode::Write => MapMode::Write,
    }
}

fn bytes(pattern: Pattern) -> Vec<u8> {
    pattern.words().flatten().collect()
}

fn sum(bytes: &[u8]) -> u32 {
    let mut tally = guest::Tally::new();
    tally.add(bytes);
    tally.sum()
}

fn code(errno: Errno) -> i32 {
    i32::try_from(errno.raw()).unwrap_or(i32::MIN)
}
