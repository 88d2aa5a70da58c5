//! A scripted server at the far end of a page.

use std::cell::{Cell, RefCell};
use std::ptr::NonNull;

use xen_hypercall::{Gfn, Nanos, PAGE_SIZE, SharedPage};
use xen_ring::{ByteReceiver, ByteSender, xenstore_back};
use xen_store::Link;

use super::Message;

#[repr(align(4096))]
struct Page(#[allow(dead_code, reason = "reached by address")] [u8; PAGE_SIZE]);

/// Returns a page at its birth: zero.
#[expect(unsafe_code, reason = "a page is a promise")]
pub(crate) fn page() -> SharedPage {
    let page = Box::leak(Box::new(Page([0; PAGE_SIZE])));
    // SAFETY: leaked, aligned, zero, and nobody else has it.
    unsafe { SharedPage::new(NonNull::from(page).cast(), Gfn(1)) }
}

type Script<'p> = Box<dyn FnMut(&Message) -> Vec<Message> + 'p>;

/// The server and the clock: it works whenever it is notified, and time passes only while the client waits.
pub(crate) struct Fake<'p> {
    ends: RefCell<(ByteSender<'p>, ByteReceiver<'p>)>,
    script: RefCell<Script<'p>>,
    incoming: RefCell<Vec<u8>>,
    outgoing: RefCell<Vec<u8>>,
    now: Cell<u64>,
    /// It has sent something since the client last waited.
    told: Cell<bool>,
    /// How often it was notified.
    pub(crate) notified: Cell<usize>,
    pub(crate) seen: RefCell<Vec<Message>>,
}

impl std::fmt::Debug for Fake<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fake")
    }
}

impl<'p> Fake<'p> {
    /// Starts a server that answers each request with what `script` returns.
    pub(crate) fn new(page: &'p SharedPage, script: impl FnMut(&Message) -> Vec<Message> + 'p) -> Self {
        Self {
            ends: RefCell::new(xenstore_back(page).unwrap()),
            script: RefCell::new(Box::new(script)),
            incoming: RefCell::default(),
            outgoing: RefCell::default(),
            now: Cell::new(1),
            told: Cell::new(false),
            notified: Cell::new(0),
            seen: RefCell::default(),
        }
    }

    /// Starts anew on a page, as a server does after a restore.
    pub(crate) fn restart(&self, page: &'p SharedPage) {
        *self.ends.borrow_mut() = xenstore_back(page).unwrap();
        self.incoming.borrow_mut().clear();
        self.outgoing.borrow_mut().clear();
    }

    /// Sends a message that nobody asked for.
    pub(crate) fn say(&self, message: &Message) {
        self.outgoing.borrow_mut().extend(message.bytes());
        self.work();
    }

    /// Takes what was asked, answers, and fills the ring, until nothing moves.
    fn work(&self) {
        let (sender, receiver) = &mut *self.ends.borrow_mut();
        let (incoming, outgoing) = (&mut *self.incoming.borrow_mut(), &mut *self.outgoing.borrow_mut());
        let mut piece = [0; 100];
        while let Ok(count @ 1..) = receiver.receive(&mut piece) {
            incoming.extend(&piece[..count]);
        }
        while let Some(message) = Message::take(incoming) {
            let answers = (self.script.borrow_mut())(&message);
            outgoing.extend(answers.iter().flat_map(Message::bytes));
            self.seen.borrow_mut().push(message);
        }
        while let Ok(count @ 1..) = sender.send(outgoing) {
            self.told.set(true);
            outgoing.drain(..count);
        }
    }
}

impl Link for Fake<'_> {
    fn notify(&self) {
        self.notified.set(self.notified.get() + 1);
        self.work();
    }

    fn now(&self) -> Nanos {
        Nanos(self.now.get())
    }

    fn wait(&self, deadline: Nanos) {
        if self.told.take() {
            return;
        }
        // A quarter of the way, so that a client that does not look at its deadline waits for ever.
        let left = deadline.0.saturating_sub(self.now.get());
        self.now.set(self.now.get() + left.div_ceil(4));
    }
}
