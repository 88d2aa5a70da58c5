//! The grant table across a suspend.

use xen_grant::{Table, TableError};
use xen_hypercall::{Errno, Hypercall, IrqGate};

use crate::{Class, CoreService, Dark, Fatal, Stage};

/// Maps the frames of the grant table again, or finds them mapped.
#[derive(Debug)]
pub struct GrantService<'a, 's, H: Hypercall, G: IrqGate>(pub &'a Table<'s, H, G>);

impl<H: Hypercall, G: IrqGate> CoreService for GrantService<'_, '_, H, G> {
    fn rebuild(&mut self, stage: Stage, class: Class, _dark: &Dark<'_>) -> Result<(), Fatal> {
        if stage != Stage::Grants {
            return Ok(());
        }
        if class == Class::New {
            let failed = |error| Fatal { stage, errno: said(error) };
            self.0.rebuild().map_err(failed)?;
        } else {
            self.0.reconcile();
        }
        Ok(())
    }
}

const fn said(error: TableError) -> Option<Errno> {
    match error {
        TableError::Version(errno) | TableError::Frame(_, errno) => Some(errno),
    }
}
