//! Links the bare-metal binary by the guest's own linker script.

use std::env;

fn main() {
    println!("cargo:rerun-if-changed=guest.ld");
    println!("cargo:rerun-if-changed=build.rs");
    if env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "none") {
        let folder = env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
        println!("cargo:rustc-link-arg-bins=-T{folder}/guest.ld");
        println!("cargo:rustc-link-arg-bins=--build-id=none");
    }
}
