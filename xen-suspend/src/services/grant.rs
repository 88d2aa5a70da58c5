//! The grant table across a suspend.

use xen_grant::Table;
use xen_hypercall::{Hypercall, IrqGate};

use crate::{Class, CoreService, Dark, Fatal, Stage};

/// Maps the frames of the grant table again, or finds them mapped.
#[doc(alias("gnttab_resume", "gnttab_suspend"))]
#[derive(Debug)]
pub struct GrantService<'a, 's, H: Hypercall, G: IrqGate>(pub &'a Table<'s, H, G>);

impl<H: Hypercall, G: IrqGate> CoreService for GrantService<'_, '_, H, G> {
    fn rebuild(&mut self, stage: Stage, class: Class, _dark: &Dark<'_>) -> Result<(), Fatal> {
        if stage != Stage::Grants {
            return Ok(());
        }
        let done = if class == Class::New { self.0.rebuild().map(drop) } else { self.0.reconcile() };
        done.map_err(|error| Fatal { stage, errno: error.errno() })
    }
}
