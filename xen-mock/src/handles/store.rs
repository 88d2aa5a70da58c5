//! xenstore, as dom0 uses it.

use super::handle;
use crate::xenstored::path::absolute;
use crate::xenstored::tree::Permission;
use crate::xenstored::view::View;

handle! {
    /// xenstore with the rights of dom0. A path that does not begin with `/` is below the home of the guest's domain.
    Store
}

impl Store {
    fn act<T>(&self, path: &str, work: impl FnOnce(&mut View<'_>, &str) -> Result<T, String>) -> Result<T, String> {
        let mut world = self.host.world();
        let path = absolute(world.domain.id, path);
        let result = world.store.as_dom0(|view| work(view, &path));
        world.flush_store();
        result
    }

    /// Returns the value of a node as text, `None` if there is no such node.
    #[must_use]
    pub fn read(&self, path: &str) -> Option<String> {
        self.read_bytes(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Returns the value of a node.
    #[must_use]
    pub fn read_bytes(&self, path: &str) -> Option<Vec<u8>> {
        self.act(path, |view, path| view.read(path)).ok()
    }

    /// Writes a node, and makes it and those above it if need be; they inherit permissions.
    ///
    /// # Panics
    /// If the path is `/`.
    pub fn write(&self, path: &str, value: impl AsRef<[u8]>) {
        self.act(path, |view, path| view.write(path, value.as_ref())).expect("dom0 may write everywhere");
    }

    /// Removes a node and all below it; nothing happens if there is none.
    pub fn remove(&self, path: &str) {
        drop(self.act(path, |view, path| view.remove(path)));
    }

    /// Returns the names of a node's children, in the order in which they were made.
    #[must_use]
    pub fn list(&self, path: &str) -> Vec<String> {
        self.act(path, |view, path| view.directory(path))
            .map(|(_, children)| children.iter().map(|name| (**name).into()).collect())
            .unwrap_or_default()
    }

    /// Returns the permissions of a node; none if there is no such node.
    #[must_use]
    pub fn permissions(&self, path: &str) -> Vec<Permission> {
        self.act(path, |view, path| view.permissions(path)).unwrap_or_default()
    }

    /// Sets the permissions of a node, the owner's first.
    ///
    /// # Panics
    /// If there is no such node, or no permission.
    pub fn set_permissions(&self, path: &str, permissions: &[Permission]) {
        assert!(!permissions.is_empty(), "a node has an owner");
        let done = self.act(path, |view, path| view.set_permissions(path, permissions.to_vec()));
        done.unwrap_or_else(|error| panic!("permissions of {path}: {error}"));
    }

    /// Returns the absolute path of a node of the guest.
    #[must_use]
    pub fn path(&self, path: &str) -> String {
        absolute(self.host.world().domain.id, path)
    }
}
