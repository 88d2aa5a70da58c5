//! The values of constants, as far as they are written with numbers, names of other constants and operators.

use super::item::{Items, Kind};
use std::fmt;
use syn::{BinOp, Expr, Lit, UnOp};

/// A value on either side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Int(i128),
    Text(String),
    /// The numbers of a tuple, an array or a call, in their order.
    Many(Vec<i128>),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(value) if value.abs() > 4096 => write!(f, "{value} ({value:#x})"),
            Self::Int(value) => value.fmt(f),
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Many(values) => write!(f, "{values:?}"),
        }
    }
}

impl Value {
    /// Returns the numbers that the value has.
    pub(crate) fn numbers(self) -> Option<Vec<i128>> {
        match self {
            Self::Int(value) => Some(vec![value]),
            Self::Text(text) => text.parse().ok().map(|value| vec![value]),
            Self::Many(values) => Some(values),
        }
    }
}

/// Where an expression stands: names mean what they mean there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scope<'a> {
    pub(crate) items: &'a Items,
    pub(crate) path: &'a str,
}

/// Returns the value of `expr`, or `None` if it is of no kind that is understood.
pub(crate) fn of(expr: &Expr, scope: Scope<'_>) -> Option<Value> {
    match expr {
        Expr::Lit(literal) => of_literal(&literal.lit),
        Expr::Paren(inner) => of(&inner.expr, scope),
        Expr::Group(inner) => of(&inner.expr, scope),
        Expr::Reference(inner) => of(&inner.expr, scope),
        Expr::Cast(inner) => of(&inner.expr, scope),
        Expr::Unary(unary) => match unary.op {
            UnOp::Neg(_) => int(&unary.expr, scope)?.checked_neg().map(Value::Int),
            _ => None,
        },
        Expr::Binary(binary) => {
            operate(int(&binary.left, scope)?, &binary.op, int(&binary.right, scope)?).map(Value::Int)
        }
        Expr::Path(path) => named(&path.path, scope),
        Expr::Call(call) => called(call, scope),
        Expr::Array(array) => many(&array.elems, scope),
        Expr::Tuple(tuple) => many(&tuple.elems, scope),
        _ => None,
    }
}

/// Returns the value of an expression that is one number.
pub(crate) fn int(expr: &Expr, scope: Scope<'_>) -> Option<i128> {
    match of(expr, scope)? {
        Value::Int(value) => Some(value),
        _ => None,
    }
}

fn of_literal(literal: &Lit) -> Option<Value> {
    match literal {
        Lit::Int(number) => number.base10_parse().ok().map(Value::Int),
        Lit::Str(text) => Some(Value::Text(text.value())),
        // Bytes in a register or a word of memory.
        Lit::ByteStr(bytes) => {
            let bytes = bytes.value();
            let (words, rest) = bytes.as_chunks::<4>();
            let words = words.iter().map(|word| i128::from(u32::from_le_bytes(*word))).collect();
            rest.is_empty().then_some(Value::Many(words))
        }
        _ => None,
    }
}

fn operate(left: i128, op: &BinOp, right: i128) -> Option<i128> {
    match op {
        BinOp::Add(_) => left.checked_add(right),
        BinOp::Sub(_) => left.checked_sub(right),
        BinOp::Mul(_) => left.checked_mul(right),
        BinOp::Div(_) => left.checked_div(right),
        BinOp::BitOr(_) => Some(left | right),
        BinOp::BitAnd(_) => Some(left & right),
        BinOp::Shl(_) => left.checked_mul(1_i128.checked_shl(right.try_into().ok()?)?),
        _ => None,
    }
}

fn named(path: &syn::Path, scope: Scope<'_>) -> Option<Value> {
    let names: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).filter(|name| !["crate", "self"].contains(name)).collect();
    let name = names[names.len().saturating_sub(2)..].join("::");
    let name = name.strip_prefix("Self::").unwrap_or(&name);
    let found = scope.items.find(name, scope.path)?;
    match &found.kind {
        // An item never stands in its own scope: `const EVENTS: usize = events::EVENTS` looks outwards.
        Kind::Constant(expr) if found.path != scope.path => of(expr, Scope { path: &found.path, ..scope }),
        _ => None,
    }
}

/// A constructor of one field is its field; of a call with more arguments, they are the value.
fn called(call: &syn::ExprCall, scope: Scope<'_>) -> Option<Value> {
    let Expr::Path(name) = &*call.func else { return None };
    let name = name.path.segments.last()?.ident.to_string();
    match call.args.len() {
        1 if name.starts_with(char::is_uppercase) => of(&call.args[0], scope),
        0 | 1 => None,
        _ => many(&call.args, scope),
    }
}

fn many<P>(exprs: &syn::punctuated::Punctuated<Expr, P>, scope: Scope<'_>) -> Option<Value> {
    let mut all = Vec::new();
    for expr in exprs {
        match of(expr, scope)? {
            Value::Int(value) => all.push(value),
            Value::Many(values) => all.extend(values),
            Value::Text(_) => return None,
        }
    }
    Some(Value::Many(all))
}
