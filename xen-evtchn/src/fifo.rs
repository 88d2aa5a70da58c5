//! The FIFO ABI: the pages that it needs, and how the domain is switched to it.

mod queues;
mod word;

use core::fmt;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use xen_hypercall::op::event_channel::{self, ControlBlock};
use xen_hypercall::{Errno, Hypercall, IrqGate, PAGE_SIZE, Port, SharedPage, Vcpu};

use crate::{Events, Scanner};

pub(crate) use queues::ALL;
pub use queues::{Ahead, Next, Queues, Shared, Step, Whose};
pub use word::{Unmasked, take_pending, unmask};
pub(crate) use word::{is_linked, is_masked, is_pending, mask, take_unlinked, unlink};

/// Event words in a page, one a port.
pub(crate) const WORDS: usize = PAGE_SIZE / 4;
/// Bits of an event word that name the next port.
const LINK_BITS: u32 = 17;
/// Ports that the FIFO ABI has.
pub const MAX_FIFO_PORTS: usize = 1 << LINK_BITS;

/// Which of Xen's two ways of telling events is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Abi {
    /// Bitmaps in `shared_info`: 4096 ports, all alike.
    TwoLevel,
    /// Queues of each processor, by priority, through a word a port: up to 131072.
    Fifo,
}

/// Why the FIFO ABI is in force, and of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AbiError {
    /// Ports have guards: the ABI is chosen before the first one is bound.
    InUse,
    /// Xen has switched the domain, and took not even one page of event words: no event can come until
    /// [`Events::reset`].
    NoWords(Errno),
    /// Xen did not take the control block of this processor: no event can come to it.
    NoQueues(Vcpu, Errno),
    /// The processor's [`Scanner`] has no control block.
    NoControl(Vcpu),
}

impl AbiError {
    /// Returns what Xen said, if it was Xen.
    #[must_use]
    pub const fn errno(self) -> Option<Errno> {
        match self {
            Self::NoWords(errno) | Self::NoQueues(_, errno) => Some(errno),
            Self::InUse | Self::NoControl(_) => None,
        }
    }
}

impl fmt::Display for AbiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse => f.write_str("ports are in use"),
            Self::NoWords(errno) => write!(f, "no page of event words: {errno}"),
            Self::NoQueues(vcpu, errno) => write!(f, "no queues on processor {vcpu}: {errno}"),
            Self::NoControl(vcpu) => write!(f, "no control block for processor {vcpu}"),
        }
    }
}

impl core::error::Error for AbiError {}

/// What the FIFO ABI needs: pages of event words, and the control block of vCPU 0.
///
/// Xen writes them until the domain ends, so they are lent for as long as the table lives. A page holds the words of 1024
/// ports; 128 pages are all that Xen takes. As many are given to Xen as there are here.
#[derive(Debug)]
pub struct Fifo<'s> {
    pages: &'s [SharedPage],
    pub(crate) control: ControlBlock<'s>,
    /// Pages that Xen knows of; 0 in the 2-level ABI.
    known: AtomicU32,
    pub(crate) disorders: AtomicU64,
}

impl<'s> Fifo<'s> {
    /// Takes the pages; `control` is vCPU 0's.
    #[must_use]
    pub const fn new(pages: &'s [SharedPage], control: ControlBlock<'s>) -> Self {
        Self { pages, control, known: AtomicU32::new(0), disorders: AtomicU64::new(0) }
    }

    /// Returns how many pages Xen knows of.
    #[inline]
    fn known(&self) -> u32 {
        self.known.load(Ordering::Acquire)
    }

    /// Returns how many ports have a word; 0 in the 2-level ABI.
    pub(crate) fn words(&self) -> u32 {
        u32::try_from(WORDS).map_or(0, |words| self.known().saturating_mul(words))
    }

    /// Returns the word of a port, if Xen knows of it.
    #[inline]
    pub(crate) fn word(&self, port: Port) -> Option<&'s AtomicU32> {
        let at = usize::try_from(port.0).ok()?;
        self.page(at / WORDS)?.get(at % WORDS)
    }

    /// Returns the words of a page, if Xen knows of them: in the 2-level ABI, of none.
    #[inline]
    pub(crate) fn page(&self, number: usize) -> Option<&'s [AtomicU32; WORDS]> {
        let is_known = usize::try_from(self.known()).is_ok_and(|known| number < known);
        if is_known { Some(self.pages.get(number)?.u32s_at::<0, WORDS>()) } else { None }
    }

    /// Masks every port.
    pub(crate) fn mask_all(&self) {
        (0..self.words()).filter_map(|port| self.word(Port(port))).for_each(mask);
    }

    /// Makes the words of a page as Xen is to find them.
    fn prepare(page: &SharedPage) {
        let words = page.u32_slice(0, WORDS).unwrap_or_default();
        words.iter().for_each(|word| word.store(word::FRESH, Ordering::Relaxed));
    }

    /// Gives Xen the pages, one after the other, until it refuses one; an error if that is the first.
    fn expand(&self, hook: &impl Hypercall) -> Result<(), Errno> {
        for (page, before) in self.pages.iter().take(MAX_FIFO_PORTS / WORDS).zip(0_u32..) {
            Self::prepare(page);
            match event_channel::expand_array(hook, page) {
                Err(errno) if before == 0 => return Err(errno),
                // E15: half-way. What has a word can be used; a port beyond is refused when it is bound.
                Err(_) => break,
                Ok(()) => self.known.store(before.saturating_add(1), Ordering::Release),
            }
        }
        Ok(())
    }
}

/// Makes a control block as Xen is to find it.
fn prepare(control: ControlBlock<'_>) {
    control.ready().store(0, Ordering::Relaxed);
    control.heads().iter().for_each(|head| head.store(0, Ordering::Relaxed));
}

impl<'s, H: Hypercall, G: IrqGate> Events<'s, H, G> {
    /// Adds what the FIFO ABI needs, for [`Events::choose`] and every [`Events::rebuild`] to try it.
    #[must_use]
    pub fn with_fifo(self, fifo: Fifo<'s>) -> Self {
        Self { fifo: Some(fifo), ..self }
    }

    /// Switches the domain to the FIFO ABI if its memory is here and Xen has it, and says which one is in force.
    ///
    /// To be called once, before the first port is bound; all ports are masked then. Where Xen refuses, the 2-level ABI stays:
    /// the same code runs on. After a resume [`Events::rebuild`] does the same.
    ///
    /// # Errors
    /// [`AbiError`]: the domain is switched and the ABI is of no use, or it is too late.
    ///
    /// # Xen
    /// `EVTCHNOP_init_control` for vCPU 0, `EVTCHNOP_expand_array` for each page; Xen 4.4.
    #[doc(alias("EVTCHNOP_init_control", "xen_evtchn_fifo_init"))]
    pub fn choose(&self) -> Result<Abi, AbiError> {
        self.gate.run(|| {
            if self.slots.iter().any(|slot| slot.kind().is_live()) {
                return Err(AbiError::InUse);
            }
            self.negotiate()
        })
    }

    /// Does as [`Events::choose`], in a section of the gate.
    pub(crate) fn negotiate(&self) -> Result<Abi, AbiError> {
        self.mask_two_level();
        // I15: what came before anybody looked is found by the next poll.
        self.scan.two.select_all();
        let Some(fifo) = &self.fifo else { return Ok(Abi::TwoLevel) };
        fifo.known.store(0, Ordering::Release);
        prepare(fifo.control);
        if event_channel::init_control(&self.hook, Vcpu(0), fifo.control).is_err() {
            return Ok(Abi::TwoLevel);
        }
        fifo.expand(&self.hook).map_err(AbiError::NoWords)?;
        Ok(Abi::Fifo)
    }

    /// Says which ABI is in force.
    #[must_use]
    pub fn abi(&self) -> Abi {
        if self.in_fifo().is_some() { Abi::Fifo } else { Abi::TwoLevel }
    }

    /// Returns the memory of the FIFO ABI if that is in force.
    #[inline]
    pub(crate) fn in_fifo(&self) -> Option<&Fifo<'s>> {
        self.fifo.as_ref().filter(|fifo| fifo.known() != 0)
    }

    /// Gives Xen the control block of another processor, if the FIFO ABI is in force: before anything is bound to that
    /// processor, and again in each new domain.
    ///
    /// Any processor may call it, as long as that one takes no events meanwhile.
    ///
    /// # Errors
    /// [`AbiError::NoControl`] and [`AbiError::NoQueues`]: nothing may be bound to that processor.
    ///
    /// # Xen
    /// `EVTCHNOP_init_control`.
    #[doc(alias = "EVTCHNOP_init_control")]
    pub fn join(&self, scanner: &Scanner<'_>) -> Result<(), AbiError> {
        self.gate.run(|| {
            scanner.reset();
            if self.in_fifo().is_none() {
                scanner.look_everywhere();
                return Ok(());
            }
            let vcpu = scanner.vcpu();
            let control = scanner.control().ok_or(AbiError::NoControl(vcpu))?;
            prepare(control);
            event_channel::init_control(&self.hook, vcpu, control).map_err(|errno| AbiError::NoQueues(vcpu, errno))?;
            Ok(())
        })
    }

    /// Closes every port of the domain, also those of store and console, and goes back to the 2-level ABI.
    ///
    /// For a program that hands the domain to another one. That nobody else has a guard is shown by the borrow.
    ///
    /// # Errors
    /// What Xen said; `EAGAIN` if it has ports of its own left, and the ABI stays.
    ///
    /// # Xen
    /// `EVTCHNOP_reset`.
    #[doc(alias = "EVTCHNOP_reset")]
    pub fn reset(&mut self) -> Result<(), Errno> {
        self.gate.run(|| {
            self.mask_all();
            event_channel::reset(&self.hook)?;
            self.forget();
            if let Some(fifo) = &self.fifo {
                fifo.known.store(0, Ordering::Release);
            }
            self.mask_two_level();
            Ok(())
        })
    }

    /// Counts how often a queue of the FIFO ABI was found in disorder, and all ports were searched instead.
    #[must_use]
    pub fn disorders(&self) -> u64 {
        self.fifo.as_ref().map_or(0, |fifo| fifo.disorders.load(Ordering::Relaxed))
    }

    /// Counts ports that are closed and whose word is still in a queue: Xen does not give out their numbers until the queue
    /// has been taken that far (E14).
    #[must_use]
    pub fn lingering(&self) -> usize {
        let is_linked = |port| self.fifo.as_ref().and_then(|fifo| fifo.word(port)).is_some_and(is_linked);
        self.numbered().filter(|(port, slot)| !slot.kind().is_live() && is_linked(*port)).count()
    }
}
