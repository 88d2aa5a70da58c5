//! From the first instruction to the guest, and from its end to the domain's.

mod end;
mod entry;
mod fault;
mod machine;
mod paging;
mod pool;
mod provoke;
mod start;

use core::fmt::Write as _;

use guest::Machine as _;
use xen_hypercall::op::hvm::{self, Param};
use xen_hypercall::op::sched::Reason;
use xen_hypercall::op::xen_version;
use xen_hypercall::x86_64::{DebugPort, Native};
use xen_hypercall::{Errno, Gfn, detect};

use machine::Pvh;

/// Runs the guest: on its stack, in long mode, with interrupts off.
extern "C" fn main(start_info: u32) -> ! {
    fault::watch();
    paging::protect();
    if let Err(none) = detect(&Native) {
        end::complain("xen", &none);
        end::halt();
    }
    let machine = Pvh::new();
    let mut buffer = [0; start::LONGEST];
    let options = match start::options(start_info, &mut buffer) {
        Ok(options) => options,
        Err(wrong) => {
            end::complain("start-info", &wrong);
            end::crash();
        }
    };
    provoke::asked(options);
    let reason = hello(&machine, options).unwrap_or_else(|no| {
        end::complain("hello", &no);
        Reason::CRASH
    });
    end::shut_down(machine.hook(), reason)
}

/// Shows that the machine works.
fn hello(machine: &Pvh, options: &str) -> Result<Reason, Errno> {
    let version = xen_version::version(machine.hook())?;
    let store = machine.map(Gfn(hvm::param(machine.hook(), Param::STORE_PFN)?));
    store.u32_at::<2056>().fetch_or(0, core::sync::atomic::Ordering::Relaxed);
    let (page, store) = (machine.page().map(|page| page.gfn()), store.gfn());
    let _ =
        writeln!(DebugPort, "xen-guest: hello version={version:?} page={page:?} store={store:?} cmdline={options:?}");
    Ok(Reason::POWEROFF)
}
