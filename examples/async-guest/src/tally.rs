//! Who was told what.

use core::cell::Cell;
use core::fmt;

/// Tasks that wait for a node each, and tasks that wait for a port each.
pub(crate) const NODES: usize = 50;
/// The others.
pub(crate) const PORTS: usize = 50;

/// What one task has heard.
struct Ear {
    /// The last number that it has seen.
    seen: Cell<u32>,
    /// How often it was woken since all was at rest, and how many reasons there were.
    woken: Cell<u32>,
    reasons: Cell<u32>,
}

/// What the tasks were told, and what they heard of it.
pub struct Tally {
    /// The number that all are to see.
    told: Cell<u32>,
    ears: [Ear; NODES + PORTS],
    wrong: Cell<u32>,
    lost: Cell<u32>,
    resumes: Cell<u32>,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            told: Cell::new(0),
            ears: [const { Ear { seen: Cell::new(0), woken: Cell::new(0), reasons: Cell::new(0) } }; NODES + PORTS],
            wrong: Cell::new(0),
            lost: Cell::new(0),
            resumes: Cell::new(0),
        }
    }
}

impl fmt::Debug for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (told, wrong, lost, resumes) = (self.told(), self.wrong(), self.lost(), self.resumes());
        write!(f, "told {told}, wrong {wrong}, lost {lost}, resumes {resumes}; not seen by")?;
        let ears = self.ears.iter().enumerate();
        ears.filter(|(_, ear)| ear.seen.get() != told).try_for_each(|(task, _)| write!(f, " {task}"))
    }
}

fn add(to: &Cell<u32>, count: u32) {
    to.set(to.get().saturating_add(count));
}

impl Tally {
    /// Returns the number that all are to see.
    pub const fn told(&self) -> u32 {
        self.told.get()
    }

    /// How often a task was woken without a reason.
    pub const fn wrong(&self) -> u32 {
        self.wrong.get()
    }

    /// How often a task did not see a number in time.
    pub const fn lost(&self) -> u32 {
        self.lost.get()
    }

    /// How often the guest was resumed.
    pub const fn resumes(&self) -> u32 {
        self.resumes.get()
    }

    /// All is at rest, and all are to see the next number.
    pub(crate) fn begin(&self) {
        self.told.set(self.told.get().wrapping_add(1));
        self.ears.iter().for_each(|ear| (ear.woken.set(0), ear.reasons.set(0)).0);
    }

    /// There is a reason to wake a task.
    pub(crate) fn reason(&self, task: usize) {
        self.ears.get(task).into_iter().for_each(|ear| add(&ear.reasons, 1));
    }

    /// A task was woken.
    pub(crate) fn woken(&self, task: usize) {
        let Some(ear) = self.ears.get(task) else { return };
        add(&ear.woken, 1);
        if ear.woken > ear.reasons {
            add(&self.wrong, 1);
        }
    }

    /// A task has seen a number.
    pub(crate) fn seen(&self, task: usize, number: u32) {
        self.ears.get(task).into_iter().for_each(|ear| ear.seen.set(number));
    }

    /// Counts those who have not seen the number yet.
    pub(crate) fn missing(&self) -> usize {
        self.ears.iter().filter(|ear| ear.seen.get() != self.told()).count()
    }

    /// Those who have not seen it by now never will.
    pub(crate) fn give_up(&self) {
        add(&self.lost, u32::try_from(self.missing()).unwrap_or(u32::MAX));
    }

    pub(crate) fn resumed(&self) -> u32 {
        add(&self.resumes, 1);
        self.resumes()
    }
}
