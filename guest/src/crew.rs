//! The other processors: each ticks, works with grants and calls the next one, and waits while the guest is suspended.

mod member;

use core::sync::atomic::Ordering;

use xen_evtchn::Scanner;
use xen_grant::Table;
use xen_hypercall::op::event_channel::{self, ControlBlock};
use xen_hypercall::op::vcpu;
use xen_hypercall::{DomId, Hypercall, IrqGate as _, LEGACY_VCPUS, Nanos, SharedPage, Vcpu, VcpuInfo};
use xen_suspend::services::Reach;
use xen_suspend::{Class, Duty, Rendezvous, Seat};

use crate::machine::{MOST_VCPUS, Others, StartFailed, Turn};
use crate::start::Base;
use crate::voice::cry;
use crate::{Machine, Options};

use member::Member;

/// How long the processors may take to come up.
const PATIENCE: Nanos = Nanos::from_secs(30);

/// The grant table that all processors use.
pub(crate) type TableOf<'g, 'b, M, H> = Table<'g, &'b H, <M as Machine>::Gate>;

/// Storage for all processors; that for vCPU 0 stays empty.
pub(crate) struct Quarters<'b, M: Machine, H: Hypercall> {
    seats: [Seat; MOST_VCPUS],
    members: [Member<'b, M, H>; MOST_VCPUS],
}

impl<M: Machine, H: Hypercall> Quarters<'_, M, H> {
    pub(crate) const fn new() -> Self {
        Self { seats: [const { Seat::new() }; MOST_VCPUS], members: [const { Member::new() }; MOST_VCPUS] }
    }
}

/// All processors but vCPU 0.
pub(crate) struct Crew<'c, 'b, M: Machine, H: Hypercall> {
    base: &'c Base<'b, M, H>,
    table: &'c TableOf<'c, 'b, M, H>,
    rendezvous: Rendezvous<'c>,
    members: &'c [Member<'b, M, H>],
    /// It does not hear when it is called: for a rendezvous that fails.
    deaf: Option<Vcpu>,
}

impl<'c, 'b, M: Machine, H: Hypercall> Crew<'c, 'b, M, H> {
    /// Puts together what the processors share; none runs yet.
    pub(crate) const fn new(
        base: &'c Base<'b, M, H>,
        table: &'c TableOf<'c, 'b, M, H>,
        quarters: &'c Quarters<'b, M, H>,
        options: &Options,
    ) -> Self {
        let deaf = if options.deaf { Some(Vcpu(1)) } else { None };
        Self { base, table, rendezvous: Rendezvous::new(&quarters.seats), members: &quarters.members, deaf }
    }

    /// The barrier.
    pub(crate) const fn rendezvous(&self) -> &Rendezvous<'c> {
        &self.rendezvous
    }

    /// Starts every processor that the domain has, and waits until they are up; returns how many run, vCPU 0 included.
    pub(crate) fn muster(&self) -> usize {
        let room = u32::try_from(MOST_VCPUS).unwrap_or(u32::MAX);
        let (mut pages, mut started) = ([None; 2], 0);
        for vcpu in (1..vcpu::count(self.base.hook, room)).map(Vcpu) {
            if let Err(error) = self.start(vcpu, &mut pages) {
                cry(self.base.machine, format_args!("vcpu number={vcpu} {error:?}"));
                break;
            }
            started += 1;
        }
        let until = self.base.clock.now().after(PATIENCE);
        while self.up() < started && self.base.clock.now() < until {
            self.base.machine.pause(self);
        }
        self.up().saturating_add(1)
    }

    /// Equips and starts one; the pages are those of the records, and of the control blocks of the FIFO ABI.
    fn start(&self, vcpu: Vcpu, [records, controls]: &mut [Option<&'static SharedPage>; 2]) -> Result<(), StartFailed> {
        let member = self.member(vcpu).ok_or(StartFailed::NoMemory)?;
        let page = self.lasting(records, place(vcpu, VcpuInfo::PLACES))?;
        let record = VcpuInfo::new(page, place(vcpu, VcpuInfo::PLACES)).ok_or(StartFailed::NoMemory)?;
        let at = place(vcpu, ControlBlock::PLACES);
        let control = ControlBlock::new(self.lasting(controls, at)?, at).ok_or(StartFailed::NoMemory)?;
        member.equip(
            Scanner::new(vcpu, record).with_control(control),
            self.base.machine.page().ok_or(StartFailed::NoMemory)?,
        );
        if is_beyond_shared_info(vcpu) {
            // Without a record such a processor cannot be initialised; it is not up yet, so that vCPU 0 may do it.
            vcpu::register_vcpu_info(self.base.hook, vcpu, record).map_err(StartFailed::Xen)?;
        }
        self.base.machine.start(vcpu)
    }

    /// The page of this place: another one for the first, and at the beginning.
    fn lasting(
        &self,
        page: &mut Option<&'static SharedPage>,
        place: usize,
    ) -> Result<&'static SharedPage, StartFailed> {
        if page.is_none() || place == 0 {
            *page = self.base.machine.lasting_page();
        }
        page.ok_or(StartFailed::NoMemory)
    }

    fn member(&self, vcpu: Vcpu) -> Option<&'c Member<'b, M, H>> {
        self.members.get(usize::try_from(vcpu.0).ok()?)
    }

    fn up(&self) -> usize {
        self.members.iter().filter(|member| member.port().is_some()).count()
    }

    /// Counts the processors that have done their work since this was asked last, vCPU 0 included.
    pub(crate) fn at_work(&self) -> usize {
        self.members.iter().filter(|member| member.has_worked()).count().saturating_add(1)
    }

    /// A tick: a page is lent and taken back, and the next processor called.
    fn work(&self, vcpu: Vcpu, member: &Member<'b, M, H>) {
        let page = self.gate().run(|| member.take_page());
        let page = page.and_then(|page| {
            let offer = self.table.offer_read(page, DomId::DOM0).map_err(|error| error.page);
            offer.map_or_else(Some, |offer| offer.end().ok())
        });
        if page.is_none() {
            cry(self.base.machine, format_args!("vcpu number={vcpu} lost its page"));
        }
        self.call(self.next(vcpu));
        self.gate().run(|| member.ticked(page));
    }

    /// The processor after this one, around; vCPU 0 left out.
    fn next(&self, vcpu: Vcpu) -> Vcpu {
        let next = Vcpu(vcpu.0.saturating_add(1));
        if self.member(next).is_some_and(|member| member.port().is_some()) { next } else { Vcpu(1) }
    }

    /// The first that a processor does.
    fn come_up(&self, vcpu: Vcpu, member: &Member<'b, M, H>) -> Turn {
        self.gate().run(|| {
            if member.joins() && self.rendezvous.join(vcpu).is_err() {
                member.fail();
            }
            if member.has_failed() {
                return Turn::Idle;
            }
            if self.attend(vcpu) == Turn::Parked {
                return Turn::Parked;
            }
            let registered = if is_beyond_shared_info(vcpu) { Class::InPlace } else { Class::New };
            if let Err(error) = member.come_up(self.base, vcpu, registered) {
                cry(self.base.machine, format_args!("vcpu number={vcpu} {error}"));
                member.fail();
                self.rendezvous.leave(vcpu);
            }
            Turn::Idle
        })
    }

    fn call(&self, vcpu: Vcpu) {
        // No suspend comes between the look at the port and the deed.
        self.gate().run(|| {
            if let Some(port) = self.member(vcpu).and_then(Member::port) {
                // Refused: then it is not called, which vCPU 0 sees.
                let _ = event_channel::send(self.base.hook, port);
            }
        });
    }

    fn gate(&self) -> M::Gate {
        self.base.machine.gate()
    }
}

/// Tells whether a processor has no record in `shared_info`.
fn is_beyond_shared_info(vcpu: Vcpu) -> bool {
    usize::try_from(vcpu.0).is_ok_and(|number| number >= LEGACY_VCPUS)
}

/// The place of what is a processor's within its page, of which each has so many.
fn place(vcpu: Vcpu, places: usize) -> usize {
    usize::try_from(vcpu.0).map_or(0, |number| number % places)
}

impl<M: Machine, H: Hypercall> Others for Crew<'_, '_, M, H> {
    fn turn(&self, vcpu: Vcpu) -> Turn {
        let Some(member) = self.member(vcpu) else { return Turn::Idle };
        if member.port().is_none() {
            return self.come_up(vcpu, member);
        }
        if self.attend(vcpu) == Turn::Parked {
            return Turn::Parked;
        }
        let (due, more) = self.gate().run(|| member.look(self.base, vcpu));
        if due {
            self.work(vcpu, member);
        }
        if more { Turn::Busy } else { Turn::Idle }
    }

    fn heard(&self, vcpu: Vcpu) {
        match self.member(vcpu).filter(|_| vcpu.0 != 0) {
            Some(member) => member.heard(),
            None => self.base.info.vcpu0().upcall_pending().store(0, Ordering::SeqCst),
        }
    }

    fn attend(&self, vcpu: Vcpu) -> Turn {
        if self.deaf == Some(vcpu) {
            return Turn::Idle;
        }
        self.gate().run(|| match (self.rendezvous.duty(vcpu), self.member(vcpu)) {
            (Duty::Do(order), Some(member)) => {
                // One that is not up yet has nothing to rebuild.
                let done = member.port().map_or(Ok(()), |_| member.carry_out(self.base, vcpu, order));
                self.rendezvous.done(vcpu, done);
                Turn::Parked
            }
            (Duty::Go, _) => Turn::Idle,
            _ => Turn::Parked,
        })
    }
}

impl<M: Machine, H: Hypercall> Reach for &Crew<'_, '_, M, H> {
    fn interrupt(&self, vcpu: Vcpu) {
        self.base.machine.interrupt(vcpu);
    }

    fn pause(&self) {
        self.base.machine.pause(*self);
    }
}
