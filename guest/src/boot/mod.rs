//! From the first instruction to the guest, and from its end to the domain's.

mod apic;
mod devices;
mod end;
mod entry;
mod fault;
mod firmware;
mod gate;
mod holes;
mod hook;
mod intx;
mod machine;
mod paging;
mod pool;
mod ports;
mod processor;
mod provoke;
mod start;
mod upcall;

use guest::Machine as _;
use xen_hypercall::detect;
use xen_hypercall::x86_64::Native;

use machine::Pvh;

/// Runs the guest: on its stack, in long mode, with interrupts off.
extern "C" fn main(start_info: u32) -> ! {
    processor::first();
    fault::watch();
    paging::protect();
    if let Err(none) = detect(&Native) {
        end::complain("xen", &none);
        end::halt();
    }
    let mut buffer = [0; start::LONGEST];
    let options = match start::options(start_info, &mut buffer) {
        Ok(options) => options,
        Err(wrong) => {
            end::complain("start-info", &wrong);
            end::crash();
        }
    };
    provoke::asked(options);
    let machine = match Pvh::new(options) {
        Ok(machine) => machine,
        Err(none) => {
            end::complain("hypercall-page", &none);
            end::crash();
        }
    };
    let reason = guest::run(&machine, options);
    end::shut_down(machine.hook(), reason)
}
