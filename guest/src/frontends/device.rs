//! A disk or a network card, as far as xenstore knows of it.

use core::fmt;

use xen_store::{OtherEnd, Path, Phase, StoreError, Unfit, XenbusState};

use crate::voice::Line;

type Write<'w> = &'w mut dyn FnMut(&dyn fmt::Display, &dyn fmt::Display);

/// What a device is, with the nodes that drivers of such have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Its ring is published before the backend connects; how large it is is read after that.
    Disk,
    /// It is connected as soon as its rings are published.
    Card,
}

impl Kind {
    /// What is read of the backend at first, and once it is connected; in that there must be a number.
    const fn wanted(self, phase: Phase) -> &'static [&'static str] {
        match (self, phase) {
            (Self::Disk, Phase::Offer) => &["max-ring-page-order", "feature-flush-cache", "feature-discard"],
            (Self::Disk, Phase::Connect) => &["sectors", "sector-size", "info"],
            (Self::Card, Phase::Offer) => &["feature-rx-copy", "feature-sg", "multi-queue-max-queues"],
            (Self::Card, Phase::Connect) => &[],
        }
    }

    /// What is published, all but the state.
    const fn published(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Disk => &[("ring-ref", "8"), ("event-channel", "9"), ("protocol", "x86_64-abi")],
            Self::Card => &[
                ("tx-ring-ref", "768"),
                ("rx-ring-ref", "769"),
                ("event-channel", "9"),
                ("request-rx-copy", "1"),
                ("feature-rx-notify", "1"),
                ("feature-sg", "1"),
            ],
        }
    }
}

/// As its folder is called.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Disk => "vbd",
            Self::Card => "vif",
        })
    }
}

/// The guest's end of a device.
pub(super) struct Device {
    kind: Kind,
    directory: Line,
    /// Which of the values that are wanted in a phase are numbers; they come in any order.
    numbers: [[bool; 3]; 2],
}

impl Device {
    /// Makes the end of a device of this number.
    pub(super) fn new(kind: Kind, id: usize) -> Self {
        Self { kind, directory: Line::bare(format_args!("device/{kind}/{id}")), numbers: [[false; 3]; 2] }
    }
}

impl xen_store::Device for Device {
    fn directory(&self) -> Path<'_> {
        // Letters and digits make a path.
        Path::from_bytes(self.directory.bytes()).unwrap_or(const { Path::literal("device") })
    }

    fn offered(&self) -> XenbusState {
        match self.kind {
            Kind::Disk => XenbusState::Initialised,
            Kind::Card => XenbusState::Connected,
        }
    }

    fn locate(&mut self, _other: &OtherEnd) -> Result<(), Unfit> {
        Ok(())
    }

    fn wanted(&self, phase: Phase) -> &[&str] {
        self.kind.wanted(phase)
    }

    fn value(&mut self, phase: Phase, index: usize, value: Result<&[u8], StoreError>) {
        self.numbers[place(phase)][index] = value.is_ok_and(|value| xen_store::number(value).is_ok());
    }

    fn judge(&mut self, phase: Phase) -> Result<(), Unfit> {
        // Of what the backend can do a part may be missing, but not of what a disk is.
        let needed = match phase {
            Phase::Offer => 1,
            Phase::Connect => self.kind.wanted(phase).len(),
        };
        let found = self.numbers[place(phase)].iter().filter(|number| **number).count();
        if found >= needed { Ok(()) } else { Err(Unfit) }
    }

    fn nodes(&self, phase: Phase) -> usize {
        match phase {
            Phase::Offer => self.kind.published().len(),
            Phase::Connect => 0,
        }
    }

    fn publish(&mut self, _phase: Phase, index: usize, write: Write<'_>) {
        if let Some((name, value)) = self.kind.published().get(index) {
            write(name, value);
        }
    }
}

const fn place(phase: Phase) -> usize {
    match phase {
        Phase::Offer => 0,
        Phase::Connect => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::{Device, Kind, Phase};
    use xen_store::{Device as _, StoreError, Unfit};

    #[test]
    fn a_disk_is_fit_with_all_its_numbers_in_any_order() {
        let mut disk = Device::new(Kind::Disk, 3);
        for index in [2, 0, 1] {
            assert_eq!(disk.judge(Phase::Connect), Err(Unfit));
            disk.value(Phase::Connect, index, Ok(b"512"));
        }
        assert_eq!(disk.judge(Phase::Connect), Ok(()));
        disk.value(Phase::Connect, 1, Err(StoreError::Stale));
        assert_eq!(disk.judge(Phase::Connect), Err(Unfit), "the last one counts");
        disk.value(Phase::Offer, 1, Ok(b"1"));
        assert_eq!(disk.judge(Phase::Offer), Ok(()));
    }
}
