//! The data files of a test, shared by all its virtual users (VUs), and archives: a test as one file.
//!
//! A script declares the files it reads. [`TestFiles::load`] takes them from a [`FileSource`], a directory or an
//! archive, once for the whole process; finds where the rows of CSV and JSON begin; and gives parts of them by number.
//! Everything that is wrong with any of them is told at once.
//!
//! An [`Archive`] is a test that can be sent: the component, its options and variables ([`Metadata`]), its files. The
//! same test gives the same bytes, whose SHA-256 [`Digest`] names it. [`Archive::read`] takes tar in that one form
//! only. Nothing is ever unpacked: a read archive is parts of its own bytes.
//!
//! ```text
//! declarations ─┐
//! FileSource ───┴─ TestFiles::load ─> TestFiles ─> VUs
//!       ▲                                 │
//!       └── Archive::read <─ bytes <─ Archive::write
//! ```
//!
//! Not here: scripts and what their options mean, clocks, the network.

mod archive;
mod digest;
mod error;
mod metadata;
mod source;
mod table;
mod test_files;
mod ustar;

pub use archive::{ARCHIVE_BYTES_MAX, Archive, ArchiveError, looks_like};
pub use bytes::Bytes;
pub use digest::Digest;
pub use error::{FileError, FileErrors, FileFault};
pub use metadata::{FORMAT, METADATA_BYTES_MAX, Metadata, MetadataError, PackedFile, PackedScript};
pub use source::FileSource;
pub use table::TableError;
pub use test_files::{Declaration, FILES_BYTES_MAX, FILES_MAX, FileFormat, FileSummary, READ_BYTES_MAX, TestFiles};
pub use ustar::TarError;
