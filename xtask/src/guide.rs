//! The guide for porting shows code that compiles: its blocks are the toy kernel's.

use crate::workspace;
use std::fs;

/// Where the guide turns to those who have a system already, whose blocks are of other code.
const ELSEWHERE: &str = "## In somebody else's operating system";

/// A line without its comment and spaces, and without what ends it: a signature alone has no body.
fn bare(line: &str) -> String {
    let code = line.split("//").next().unwrap_or_default().replace("pub(crate) ", "");
    let code: String = code.chars().filter(|letter| !letter.is_whitespace()).collect();
    code.trim_end_matches([';', '{', ',']).to_owned()
}

/// The lines of all blocks of Rust.
fn blocks(text: &str) -> impl Iterator<Item = &str> {
    text.split("```rust,ignore\n").skip(1).filter_map(|block| block.split("```").next()).flat_map(str::lines)
}

/// The toy kernel, a line after the other, each made bare.
fn kernel() -> String {
    let folder = workspace::root().unwrap().join("examples/toy-kernel/src");
    let files = fs::read_dir(folder).unwrap().map(|file| fs::read_to_string(file.unwrap().path()).unwrap());
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
fn a_line_that_is_nobody_s_is_found() {
    let text = "```rust,ignore\nlet hook: &Direct = keep(Direct::new(&Native)); // so\nlet hook = Direct::old(&Native);\n```\n";
    let kernel = kernel();
    let known: Vec<bool> = blocks(text).map(|line| kernel.contains(&bare(line))).collect();
    assert_eq!(known, [true, false]);
}
