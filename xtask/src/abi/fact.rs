//! Puts items and rules together: facts that a C compiler can confirm, and all that is wrong with the two lists.

use super::item::{Item, Items, Kind};
use super::layout::{self, Layout};
use super::map::{Meaning, Member, Rule, Table};
use super::value::{self, Scope, Value};
use std::collections::BTreeSet;

/// What a fact is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum About {
    Size,
    Offset,
    FieldSize,
    Constant,
    Name,
}

/// One statement about the ABI: what the Rust side has, and the expression that gives the same in C.
#[derive(Debug, Clone)]
pub(crate) struct Fact {
    pub(crate) path: String,
    pub(crate) about: About,
    pub(crate) rust: Value,
    pub(crate) c: String,
}

impl Fact {
    /// The crate whose fact it is.
    pub(crate) fn package(&self) -> &str {
        self.path.split("::").next().unwrap_or_default()
    }
}

/// All facts, and what is wrong.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    pub(crate) list: Vec<Fact>,
    pub(crate) problems: Vec<String>,
}

/// Makes the facts of all items.
pub(crate) fn make(items: &Items, tables: &[Table]) -> Facts {
    let mut facts = Facts { problems: items.problems.clone(), ..Facts::default() };
    let mut used = BTreeSet::new();
    for item in &items.list {
        let Some((key, rule)) = rule_for(tables, item) else {
            facts.problems.push(format!("{}: say in xtask/src/abi/map what it is in C, or that it is ours", item.path));
            continue;
        };
        used.insert(key);
        match of_item(items, item, rule.meaning) {
            Ok(found) => facts.list.extend(found),
            Err(problem) => facts.problems.push(format!("{}: {problem}", item.path)),
        }
    }
    for rule in all(tables).map(|(path, _)| path).filter(|path| !used.contains(path)) {
        facts.problems.push(format!("{rule}: a rule in xtask/src/abi/map for what is not there any more"));
    }
    facts
}

fn all(tables: &[Table]) -> impl Iterator<Item = (String, Rule)> {
    let of = |table: Table| table.rules.iter().map(move |rule| (format!("{}::{}", table.package, rule.item), *rule));
    tables.iter().copied().flat_map(of)
}

/// Finds the rule for an item: its own, or, for a constant, the nearest of those for more.
fn rule_for(tables: &[Table], item: &Item) -> Option<(String, Rule)> {
    let below = |prefix: &str| matches!(item.kind, Kind::Constant(_)) && item.path.starts_with(prefix);
    let fits = |rule: &str| rule == item.path || rule.strip_suffix('*').is_some_and(below);
    all(tables).filter(|(rule, _)| fits(rule)).max_by_key(|(rule, _)| (!rule.ends_with('*'), rule.len()))
}

fn of_item(items: &Items, item: &Item, meaning: Meaning) -> Result<Vec<Fact>, String> {
    let scope = Scope { items, path: &item.path };
    match (&item.kind, meaning) {
        (_, Meaning::Ours) => Ok(Vec::new()),
        (Kind::Constant(expr), Meaning::Values(c)) => {
            let value = value::of(expr, scope).and_then(Value::numbers).ok_or("its value cannot be read")?;
            constants(&item.path, &value, c)
        }
        (Kind::Constant(expr), Meaning::ErrorName) => {
            let rust = value::of(expr, scope).ok_or("its value cannot be read")?;
            let Value::Text(text) = &rust else { return Err("it is no text".into()) };
            let c = text.clone();
            Ok(vec![Fact { path: item.path.clone(), about: About::Name, rust, c }])
        }
        (Kind::Struct(fields), Meaning::Layout(c, members)) => {
            let layout = layout::of_struct(fields, scope)?;
            asserted(items, item, &layout)?;
            check_members(&layout, members)?;
            Ok(of_layout(&item.path, &layout, (c, members)))
        }
        (Kind::Same(inner), Meaning::Layout(c, [])) => {
            let shape = layout::of_type(inner, scope).ok_or("its layout is not known")?;
            Ok(vec![size(&item.path, shape.size, c)])
        }
        _ => Err("the rule in xtask/src/abi/map is for another kind of item".into()),
    }
}

fn constants(path: &str, values: &[i128], c: &[&str]) -> Result<Vec<Fact>, String> {
    if values.len() != c.len() {
        return Err(format!("it has {} numbers, its rule {}", values.len(), c.len()));
    }
    let name = path.rsplit("::").next().unwrap_or_default();
    let fact = |(at, (value, c)): (usize, (&i128, &&str))| {
        let path = if values.len() == 1 { path.to_owned() } else { format!("{path}.{at}") };
        Fact { path, about: About::Constant, rust: Value::Int(*value), c: named(c, name) }
    };
    Ok(values.iter().zip(c).enumerate().map(fact).collect())
}

/// Fills an item's name into an expression.
fn named(c: &str, name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_uppercase());
    }
    c.replace("{}", name).replace("{lower}", &name.to_lowercase()).replace("{SNAKE}", &snake)
}

fn size(path: &str, size: u64, c: &str) -> Fact {
    Fact { path: path.to_owned(), about: About::Size, rust: Value::Int(size.into()), c: format!("sizeof({c})") }
}

fn of_layout(path: &str, layout: &Layout, (c, members): (&str, &[Member])) -> Vec<Fact> {
    let mut facts = vec![size(path, layout.shape.size, c)];
    for place in &layout.places {
        let own = [place.name.as_str()];
        let found = members.iter().find(|(name, _)| *name == place.name);
        for member in found.map_or(&own[..], |(_, members)| members) {
            let path = match own[0] == *member {
                true => format!("{path}.{member}"),
                false => format!("{path}.{} ({member})", place.name),
            };
            let (offset, size) = (Value::Int(place.offset.into()), Value::Int(place.size.into()));
            let (at, of) = (format!("offsetof({c}, {member})"), format!("sizeof((({c} *)0)->{member})"));
            facts.push(Fact { path: path.clone(), about: About::Offset, rust: offset, c: at });
            facts.push(Fact { path, about: About::FieldSize, rust: size, c: of });
        }
    }
    facts
}

/// A layout is computed here, so the compiler must have confirmed it where the struct stands.
fn asserted(items: &Items, item: &Item, layout: &Layout) -> Result<(), String> {
    let expr = items.asserted.get(&item.path).ok_or("assert its size where it stands")?;
    let size = value::int(expr, Scope { items, path: &item.path }).ok_or("its asserted size cannot be read")?;
    if size != i128::from(layout.shape.size) {
        return Err(format!("its asserted size is {size}, its computed one {}", layout.shape.size));
    }
    if layout.has_gaps() {
        return Err("it has implicit padding".into());
    }
    Ok(())
}

fn check_members(layout: &Layout, members: &[Member]) -> Result<(), String> {
    let stale = members.iter().find(|(name, _)| layout.places.iter().all(|place| place.name != *name));
    stale.map_or(Ok(()), |(name, _)| Err(format!("its rule names a field {name} that it does not have")))
}

#[cfg(test)]
mod tests {
    use super::super::map::{error_name, layout, ours, values};
    use super::super::source::read_text;
    use super::*;

    fn facts(text: &str, rules: &'static [Rule]) -> Facts {
        make(&read_text(text), &[Table { package: "test", rules }])
    }

    fn shown(facts: &Facts) -> Vec<String> {
        assert_eq!(facts.problems, [""; 0]);
        facts.list.iter().map(|fact| format!("{} = {} <> {}", fact.path, fact.rust, fact.c)).collect()
    }

    #[test]
    fn constants_take_the_name_of_their_rule() {
        const RULES: &[Rule] =
            &[values("*", &["X_{lower}"]), values("SPECIAL", &["special({})"]), values("K::*", &["XS_{SNAKE}"])];
        let text = "const ONE: u8 = 1; const SPECIAL: u8 = 2; enum K { TheThird = 3 }";
        let expected = ["test::ONE = 1 <> X_one", "test::SPECIAL = 2 <> special(SPECIAL)"];
        let all = shown(&facts(text, RULES));
        assert_eq!(all[..2], expected);
        assert_eq!(all[2], "test::K::TheThird = 3 <> XS_THE_THIRD");
    }

    #[test]
    fn structs_give_sizes_and_offsets() {
        const RULES: &[Rule] = &[layout("S", "struct s", &[("pad", &[]), ("u", &["u.a", "u.b"])])];
        let text = "#[repr(C)] struct S { a: u16, pad: u16, u: u32 } const_assert_eq!(size_of::<S>(), 8);";
        let all = shown(&facts(text, RULES));
        assert_eq!(all[0], "test::S = 8 <> sizeof(struct s)");
        assert_eq!(all[2], "test::S.a = 2 <> sizeof(((struct s *)0)->a)");
        assert_eq!(all[5], "test::S.u (u.b) = 4 <> offsetof(struct s, u.b)");
        assert_eq!(all.len(), 7);
    }

    #[test]
    fn an_item_without_a_rule_is_found() {
        const RULES: &[Rule] = &[values("A", &["A"])];
        let found = facts("const A: u8 = 1; const B: u8 = 2; #[repr(C)] struct C { a: u8 }", RULES);
        assert_eq!((found.list.len(), found.problems.len()), (1, 2));
        assert!(found.problems[0].starts_with("test::B: say"), "{:?}", found.problems);
    }

    #[test]
    fn a_struct_needs_a_rule_of_its_own() {
        const RULES: &[Rule] = &[ours("*")];
        let found = facts("const A: u8 = 1; #[repr(C)] struct S { a: u8 }", RULES);
        assert!(found.problems[0].starts_with("test::S: say"), "{:?}", found.problems);
    }

    #[test]
    fn a_rule_without_an_item_is_found() {
        const RULES: &[Rule] = &[values("A", &["A"]), ours("B"), error_name("C::*")];
        let found = facts("const A: u8 = 1;", RULES);
        assert_eq!(found.problems.len(), 2, "{:?}", found.problems);
        assert!(found.problems[0].contains("not there any more"));
    }

    #[test]
    fn a_layout_that_nothing_confirms_is_refused() {
        const RULES: &[Rule] = &[layout("S", "struct s", &[])];
        for (text, why) in [
            ("#[repr(C)] struct S { a: u16 }", "assert its size"),
            ("#[repr(C)] struct S { a: u16 } const_assert_eq!(size_of::<S>(), 4);", "its computed one 2"),
            ("#[repr(C)] struct S { a: u8, b: u16 } const _: () = assert!(size_of::<S>() == 4);", "implicit padding"),
            ("#[repr(C)] struct S { a: Unknown } const_assert_eq!(size_of::<S>(), 4);", "no known layout"),
        ] {
            let found = facts(text, RULES);
            assert!(found.problems[0].contains(why), "{:?}", found.problems);
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        const RULES: &[Rule] = &[values("A", &["A"])];
        for text in ["const A: u8 = f();", "const A: (u8, u8) = (1, 2);", "#[repr(transparent)] struct A(u8);"] {
            assert_eq!(facts(text, RULES).problems.len(), 1, "{text}");
        }
        const STALE: &[Rule] = &[layout("S", "struct s", &[("gone", &[])])];
        let found = facts("#[repr(C)] struct S { a: u8 } const_assert_eq!(size_of::<S>(), 1);", STALE);
        assert!(found.problems[0].contains("gone"), "{:?}", found.problems);
    }
}
