use std::collections::HashMap;
use std::fmt;
use std::ops::Range;

use bytes::Bytes;
use serde::Serialize;

use crate::digest::Digest;
use crate::error::{FileError, FileErrors, FileFault};
use crate::source::{FileSource, ReadFailure};
use crate::table::Table;

/// Most bytes that all data files of a test have together. Row starts fit in 32 bits because of it.
pub const FILES_BYTES_MAX: u64 = 1 << 30;
/// Most data files of a test.
pub const FILES_MAX: usize = 256;
/// Most bytes that one call reads of a file, since they are copied into the caller's memory.
pub const READ_BYTES_MAX: u32 = 16 << 20;

/// What a file holds, as the script says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FileFormat {
    /// Bytes.
    Raw,
    /// Comma-separated values in UTF-8; the first line names the columns.
    Csv,
    /// A JSON array, whose elements are the rows.
    Json,
}

impl fmt::Display for FileFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Raw => "raw",
            Self::Csv => "csv",
            Self::Json => "json",
        })
    }
}

/// A file that a script reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declaration {
    /// Where it is, from the script's directory.
    pub path: String,
    /// What it holds.
    pub format: FileFormat,
}

/// What is to be said of a data file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileSummary {
    /// The path that the script declares.
    pub path: String,
    /// What it holds.
    pub format: FileFormat,
    /// How many bytes it has.
    pub bytes: u64,
    /// How many rows, unless it is raw.
    pub rows: Option<u64>,
    /// The digest of its bytes.
    pub sha256: Digest,
}

/// The data files of a test, in the order in which its script declares them.
///
/// Methods that take a file's number or a part of it say in an `Err` for a person what isn't there.
#[derive(Debug, Default)]
pub struct TestFiles(Vec<TestFile>);

#[derive(Debug)]
struct TestFile {
    path: String,
    bytes: Bytes,
    table: Table,
}

impl TestFiles {
    /// Reads the declared files and finds their rows.
    ///
    /// # Errors
    /// Everything that is wrong with any of them.
    pub fn load(declarations: &[Declaration], source: &FileSource) -> Result<Self, FileErrors> {
        let mut files = Vec::new();
        let mut errors = Vec::new();
        let mut reading = Reading { source, left: FILES_BYTES_MAX, read: HashMap::new() };
        for declaration in declarations {
            let loaded = if files.len() + errors.len() < FILES_MAX {
                reading.load(declaration)
            } else {
                Err(FileFault::TooMany)
            };
            match loaded {
                Ok(file) => files.push(file),
                Err(fault) => errors.push(FileError { path: declaration.path.clone(), fault }),
            }
            if errors.last().is_some_and(|error| matches!(error.fault, FileFault::TooMany)) {
                break;
            }
        }
        if errors.is_empty() { Ok(Self(files)) } else { Err(FileErrors(errors)) }
    }

    /// Each file once, by its declared path, with its bytes.
    #[must_use]
    pub fn by_path(&self) -> Vec<(String, Bytes)> {
        let mut files: Vec<_> = self.0.iter().map(|file| (file.path.clone(), file.bytes.clone())).collect();
        files.sort_by(|a, b| a.0.cmp(&b.0));
        files.dedup_by(|a, b| a.0 == b.0);
        files
    }

    /// All files, in the script's order. Takes the digest of each.
    #[must_use]
    pub fn summaries(&self) -> Vec<FileSummary> {
        let files = self.0.iter().map(|file| FileSummary {
            path: file.path.clone(),
            format: match file.table {
                Table::None => FileFormat::Raw,
                Table::Csv { .. } => FileFormat::Csv,
                Table::Json { .. } => FileFormat::Json,
            },
            bytes: file.bytes.len() as u64,
            rows: file.starts().ok().map(|starts| starts.len() as u64),
            sha256: Digest::of(&file.bytes),
        });
        files.collect()
    }

    /// How many bytes a file has.
    ///
    /// # Errors
    /// No such file.
    pub fn size(&self, file: u32) -> Result<u64, String> {
        Ok(self.file(file)?.bytes.len() as u64)
    }

    /// A part of a file.
    ///
    /// # Errors
    /// No such file or part, or more than [`READ_BYTES_MAX`] bytes.
    pub fn read(&self, file: u32, offset: u64, length: u32) -> Result<&[u8], String> {
        let TestFile { path, bytes, .. } = self.file(file)?;
        if length > READ_BYTES_MAX {
            return Err(format!("{length} bytes of {path} at once are over the limit of {READ_BYTES_MAX}: read parts"));
        }
        let start = usize::try_from(offset).ok();
        let end = start.and_then(|start| start.checked_add(length as usize));
        let part = start.zip(end).and_then(|(start, end)| bytes.get(start..end));
        part.ok_or_else(|| no_part(path, bytes, length.into(), offset))
    }

    /// A part of a file, however large: it isn't copied.
    ///
    /// # Errors
    /// No such file or part.
    pub fn part(&self, file: u32, offset: u64, length: u64) -> Result<Bytes, String> {
        let TestFile { path, bytes, .. } = self.file(file)?;
        let end = offset.checked_add(length).filter(|end| *end <= bytes.len() as u64);
        let part = end.map(|end| bytes.slice(offset as usize..end as usize));
        part.ok_or_else(|| no_part(path, bytes, length, offset))
    }

    /// How many rows a file has.
    ///
    /// # Errors
    /// No such file, or a raw one.
    pub fn rows(&self, file: u32) -> Result<u64, String> {
        let file = self.file(file)?;
        Ok(file.starts()?.len() as u64)
    }

    /// The names of a CSV file's columns.
    ///
    /// # Errors
    /// No such file, or one of another format.
    pub fn header(&self, file: u32) -> Result<&[String], String> {
        match self.file(file)? {
            TestFile { table: Table::Csv { header, .. }, .. } => Ok(header),
            TestFile { path, .. } => Err(format!("{path} isn't declared as CSV: it has no header")),
        }
    }

    /// One row, from 0: a CSV record without its line's end, or an element of a JSON array, as it stands in the file.
    ///
    /// # Errors
    /// No such file or row.
    pub fn row(&self, file: u32, index: u64) -> Result<&[u8], String> {
        let file = self.file(file)?;
        let starts = file.starts()?;
        let row = usize::try_from(index).ok().and_then(|index| {
            let start = *starts.get(index)? as usize;
            let end = starts.get(index + 1).map_or(file.bytes.len(), |next| *next as usize);
            Some(file.table.trim(&file.bytes, Range { start, end }))
        });
        row.ok_or_else(|| format!("{} has {} rows, and none of number {index}, from 0", file.path, starts.len()))
    }

    fn file(&self, file: u32) -> Result<&TestFile, String> {
        let there = self.0.get(file as usize);
        there.ok_or_else(|| format!("there is no data file {file}: the script declares {}", self.0.len()))
    }
}

fn no_part(path: &str, bytes: &Bytes, length: u64, offset: u64) -> String {
    format!("{path} has {} bytes, not {length} from byte {offset} on", bytes.len())
}

impl TestFile {
    fn starts(&self) -> Result<&[u32], String> {
        match &self.table {
            Table::Csv { starts, .. } | Table::Json { starts } => Ok(starts),
            Table::None => Err(format!("{} is declared as raw bytes: it has no rows", self.path)),
        }
    }
}

/// Files on their way into memory.
struct Reading<'a> {
    source: &'a FileSource,
    /// How many bytes may still be read.
    left: u64,
    /// What was read, by path: a file that is declared in two formats is there once.
    read: HashMap<String, Bytes>,
}

impl Reading<'_> {
    fn load(&mut self, declaration: &Declaration) -> Result<TestFile, FileFault> {
        let path = &declaration.path;
        let bytes = match self.read.get(path) {
            Some(bytes) => bytes.clone(),
            None => {
                let bytes = self.source.read(path, self.left).map_err(|failure| match failure {
                    ReadFailure::TooLarge(size) => {
                        FileFault::TooLarge(size.saturating_add(FILES_BYTES_MAX - self.left))
                    }
                    ReadFailure::Fault(fault) => fault,
                })?;
                self.left -= bytes.len() as u64;
                self.read.insert(path.clone(), bytes.clone());
                bytes
            }
        };
        let table = Table::find(&bytes, declaration.format)?;
        Ok(TestFile { path: path.clone(), bytes, table })
    }
}

#[cfg(test)]
mod tests;
