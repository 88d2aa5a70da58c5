//! Reads the items out of a crate's sources.

use super::item::{Items, Kind};
use super::{loose, macros};
use anyhow::{Context as _, Result};
use std::path::Path;
use syn::visit::{self, Visit};
use syn::{Attribute, Expr, Fields};

/// Reads all sources of `package`, whose folder is `folder`.
pub(crate) fn read(items: &mut Items, package: &str, folder: &Path) -> Result<()> {
    let sources = folder.join("src");
    for entry in walkdir::WalkDir::new(&sources).sort_by_file_name() {
        let entry = entry?;
        if entry.path().extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let text = std::fs::read_to_string(entry.path())?;
        let file = syn::parse_file(&text).with_context(|| format!("cannot parse {}", entry.path().display()))?;
        read_file(items, &module_of(package, entry.path().strip_prefix(&sources)?), &file);
    }
    Ok(())
}

/// Reads one file, which is module `module`.
pub(crate) fn read_file(items: &mut Items, module: &str, file: &syn::File) {
    Reader { items, path: module.to_owned() }.visit_file(file);
}

/// Returns the path of the module that a file is.
fn module_of(package: &str, file: &Path) -> String {
    let names = file.with_extension("");
    let names = names.iter().filter_map(|name| name.to_str()).filter(|name| !["lib", "mod"].contains(name));
    std::iter::once(package).chain(names).collect::<Vec<_>>().join("::")
}

struct Reader<'i> {
    items: &'i mut Items,
    path: String,
}

impl Reader<'_> {
    fn join(&self, name: &str) -> String {
        format!("{}::{name}", self.path)
    }

    fn within(&mut self, name: &str, read: impl FnOnce(&mut Self)) {
        let inner = self.join(name);
        let outer = std::mem::replace(&mut self.path, inner);
        read(self);
        self.path = outer;
    }

    fn constant(&mut self, name: &str, value: &Expr) {
        if name == "_" {
            if let Some((of, size)) = macros::asserted_by(value) {
                self.items.asserted.insert(self.join(&of), size);
            }
            return;
        }
        match table(value) {
            Some(rows) => rows.into_iter().for_each(|(row, value)| {
                self.items.add(self.join(&format!("{name}::{row}")), Kind::Constant(value));
            }),
            None => self.items.add(self.join(name), Kind::Constant(value.clone())),
        }
    }
}

/// The rows of a constant that is a list of names, or of names with their values.
fn table(value: &Expr) -> Option<Vec<(String, Expr)>> {
    let Expr::Array(array) = value else { return None };
    let row = |(at, row): (usize, &Expr)| match row {
        Expr::Path(path) if path.path.segments.len() > 1 => {
            Some((path.path.segments.last()?.ident.to_string(), syn::parse_str(&at.to_string()).ok()?))
        }
        Expr::Tuple(tuple) => match (tuple.elems.first()?, tuple.elems.get(1)?) {
            (Expr::Path(path), value) => Some((path.path.segments.last()?.ident.to_string(), value.clone())),
            _ => None,
        },
        _ => None,
    };
    array.elems.iter().enumerate().map(row).collect()
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg") && attribute.parse_args::<syn::Path>().is_ok_and(|what| what.is_ident("test"))
    })
}

/// Tells whether a `repr` fixes the layout of a struct.
fn repr(attributes: &[Attribute]) -> Option<String> {
    let reprs = attributes.iter().filter(|attribute| attribute.path().is_ident("repr"));
    let mut words =
        reprs.filter_map(|attribute| attribute.meta.require_list().ok()).map(|list| list.tokens.to_string());
    words.find(|words| words.starts_with('C') || words.starts_with("transparent") || words.contains("packed"))
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if !is_test(&module.attrs) {
            self.within(&module.ident.to_string(), |inner| visit::visit_item_mod(inner, module));
        }
    }

    fn visit_item_impl(&mut self, block: &'ast syn::ItemImpl) {
        let name = match &*block.self_ty {
            syn::Type::Path(path) => path.path.segments.last().map(|segment| segment.ident.to_string()),
            _ => None,
        };
        self.within(&name.unwrap_or_default(), |inner| visit::visit_item_impl(inner, block));
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        self.within(&item.ident.to_string(), |inner| visit::visit_item_trait(inner, item));
    }

    fn visit_item_const(&mut self, item: &'ast syn::ItemConst) {
        self.constant(&item.ident.to_string(), &item.expr);
    }

    fn visit_impl_item_const(&mut self, item: &'ast syn::ImplItemConst) {
        self.constant(&item.ident.to_string(), &item.expr);
    }

    fn visit_trait_item_const(&mut self, item: &'ast syn::TraitItemConst) {
        if let Some((_, value)) = &item.default {
            self.constant(&item.ident.to_string(), value);
        }
    }

    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        let Some(repr) = repr(&item.attrs) else { return };
        let path = self.join(&item.ident.to_string());
        if !["C", "transparent"].contains(&repr.as_str()) {
            self.items.problems.push(format!("{path}: the layout of repr({repr}) is not known here"));
            return;
        }
        let kind = match &item.fields {
            Fields::Unnamed(fields) if fields.unnamed.len() == 1 => Kind::Same(fields.unnamed[0].ty.clone()),
            fields => Kind::Struct(named(fields)),
        };
        self.items.add(path, kind);
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        for variant in &item.variants {
            if let Some((_, value)) = &variant.discriminant {
                let name = format!("{}::{}", item.ident, variant.ident);
                self.constant(&name, value);
            }
        }
    }

    fn visit_item_union(&mut self, item: &'ast syn::ItemUnion) {
        self.items.problems.push(format!("{}: a union is an array of bytes here", self.join(&item.ident.to_string())));
    }

    fn visit_item_macro(&mut self, item: &'ast syn::ItemMacro) {
        if item.ident.is_none() {
            macros::read(self.items, &self.path, &item.mac);
        }
    }

    fn visit_expr_call(&mut self, call: &'ast syn::ExprCall) {
        self.items.problems.extend(loose::in_call(&self.path, call));
        visit::visit_expr_call(self, call);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        self.items.problems.extend(loose::in_offset(&self.path, call));
        visit::visit_expr_method_call(self, call);
    }

    fn visit_arm(&mut self, arm: &'ast syn::Arm) {
        self.items.problems.extend(loose::in_arm(&self.path, arm));
        visit::visit_arm(self, arm);
    }
}

fn named(fields: &Fields) -> Vec<(String, syn::Type)> {
    let name = |(at, field): (usize, &syn::Field)| {
        let name = field.ident.as_ref().map_or_else(|| at.to_string(), ToString::to_string);
        (name, field.ty.clone())
    };
    fields.iter().enumerate().map(name).collect()
}

/// Reads source text as module `test`.
#[cfg(test)]
pub(crate) fn read_text(text: &str) -> Items {
    let mut items = Items::default();
    read_file(&mut items, "test", &syn::parse_file(text).unwrap());
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(text: &str) -> Vec<String> {
        let items = read_text(text);
        assert_eq!(items.problems, [""; 0]);
        items.list.into_iter().map(|item| item.path.replacen("test::", "", 1)).collect()
    }

    #[test]
    fn constants_are_found_wherever_they_stand() {
        let text = "const A: u8 = 1; impl X<'_> { pub const B: u8 = 2; } unsafe impl T for Y { const C: u8 = 3; }
            mod m { const D: u8 = 4; } fn f() { const E: u8 = 5; } trait Z { const F: u8; const G: u8 = 6; }
            enum H { I = 7, J } const K: [(L, &str); 1] = [(L::M, \"0\")]; const N: [L; 2] = [L::O, L::P];
            #[cfg(test)] mod tests { const Q: u8 = 0; }";
        let names = ["A", "X::B", "Y::C", "m::D", "E", "Z::G", "H::I", "K::M", "N::O", "N::P"];
        assert_eq!(paths(text), names);
    }

    #[test]
    fn structs_with_a_fixed_layout_are_found() {
        let text = "struct A { a: u8 } #[repr(C)] struct B { a: u8 } #[repr(transparent)] struct C(B);
            #[derive(Debug)] #[repr(align(4096))] struct D;";
        assert_eq!(paths(text), ["B", "C"]);
        assert_eq!(read_text("#[repr(C, packed)] struct A { a: u8 }").problems.len(), 1);
        assert_eq!(read_text("#[repr(C)] union A { a: u8 }").problems.len(), 1);
    }

    #[test]
    fn files_are_modules() {
        for (file, module) in [("lib.rs", "p"), ("a.rs", "p::a"), ("a/b.rs", "p::a::b"), ("a/mod.rs", "p::a")] {
            assert_eq!(module_of("p", Path::new(file)), module);
        }
    }
}
