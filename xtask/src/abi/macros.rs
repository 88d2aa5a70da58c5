//! Reads the items that the crates make by macros of their own.

use super::item::{Items, Kind};
use proc_macro2::{TokenStream, TokenTree};
use syn::parse::{Parse, ParseStream, Parser as _};
use syn::punctuated::Punctuated;
use syn::{Expr, Ident, LitInt, LitStr, Token, Type};

/// Reads one call of a macro; one that is not known here is a problem, since it may make anything.
pub(crate) fn read(items: &mut Items, module: &str, call: &syn::Macro) {
    let name = call.path.segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default();
    let tokens = call.tokens.clone();
    let done = match name.as_str() {
        "codes" => assignments(items, &format!("{module}::Errno"), tokens),
        "statuses" => assignments(items, &format!("{module}::GrantStatus"), tokens),
        "kinds" => assignments(items, &format!("{module}::MessageType"), tokens),
        "refusals" => assignments(items, &format!("{module}::Refusal"), tokens),
        "bitflags" => flags(items, module, tokens),
        "command" => command(items, module, tokens),
        "id" => id(items, module, tokens),
        "const_assert_eq" => asserted(items, module, tokens),
        // Makes structs of the mock's own.
        "handle" => Ok(()),
        // Make atomics of loom's, and what a thread of a model knows.
        "word" | "thread_local" | "lazy_static" => Ok(()),
        // Make indices of two widths, and a seam's functions for two kinds of memory.
        "words" | "index" => Ok(()),
        _ => Err(syn::Error::new_spanned(&call.path, "say in xtask/src/abi/macros.rs what it makes")),
    };
    if let Err(error) = done {
        items.problems.push(format!("{module}: {name}!: {error}"));
    }
}

/// `NAME = literal` wherever it stands.
fn assignments(items: &mut Items, of: &str, tokens: TokenStream) -> syn::Result<()> {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    for window in tokens.windows(3) {
        if let [TokenTree::Ident(name), TokenTree::Punct(is), TokenTree::Literal(value)] = window
            && is.as_char() == '='
        {
            items.add(format!("{of}::{name}"), Kind::Constant(syn::parse_str(&value.to_string())?));
        }
    }
    Ok(())
}

/// `struct Name: kind { const NAME = value; … }`.
fn flags(items: &mut Items, module: &str, tokens: TokenStream) -> syn::Result<()> {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    for window in tokens.windows(5) {
        if let [TokenTree::Ident(word), TokenTree::Ident(name), _, _, TokenTree::Group(body)] = window
            && word == "struct"
        {
            for (flag, value) in constants.parse2(body.stream())? {
                items.add(format!("{module}::{name}::{flag}"), Kind::Constant(value));
            }
        }
    }
    Ok(())
}

fn constants(input: ParseStream<'_>) -> syn::Result<Vec<(Ident, Expr)>> {
    let mut found = Vec::new();
    while !input.is_empty() {
        syn::Attribute::parse_outer(input)?;
        input.parse::<Token![const]>()?;
        let name = input.parse()?;
        input.parse::<Token![=]>()?;
        found.push((name, input.parse()?));
        input.parse::<Token![;]>()?;
    }
    Ok(found)
}

/// An event channel command: its number, the size of its block, the block's name in C, and the block.
struct Command {
    number: Expr,
    size: Expr,
    name: Ident,
    fields: Vec<(String, Type)>,
}

impl Parse for Command {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let number = input.parse()?;
        input.parse::<Token![,]>()?;
        let size = input.parse()?;
        input.parse::<Token![,]>()?;
        input.parse::<LitStr>()?;
        input.parse::<Token![,]>()?;
        let name = input.parse()?;
        let body: syn::FieldsNamed = input.parse()?;
        let field = |field: syn::Field| Some((field.ident?.to_string(), field.ty));
        Ok(Self { number, size, name, fields: body.named.into_iter().filter_map(field).collect() })
    }
}

fn command(items: &mut Items, module: &str, tokens: TokenStream) -> syn::Result<()> {
    let Command { number, size, name, fields } = syn::parse2(tokens)?;
    let path = format!("{module}::{name}");
    items.add(format!("{path}::CMD"), Kind::Constant(number));
    items.asserted.insert(path.clone(), size);
    items.add(path, Kind::Struct(fields));
    Ok(())
}

/// `Name(type)`, a type that is laid out as the other.
fn id(items: &mut Items, module: &str, tokens: TokenStream) -> syn::Result<()> {
    let parse = |input: ParseStream<'_>| {
        syn::Attribute::parse_outer(input)?;
        let name: Ident = input.parse()?;
        let inner;
        syn::parenthesized!(inner in input);
        Ok((name, inner.parse::<Type>()?))
    };
    let (name, inner) = parse.parse2(tokens)?;
    items.add(format!("{module}::{name}"), Kind::Same(inner));
    Ok(())
}

/// `size_of::<Name>(), size`; other assertions are not for us.
fn asserted(items: &mut Items, module: &str, tokens: TokenStream) -> syn::Result<()> {
    let sides = Punctuated::<Expr, Token![,]>::parse_terminated.parse2(tokens)?;
    if let (Some(of), Some(size)) = (sides.first().and_then(measured), sides.get(1)) {
        items.asserted.insert(format!("{module}::{of}"), size.clone());
    }
    Ok(())
}

/// Returns what `assert!(size_of::<Name>() == size)` asserts.
pub(crate) fn asserted_by(expr: &Expr) -> Option<(String, Expr)> {
    let Expr::Macro(call) = expr else { return None };
    let Expr::Binary(equal) = call.mac.parse_body().ok()? else { return None };
    Some((measured(&equal.left)?, *equal.right))
}

/// Returns the name in `size_of::<Name>()`.
fn measured(expr: &Expr) -> Option<String> {
    let Expr::Call(call) = expr else { return None };
    let Expr::Path(function) = &*call.func else { return None };
    let last = function.path.segments.last().filter(|last| last.ident == "size_of")?;
    let syn::PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    match arguments.args.first()? {
        syn::GenericArgument::Type(Type::Path(path)) => Some(path.path.segments.last()?.ident.to_string()),
        _ => None,
    }
}

/// Tells whether an expression is a number as such.
pub(crate) fn bare(expr: &Expr) -> Option<&LitInt> {
    match expr {
        Expr::Lit(syn::ExprLit { lit: syn::Lit::Int(number), .. }) => Some(number),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::source::read_text;
    use super::super::value::{self, Scope, Value};

    fn values(text: &str) -> Vec<(String, Value)> {
        let items = read_text(text);
        assert_eq!(items.problems, [""; 0]);
        let value = |item: &super::super::item::Item| match &item.kind {
            super::Kind::Constant(expr) => value::of(expr, Scope { items: &items, path: &item.path }),
            _ => None,
        };
        items.list.iter().filter_map(|item| Some((item.path.replacen("test::", "", 1), value(item)?))).collect()
    }

    #[test]
    fn tables_flags_and_commands_are_read() {
        let text = "codes! { EPERM = 1, \"No\"; EIO = 5, \"x\"; }
            bitflags! { /// Doc.\n #[derive(Debug)] pub struct F: u16 { /// Doc.\n const A = 1; const B = 1 << 4; } }
            command!(7, 8, \"evtchn_bind_ipi\", BindIpi { vcpu: u32, port: u32 });
            refusals! { /// It.\n Busy = \"EBUSY\", }";
        let int = |path: &str, value| (path.to_owned(), Value::Int(value));
        let busy = ("Refusal::Busy".to_owned(), Value::Text("EBUSY".to_owned()));
        let all = [int("Errno::EPERM", 1), int("Errno::EIO", 5), int("F::A", 1), int("F::B", 16)];
        assert_eq!(values(text), [&all[..], &[int("BindIpi::CMD", 7), busy]].concat());
    }

    #[test]
    fn values_of_all_kinds() {
        let text = "const A: u32 = 0x1_0; const B: N = N(A); const C: isize = -3; const D: u32 = A * 2 | 1;
            const E: &[u8; 8] = b\"\\x01\\0\\0\\0\\x02\\0\\0\\0\"; const F: L = L::new(1, A); const G: [(u8, u8); 2] = [(1, 2), (3, 4)];
            impl Q { const A: u8 = 9; const H: u8 = Self::A; } const I: u8 = Q::A; const J: u8 = missing();";
        let value = |path: &str, value| (path.to_owned(), value);
        let expected = [
            value("A", Value::Int(16)),
            value("B", Value::Int(16)),
            value("C", Value::Int(-3)),
            value("D", Value::Int(33)),
            value("E", Value::Many(vec![1, 2])),
            value("F", Value::Many(vec![1, 16])),
            value("G", Value::Many(vec![1, 2, 3, 4])),
            value("Q::A", Value::Int(9)),
            value("Q::H", Value::Int(9)),
            value("I", Value::Int(9)),
        ];
        assert_eq!(values(text), expected);
    }

    #[test]
    fn an_unknown_macro_is_a_problem() {
        assert_eq!(read_text("surprise! { A = 1 }").problems.len(), 1);
        assert_eq!(read_text("macro_rules! surprise { () => {} }").problems.len(), 0);
    }
}
