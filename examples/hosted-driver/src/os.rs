//! Somebody else's operating system, as far as a driver meets it: levels of interrupt, a queue for work, a timer, and a call
//! that holds the other processors.

use core::cell::{Cell, RefCell};

use xen_hypercall::{IrqGate, Nanos};
use xen_suspend::Clock;

/// How much of the system is held up by who runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// A thread: it may wait and allocate.
    Passive,
    /// An interrupt is served, or all are off.
    High,
}

thread_local! {
    /// That of the processor for which this thread stands.
    static LEVEL: Cell<Level> = const { Cell::new(Level::Passive) };
}

/// Returns the level of the processor that asks.
pub fn level() -> Level {
    LEVEL.get()
}

/// The operating system.
#[derive(Debug)]
pub struct Os {
    now: Cell<Nanos>,
    work: Cell<bool>,
    timer: Cell<Option<Nanos>>,
    /// Other processors that do not come when all are called.
    pub deaf: Cell<bool>,
    held: Cell<bool>,
    console: RefCell<Vec<String>>,
}

impl Os {
    /// Boots.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            now: Cell::new(Nanos::from_secs(1)),
            work: Cell::new(false),
            timer: Cell::new(None),
            deaf: Cell::new(false),
            held: Cell::new(false),
            console: RefCell::new(Vec::new()),
        }
    }

    /// Runs an interrupt handler, unless interrupts are off; tells whether it ran.
    pub fn interrupt(&self, handler: impl FnOnce()) -> bool {
        if level() == Level::High {
            return false;
        }
        self.run(handler);
        true
    }

    /// Has the driver's work item run soon, in a thread. From any level; once, however often it is asked.
    pub fn queue_work(&self) {
        self.work.set(true);
    }

    /// Has the work item run at this time.
    pub fn set_timer(&self, at: Nanos) {
        self.timer.set(Some(at));
    }

    /// Takes work that is due: queued, or by the timer, for which time passes.
    pub fn next_work(&self) -> bool {
        if self.work.take() {
            return true;
        }
        let Some(at) = self.timer.take() else { return false };
        self.now.set(self.now.get().max(at));
        true
    }

    /// Lets time pass.
    pub fn pass(&self, time: Nanos) {
        self.now.set(self.now.get().after(time));
    }

    /// Runs `function` while all other processors are held, as `KeIpiGenericCall` or `stop_machine` do; tells whether they
    /// came.
    pub fn capture(&self, function: impl FnOnce()) -> bool {
        if self.deaf.get() {
            return false;
        }
        self.held.set(true);
        function();
        self.held.set(false);
        true
    }

    /// Tells whether the other processors are held.
    pub const fn holds_others(&self) -> bool {
        self.held.get()
    }

    /// Prints a line.
    pub fn print(&self, line: String) {
        self.console.borrow_mut().push(line);
    }

    /// Returns what was printed.
    pub fn printed(&self) -> Vec<String> {
        self.console.borrow().clone()
    }
}

impl Default for Os {
    fn default() -> Self {
        Self::new()
    }
}

/// Interrupts off and back are levels here.
impl IrqGate for Os {
    type Saved = Level;

    fn off(&self) -> Level {
        LEVEL.replace(Level::High)
    }

    fn restore(&self, saved: Level) {
        LEVEL.set(saved);
    }
}

/// The system's own clock, which goes on in a new domain.
impl Clock for Os {
    fn now(&self) -> Nanos {
        self.now.get()
    }

    fn wall(&self) -> Option<Nanos> {
        None
    }
}
