//! Frontends of Xen's split devices, on top of the other crates; each one is a suspend device.
//!
//! # What it is for
//! [`console`]: the guest's primary console. It is buffered while the guest is suspended, bounded towards a backend that
//! does not read, and silent where there is none.
//!
//! # What you must supply
//! The [`Events`](xen_evtchn::Events), and the page of the ring.
//!
//! # Example
//! ```
//! use core::fmt::Write;
//! use xen_frontend::console::{Console, ring_gfn};
//! # use xen_evtchn::{Events, Slot};
//! # use xen_hypercall::{EpochCell, Nanos, SharedInfo, op::memory};
//!
//! # let host = xen_mock::Host::builder().build();
//! # let (guest, xen) = (host.guest(), host.guest().hook());
//! # let (epoch, info) = (EpochCell::new(), SharedInfo::new(guest.page()));
//! # memory::map_shared_info(&xen, info.page())?;
//! # let slots = [const { Slot::new() }; 32];
//! # let events = Events::new(&xen, &epoch, &info, &slots);
//! # events.mask_all();
//! # let map = |gfn| guest.map(gfn);
//! let ring = map(ring_gfn(&xen)?); // a frame that the toolstack chose
//! let console = Console::new(&events, Some(&ring));
//! writeln!(&console, "kept until there is a backend")?;
//! console.connect()?;
//! writeln!(&console, "hello")?;
//! # events.wait(&[], Some(guest.system_time().after(Nanos::from_millis(1))))?;
//! assert_eq!(host.console().lines(), ["kept until there is a backend", "hello"]);
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! # What it does not do
//! Disks and network cards are not here yet.
//!
//! # Where to read on
//! [`console::Console`], and [`console::ConsoleDevice`] and [`console::ConsoleService`], which take it through a suspend. In the
//! repository, `docs/porting.md` has their place in a kernel.
#![no_std]
#![forbid(unsafe_code)]

pub mod console;
