//! Where the rows of a file are.

mod csv;
mod json;

use std::ops::Range;

use crate::test_files::FileFormat;

/// The rows of a file. Of each only its start is kept: it ends before the next one, less what separates them.
#[derive(Debug)]
pub(crate) enum Table {
    None,
    Csv { header: Vec<String>, starts: Box<[u32]> },
    Json { starts: Box<[u32]> },
}

/// Why a file isn't what the script says it is. Lines and bytes count from 1.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// Bytes of another encoding.
    #[error("line {line}, byte {byte} of the file: not UTF-8; convert it, for example with `iconv -t UTF-8`")]
    NotUtf8 {
        /// In which line.
        line: u64,
        /// The first wrong byte.
        byte: u64,
    },
    /// CSV without a first line.
    #[error("it is empty; the first line of a CSV file names its columns")]
    NoHeader,
    /// Two columns of one name.
    #[error("line 1: two columns are called {0:?}; rename one")]
    SameColumns(String),
    /// A record that is longer or shorter than the header.
    #[error(
        "line {line}, byte {byte} of the file: {found} fields, where the header has {wanted}{}; \
         fields with commas, quotes or line breaks stand in double quotes", and_more(*.more)
    )]
    Fields {
        /// Where the record begins.
        line: u64,
        /// Where the record begins.
        byte: u64,
        /// Its fields.
        found: usize,
        /// The header's fields.
        wanted: usize,
        /// Other records like it.
        more: u64,
    },
    /// The last record's quote.
    #[error(
        "line {line}, byte {byte} of the file: a double quote opens a field in this record and none closes it; \
         close it, and double those within a field"
    )]
    OpenQuote {
        /// Where the record begins.
        line: u64,
        /// Where the record begins.
        byte: u64,
    },
    /// Valid or not, but no array.
    #[error(
        "it isn't a JSON array, whose elements would be the rows: it begins with {0}; put the rows between [ and ]"
    )]
    NotAnArray(String),
    /// JSON with a mistake.
    #[error("line {line}, column {column}: not valid JSON: {message}")]
    Json {
        /// Where.
        line: usize,
        /// Where.
        column: usize,
        /// What.
        message: String,
    },
}

fn and_more(more: u64) -> String {
    match more {
        0 => String::new(),
        1 => ", and one more record like it".into(),
        more => format!(", and {more} more records like it"),
    }
}

impl Table {
    /// Finds the rows of a file shorter than 4 GiB.
    pub(crate) fn find(bytes: &[u8], format: FileFormat) -> Result<Self, TableError> {
        match format {
            FileFormat::Raw => Ok(Self::None),
            FileFormat::Csv => csv::find(utf8(bytes)?),
            FileFormat::Json => json::find(utf8(bytes)?),
        }
    }

    /// A row's own bytes, of those up to the start of the next.
    pub(crate) fn trim<'a>(&self, bytes: &'a [u8], row: Range<usize>) -> &'a [u8] {
        match self {
            Self::None => &bytes[row],
            Self::Csv { .. } => csv::trim(&bytes[row]),
            Self::Json { .. } if row.end == bytes.len() => json::trim(&bytes[row.start..json::array_end(bytes)]),
            Self::Json { .. } => json::trim(&bytes[row]),
        }
    }
}

fn utf8(bytes: &[u8]) -> Result<&str, TableError> {
    std::str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        TableError::NotUtf8 { line: line_of(bytes, at), byte: at as u64 + 1 }
    })
}

/// The line in which a byte stands.
fn line_of(bytes: &[u8], at: usize) -> u64 {
    bytes[..at].iter().filter(|byte| **byte == b'\n').count() as u64 + 1
}
