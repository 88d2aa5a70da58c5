//! Serves a guest's requests.

use xen_hypercall::{DomId, Nanos};

use super::path::{absolute, home, is_valid};
use super::transaction::Transaction;
use super::tree::Permission;
use super::view::View;
use super::watch::Watch;
use super::wire::{Message, PAYLOAD_MAX, StoreOp};
use super::{Offers, Twist, Xenstored};

type Reply = Result<Vec<u8>, String>;

const OK: &[u8] = b"OK\0";

fn no<T>(name: &str) -> Result<T, String> {
    Err(name.into())
}

fn ok<T>(_: T) -> Vec<u8> {
    OK.into()
}

impl Xenstored {
    /// Serves one request of the guest and queues the answer.
    pub(crate) fn serve(&mut self, request: &Message, twist: Option<Twist>, now: Nanos) {
        let mut not_before = Nanos::ZERO;
        let queued = self.guest.outgoing.len();
        let late = if let Some(Twist::LateEvents(by)) = twist { Some(now.after(by)) } else { None };
        let reply = match twist {
            Some(Twist::Error(name)) => {
                self.drop_transaction(request);
                Err(name)
            }
            Some(Twist::Delay(by)) => {
                not_before = now.after(by);
                self.answer(request)
            }
            Some(Twist::Swallow) => return drop(self.answer(request)),
            Some(Twist::Answer(op, payload)) => {
                self.drop_transaction(request);
                return self.guest.send(&Message { op, payload, ..request.clone() }, not_before);
            }
            Some(Twist::LateEvents(_)) | None => self.answer(request),
        };
        let answered = reply.is_ok();
        let (op, payload) = match reply {
            Ok(payload) => (request.op, payload),
            Err(name) => (StoreOp::Error, format!("{name}\0").into_bytes()),
        };
        // The events of a write stand in the queue already; the C xenstored, too, may send them first.
        self.guest.send(&Message { op, payload, ..request.clone() }, not_before);
        if let Some(until) = late {
            self.guest.put_off(queued, until);
        }
        if answered && request.op == StoreOp::Watch {
            self.fire_new_watch();
        }
    }

    /// A transaction has ended, also when its end is answered by an error.
    fn drop_transaction(&mut self, request: &Message) {
        if request.op == StoreOp::TransactionEnd {
            self.guest.transactions.remove(&request.transaction);
        }
    }

    /// Each watch fires once upon registration.
    fn fire_new_watch(&mut self) {
        if let Some(event) = self.guest.watches.last().map(|watch| watch.event(&watch.path)) {
            self.guest.send_event(&event);
        }
    }

    fn answer(&mut self, request: &Message) -> Reply {
        match request.op {
            StoreOp::Control | StoreOp::Introduce | StoreOp::Release | StoreOp::Resume => no("EACCES"),
            StoreOp::IsDomainIntroduced | StoreOp::SetTarget => no("EACCES"),
            StoreOp::Watch => self.watch(request),
            StoreOp::Unwatch => self.unwatch(request),
            StoreOp::TransactionStart => self.begin(request),
            StoreOp::TransactionEnd => self.end(request),
            StoreOp::GetDomainPath => domain_path(request),
            StoreOp::ResetWatches => {
                self.guest.reset();
                Ok(OK.into())
            }
            StoreOp::GetFeature if self.offers.is_new() => match request.payload.as_slice() {
                [] => Ok(format!("{}\0", self.offers.bits()).into_bytes()),
                _ => no("EACCES"),
            },
            StoreOp::SetFeature | StoreOp::GetQuota | StoreOp::SetQuota if self.offers.is_new() => no("EACCES"),
            StoreOp::WatchEvent | StoreOp::Error | StoreOp::Unknown(_) => no("ENOSYS"),
            StoreOp::GetFeature | StoreOp::SetFeature | StoreOp::GetQuota | StoreOp::SetQuota => no("ENOSYS"),
            _ => self.on_tree(request),
        }
    }

    /// Serves what works on the tree, in a transaction or not.
    fn on_tree(&mut self, request: &Message) -> Reply {
        let who = self.guest.domain;
        let mut transaction = match request.transaction {
            0 => None,
            id => Some(self.guest.transactions.remove(&id).ok_or_else(|| String::from("ENOENT"))?),
        };
        let mut view = View::new(&mut self.tree, transaction.as_mut(), (who, self.quotas));
        let reply = tree_request(&mut view, request, (who, self.offers));
        let changes = view.into_changes();
        if let Some(transaction) = transaction {
            self.guest.transactions.insert(request.transaction, transaction);
        }
        self.fire(&changes);
        reply
    }

    fn watch(&mut self, request: &Message) -> Reply {
        let (watch, token) = self.named_watch(request)?;
        if self.guest.watches.iter().any(|old| old.path == watch.path && old.token == token) {
            return no("EEXIST");
        }
        if self.guest.watches.len() >= self.quotas.watches {
            return no("E2BIG");
        }
        self.guest.watches.push(watch);
        Ok(OK.into())
    }

    fn unwatch(&mut self, request: &Message) -> Reply {
        let (watch, token) = self.named_watch(request)?;
        let found = self.guest.watches.iter().position(|old| old.path == watch.path && old.token == token);
        self.guest.watches.remove(found.ok_or_else(|| String::from("ENOENT"))?);
        Ok(OK.into())
    }

    fn named_watch(&self, request: &Message) -> Result<(Watch, String), String> {
        let strings = request.strings().unwrap_or_default();
        let (path, token, depth) = match strings.as_slice() {
            [path, token] => (path, token, None),
            [path, token, depth] if self.offers.watch_depth && request.op == StoreOp::Watch => {
                (path, token, Some(depth.parse().map_err(|_| String::from("EINVAL"))?))
            }
            _ => return no("EINVAL"),
        };
        // The end of a watch that cannot be is that of one which is not there.
        if request.op == StoreOp::Watch && !is_valid(path) {
            return no("EINVAL");
        }
        let who = self.guest.domain;
        let watch = Watch::new(who, (path, absolute(who, path)), token);
        Ok((Watch { depth, ..watch }, token.clone()))
    }

    fn begin(&mut self, request: &Message) -> Reply {
        if request.transaction != 0 {
            return no("EBUSY");
        }
        if self.guest.transactions.len() >= self.quotas.transactions {
            return no("ENOSPC");
        }
        let id = self.guest.next_transaction;
        self.guest.next_transaction = id.wrapping_add(1).max(1);
        self.guest.transactions.insert(id, Transaction::default());
        Ok(format!("{id}\0").into_bytes())
    }

    fn end(&mut self, request: &Message) -> Reply {
        let strings = request.strings().unwrap_or_default();
        let [word] = strings.as_slice() else { return no("EINVAL") };
        if word != "T" && word != "F" {
            return no("EINVAL");
        }
        let Some(transaction) = self.guest.transactions.remove(&request.transaction) else { return no("ENOENT") };
        if word == "T" {
            let changes = transaction.commit(&mut self.tree, (self.guest.domain, self.quotas.nodes))?;
            self.fire(&changes);
        }
        Ok(OK.into())
    }
}

fn domain_path(request: &Message) -> Reply {
    let strings = request.strings().unwrap_or_default();
    let [number] = strings.as_slice() else { return no("EINVAL") };
    let number = number.parse().map_err(|_| String::from("EINVAL"))?;
    Ok(format!("{}\0", home(DomId(number))).into_bytes())
}

fn tree_request(view: &mut View<'_>, request: &Message, (who, offers): (DomId, Offers)) -> Reply {
    let Some((given, rest)) = request.string_and_rest() else { return no("EINVAL") };
    if !is_valid(&given) || given.starts_with('@') {
        return no("EINVAL");
    }
    let path = absolute(who, &given);
    match request.op {
        StoreOp::Write => view.write(&path, rest).map(ok),
        StoreOp::SetPerms => set_permissions(view, (&path, offers), request),
        StoreOp::DirectoryPart => directory_part(view, &path, rest),
        _ if !rest.is_empty() => no("EINVAL"),
        StoreOp::Read => view.read(&path),
        StoreOp::Directory => directory(view, &path),
        StoreOp::GetPerms => view.permissions(&path).map(|all| {
            let texts = all.iter().map(|permission| format!("{}\0", permission.text()));
            texts.collect::<String>().into_bytes()
        }),
        StoreOp::Mkdir => view.mkdir(&path).map(ok),
        StoreOp::Rm => view.remove(&path).map(ok),
        _ => no("ENOSYS"),
    }
}

fn directory(view: &mut View<'_>, path: &str) -> Reply {
    let (_, children) = view.directory(path)?;
    let list: String = children.iter().map(|name| format!("{name}\0")).collect();
    if list.len() > PAYLOAD_MAX { no("E2BIG") } else { Ok(list.into_bytes()) }
}

/// Lists from an offset on: the generation, then whole names; an empty one marks the end.
fn directory_part(view: &mut View<'_>, path: &str, rest: &[u8]) -> Reply {
    let offset = rest.strip_suffix(&[0]).and_then(|text| std::str::from_utf8(text).ok()?.parse::<usize>().ok());
    let Some(offset) = offset else { return no("EINVAL") };
    let (generation, children) = view.directory(path)?;
    let list: String = children.iter().map(|name| format!("{name}\0")).collect();
    let mut reply = format!("{generation}\0").into_bytes();
    let mut left = list.get(offset.min(list.len())..).unwrap_or_default();
    while let Some(end) = left.find('\0') {
        if reply.len() + end + 1 >= PAYLOAD_MAX {
            return Ok(reply);
        }
        reply.extend(&left.as_bytes()[..=end]);
        left = &left[end + 1..];
    }
    reply.push(0);
    Ok(reply)
}

fn set_permissions(view: &mut View<'_>, (path, offers): (&str, Offers), request: &Message) -> Reply {
    let strings = request.strings().unwrap_or_default();
    let texts = strings.get(1..).unwrap_or_default();
    let parsed: Option<Vec<_>> = texts.iter().map(|text| Permission::parse(text)).collect();
    match parsed {
        // The daemon passes over such an entry; here, it is refused.
        Some(permissions) if !offers.any_domain && permissions.iter().any(Permission::is_for_any) => no("EINVAL"),
        Some(permissions) if !permissions.is_empty() => view.set_permissions(path, permissions).map(ok),
        _ => no("EINVAL"),
    }
}
