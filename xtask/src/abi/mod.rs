//! `cargo xtask abi`: every layout and number that the crates take from Xen's headers, compared with the headers.
//!
//! The list of facts comes from the crates' own sources, read by `syn`: each struct with a fixed layout and each constant,
//! public or not, whatever it is. `map` says what each is called in C, or that it is ours. An item that it does not name
//! fails, and so does a name in it without an item, a number of Xen's that stands in the code without a constant
//! (`loose`), and a macro that may make items and that `macros` does not know. So nothing new goes unchecked.
//!
//! Reading the sources, and not linking the crates, reaches the argument blocks, which are private, without a door in a
//! published crate. Its price is a second layout algorithm (`layout`, the rules of C for integers, pointers and arrays):
//! the size that it finds must be the one that the source asserts and rustc has confirmed, and implicit padding is refused,
//! so that a sum of the fields' sizes that is right leaves no freedom to the offsets.
//!
//! The other side is one C program (`probe`) with a line for each fact, compiled on the spot.

#[cfg(test)]
mod alias;
mod fact;
mod item;
mod layout;
mod loose;
mod macros;
mod map;
mod probe;
mod source;
mod value;

use crate::xen::release::{self, Release};
use crate::{shell, workspace};
use anyhow::{Context as _, Result, bail};
use fact::{About, Fact, Facts};
use item::Items;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use value::Value;

/// Arguments of `abi`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Print every fact.
    #[arg(long)]
    list: bool,
    /// Fail where the headers or a C compiler are not installed, as under CI=true.
    #[arg(long)]
    require: bool,
    /// The folder that holds `xen/xen.h`.
    #[arg(long, default_value = probe::HEADERS)]
    headers: PathBuf,
    /// Compare with the headers of each of these releases: `own`, which are those of `--headers`, or those in another
    /// suite of the archive that the system comes from, such as `trixie`, which are fetched.
    #[arg(long, value_delimiter = ',', default_value = "own", value_name = "SUITE")]
    release: Vec<Release>,
}

/// Compares, and says what differs.
pub(crate) fn run(args: &Args) -> Result<()> {
    let facts = read()?;
    if !facts.problems.is_empty() {
        bail!("{} items cannot be compared:\n  {}", facts.problems.len(), facts.problems.join("\n  "));
    }
    if let Some(need) = missing(&args.headers) {
        println!("skipped: needs {need} ({} facts not compared)", facts.list.len());
        let required = args.require || workspace::ci();
        return if required { Err(anyhow::anyhow!("{need} is required here")) } else { Ok(()) };
    }
    summary(&facts.list);
    let cache = workspace::root()?.join("target").join("abi");
    for release in &args.release {
        if release.is_own() {
            compare(args, &facts.list, &args.headers, "the headers")?;
        } else if let Some((folder, version)) = release::headers(release, &cache)? {
            compare(args, &facts.list, &folder, &format!("the headers of {release}, {version}"))?;
        } else if args.require {
            bail!("the headers of {release} are required here");
        }
    }
    Ok(())
}

/// Compares with the headers in `folder`, which go by this name.
fn compare(args: &Args, facts: &[Fact], folder: &Path, name: &str) -> Result<()> {
    let found = probe::ask(facts, folder).with_context(|| format!("in {name}"))?;
    if args.list {
        facts.iter().zip(&found).for_each(|(fact, c)| println!("{}", line(fact, c)));
    }
    let wrong: Vec<String> = differences(facts, &found);
    if !wrong.is_empty() {
        bail!("{} of {} facts differ from {name}:\n  {}", wrong.len(), facts.len(), wrong.join("\n  "));
    }
    println!("abi: {} facts, all as in {name}", facts.len());
    Ok(())
}

/// Reads the facts of all crates.
fn read() -> Result<Facts> {
    let (root, mut items) = (workspace::root()?, Items::default());
    let packages: BTreeSet<&str> = map::TABLES.iter().map(|table| table.package).collect();
    for package in packages {
        source::read(&mut items, package, &root.join(package))?;
    }
    Ok(fact::make(&items, map::TABLES))
}

/// What must be installed first.
fn missing(headers: &Path) -> Option<&'static str> {
    if !cfg!(target_arch = "x86_64") {
        return Some("an x86_64 machine");
    }
    if !headers.join("xen/xen.h").exists() {
        return Some("libxen-dev");
    }
    shell::require("cc").is_err().then_some("cc")
}

fn differences(facts: &[Fact], found: &[Value]) -> Vec<String> {
    let pairs = facts.iter().zip(found);
    pairs.filter(|(fact, c)| fact.rust != **c).map(|(fact, c)| line(fact, c)).collect()
}

fn line(fact: &Fact, c: &Value) -> String {
    let what = match fact.about {
        About::Size => "size",
        About::Offset => "offset",
        About::FieldSize => "size of field",
        About::Constant => "value",
        About::Name => "name",
    };
    format!(
        "{}: {what} {}, in C {c}: {}",
        fact.path,
        fact.rust,
        fact.c.split_whitespace().collect::<Vec<_>>().join(" ")
    )
}

fn summary(facts: &[Fact]) {
    let mut crates: BTreeMap<&str, BTreeMap<About, usize>> = BTreeMap::new();
    for fact in facts {
        *crates.entry(fact.package()).or_default().entry(fact.about).or_default() += 1;
    }
    let mut table = comfy_table::Table::new();
    table.load_preset(comfy_table::presets::NOTHING);
    table.set_header(["crate", "sizes", "offsets", "fields", "constants", "names", "all"]);
    for (package, counts) in &crates {
        let kinds = [About::Size, About::Offset, About::FieldSize, About::Constant, About::Name];
        let counts = kinds.map(|about| counts.get(&about).copied().unwrap_or(0));
        let all = counts.iter().sum::<usize>();
        table.add_row(std::iter::once((*package).to_owned()).chain(counts.iter().chain([&all]).map(usize::to_string)));
    }
    println!("{table}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_of_the_crates_has_a_rule() {
        let facts = read().unwrap();
        assert_eq!(facts.problems, [""; 0]);
        assert!(facts.list.len() >= 400, "{} facts", facts.list.len());
    }

    #[test]
    fn no_module_of_a_crate_that_speaks_to_xen_is_ours_as_a_whole() {
        let speaking = map::TABLES.iter().filter(|table| !["xen-mock", "xen-suspend"].contains(&table.package));
        for rule in speaking.flat_map(|table| table.rules).filter(|rule| matches!(rule.meaning, map::Meaning::Ours)) {
            let of = rule.item.strip_suffix("::*").map(|all| all.rsplit("::").next().unwrap_or_default());
            assert!(of.is_none_or(|of| of == of.to_uppercase()), "{}: the rows of one constant at most", rule.item);
        }
    }

    /// The headers' answers, or `None` where they are not installed.
    fn ask(facts: &[Fact]) -> Option<Vec<Value>> {
        if let Some(need) = missing(Path::new(probe::HEADERS)) {
            println!("skipped: needs {need}");
            return None;
        }
        Some(probe::ask(facts, Path::new(probe::HEADERS)).unwrap())
    }

    #[test]
    fn a_planted_mistake_in_any_fact_is_found() {
        let mut facts = read().unwrap().list;
        let Some(found) = ask(&facts) else { return };
        assert_eq!(differences(&facts, &found), [""; 0]);
        for at in 0..facts.len() {
            let wrong = match &facts[at].rust {
                Value::Int(value) => Value::Int(value + 1),
                _ => Value::Text("EPLANTED".into()),
            };
            let right = std::mem::replace(&mut facts[at].rust, wrong);
            let seen = differences(&facts, &found);
            assert!(seen.len() == 1 && seen[0].starts_with(&facts[at].path), "{seen:?}");
            facts[at].rust = right;
        }
    }

    #[test]
    fn a_planted_mistake_in_a_source_is_found() {
        use map::{Rule, Table, error_name, layout, values};
        const RULES: &[Rule] = &[
            layout("Close", "struct evtchn_bind_ipi", &[]),
            values("Errno::EPERM", &["XEN_{}"]),
            error_name("Refusal::Busy"),
        ];
        let text = "#[repr(C)] struct Close { port: u32, vcpu: u32 } const_assert_eq!(size_of::<Close>(), 8);
            codes! { EPERM = 2, \"x\"; } refusals! { Busy = \"EBUSSY\", }";
        let facts = fact::make(&source::read_text(text), &[Table { package: "test", rules: RULES }]);
        assert_eq!(facts.problems, [""; 0]);
        let Some(found) = ask(&facts.list) else { return };
        let seen = differences(&facts.list, &found);
        assert_eq!(seen.len(), 4, "the two fields change places: {seen:?}");
        assert!(seen[0].starts_with("test::Close.port: offset 0, in C 4"), "{seen:?}");
        assert!(seen.iter().any(|line| line.contains("EPERM: value 2, in C 1")), "{seen:?}");
    }

    #[test]
    fn a_name_that_the_headers_lack_is_shown() {
        use map::{Rule, Table, values};
        const RULES: &[Rule] = &[values("A", &["NO_SUCH_NAME"])];
        let facts = fact::make(&source::read_text("const A: u8 = 1;"), &[Table { package: "test", rules: RULES }]);
        if missing(Path::new(probe::HEADERS)).is_none() {
            let error = probe::ask(&facts.list, Path::new(probe::HEADERS)).unwrap_err();
            assert!(format!("{error:#}").contains("NO_SUCH_NAME"), "{error:#}");
        }
    }

    #[test]
    fn missing_headers_are_named() {
        assert_eq!(missing(Path::new("/nonexistent")), Some("libxen-dev"));
    }
}
