//! Records of CSV as csv-core understands it: RFC 4180, and lines may end in any way.

use std::collections::HashSet;

use csv_core::{ReadRecordResult, Reader};

use super::{Table, TableError, line_of};

/// What editors put before UTF-8.
const BYTE_ORDER_MARK: &str = "\u{feff}";

pub(super) fn find(text: &str) -> Result<Table, TableError> {
    let start = if text.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
    let mut records = Records::new(text.as_bytes(), start);
    let header = records.next().ok_or(TableError::NoHeader)?;
    let names = header.fields(&records);
    let mut known = HashSet::new();
    if let Some(again) = names.iter().find(|name| !known.insert(*name)) {
        return Err(TableError::SameColumns(again.clone()));
    }
    let wanted = header.fields;
    let (mut starts, mut last) = (Vec::new(), header.start);
    let mut wrong: Option<(Record, u64)> = None;
    while let Some(record) = records.next() {
        last = record.start;
        // Files are shorter than 4 GiB.
        starts.push(record.start as u32);
        if record.fields != wanted {
            let first = wrong.get_or_insert((record, 0));
            first.1 += u64::from(first.0.start != last);
        }
    }
    let place = |at: usize| (line_of(text.as_bytes(), at), at as u64 + 1);
    if is_open(&text.as_bytes()[last..]) {
        let (line, byte) = place(last);
        return Err(TableError::OpenQuote { line, byte });
    }
    if let Some((record, more)) = wrong {
        let (line, byte) = place(record.start);
        return Err(TableError::Fields { line, byte, found: record.fields, wanted, more });
    }
    Ok(Table::Csv { header: names, starts: starts.into() })
}

/// A record without the line's end and the empty lines that may follow it. Of its own nothing goes: an unquoted field
/// has no such characters, and a quoted one ends with its quote.
pub(super) fn trim(record: &[u8]) -> &[u8] {
    let end = record.iter().rposition(|byte| !b"\r\n".contains(byte)).map_or(0, |last| last + 1);
    &record[..end]
}

/// Whether a record ends within quotes, which csv-core takes for its end: then more text adds no field.
fn is_open(record: &[u8]) -> bool {
    fields(trim(record), b"") == fields(trim(record), b",x")
}

/// The number of fields of a record with more text after it. Something stands before it too, since csv-core leaves out
/// a byte-order mark where it begins.
fn fields(record: &[u8], more: &[u8]) -> usize {
    Records::new(&[b"x,", record, more].concat(), 0).next().map_or(0, |record| record.fields)
}

/// A record's place and its number of fields.
#[derive(Clone, Copy)]
struct Record {
    start: usize,
    fields: usize,
}

impl Record {
    /// The fields' contents, right after the record was read.
    fn fields(&self, records: &Records<'_>) -> Vec<String> {
        let mut start = 0;
        let ends = records.ends[..self.fields].iter();
        // The file is UTF-8, and its parts between ASCII characters are too.
        ends.map(|end| String::from_utf8_lossy(&records.output[std::mem::replace(&mut start, *end)..*end]).into_owned())
            .collect()
    }
}

struct Records<'a> {
    reader: Reader,
    bytes: &'a [u8],
    at: usize,
    output: Vec<u8>,
    ends: Vec<usize>,
}

impl<'a> Records<'a> {
    fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { reader: Reader::new(), bytes, at, output: vec![0; 1024], ends: vec![0; 64] }
    }

    /// The next record. Empty lines aren't records.
    fn next(&mut self) -> Option<Record> {
        // Left over from the line before, or an empty one.
        while self.bytes.get(self.at).is_some_and(|byte| b"\r\n".contains(byte)) {
            self.at += 1;
        }
        let start = self.at;
        let (mut written, mut fields) = (0, 0);
        loop {
            let input = &self.bytes[self.at..];
            let (result, read, wrote, ended) =
                self.reader.read_record(input, &mut self.output[written..], &mut self.ends[fields..]);
            self.at += read;
            written += wrote;
            fields += ended;
            match result {
                ReadRecordResult::Record => return Some(Record { start, fields }),
                ReadRecordResult::End => return None,
                // All input was given: the next call says so to the reader with an empty one.
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => self.output.resize(self.output.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
            }
        }
    }
}

#[cfg(test)]
mod tests;
