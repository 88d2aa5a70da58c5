//! Compiles the C side in three ways, if the public headers are there.

use std::path::Path;

/// The tables of `c/side.h` and `c/usual.h`, and how each is compiled.
const SIDES: [(&str, &str, u32, &[&str]); 3] = [
    ("side_o2", "usual_o2", 2, &[]),
    ("side_o3", "usual_o3", 3, &[]),
    ("side_native", "usual_native", 3, &["-march=native"]),
];

fn main() {
    println!("cargo::rustc-check-cfg=cfg(xen_headers)");
    println!("cargo::rerun-if-changed=c");
    println!("cargo::rerun-if-env-changed=XEN_INCLUDE");
    let include = std::env::var("XEN_INCLUDE").unwrap_or_else(|_| "/usr/include".into());
    if !Path::new(&include).join("xen/io/blkif.h").exists() {
        return;
    }
    let compiled = SIDES.iter().all(|(side, usual, level, flags)| {
        let mut build = cc::Build::new();
        build.files(["c/side.c", "c/usual.c"]).include(&include).opt_level(*level).debug(false);
        build.define("SIDE", Some(*side)).define("USUAL", Some(*usual));
        build.flags(*flags).warnings(false).try_compile(side).is_ok()
    });
    if compiled {
        println!("cargo::rustc-cfg=xen_headers");
    }
}
