//! Xen is found where it is, and nowhere else.

mod fake;

use std::ptr::NonNull;

use fake::Leaves;
use xen_hypercall::x86_64::{self, HypercallPage, NoHypercallPage};
use xen_hypercall::{Cpu, Cpuid, Gfn, NoXen, Presence, detect, incarnation};

const XEN: [u8; 12] = *b"XenVMMXenVMM";
const VIRIDIAN: [u8; 12] = *b"Microsoft Hv";

/// H09: no signature at all, or another hypervisor's.
#[test]
fn there_may_be_no_xen() {
    assert_eq!(detect(&Leaves::default()), Err(NoXen));
    assert_eq!(detect(&Leaves::default().with(0x4000_0000, VIRIDIAN, 0x4000_0006)), Err(NoXen));
}

/// H09: behind another interface, at each place where the leaves may stand.
#[test]
fn xen_may_stand_behind_another() {
    for base in [0x4000_0000, 0x4000_0100, 0x4000_0200, 0x4000_FF00] {
        let cpu = Leaves::default().with(base, XEN, base + 5);
        let cpu = if base == 0x4000_0000 { cpu } else { cpu.with(0x4000_0000, VIRIDIAN, 0x4000_0006) };
        let found = detect(&cpu).unwrap();
        assert_eq!(found, Presence { base, major: 4, minor: 19 });
        assert_eq!(incarnation(&cpu, found), 2);
    }
    for base in [0x4000_0080, 0x4001_0000] {
        assert_eq!(detect(&Leaves::default().with(base, XEN, base + 5)), Err(NoXen), "not in the range");
    }
}

/// H09: a signature without leaves behind it.
#[test]
fn too_few_leaves_are_none() {
    let base = 0x4000_0000;
    for (last, found) in [(0, false), (base, false), (base + 1, false), (base + 2, true), (u32::MAX, true)] {
        assert_eq!(detect(&Leaves::default().with(base, XEN, last)).is_ok(), found, "{last:#x}");
    }
}

/// H08: the instruction is chosen by the vendor, with no hypercall page.
#[test]
fn the_vendor_decides_the_instruction() {
    let vendors =
        [(b"GenuineIntel", false), (b"AuthenticAMD", true), (b"HygonGenuine", true), (b"CentaurHauls", false)];
    for (name, vmmcall) in vendors {
        let cpu = Leaves::default().with(0, *name, 0xD);
        let (_, Cpuid { eax, ebx, ecx, edx }) = cpu.leaves[0];
        // Leaf 0 has the name in the order EBX, EDX, ECX.
        let cpu = Leaves { leaves: vec![(0, Cpuid { eax, ebx, ecx: edx, edx: ecx })], ..Leaves::default() };
        assert_eq!(x86_64::wants_vmmcall(&cpu), vmmcall);
    }
}

/// I16: the page is filled where CPUID says, and again on a processor whose Xen names another register.
#[test]
#[expect(unsafe_code, reason = "a page of stubs is a promise")]
fn the_hypercall_page_is_filled_by_the_register_that_cpuid_names() {
    let presence = Presence { base: 0x4000_0100, major: 4, minor: 19 };
    let naming =
        |eax, ebx| Leaves { leaves: vec![(0x4000_0102, Cpuid { eax, ebx, ..Cpuid::default() })], ..Leaves::default() };
    let (old, new, none) = (naming(1, 0x4000_0000), naming(1, 0x4000_0200), naming(0, 0x4000_0000));
    // SAFETY: nothing is called.
    let make = |cpu: &dyn Cpu| unsafe { HypercallPage::new(NonNull::dangling(), Gfn(0x123), (&cpu, presence)) };
    assert_eq!(make(&none).unwrap_err(), NoHypercallPage);
    let page = make(&old).unwrap();
    page.fill(&new, presence).unwrap();
    // SAFETY: the fake has every register.
    let read = |cpu: &dyn Cpu, register| unsafe { (&cpu).read_msr(register) };
    assert_eq!((read(&old, 0x4000_0000), read(&new, 0x4000_0200)), (0x12_3000, 0x12_3000));
    assert!(none.msrs.borrow().is_empty());
}
