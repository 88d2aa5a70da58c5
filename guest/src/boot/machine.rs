//! The real machine.
#![expect(unsafe_code, reason = "promises that pages are mapped")]

use core::fmt::Write as _;
use core::ptr::{NonNull, with_exposed_provenance_mut};

use guest::{Emulated, Machine, Others, StartFailed, Upcall};
use xen_hypercall::x86_64::{DebugPort, Native, NoHypercallPage};
use xen_hypercall::{Gfn, Hole, IrqGate as _, PAGE_SIZE, SharedPage, Vcpu};

use super::gate::InterruptFlag;
use super::hook::Hook;
use super::upcall::{self, LENT};
use super::{apic, devices, end, gate, holes, intx, paging, pool, processor};

/// A PVH domain, in which every address below 4 GiB is itself.
pub(super) struct Pvh {
    hook: Hook,
}

impl Pvh {
    /// Makes hypercalls as the command line says.
    ///
    /// # Errors
    /// [`NoHypercallPage`] if the page is wanted and Xen has none.
    pub(super) fn new(options: &str) -> Result<Self, NoHypercallPage> {
        Ok(Self { hook: Hook::new(options)? })
    }
}

impl Machine for Pvh {
    type Hook = Hook;
    type Cpu = Native;
    type Gate = InterruptFlag;
    type Ports = Native;

    fn hook(&self) -> &Hook {
        &self.hook
    }

    fn calls_by(&self) -> &'static str {
        match self.hook {
            Hook::Direct(_) => "instruction",
            Hook::Page(_) => "page",
        }
    }

    fn cpu(&self) -> &Native {
        &Native
    }

    fn gate(&self) -> InterruptFlag {
        InterruptFlag
    }

    fn ports(&self) -> &Native {
        &Native
    }

    fn emulated(&self) -> Emulated {
        devices::count()
    }

    fn intx(&self, vector: u8) -> Option<u64> {
        intx::route(vector)
    }

    fn page(&self) -> Option<SharedPage> {
        pool::take()
    }

    fn lasting_page(&self) -> Option<&'static SharedPage> {
        pool::take_lasting()
    }

    fn hole(&self) -> Option<Hole> {
        holes::take()
    }

    #[expect(clippy::expect_used, reason = "the line above excludes it")]
    fn map(&self, gfn: Gfn) -> SharedPage {
        let address = gfn.0.saturating_mul(PAGE_SIZE as u64);
        let outside = address == 0 || address >= paging::END || paging::is_image(address);
        assert!(!outside, "frame {:#x} is not one that Xen gives", gfn.0);
        let page = NonNull::new(with_exposed_provenance_mut(address as usize)).expect("address 0 is excluded");
        // SAFETY: mapped for good, since the address is below the end and not in the low table; outside the image, hence
        // reached through this value only, as the frame is asked once.
        unsafe { SharedPage::new(page, gfn) }
    }

    fn moved(&self) {
        self.hook.renew();
    }

    fn with_others<R>(&self, others: &dyn Others, upcall: Upcall, rest: impl FnOnce() -> R) -> R {
        // SAFETY: what the guest lends consists of atomics and locks around a hook that can be used from everywhere, as the
        // assertion below has it; `stop` waits for the others, and interrupts are off before and after.
        unsafe { LENT.lend(others) }
        if upcall != Upcall::Poll {
            if apic::enable().is_err() {
                end::complain("interrupts", &"there is no x2APIC");
                end::crash();
            }
            gate::on();
        }
        let result = rest();
        processor::stop(&self.hook);
        InterruptFlag.off();
        LENT.back();
        result
    }

    fn start(&self, vcpu: Vcpu) -> Result<(), StartFailed> {
        processor::start(&self.hook, vcpu)
    }

    fn interrupt(&self, vcpu: Vcpu) {
        processor::interrupt(vcpu);
    }

    fn pause(&self, _others: &dyn Others) {
        core::hint::spin_loop();
    }

    fn interrupts(&self, vcpu: Vcpu) -> u64 {
        upcall::count(vcpu)
    }

    fn emergency(&self, text: &str) {
        // The port takes everything.
        let _ = DebugPort.write_str(text);
    }
}

/// Every processor makes its hypercalls through the one hook, and takes its pages from the one pool.
const _: () = {
    const fn usable_from_everywhere<T: Sync>() {}
    usable_from_everywhere::<Pvh>();
};
