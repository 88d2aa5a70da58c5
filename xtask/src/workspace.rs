//! Where things lie in the workspace.

use anyhow::{Context as _, Result, bail};
use std::path::{Path, PathBuf};

/// The workspace's root folder.
pub(crate) fn root() -> Result<PathBuf> {
    let own =
        std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    let root = own.parent().context("xtask's folder has no parent")?;
    Ok(root.to_path_buf())
}

/// `path` as seen from the workspace's root, for messages.
pub(crate) fn relative(path: &Path) -> PathBuf {
    let short = root().ok().and_then(|root| path.strip_prefix(root).ok().map(Path::to_path_buf));
    short.unwrap_or_else(|| path.to_path_buf())
}

/// Says that a check cannot run here, and why; on a machine of CI, which installs what it needs, that is a failure.
pub(crate) fn skipped(why: &str) -> Result<()> {
    println!("skipped: {why}");
    if ci() {
        bail!("here nothing may be skipped");
    }
    Ok(())
}

/// Whether this is a machine of CI.
pub(crate) fn ci() -> bool {
    std::env::var("CI").is_ok_and(|ci| ci == "true")
}
