//! What is in the file, and changes of it.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use redb::{Database, DatabaseError, ReadableDatabase, ReadableTable, StorageBackend, StorageError, TableDefinition};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::super::encoding::{seal, unseal};
use super::super::{Entry, LogId, Vote};
use super::{FORMAT, StoreError};
use crate::environment::{DATABASE, Disk};

/// Entries by index.
const LOG: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("log");
/// The rest by name.
const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
/// Pages that redb keeps in memory; entries that are wanted often are in memory anyway.
const PAGE_CACHE_BYTES: usize = 4 << 20;

pub(crate) const VOTE: &str = "vote";
pub(crate) const COMMITTED: &str = "committed";
pub(crate) const PURGED: &str = "purged";
pub(crate) const KNOWN: &str = "known";
const OWNER: &str = "owner";

/// Whose file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Owner {
    format: u32,
    node: u64,
    incarnation: u64,
}

/// What a node knows of its group beside the log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Known {
    /// The group that it is in.
    pub(crate) cluster: Option<u128>,
    /// Incarnations of other nodes, by their ids.
    pub(crate) incarnations: BTreeMap<u64, u64>,
}

/// A change of the file.
#[derive(Debug)]
pub(crate) enum Change {
    Append(u64, Vec<u8>),
    /// Entries from this one on go.
    TruncateFrom(u64),
    /// Entries up to this one go.
    Purge(LogId),
    Meta(&'static str, Vec<u8>),
}

/// What a file had when it was opened.
#[derive(Debug, Default)]
pub(crate) struct Saved {
    pub(crate) incarnation: u64,
    pub(crate) known: Known,
    pub(crate) vote: Option<Vote>,
    pub(crate) committed: Option<LogId>,
    pub(crate) purged: Option<LogId>,
    pub(crate) last: Option<LogId>,
    /// Bytes of each of its entries.
    pub(crate) sizes: VecDeque<u32>,
}

/// The disk's file as redb wants it.
#[derive(Debug)]
struct Backend(Box<dyn StorageBackend>);

impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.0.close()
    }
}

fn as_io(error: impl Into<redb::Error>) -> io::Error {
    match error.into() {
        redb::Error::Io(error) => error,
        error => io::Error::other(error),
    }
}

/// Opens the file, makes it if there is none, and reads all of it.
pub(super) fn open(disk: &dyn Disk, node: u64, incarnation: u64) -> Result<(Database, Saved), StoreError> {
    let place = disk.place();
    let io = |source| StoreError::Io { place: place.clone(), source };
    let backend = Backend(disk.database().map_err(io)?);
    // A file that was damaged can make redb panic, in spite of its checks.
    let opened = catch_unwind(AssertUnwindSafe(|| -> Result<_, StoreError> {
        let mut builder = Database::builder();
        builder.set_cache_size(PAGE_CACHE_BYTES).set_check_integrity_on_open(true);
        let database = builder.create_with_backend(backend).map_err(|error| unopened(&place, error))?;
        let reader = Reader { place: &place, database: &database };
        let saved = match reader.meta::<Owner>(OWNER)? {
            Some(owner) => reader.read(owner, node)?,
            None => {
                let owner = seal(&Owner { format: FORMAT, node, incarnation });
                commit(&database, vec![Change::Meta(OWNER, owner)]).map_err(io)?;
                Saved { incarnation, ..Saved::default() }
            }
        };
        Ok((database, saved))
    }));
    opened.unwrap_or_else(|_| Err(StoreError::damaged(&place, DATABASE, "its pages make no sense")))
}

fn unopened(place: &str, error: DatabaseError) -> StoreError {
    match error {
        DatabaseError::Storage(StorageError::Io(source)) if source.kind() != io::ErrorKind::InvalidData => {
            StoreError::Io { place: place.to_owned(), source }
        }
        error => StoreError::damaged(place, DATABASE, error),
    }
}

struct Reader<'a> {
    place: &'a str,
    database: &'a Database,
}

impl Reader<'_> {
    fn damaged(&self, error: impl Into<redb::Error>) -> StoreError {
        match error.into() {
            redb::Error::Io(source) => StoreError::Io { place: self.place.to_owned(), source },
            error => StoreError::damaged(self.place, DATABASE, error),
        }
    }

    fn meta<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, StoreError> {
        let transaction = self.database.begin_read().map_err(|error| self.damaged(error))?;
        let table = match transaction.open_table(META) {
            // Nothing has ever been written.
            Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
            other => other.map_err(|error| self.damaged(error))?,
        };
        let Some(value) = table.get(name).map_err(|error| self.damaged(error))? else { return Ok(None) };
        let what = || format!("the {name} in {DATABASE}");
        unseal(value.value()).map(Some).map_err(|error| StoreError::undecodable(self.place, what(), error))
    }

    fn read(&self, owner: Owner, node: u64) -> Result<Saved, StoreError> {
        let place = || self.place.to_owned();
        if owner.format > FORMAT {
            return Err(StoreError::LaterFormat { place: place(), found: owner.format });
        }
        if owner.node != node {
            return Err(StoreError::OtherNode { place: place(), found: owner.node, id: node });
        }
        let mut saved = Saved {
            incarnation: owner.incarnation,
            known: self.meta(KNOWN)?.unwrap_or_default(),
            vote: self.meta(VOTE)?,
            committed: self.meta(COMMITTED)?,
            purged: self.meta(PURGED)?,
            ..Saved::default()
        };
        saved.last = saved.purged;
        self.read_log(&mut saved)?;
        Ok(saved)
    }

    /// Looks at every entry: whether it is whole, and follows the one before.
    fn read_log(&self, saved: &mut Saved) -> Result<(), StoreError> {
        let transaction = self.database.begin_read().map_err(|error| self.damaged(error))?;
        let table = match transaction.open_table(LOG) {
            Err(redb::TableError::TableDoesNotExist(_)) => return Ok(()),
            other => other.map_err(|error| self.damaged(error))?,
        };
        for row in table.iter().map_err(|error| self.damaged(error))? {
            let (index, value) = row.map_err(|error| self.damaged(error))?;
            let (index, value) = (index.value(), value.value());
            let what = || format!("entry {index} in {DATABASE}");
            let entry: Entry = unseal(value).map_err(|error| StoreError::undecodable(self.place, what(), error))?;
            let expected = saved.last.map_or(0, |last| last.index + 1);
            if entry.log_id.index != index || index != expected {
                let why = format!("it says that it is {}, and {expected} was to come", entry.log_id.index);
                return Err(StoreError::damaged(self.place, what(), why));
            }
            saved.last = Some(entry.log_id);
            saved.sizes.push_back(u32::try_from(value.len()).unwrap_or(u32::MAX));
        }
        Ok(())
    }
}

/// Entries of the file from one index to before another, at most so many bytes but at least one.
pub(super) fn entries(database: &Database, from: u64, to: u64, bytes_max: usize) -> io::Result<Vec<Entry>> {
    let transaction = database.begin_read().map_err(as_io)?;
    let table = transaction.open_table(LOG).map_err(as_io)?;
    let (mut found, mut bytes) = (Vec::new(), 0);
    for row in table.range(from..to).map_err(as_io)? {
        let (_, value) = row.map_err(as_io)?;
        bytes += value.value().len();
        if bytes > bytes_max && !found.is_empty() {
            break;
        }
        found.push(unseal(value.value()).map_err(io::Error::other)?);
    }
    Ok(found)
}

/// Makes changes durable, all or none.
pub(super) fn commit(database: &Database, changes: Vec<Change>) -> io::Result<()> {
    let mut transaction = database.begin_write().map_err(as_io)?;
    // One phase would let a damage of the newest pages go unseen: redb would take them for those of a torn commit.
    transaction.set_two_phase_commit(true);
    {
        let mut log = transaction.open_table(LOG).map_err(as_io)?;
        let mut meta = transaction.open_table(META).map_err(as_io)?;
        for change in changes {
            match change {
                Change::Append(index, bytes) => {
                    log.insert(index, bytes.as_slice()).map_err(as_io)?;
                }
                Change::TruncateFrom(index) => log.retain_in(index.., |_, _| false).map_err(as_io)?,
                Change::Purge(last) => {
                    log.retain_in(..=last.index, |_, _| false).map_err(as_io)?;
                    meta.insert(PURGED, seal(&last).as_slice()).map_err(as_io)?;
                }
                Change::Meta(name, bytes) => {
                    meta.insert(name, bytes.as_slice()).map_err(as_io)?;
                }
            }
        }
    }
    transaction.commit().map_err(as_io)
}
