//! What answers a look-up.

use std::fmt::Debug;
use std::net::IpAddr;

/// Answers look-ups, and may block while it does.
pub trait Resolver: Debug + Send + Sync {
    /// All addresses of `host`, the best first.
    ///
    /// # Errors
    /// When there are none, or it can't be said.
    fn look_up(&self, host: &str) -> Result<Vec<IpAddr>, LookUpFailure>;
}

/// Why a resolver gave no addresses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LookUpFailure {
    /// The name doesn't exist, or has no address.
    #[error("no such host")]
    NotFound,
    /// It can't be said at present.
    #[error("{0}")]
    Other(String),
}
