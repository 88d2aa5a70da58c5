//! Names of nodes.

use xen_hypercall::DomId;

const ABSOLUTE_MAX: usize = 3072;
const RELATIVE_MAX: usize = 2048;

/// Returns the home of a domain.
pub(crate) fn home(domain: DomId) -> String {
    format!("/local/domain/{domain}")
}

/// Returns the absolute form of `path` for a domain.
pub(crate) fn absolute(domain: DomId, path: &str) -> String {
    if path.starts_with('/') || path.starts_with('@') { path.into() } else { format!("{}/{path}", home(domain)) }
}

/// Tells whether a guest may use the name at all.
pub(crate) fn is_valid(path: &str) -> bool {
    let max = if path.starts_with('/') { ABSOLUTE_MAX } else { RELATIVE_MAX };
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-/_@".contains(&byte);
    let shape = path == "/" || !(path.ends_with('/') || path.contains("//"));
    !path.is_empty() && path.len() <= max && path.bytes().all(good) && shape
}

/// Splits into parent and last name; `None` for the root.
pub(crate) fn split(path: &str) -> Option<(&str, &str)> {
    match path.rsplit_once('/') {
        Some((_, "")) | None => None,
        Some(("", name)) => Some(("/", name)),
        Some(pair) => Some(pair),
    }
}

/// Returns the name of a child.
pub(crate) fn join(parent: &str, name: &str) -> String {
    if parent == "/" { format!("/{name}") } else { format!("{parent}/{name}") }
}

/// Tells whether `path` is `top` or below it.
pub(crate) fn is_within(path: &str, top: &str) -> bool {
    top == "/" && path.starts_with('/')
        || path.strip_prefix(top).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
