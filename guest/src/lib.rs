//! A guest built on the Xen crates: what it does and says, generic over the machine it runs on.
//!
//! [`run`] is the whole guest. The PVH binary runs it on the real machine, the tests and the demo on the mock host.
//! [`lifecycle`] has the scenarios that both go through; with `selftest=1` it runs scenarios of its own, too.
//!
//! Its lines on the console are a stable interface, one event a line, `xen-guest: <event> key=value …`:
//!
//! | event | when | keys |
//! | --- | --- | --- |
//! | `ready` | all services are up | `domid`, `epoch`, `evtchn`: the ABI in force, `fifo` or `2l`; `vcpus` |
//! | `hypercalls` | after each `ready` | `by`: the `instruction`, the `page` of Xen's, or the `mock` host |
//! | `platform` | at the start, if there is a platform device | `disks`, `nics`: emulated ones that were met |
//! | `unplugged` | at the start and in each new domain, if it let them go | `disks`, `nics`: those that are left |
//! | `option` | an option means nothing here | `unknown` |
//! | `tick` | about once a second | `n`, `ns`; `cpus`: processors that worked since the last |
//! | `suspending` | a request was taken up | |
//! | `refused`, `aborted` | it was given up, before or after the guest agreed | `why` |
//! | `load` | all of the console's load so far is written | `bytes`, `sum`, `amid` |
//! | `heard` | something was typed | `bytes`, `sum` |
//! | `resumed` | the guest came back | `class`, `epoch`, `domid`, `evtchn`, `blackout_ns`, `away_ns`, `intact`, `n`, `degraded` |
//! | `trace` | after each `resumed` | `hypercalls`, `xenstore`, `bound`, `closed`, `mapped`, `registered` |
//! | `bereft` | the peer has ended as it was to: another is wanted | |
//! | `trial` | scenarios with a peer, all of them | `class`, `result`, `scenarios`, `failed` |
//! | `hoard` | the nodes in xenstore are written, or a resume is over | `class`; `fired`: watches that told of something before that, `events` in all; `nodes`, `bytes`, `sum` |
//! | `poked` | all watches of the hoard have told of a word in their groups | `word`, `fired`, `events` |
//! | `connected` | so many devices were connected, and closed again | `kind`, `way`: `serial` or `together`, `k`, `ns`, `waves`, `messages` |
//! | `devices` | that was done as often as it is to be | `result`, `turns` |
//! | `unknown` | a word is not served | `word` |
//! | `stopping` | the guest ends | `reason` |
//! | `scenario`, `selftest` | one scenario, all of them | `name`, `result`; `result`, `scenarios`, `failed` |
//! | `FAIL` | something is wrong | `what` |
#![no_std]
#![allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test guest: a panic is a report on the hypervisor's console and the end of the test"
)]

mod ballast;
mod contrary;
mod crew;
mod embedding;
mod frontends;
mod hoard;
pub mod lifecycle;
mod load;
mod machine;
mod options;
pub mod peer;
mod scenario;
mod serve;
mod start;
mod tally;
mod trace;
mod voice;

pub use hoard::{GROUPS, HOARD};
pub use machine::{Emulated, MOST_VCPUS, Machine, Others, StartFailed, Turn, UPCALL_VECTOR};
pub use options::{Failing, Kind, Options, Role, Upcall};
pub use start::{StartError, run};
pub use tally::Tally;
