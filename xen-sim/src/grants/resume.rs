//! The table made anew, in a new domain or in the old one.

use xen_grant::Version;
use xen_hypercall::Number;
use xen_mock::{Destination, Save};

use super::{Fault, Resume, Run};

const SET_VERSION: usize = 8;
const QUERY_SIZE: usize = 6;

impl Run<'_> {
    pub(super) fn suspend(&mut self, resume: Resume) {
        let site = self.site;
        match resume {
            Resume::Cancelled => {
                assert_eq!(site.suspend(Save::Checkpoint), 1);
                assert_eq!(self.table.reconcile(), Ok(()));
            }
            Resume::Slow => {
                assert_eq!(site.suspend(Save::SlowResume), 0);
                site.epoch.advance();
                assert_eq!(self.table.reconcile(), Ok(()));
            }
            Resume::Mistaken => {
                assert_eq!(site.suspend(Save::SlowResume), 0);
                site.epoch.advance();
                self.rebuild_in_place(Fault::None);
            }
            Resume::New { frames, version, fault } => {
                let to = Destination {
                    max_grant_frames: Some(frames),
                    max_grant_version: Some(version),
                    ..Destination::DEFAULT
                };
                assert_eq!(site.suspend(Save::Restore(to)), 0);
                site.epoch.advance();
                self.peers.moved();
                self.strangers.moved();
                self.rebuild(fault);
            }
        }
    }

    /// Makes the table anew where grants may stand, as a guest does that takes its old domain for a new one.
    pub(super) fn rebuild_in_place(&mut self, fault: Fault) {
        let host = &self.site.host;
        let held = host.ledger().holdings();
        // A Xen that has version 2 does not deny that there are versions.
        let fault = match fault {
            Fault::Version(times, -38) if host.grants().version() == 2 => Fault::Version(times, -9999),
            other => other,
        };
        // Another version would wipe what stands, and of what is beyond a smaller table nobody can know.
        match fault {
            _ if held.grants.is_empty() && held.mappings == 0 => self.rebuild(fault),
            _ if host.grants().version() != self.site.shape.version.number() => {}
            Fault::None | Fault::NoSize => self.rebuild(fault),
            Fault::Frame(_) if self.site.shape.frames == 1 => self.rebuild(fault),
            Fault::Version(times, _) => self.rebuild(Fault::Version(times, -9999)),
            Fault::Frame(_) | Fault::Size(_) => self.rebuild(Fault::None),
        }
        // Void or not, each takes away what it mapped, as the host's ledger tells.
        self.unmap_all();
    }

    pub(super) fn rebuild(&mut self, fault: Fault) {
        self.arm(fault);
        let made = self.table.rebuild();
        self.site.host.faults().clear();
        match (made, self.table.version()) {
            (Ok(frames), Some(version)) => {
                let limit = self.limit(version, frames);
                self.book.opened(version, limit, |at| self.peers.bits(at));
            }
            (Err(error), None) => {
                assert!(fault.changes_the_table(), "{error}");
                self.book.closed();
            }
            other => unreachable!("a table has a version, and no table has none: {other:?}"),
        }
        if let Some(ballast) = &mut self.ballast {
            ballast.reserve(usize::MAX);
        }
    }

    pub(super) fn grow(&mut self, fault: Fault) {
        self.arm(fault);
        let (before, grown) = (self.book.limit, self.table.grow(self.site.shape.frames));
        self.site.host.faults().clear();
        let (Ok(frames), Some(version)) = (grown, self.book.version) else {
            assert!(fault != Fault::None || self.book.version.is_none(), "{grown:?}");
            return;
        };
        self.book.limit = self.limit(version, frames);
        assert!(before <= self.book.limit, "it does not shrink");
    }

    fn arm(&mut self, fault: Fault) {
        let faults = self.site.host.faults();
        self.sum.lied |= fault != Fault::None;
        match fault {
            Fault::None => {}
            Fault::NoSize => faults.on_grant(QUERY_SIZE).status(-1),
            Fault::Size(max) => faults.grant_size(0, max),
            Fault::Frame(nth) => faults.on_call(Number::MEMORY_OP).nth(nth).returns(-12),
            Fault::Version(times, result) => {
                faults.on_call(Number::GRANT_TABLE_OP).cmd(SET_VERSION).times(times).returns(result);
            }
        }
    }

    /// The first entry that a table of so many frames does not have.
    fn limit(&self, version: Version, frames: usize) -> u32 {
        let shape = self.site.shape;
        let mapped = self.site.host.ledger().holdings().grant_frames.len();
        assert!((1..=shape.frames).contains(&frames) && frames <= mapped, "G21: {frames} frames, {mapped} mapped");
        assert_eq!(version.number(), self.site.host.grants().version(), "G08");
        let entries = match version {
            Version::V1 => frames * 512,
            Version::V2 => frames * 256,
        };
        u32::try_from(entries.min(shape.slots)).unwrap_or(u32::MAX)
    }
}
