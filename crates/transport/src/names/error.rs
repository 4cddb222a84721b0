//! Why a name has no address for a connection.

use std::net::IpAddr;

use super::threads::WAITING_MAX;

/// A host that no connection can be made to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// There is no such name, or it has no address that the policy allows.
    #[error("lookup of {host} failed: no such host")]
    NotFound {
        /// The name.
        host: String,
    },
    /// The resolver could not answer.
    #[error("lookup of {host} failed: {message}")]
    Failed {
        /// The name.
        host: String,
        /// What the resolver said.
        message: String,
    },
    /// The resolver has not answered in the time that the request had.
    #[error("lookup of {host} failed: no answer in time")]
    TimedOut {
        /// The name.
        host: String,
    },
    /// All of the process's look-ups that may wait do.
    #[error("lookup of {host} failed: {WAITING_MAX} others are waiting; is the system's resolver slow?")]
    TooMany {
        /// The name.
        host: String,
    },
    /// `blockHostnames` forbids it.
    #[error("hostname ({host}) is in a blocked pattern ({pattern}) of blockHostnames")]
    Blocked {
        /// The name.
        host: String,
        /// The pattern that it matches.
        pattern: String,
    },
    /// `blacklistIPs` forbids it, or all of its addresses.
    #[error("IP ({address}) is in a blacklisted range ({range}) of blacklistIPs")]
    Blacklisted {
        /// The address, of several the last.
        address: IpAddr,
        /// The range that contains it.
        range: String,
    },
    /// Only other targets are allowed.
    #[error("{target} isn't among the targets that {by}")]
    NotAllowed {
        /// The name and its address, of several the last; or the address alone.
        target: String,
        /// Who allows which.
        by: String,
    },
}

impl NameError {
    /// k6's `error_code`; 1112 is our own.
    #[must_use]
    pub fn code(&self) -> u16 {
        match self {
            Self::Failed { .. } | Self::TimedOut { .. } | Self::TooMany { .. } => 1100,
            Self::NotFound { .. } => 1101,
            Self::Blacklisted { .. } => 1110,
            Self::Blocked { .. } => 1111,
            Self::NotAllowed { .. } => 1112,
        }
    }
}
