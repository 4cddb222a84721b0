//! Which source address and port the next connection to a destination gets.
//!
//! The kernel's own choice gets 10 to 60 times dearer once half of its port range to one destination is in use; an
//! explicit port with SO_REUSEADDR stays flat. So each shard owns a share of the ports and hands them out itself: per
//! destination, in a few steps, the one that was given back longest ago first, so that one in TIME_WAIT has had its
//! rest. Which addresses there are, and which of them is next, [`SourceAddresses`] says.

mod addresses;
pub(crate) mod check;
mod parse;
mod pool;
mod ports;

pub use addresses::{BindStrategy, DrawnNetwork, SourceAddresses};
pub use check::{SourceFailure, check_sources};
pub use parse::{BindIpsError, LISTED_MAX};
pub use pool::{DestinationUse, Source, SourceError, SourceTicket, SourceUse, Sources};
pub use ports::{PORT_MAX, PORT_MIN, PortShare};
