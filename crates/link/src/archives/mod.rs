//! Archives: from any node of the group to this machine's disk.

mod cache;
mod fetch;

pub use cache::{ArchiveCache, CACHE_BYTES_MAX};
pub(crate) use fetch::{FetchError, fetch};
