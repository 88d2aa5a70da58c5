//! Compiles the C side in three ways, if the public headers are there.

use std::path::Path;

/// The tables of `c/side.h`, and how each is compiled.
const SIDES: [(&str, u32, &[&str]); 3] =
    [("side_o2", 2, &[]), ("side_o3", 3, &[]), ("side_native", 3, &["-march=native"])];

fn main() {
    println!("cargo::rustc-check-cfg=cfg(xen_headers)");
    println!("cargo::rerun-if-changed=c");
    println!("cargo::rerun-if-env-changed=XEN_INCLUDE");
    let include = std::env::var("XEN_INCLUDE").unwrap_or_else(|_| "/usr/include".into());
    if !Path::new(&include).join("xen/io/blkif.h").exists() {
        return;
    }
    let compiled = SIDES.iter().all(|(name, level, flags)| {
        let mut build = cc::Build::new();
        build.file("c/side.c").include(&include).define("SIDE", Some(*name)).opt_level(*level).debug(false);
        build.flags(*flags).warnings(false).try_compile(name).is_ok()
    });
    if compiled {
        println!("cargo::rustc-cfg=xen_headers");
    }
}
