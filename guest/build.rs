//! Links the bare-metal binary by the guest's own linker script.

use std::env;

/// Separates the flags in the variable that cargo gives.
const SEPARATOR: char = '\u{1f}';

fn main() {
    println!("cargo:rerun-if-changed=guest.ld");
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=CARGO_ENCODED_RUSTFLAGS");
    let os = env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    let has_script = flags.split(SEPARATOR).any(|flag| flag.starts_with("link-arg=-T"));
    if os == "none" && !has_script {
        let folder = env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
        println!("cargo:rustc-link-arg-bins=-T{folder}/guest.ld");
        println!("cargo:rustc-link-arg-bins=--build-id=none");
    }
}
