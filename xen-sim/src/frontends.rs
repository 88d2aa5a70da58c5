//! Backends on the mock host that only greet their frontends, as the rig's do on Xen.

use xen_mock::{Builder, Device, Host};

/// The kinds of devices, and the state in which a frontend has published its rings.
const KINDS: [(&str, &str); 2] = [("vbd", "3"), ("vif", "4")];

/// What backends can do, and what disks are.
const NODES: [(&str, &str); 9] = [
    ("max-ring-page-order", "4"),
    ("feature-flush-cache", "1"),
    ("feature-discard", "1"),
    ("sectors", "2048"),
    ("sector-size", "512"),
    ("info", "0"),
    ("feature-rx-copy", "1"),
    ("feature-sg", "1"),
    ("multi-queue-max-queues", "1"),
];

/// Gives a guest so many devices of each kind.
pub(crate) fn built(builder: Builder, count: usize) -> Builder {
    let ids = || (0..).take(count);
    KINDS.iter().flat_map(|(kind, _)| ids().map(move |id| (*kind, id))).fold(builder, |builder, (kind, id)| {
        let device = NODES.iter().fold(Device::new(kind, id), |device, (name, value)| device.back(name, value));
        builder.device(device)
    })
}

/// Tells the guest that there are backends.
pub(crate) fn appear(host: &Host, count: u32) {
    host.store().write("data/devices", count.to_string());
}

/// Has each backend follow its frontend.
pub(crate) fn turn(host: &Host) {
    let store = host.store();
    if store.read("data/devices").is_none() {
        return;
    }
    for (kind, offered) in KINDS {
        for id in store.list(&format!("device/{kind}")) {
            let front = format!("device/{kind}/{id}");
            let Some(back) = store.read(&format!("{front}/backend")) else { continue };
            let state = |end: &str| store.read(&format!("{end}/state")).unwrap_or_default();
            let next = match (state(&back).as_str(), state(&front).as_str()) {
                ("1", _) | ("5", "6") => "2",
                ("2", theirs) if theirs == offered && has_rings(host, &front) => "4",
                ("4", "5") => "5",
                _ => continue,
            };
            store.write(&format!("{back}/state"), next);
        }
    }
}

fn has_rings(host: &Host, front: &str) -> bool {
    let nodes = host.store().list(front);
    let has = |name: &str| nodes.iter().any(|node| node == name);
    has("event-channel") && nodes.iter().any(|node| node.ends_with("ring-ref"))
}
