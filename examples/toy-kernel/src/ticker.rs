//! A timer of each processor's, by Xen's virtual interrupt.

use core::cell::RefCell;
use core::sync::atomic::{AtomicU32, Ordering};

use xen_evtchn::{BindError, BoundPort, Events};
use xen_hypercall::op::event_channel::Virq;
use xen_hypercall::op::vcpu;
use xen_hypercall::{Clock, IrqGate as _, Nanos, Port, Vcpu, VcpuInfo};
use xen_suspend::{Class, CoreService, Dark, Fatal, Stage};

use crate::machine::{Direct, Gate, Native};

pub const PERIOD: Nanos = Nanos::from_millis(500);

/// What all processors use.
#[derive(Clone, Copy)]
pub struct Common {
    pub hook: &'static Direct,
    pub events: &'static Events<'static, &'static Direct, Gate>,
    pub clock: &'static Clock<'static, Native>,
}

/// How often each processor's has come.
pub static TICKS: [AtomicU32; 2] = [const { AtomicU32::new(0) }; 2];

/// The timer of one processor, used there alone.
pub struct Ticker {
    common: Common,
    vcpu: Vcpu,
    record: VcpuInfo<'static>,
    port: RefCell<Option<BoundPort<'static, &'static Direct, Gate>>>,
}

impl Ticker {
    pub const fn new(common: Common, vcpu: Vcpu, record: VcpuInfo<'static>) -> Self {
        Self { common, vcpu, record, port: RefCell::new(None) }
    }

    /// Binds it, or in the same domain finds it bound, and starts it.
    pub fn start(&self) -> Result<(), BindError> {
        let port = self.common.events.rebind_virq(Virq::TIMER, self.vcpu)?;
        port.unmask().expect("a port that was just bound");
        self.port.replace(Some(port));
        self.arm();
        Ok(())
    }

    /// Takes its event; tells whether it was one.
    pub fn take(&self, port: Port) -> bool {
        let ours = self.port.borrow().as_ref().is_some_and(|timer| timer.number() == port);
        if ours {
            TICKS[self.vcpu.0 as usize].fetch_add(1, Ordering::Relaxed);
            self.arm();
        }
        ours
    }

    fn arm(&self) {
        let Common { hook, clock, .. } = self.common;
        Gate.run(|| {
            let at = clock.to_system(clock.now_on(self.record).after(PERIOD));
            vcpu::set_singleshot_timer(hook, self.vcpu, at).expect("a timer");
        });
    }
}

impl CoreService for &Ticker {
    fn rebuild(&mut self, stage: Stage, _class: Class, _dark: &Dark<'_>) -> Result<(), Fatal> {
        if stage != Stage::Timers {
            return Ok(());
        }
        self.start().map_err(|error| Fatal { stage, errno: error.errno() })
    }
}
