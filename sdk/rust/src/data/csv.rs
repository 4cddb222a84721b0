//! Files of comma-separated values.

use super::Declaration;
use super::record::Record;
use super::rows::{Rows, methods};
use crate::bindings::throng::script::files as host;
use serde::de::DeserializeOwned;
use std::marker::PhantomData;
use std::sync::OnceLock;

/// A CSV file whose first line names the columns: `static USERS: data::Csv<User> = data::csv!("users.csv");`
///
/// A struct's fields are the columns of their names; a tuple's fields are the columns in their order. Numbers, `bool`s
/// and `Option`s (none for an empty field) are read as such. The file is in memory once for all VUs; a row is read as a
/// `T` when it is asked for, and isn't kept.
#[derive(Debug)]
pub struct Csv<T> {
    rows: Rows,
    /// The columns' names, once asked for.
    header: OnceLock<Vec<String>>,
    row: PhantomData<fn() -> T>,
}

impl<T> Csv<T> {
    /// Used by [`data::csv!`](crate::data::csv).
    #[doc(hidden)]
    #[must_use]
    pub const fn new(file: &'static Declaration) -> Self {
        Self { rows: Rows(file), header: OnceLock::new(), row: PhantomData }
    }
}

impl<T: DeserializeOwned> Csv<T> {
    #[track_caller]
    fn read(&self, index: u64) -> T {
        let header = self.header.get_or_init(|| host::header(self.rows.0.number()));
        let mut bytes = self.rows.bytes(index);
        match T::deserialize(Record::new(header, &mut bytes)) {
            Ok(row) => row,
            Err(reason) => self.rows.wrong(index, reason),
        }
    }
}

methods!(Csv);
