//! Files with a JSON array.

use super::Declaration;
use super::rows::{Rows, methods};
use std::marker::PhantomData;

/// A file with a JSON array, whose elements are the rows: `static CARTS: data::Json<Cart> = data::json!("carts.json");`
///
/// The file is in memory once for all VUs; a row is read as a `T` when it is asked for, and isn't kept.
#[derive(Debug)]
pub struct Json<T> {
    rows: Rows,
    row: PhantomData<fn() -> T>,
}

impl<T> Json<T> {
    /// Used by [`data::json!`](crate::data::json).
    #[doc(hidden)]
    #[must_use]
    pub const fn new(file: &'static Declaration) -> Self {
        Self { rows: Rows(file), row: PhantomData }
    }
}

impl<T: serde::de::DeserializeOwned> Json<T> {
    #[track_caller]
    fn read(&self, index: u64) -> T {
        match serde_json::from_slice(&self.rows.bytes(index)) {
            Ok(row) => row,
            Err(error) => self.rows.wrong(index, error),
        }
    }
}

methods!(Json);
