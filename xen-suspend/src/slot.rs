//! The progress of each device, kept by the coordinator and not by the device.

/// How far one device is. The coordinator moves it, so every freeze is followed by exactly one thaw or resume.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Progress {
    /// In normal service.
    #[default]
    Running,
    /// Was asked to prepare, and is not done.
    Preparing,
    /// Has reserved what it needs.
    Prepared,
    /// Was asked to freeze, and is not done.
    Freezing,
    /// Gives its backend no more work.
    Frozen,
    /// Was asked to resume, and is not connected.
    Resuming,
    /// Did not come back before its deadline.
    Degraded,
}

/// The coordinator's record of one device, in storage of the embedder's ([`DeviceSlots`]).
#[derive(Debug, Clone, Copy, Default)]
pub struct DeviceSlot {
    pub(crate) progress: Progress,
    pub(crate) asked: bool,
    /// It told that it is connected, while something was being done.
    pub(crate) recovered: bool,
}

/// A slot for each device: an array, a `&mut` to a slice, where there is a heap a boxed slice.
pub trait DeviceSlots: AsRef<[DeviceSlot]> + AsMut<[DeviceSlot]> {}

impl<D: AsRef<[DeviceSlot]> + AsMut<[DeviceSlot]>> DeviceSlots for D {}

impl DeviceSlot {
    /// Makes the record of a device in normal service.
    #[must_use]
    pub const fn new() -> Self {
        Self { progress: Progress::Running, asked: false, recovered: false }
    }

    /// Tells whether a degraded device came back, which has not taken effect yet.
    pub(crate) const fn is_back(&self) -> bool {
        self.recovered && matches!(self.progress, Progress::Degraded)
    }

    /// Returns how far the device is.
    #[must_use]
    pub const fn progress(&self) -> Progress {
        self.progress
    }
}

/// What is to be done next for devices that go from one progress, through another, to a third.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Ask this device, for the first time or again.
    Ask(usize),
    /// All that are not done were asked: wait a little.
    Wait,
    /// All are done.
    Done,
}

/// Finds the next device to ask among those that are still at `from` or on the way, `via`.
pub(crate) fn next(slots: &[DeviceSlot], from: Progress, via: Progress) -> Next {
    let at = |progress| move |slot: &DeviceSlot| slot.progress == progress && !slot.asked;
    let ask = slots.iter().position(at(from)).or_else(|| slots.iter().position(at(via)));
    match ask {
        Some(index) => Next::Ask(index),
        None if slots.iter().any(|slot| slot.progress == via) => Next::Wait,
        None => Next::Done,
    }
}
