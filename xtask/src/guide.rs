//! The guide for porting shows code that runs: its blocks are the toy kernel's, and doctests of its library on the mock host.

use crate::workspace;
use std::fs;

/// Where the guide goes beyond the toy kernel, which has no such device. From there on the blocks are doctests alone.
const ELSEWHERE: &str = "## 5. A first ring";

/// What is of the library alone, for the mock host.
const MOCKED: [&str; 3] = ["lib.rs", "mock.rs", "guide.rs"];

/// A line without its comment and spaces, and without what ends it: a signature alone has no body.
fn bare(line: &str) -> String {
    let code = line.split("//").next().unwrap_or_default().replace("pub(crate) ", "").replace("pub ", "");
    let code: String = code.chars().filter(|letter| !letter.is_whitespace()).collect();
    code.trim_end_matches([';', '{', ',']).to_owned()
}

/// The lines of all blocks of Rust, without those for the doctest alone.
fn blocks(text: &str) -> impl Iterator<Item = &str> {
    let blocks = text.split("```rust\n").skip(1).filter_map(|block| block.split("```").next());
    blocks.flat_map(str::lines).filter(|line| !line.starts_with("# "))
}

/// The toy kernel, a line after the other, each made bare.
fn kernel() -> String {
    let folder = workspace::root().unwrap().join("examples/toy-kernel/src");
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let files = files.filter(|file| !MOCKED.iter().any(|name| file.ends_with(name)));
    let files = files.map(|file| fs::read_to_string(file).unwrap());
    files.flat_map(|text| text.lines().map(bare).collect::<Vec<_>>()).collect()
}

#[test]
fn each_line_of_the_guide_is_the_kernel_s() {
    let guide = fs::read_to_string(workspace::root().unwrap().join("docs/porting.md")).unwrap();
    let (ours, _) = guide.split_once(ELSEWHERE).unwrap();
    let kernel = kernel();
    let lines: Vec<&str> = blocks(ours).collect();
    let strange: Vec<&&str> = lines.iter().filter(|line| !kernel.contains(&bare(line))).collect();
    assert!(lines.len() > 80 && strange.is_empty(), "in no file of the kernel: {strange:#?}");
}

#[test]
fn no_block_is_left_to_itself() {
    let guide = fs::read_to_string(workspace::root().unwrap().join("docs/porting.md")).unwrap();
    let fences: Vec<&str> = guide.lines().filter(|line| line.starts_with("```")).step_by(2).collect();
    assert!(fences.iter().all(|fence| ["```rust", "```toml"].contains(fence)), "not a doctest: {fences:?}");
}

#[test]
fn a_line_that_is_nobody_s_is_found() {
    let text = "```rust\n# use all::*;\nlet hook: &Direct = keep(Direct::new(&Native)); // so\nlet hook = Direct::old(&Native);\n```\n";
    let kernel = kernel();
    let known: Vec<bool> = blocks(text).map(|line| kernel.contains(&bare(line))).collect();
    assert_eq!(known, [true, false]);
}
