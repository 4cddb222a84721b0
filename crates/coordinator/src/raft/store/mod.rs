//! The log on disk: entries, the vote, and who the node is, in one redb file.

mod database;
mod log_store;
#[cfg(test)]
mod tests;
mod writer;

use std::io;

pub(crate) use database::Known;
pub use log_store::LOG_BYTES_MAX;
pub(crate) use log_store::LogStore;

use super::encoding::DecodeError;

/// The version of what is in the file; a later one must be able to read earlier ones.
pub(crate) const FORMAT: u32 = 1;

/// Why a data directory can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    #[error(
        "{what} in the data directory {place} can't be used ({why}): if the rest of the group is well, remove this node \
         by `throng cluster remove`, give it an empty directory and a new id, and add it by `throng cluster add`; else \
         restore the directory from a copy"
    )]
    Damaged { place: String, what: String, why: String },
    #[error(
        "the data directory {place} belongs to node {found}, and this is node {id}: start it with --id {found}, or with \
         another --data-dir"
    )]
    OtherNode { place: String, found: u64, id: u64 },
    #[error(
        "the data directory {place} has the format {found}, and this throng knows {FORMAT}: use a throng as new as the \
         one that wrote it"
    )]
    LaterFormat { place: String, found: u32 },
    #[error("the data directory {place} can't be read or written")]
    Io {
        place: String,
        #[source]
        source: io::Error,
    },
}

impl StoreError {
    fn damaged(place: &str, what: impl Into<String>, why: impl ToString) -> Self {
        Self::Damaged { place: place.to_owned(), what: what.into(), why: why.to_string() }
    }

    /// What doesn't decode: damaged, or of a later throng.
    pub(crate) fn undecodable(place: &str, what: impl Into<String>, error: DecodeError) -> Self {
        Self::damaged(place, what, error)
    }
}
