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
    #[doc(alias = "XS_CONTROL")]
    Control = 0,
    /// Lists the children of a node.
    #[doc(alias = "XS_DIRECTORY")]
    Directory = 1,
    /// Reads a node.
    #[doc(alias = "XS_READ")]
    Read = 2,
    /// Reads the permissions of a node.
    #[doc(alias = "XS_GET_PERMS")]
    GetPermissions = 3,
    /// Sets a watch.
    #[doc(alias = "XS_WATCH")]
    Watch = 4,
    /// Removes a watch.
    #[doc(alias = "XS_UNWATCH")]
    Unwatch = 5,
    /// Begins a transaction.
    #[doc(alias = "XS_TRANSACTION_START")]
    TransactionStart = 6,
    /// Commits or abandons a transaction.
    #[doc(alias = "XS_TRANSACTION_END")]
    TransactionEnd = 7,
    /// Tells the daemon of a new domain.
    #[doc(alias = "XS_INTRODUCE")]
    Introduce = 8,
    /// Tells the daemon that a domain is gone.
    #[doc(alias = "XS_RELEASE")]
    Release = 9,
    /// Asks for a domain's home.
    #[doc(alias = "XS_GET_DOMAIN_PATH")]
    GetDomainPath = 10,
    /// Writes a node.
    #[doc(alias = "XS_WRITE")]
    Write = 11,
    /// Makes a node.
    #[doc(alias = "XS_MKDIR")]
    MakeDirectory = 12,
    /// Removes a node and all below it.
    #[doc(alias = "XS_RM")]
    Remove = 13,
    /// Sets the permissions of a node.
    #[doc(alias = "XS_SET_PERMS")]
    SetPermissions = 14,
    /// Says that something at or below a watched path changed; never an answer.
    #[doc(alias = "XS_WATCH_EVENT")]
    WatchEvent = 15,
    /// Refuses a request.
    #[doc(alias = "XS_ERROR")]
    Error = 16,
    /// Asks whether a domain is known.
    #[doc(alias = "XS_IS_DOMAIN_INTRODUCED")]
    IsDomainIntroduced = 17,
    /// Tells the daemon that a domain goes on after a suspend.
    #[doc(alias = "XS_RESUME")]
    Resume = 18,
    /// Gives a domain the rights of another.
    #[doc(alias = "XS_SET_TARGET")]
    SetTarget = 19,
    /// Removes all watches and transactions of the connection.
    #[doc(alias = "XS_RESET_WATCHES")]
    ResetWatches = 21,
    /// Lists some of the children of a node.
    #[doc(alias = "XS_DIRECTORY_PART")]
    DirectoryPart = 22,
    /// Asks for the features that the server offers.
    #[doc(alias = "XS_GET_FEATURE")]
    GetFeature = 23,
    /// Sets the features that the server offers a domain.
    #[doc(alias = "XS_SET_FEATURE")]
    SetFeature = 24,
    /// Asks for a quota.
    #[doc(alias = "XS_GET_QUOTA")]
    GetQuota = 25,
    /// Sets a quota.
    #[doc(alias = "XS_SET_QUOTA")]
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
