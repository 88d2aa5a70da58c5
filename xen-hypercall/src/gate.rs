//! The gate that keeps the park interrupt out of a critical section.

/// Turns interrupts off on this processor, and back to what they were.
///
/// Every operation on state that the suspend path touches while other processors are parked runs inside a section of the
/// gate, so that a processor is never parked in the middle of one.
pub trait IrqGate {
    /// What [`IrqGate::restore`] needs to know.
    type Saved;

    /// Turns interrupts off and returns what they were.
    #[doc(alias = "local_irq_save")]
    fn off(&self) -> Self::Saved;

    /// Makes interrupts what they were.
    #[doc(alias = "local_irq_restore")]
    fn restore(&self, saved: Self::Saved);

    /// Runs `section` with interrupts off.
    #[inline(always)]
    fn run<R>(&self, section: impl FnOnce() -> R) -> R
    where
        Self: Sized,
    {
        let saved = self.off();
        let result = section();
        self.restore(saved);
        result
    }
}

impl<G: IrqGate> IrqGate for &G {
    type Saved = G::Saved;

    #[inline]
    fn off(&self) -> Self::Saved {
        (**self).off()
    }

    #[inline]
    fn restore(&self, saved: Self::Saved) {
        (**self).restore(saved);
    }
}

/// A gate that does nothing: for a guest of one processor whose handlers use no service, and for a hosted embedder.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoGate;

impl IrqGate for NoGate {
    type Saved = ();

    #[inline]
    fn off(&self) {}

    #[inline]
    fn restore(&self, (): ()) {}
}
