//! What the mock host is like before a lifecycle begins.

use std::fmt;
use std::rc::Rc;

use guest::Options;
use guest::lifecycle::{Host as On, Lifecycle};
use xen_mock::{Builder, Host, Kind, Quotas};

use crate::frontends;

type Build = Rc<dyn Fn(Builder) -> Builder>;
type Prepare = Rc<dyn Fn(&Host)>;

/// How the host is built, and what is arranged on it before the guest starts.
#[derive(Clone)]
pub struct Arrangement {
    build: Build,
    prepare: Prepare,
}

impl Default for Arrangement {
    /// A host where all is well.
    fn default() -> Self {
        Self { build: Rc::new(|builder| builder), prepare: Rc::new(|_| ()) }
    }
}

impl Arrangement {
    /// A host where all is well, of an HVM guest; other than that guests are PVH.
    #[must_use]
    pub fn hvm() -> Self {
        Self::default().built(|builder| builder.kind(Kind::Hvm))
    }

    /// Builds the host in another way.
    #[must_use]
    pub fn built(self, build: impl Fn(Builder) -> Builder + 'static) -> Self {
        Self { build: Rc::new(build), ..self }
    }

    /// Arranges something on the host before the guest starts: faults, above all.
    #[must_use]
    pub fn prepared(self, prepare: impl Fn(&Host) + 'static) -> Self {
        Self { prepare: Rc::new(prepare), ..self }
    }

    /// Gives the guest as many processors as the lifecycle takes, devices and nodes of xenstore, unless the host is built with
    /// more anyway.
    pub(crate) fn fit(self, lifecycle: &Lifecycle) -> Self {
        let build = Rc::clone(&self.build);
        let Options { hoard, devices, .. } = Options::parse(lifecycle.cmdline, |_| ());
        let usual = Quotas::default();
        // Its own, and the usual number for all else.
        let quotas = Quotas { nodes: usual.nodes + hoard, ..usual };
        match lifecycle.only {
            Some((On::Smp, _)) => self.built(move |builder| build(builder.vcpus(2))),
            _ if devices > 0 => self.built(move |builder| frontends::built(build(builder), devices)),
            _ if hoard > 0 => self.built(move |builder| build(builder.quotas(quotas))),
            _ => self,
        }
    }

    pub(crate) fn host(&self, name: &str) -> Host {
        let host = (self.build)(Host::builder().name(name)).build();
        (self.prepare)(&host);
        host
    }
}

impl fmt::Debug for Arrangement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arrangement").finish_non_exhaustive()
    }
}
