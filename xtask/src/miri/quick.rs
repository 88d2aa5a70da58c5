//! What `--quick` runs: little, but all unsafe code of the published crates that Miri can interpret.

/// Some tests of one target of one crate.
pub(super) struct Quick {
    pub(super) package: &'static str,
    pub(super) target: &'static str,
    /// None for all.
    pub(super) only: &'static [&'static str],
    /// The files whose unsafe code they reach.
    pub(super) reaches: &'static [&'static str],
}

pub(super) const QUICK: [Quick; 10] = [
    Quick {
        package: "xen-hypercall",
        target: "--lib",
        only: &[],
        reaches: &[
            "xen-hypercall/src/memory.rs",
            "xen-hypercall/src/page.rs",
            "xen-hypercall/src/pages.rs",
            "xen-hypercall/src/record.rs",
            "xen-hypercall/src/start_info.rs",
        ],
    },
    Quick {
        package: "xen-hypercall",
        target: "detect",
        only: &["the_hypercall_page_is_filled_by_the_register_that_cpuid_names"],
        reaches: &["xen-hypercall/src/arch/x86_64/page.rs", "xen-hypercall/src/cpu.rs"],
    },
    Quick {
        package: "xen-hypercall",
        target: "mock",
        only: &["decorators_see_every_call"],
        reaches: &[
            "xen-hypercall/src/decorate.rs",
            "xen-mock/src/guest.rs",
            "xen-mock/src/hypervisor/argument.rs",
            "xen-mock/src/memory.rs",
        ],
    },
    Quick {
        package: "xen-hypercall",
        target: "op_block",
        only: &[],
        reaches: &[
            "xen-hypercall/src/command.rs",
            "xen-hypercall/src/op/event_channel.rs",
            "xen-hypercall/src/op/event_channel/fifo.rs",
            "xen-hypercall/src/op/event_channel/reset.rs",
            "xen-hypercall/src/op/hvm.rs",
            "xen-hypercall/src/op/memory.rs",
            "xen-hypercall/src/op/sched.rs",
            "xen-hypercall/src/op/vcpu.rs",
            "xen-hypercall/src/op/vcpu/context.rs",
            "xen-hypercall/src/op/xen_version.rs",
        ],
    },
    Quick {
        package: "xen-hypercall",
        target: "op_result",
        only: &[],
        reaches: &["xen-hypercall/src/op/grant_table/size.rs", "xen-hypercall/src/op/grant_table/version.rs"],
    },
    Quick {
        package: "xen-hypercall",
        target: "op_grant",
        only: &[],
        reaches: &[
            "xen-hypercall/src/hole.rs",
            "xen-hypercall/src/lent.rs",
            "xen-hypercall/src/op/grant_table/copy.rs",
            "xen-hypercall/src/op/grant_table/flush.rs",
            "xen-hypercall/src/op/grant_table/frames.rs",
            "xen-hypercall/src/op/grant_table/map.rs",
            "xen-hypercall/src/op/grant_table/swap.rs",
            "xen-hypercall/src/op/grant_table/unmap.rs",
        ],
    },
    Quick {
        package: "xen-grant",
        target: "offer",
        only: &["g09_g24_a_refusal_hands_the_page_back"],
        reaches: &["xen-hypercall/src/word.rs"],
    },
    Quick { package: "xen-mock", target: "recycled", only: &[], reaches: &["xen-mock/src/memory/recycled.rs"] },
    Quick {
        package: "xen-ring",
        target: "bytes",
        only: &["both_pages_carry_bytes_both_ways"],
        reaches: &["xen-hypercall/src/page.rs"],
    },
    Quick {
        package: "xen-ring",
        target: "slots_kinds",
        only: &["a_table_drops_what_is_left_in_it", "a_front_attaches_to_a_ring_in_use_that_is_idle"],
        reaches: &["xen-ring/src/entry.rs", "xen-ring/src/table.rs"],
    },
];

/// Files of nothing but processor instructions, which Miri cannot interpret: a booted guest goes through them.
pub(super) const BEYOND: [&str; 3] = [
    "xen-hypercall/src/arch/x86_64.rs",
    "xen-hypercall/src/arch/x86_64/platform.rs",
    "xen-hypercall/src/bulk/x86_64.rs",
];

/// Prints which file with unsafe code is reached by what.
pub(super) fn print() {
    for Quick { package, target, reaches, .. } in &QUICK {
        reaches.iter().for_each(|file| println!("  {file:<40} by {package} {target}"));
    }
    BEYOND.iter().for_each(|file| println!("  {file:<40} beyond Miri: processor instructions"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::miri::{CRATES, part::Part};
    use crate::workspace;
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    const CODE: [&str; 4] = ["unsafe {", "unsafe fn", "unsafe impl", "unsafe trait"];

    /// Finds those with more than the word: blocks, functions, traits and their implementations.
    fn with_unsafe_code(folder: &Path, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                with_unsafe_code(&entry, found);
                continue;
            }
            let text = fs::read_to_string(&entry).unwrap();
            let mut code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            if code.any(|line| CODE.iter().any(|code| line.contains(code))) {
                found.insert(workspace::relative(&entry).display().to_string());
            }
        }
    }

    #[test]
    fn each_file_with_unsafe_code_is_reached_or_beyond() {
        let mut found = BTreeSet::new();
        let root = workspace::root().unwrap();
        CRATES.iter().for_each(|name| with_unsafe_code(&root.join(name).join("src"), &mut found));
        let reached = QUICK.iter().flat_map(|quick| quick.reaches).chain(&BEYOND);
        assert_eq!(found, reached.map(|file| (*file).to_owned()).collect());
    }

    #[test]
    fn each_quick_part_exists() {
        let metadata = cargo_metadata::MetadataCommand::new().no_deps().exec().unwrap();
        let found = metadata.packages.iter().flat_map(Part::of).filter_map(Part::quick).count();
        assert_eq!(found, QUICK.len());
    }

    #[test]
    fn each_test_that_is_named_is_there() {
        let root = workspace::root().unwrap();
        for Quick { package, target, only, .. } in QUICK.iter().filter(|quick| !quick.only.is_empty()) {
            let text = fs::read_to_string(root.join(package).join("tests").join(target).with_extension("rs")).unwrap();
            for name in *only {
                assert!(text.contains(&format!("\nfn {name}()")), "{name} of {package} --test {target}");
            }
        }
    }
}
