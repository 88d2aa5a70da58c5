//! The types of message.

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $raw:literal,)*) => {
        /// The type of a message, of a request as of its reply.
        ///
        /// # Xen
        /// `enum xsd_sockmsg_type` of `io/xs_wire.h`; those of features and quotas came with Xen 4.21.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[non_exhaustive]
        #[repr(u8)]
        pub enum MessageType { $($(#[$doc])* $name = $raw,)* }

        impl MessageType {
            /// Returns the number on the wire.
            #[must_use]
            pub const fn raw(self) -> u32 {
                match self { $(Self::$name => $raw,)* }
            }

            /// Names a number of the wire, unless the header does not list it.
            #[must_use]
            pub const fn from_raw(raw: u32) -> Option<Self> {
                match raw { $($raw => Some(Self::$name),)* _ => None }
            }
        }
    };
}

kinds! {
    /// A command to the daemon.
    Control = 0,
    /// Lists the children of a node.
    Directory = 1,
    /// Reads a node.
    Read = 2,
    /// Reads the permissions of a node.
    GetPermissions = 3,
    /// Sets a watch.
    Watch = 4,
    /// Removes a watch.
    Unwatch = 5,
    /// Begins a transaction.
    TransactionStart = 6,
    /// Commits or abandons a transaction.
    TransactionEnd = 7,
    /// Tells the daemon of a new domain.
    Introduce = 8,
    /// Tells the daemon that a domain is gone.
    Release = 9,
    /// Asks for a domain's home.
    GetDomainPath = 10,
    /// Writes a node.
    Write = 11,
    /// Makes a node.
    MakeDirectory = 12,
    /// Removes a node and all below it.
    Remove = 13,
    /// Sets the permissions of a node.
    SetPermissions = 14,
    /// Says that something at or below a watched path changed; never an answer.
    WatchEvent = 15,
    /// Refuses a request.
    Error = 16,
    /// Asks whether a domain is known.
    IsDomainIntroduced = 17,
    /// Tells the daemon that a domain goes on after a suspend.
    Resume = 18,
    /// Gives a domain the rights of another.
    SetTarget = 19,
    /// Removes all watches and transactions of the connection.
    ResetWatches = 21,
    /// Lists some of the children of a node.
    DirectoryPart = 22,
    /// Asks for the features that the server offers.
    GetFeature = 23,
    /// Sets the features that the server offers a domain.
    SetFeature = 24,
    /// Asks for a quota.
    GetQuota = 25,
    /// Sets a quota.
    SetQuota = 26,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s06_every_number_has_one_name_or_none() {
        for raw in 0..1000 {
            let known = raw <= 26 && raw != 20;
            assert_eq!(MessageType::from_raw(raw).map(MessageType::raw), known.then_some(raw));
        }
        assert_eq!(MessageType::from_raw(u32::MAX), None);
    }
}
