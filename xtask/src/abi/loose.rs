//! Numbers of Xen's ABI that stand in the code without a name, where no comparison would find them.

use super::macros::bare;
use syn::{Expr, GenericArgument, Pat};

/// The mock names few of its numbers; the crates' own tests hold against it.
const FREE: &str = "xen-mock";

/// A command as a number in the call that issues it.
pub(crate) fn in_call(path: &str, call: &syn::ExprCall) -> Option<String> {
    let Expr::Path(function) = &*call.func else { return None };
    let name = function.path.segments.last()?.ident.to_string();
    let number = call.args.iter().find_map(bare).filter(|_| name.starts_with("issue") && counts(path))?;
    Some(format!("{path}: give the {number} in {name}(…) a name"))
}

/// An offset in a shared page as a number; 0 is its start, and no fact.
pub(crate) fn in_offset(path: &str, call: &syn::ExprMethodCall) -> Option<String> {
    let first = call.turbofish.as_ref()?.args.first()?;
    let number = match first {
        GenericArgument::Const(number) => bare(number)?,
        _ => return None,
    };
    let wrong = call.method.to_string().ends_with("_at") && number.base10_digits() != "0" && counts(path);
    wrong.then(|| format!("{path}: give the {number} in {}::<…> a name", call.method))
}

/// A number of Xen's as a pattern, in the typed operations.
pub(crate) fn in_arm(path: &str, arm: &syn::Arm) -> Option<String> {
    let number = |pattern: &Pat| match pattern {
        Pat::Lit(syn::ExprLit { lit: syn::Lit::Int(number), .. }) => Some(number.to_string()),
        _ => None,
    };
    let found = match &arm.pat {
        Pat::Or(either) => either.cases.iter().find_map(number),
        pattern => number(pattern),
    };
    found.filter(|_| path.starts_with("xen-hypercall::op::")).map(|found| format!("{path}: give the {found} a name"))
}

fn counts(path: &str) -> bool {
    !path.starts_with(FREE)
}

#[cfg(test)]
mod tests {
    use super::super::item::Items;
    use super::super::source::read_file;

    fn problems(module: &str, body: &str) -> usize {
        let mut items = Items::default();
        read_file(&mut items, module, &syn::parse_str(&format!("fn f() {{ {body} }}")).unwrap());
        items.problems.len()
    }

    #[test]
    fn numbers_without_a_name_are_found() {
        let module = "xen-hypercall::op::sched";
        for body in ["issue_plain(hook, N, 3);", "p.u64s_at::<2048, 64>();", "match x { 4 => 1, _ => 2 };"] {
            assert_eq!(problems(module, body), 1, "{body}");
        }
        for body in ["issue_plain(hook, N, YIELD);", "p.u64s_at::<PENDING, 64>(); p.u8_at::<0>();", "other(3);"] {
            assert_eq!(problems(module, body), 0, "{body}");
        }
        assert_eq!(problems("xen-mock::grants", "p.u32_at::<8>();"), 0);
        assert_eq!(problems("xen-store::text", "match x { 4 => 1, _ => 2 };"), 0);
    }
}
