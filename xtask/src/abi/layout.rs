//! Sizes and offsets by the rules of C for x86_64, which are those of `repr(C)`.

use super::item::Kind;
use super::value::{self, Scope};
use syn::Type;

/// Size and alignment of a type, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) size: u64,
    pub(crate) align: u64,
}

/// Where a field lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) name: String,
    pub(crate) offset: u64,
    pub(crate) size: u64,
}

/// The layout of a struct.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) shape: Shape,
    pub(crate) places: Vec<Place>,
}

impl Layout {
    /// Tells whether there are bytes that belong to no field.
    pub(crate) fn has_gaps(&self) -> bool {
        self.places.iter().map(|place| place.size).sum::<u64>() != self.shape.size
    }
}

/// Lays out the fields of a struct.
///
/// # Errors
/// The type that is not understood.
pub(crate) fn of_struct(fields: &[(String, Type)], scope: Scope<'_>) -> Result<Layout, String> {
    let mut places = Vec::new();
    let mut shape = Shape { size: 0, align: 1 };
    for (name, kind) in fields {
        let field = of_type(kind, scope).ok_or_else(|| format!("the type of {name} has no known layout"))?;
        let offset = shape.size.next_multiple_of(field.align);
        places.push(Place { name: name.clone(), offset, size: field.size });
        shape = Shape { size: offset + field.size, align: shape.align.max(field.align) };
    }
    shape.size = shape.size.next_multiple_of(shape.align);
    Ok(Layout { shape, places })
}

/// Returns size and alignment of a type, if it is one whose layout is fixed.
pub(crate) fn of_type(kind: &Type, scope: Scope<'_>) -> Option<Shape> {
    match kind {
        Type::Paren(inner) => of_type(&inner.elem, scope),
        Type::Group(inner) => of_type(&inner.elem, scope),
        Type::Ptr(_) => scalar(8),
        Type::Array(array) => {
            let Shape { size, align } = of_type(&array.elem, scope)?;
            let count = u64::try_from(value::int(&array.len, scope)?).ok()?;
            Some(Shape { size: size.checked_mul(count)?, align })
        }
        Type::Path(path) => of_name(&path.path.segments.last()?.ident.to_string(), scope),
        _ => None,
    }
}

fn scalar(size: u64) -> Option<Shape> {
    Some(Shape { size, align: size })
}

fn of_name(name: &str, scope: Scope<'_>) -> Option<Shape> {
    match name {
        "u8" | "i8" | "AtomicU8" => return scalar(1),
        "u16" | "i16" | "AtomicU16" => return scalar(2),
        "u32" | "i32" | "AtomicU32" => return scalar(4),
        "u64" | "i64" | "usize" | "isize" | "AtomicU64" => return scalar(8),
        "PhantomData" => return Some(Shape { size: 0, align: 1 }),
        _ => {}
    }
    let found = scope.items.find(name, scope.path)?;
    shape_of(&found.kind, Scope { items: scope.items, path: &found.path })
}

fn shape_of(kind: &Kind, scope: Scope<'_>) -> Option<Shape> {
    match kind {
        Kind::Same(inner) => of_type(inner, scope),
        Kind::Struct(fields) => of_struct(fields, scope).ok().map(|layout| layout.shape),
        Kind::Constant(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::item::Items;
    use super::*;

    /// Lays out fields given as source text.
    fn of_source(fields: &str, items: &Items) -> Result<Layout, String> {
        let parsed: syn::ItemStruct = syn::parse_str(&format!("struct S {{ {fields} }}")).unwrap();
        let fields: Vec<(String, Type)> =
            parsed.fields.into_iter().map(|field| (field.ident.unwrap().to_string(), field.ty)).collect();
        of_struct(&fields, Scope { items, path: "test::S" })
    }

    fn offsets(fields: &str) -> (Vec<u64>, u64, u64) {
        let layout = of_source(fields, &Items::default()).unwrap();
        let offsets = layout.places.iter().map(|place| place.offset).collect();
        (offsets, layout.shape.size, layout.shape.align)
    }

    #[test]
    fn fields_are_aligned_and_the_end_padded() {
        assert_eq!(offsets("a: u8, b: u32, c: u16"), (vec![0, 4, 8], 12, 4));
        assert_eq!(offsets("a: u32, b: u64"), (vec![0, 8], 16, 8));
        assert_eq!(offsets("a: u64, b: u8"), (vec![0, 8], 16, 8));
        assert_eq!(offsets(""), (vec![], 0, 1));
    }

    #[test]
    fn arrays_pointers_and_markers() {
        assert_eq!(offsets("a: u8, b: [u16; 3], c: u8"), (vec![0, 2, 8], 10, 2));
        assert_eq!(offsets("a: [[u32; 2]; 1 << 2], b: u8"), (vec![0, 32], 36, 4));
        assert_eq!(offsets("a: u32, p: *const u8, m: PhantomData<&'a [u8]>"), (vec![0, 8, 16], 16, 8));
    }

    #[test]
    fn gaps_are_seen() {
        let gaps = |fields| of_source(fields, &Items::default()).unwrap().has_gaps();
        assert!(gaps("a: u16, b: u32"));
        assert!(gaps("a: u64, b: u32"));
        assert!(!gaps("a: u16, pad: u16, b: u32"));
    }

    #[test]
    fn structs_hold_structs() {
        let mut items = Items::default();
        items.add("test::Id".into(), Kind::Same(syn::parse_str("u16").unwrap()));
        let fields = [("a", "u8"), ("b", "u64")].map(|(name, kind)| (name.to_owned(), syn::parse_str(kind).unwrap()));
        items.add("test::Inner".into(), Kind::Struct(fields.to_vec()));
        let layout = of_source("a: Id, b: Inner, c: Id", &items).unwrap();
        assert_eq!(layout.places.iter().map(|place| place.offset).collect::<Vec<_>>(), [0, 8, 24]);
        assert_eq!(layout.shape, Shape { size: 32, align: 8 });
    }

    #[test]
    fn an_unknown_type_is_refused() {
        for fields in ["a: String", "a: &'a u8", "a: [u8; MISSING]", "a: (u8, u8)"] {
            assert!(of_source(fields, &Items::default()).is_err(), "{fields}");
        }
    }
}
