//! Who searches the documentation for a name of Xen's headers finds what does that work: each operation has an alias.

use super::fact::{About, Fact};
use super::{map, read};
use crate::workspace;
use std::collections::BTreeSet;

/// How the names of operations begin.
const OPERATIONS: [&str; 10] =
    ["EVTCHNOP_", "GNTTABOP_", "SCHEDOP_", "VCPUOP_", "HVMOP_", "XENMEM_", "XENVER_", "CONSOLEIO_", "XS_", "BLKIF_OP_"];

/// Numbers that the crates know and do not use.
const UNUSED: [&str; 1] = ["BLKIF_OP_RESERVED_1"];

/// The names in `doc(alias …)` attributes of a source.
fn aliases(source: &str) -> impl Iterator<Item = &str> {
    let attributes = source.split("#[doc(alias").skip(1).filter_map(|rest| rest.split(']').next());
    attributes.flat_map(|names| names.split('"').skip(1).step_by(2))
}

/// All aliases of a package.
fn aliases_of(package: &str) -> BTreeSet<String> {
    let sources = workspace::root().unwrap().join(package).join("src");
    let files = walkdir::WalkDir::new(sources).into_iter().map(Result::unwrap);
    let files = files.filter(|file| file.path().extension().is_some_and(|extension| extension == "rs"));
    let texts = files.map(|file| std::fs::read_to_string(file.path()).unwrap());
    texts.flat_map(|text| aliases(&text).map(str::to_owned).collect::<Vec<_>>()).collect()
}

/// Whether a fact is the number of an operation that a caller looks for.
fn is_operation(fact: &Fact) -> bool {
    let named = OPERATIONS.iter().any(|begin| fact.c.starts_with(begin)) && !UNUSED.contains(&fact.c.as_str());
    fact.about == About::Constant && fact.package() != "xen-mock" && named
}

#[test]
fn each_operation_is_found_by_its_name_in_c() {
    let facts = read().unwrap().list;
    let packages: BTreeSet<&str> = map::TABLES.iter().map(|table| table.package).collect();
    let mut found = 0;
    for package in packages {
        let known = aliases_of(package);
        let of_it = facts.iter().filter(|fact| fact.package() == package && is_operation(fact));
        let missing: Vec<&str> = of_it.clone().map(|fact| fact.c.as_str()).filter(|c| !known.contains(*c)).collect();
        assert!(missing.is_empty(), "{package}: no doc(alias) for {missing:?}");
        found += of_it.count();
    }
    assert!(found > 60, "{found} operations");
}

#[test]
fn an_alias_is_read_alone_and_in_a_list() {
    let source = "#[doc(alias = \"A_b\")]\nfn a() {}\n#[doc(alias(\"C\", \"d\"))]\nfn c(\"no\") {}";
    assert_eq!(aliases(source).collect::<Vec<_>>(), ["A_b", "C", "d"]);
}
