//! Compiles the C side, if the public headers are there.

use std::path::Path;

fn main() {
    println!("cargo::rustc-check-cfg=cfg(xen_headers)");
    println!("cargo::rerun-if-changed=c/ring.c");
    println!("cargo::rerun-if-env-changed=XEN_INCLUDE");
    let include = std::env::var("XEN_INCLUDE").unwrap_or_else(|_| "/usr/include".into());
    if !Path::new(&include).join("xen/io/blkif.h").exists() {
        return;
    }
    let compiled =
        cc::Build::new().file("c/ring.c").include(&include).opt_level(3).warnings(false).try_compile("cring");
    if compiled.is_ok() {
        println!("cargo::rustc-cfg=xen_headers");
    }
}
