//! The suite of xenstore's clients, on the mock host's server over the ring; `cargo xtask xenstored` runs it on real daemons.

use xen_sim::store_suite::on_mock;

macro_rules! on_the_mock_host {
    ($($audience:ident: $module:ident { $($name:ident,)* })*) => {
        $(mod $module { $(
            #[test]
            fn $name() {
                super::on_mock(concat!(stringify!($module), "::", stringify!($name)));
            }
        )* })*
    };
}

xen_sim::store_cases!(on_the_mock_host);
