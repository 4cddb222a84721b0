//! Elements of a JSON array, found by serde_json, which checks them as it passes.

use std::fmt;

use serde::de::{Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{Table, TableError};

pub(super) fn find(text: &str) -> Result<Table, TableError> {
    let text = text.strip_prefix('\u{feff}').map_or(Given { text, skipped: 0 }, |text| Given { text, skipped: 3 });
    let first = text.text.trim_start_matches([' ', '\t', '\r', '\n']).chars().next();
    match first {
        Some('[') => {}
        Some(other) => return Err(TableError::NotAnArray(format!("{other:?}"))),
        None => return Err(TableError::NotAnArray("nothing".into())),
    }
    let mut deserializer = serde_json::Deserializer::from_str(text.text);
    let found = (&mut deserializer).deserialize_seq(Starts(text)).and_then(|starts| {
        deserializer.end()?;
        Ok(starts)
    });
    found.map(|starts| Table::Json { starts: starts.into() }).map_err(|error| TableError::Json {
        line: error.line(),
        column: error.column(),
        message: without_place(&error),
    })
}

/// serde_json's own text ends with the place.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(text.clone(), |(message, _)| message.to_owned())
}

/// The text, and how much of the file stands before it.
#[derive(Clone, Copy)]
struct Given<'a> {
    text: &'a str,
    skipped: usize,
}

/// Collects where elements begin.
struct Starts<'a>(Given<'a>);

impl<'a> Visitor<'a> for Starts<'a> {
    type Value = Vec<u32>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut elements: A) -> Result<Vec<u32>, A::Error> {
        let mut starts = Vec::new();
        while let Some(element) = elements.next_element::<&'a RawValue>()? {
            // The element is a part of the text.
            let start = element.get().as_ptr().addr() - self.0.text.as_ptr().addr();
            // Files are shorter than 4 GiB.
            starts.push((start + self.0.skipped) as u32);
        }
        Ok(starts)
    }
}

/// Where the bracket stands that ends the array and, but for white space, the file.
pub(super) fn array_end(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte == b']').unwrap_or(bytes.len())
}

/// An element without the white space and the comma that may follow it.
pub(super) fn trim(element: &[u8]) -> &[u8] {
    let element = element.trim_ascii_end();
    element.strip_suffix(b",").unwrap_or(element).trim_ascii_end()
}

#[cfg(test)]
mod tests;
