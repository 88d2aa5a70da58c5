//! What the guest asks of the machine it runs on.

use xen_hypercall::{Cpu, Gfn, Hypercall, SharedPage};

/// The machine under the guest: the PVH binary has the real one, the tests that of the mock host.
pub trait Machine {
    /// The hook to Xen.
    type Hook: Hypercall;
    /// The processor.
    type Cpu: Cpu;

    /// Returns the hook to Xen.
    fn hook(&self) -> &Self::Hook;

    /// Returns the processor.
    fn cpu(&self) -> &Self::Cpu;

    /// Takes a fresh page, zeroed, that nobody else uses; `None` when there is no more memory.
    fn page(&self) -> Option<SharedPage>;

    /// Maps a frame that Xen or the toolstack names, such as the ring of xenstore. Asked once for each frame.
    fn map(&self, gfn: Gfn) -> SharedPage;

    /// Adapts to the processor found after a resume in a new domain, before the first hypercall there but the suspend's
    /// own.
    fn moved(&self);

    /// Prints on the hypervisor's console, whatever state the guest is in.
    fn emergency(&self, text: &str);
}
