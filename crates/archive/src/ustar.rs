//! Tar, in the one form that archives have: ustar headers with a name and a size, and nothing else that could differ.
//!
//! This is our own and not the crate `tar`'s, since what matters here is what is refused. A header is read by taking its
//! name and size, writing a header anew and comparing all 512 bytes. So there is no extension that could change a name
//! or a size afterwards, no field that one program reads and another doesn't, and no two archives of one content.

use std::collections::HashSet;
use std::io::{self, Write};
use std::ops::Range;

const BLOCK: usize = 512;
/// Most bytes of a name: what fits in a header without a prefix.
const NAME_BYTES_MAX: usize = 100;
/// The largest size that eleven octal digits hold.
const SIZE_MAX: u64 = 0o777_7777_7777;

/// Why bytes aren't a tar of ours.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TarError {
    /// It ends within an entry, or without the blocks of zeros that end a tar.
    #[error("it breaks off at byte {0}")]
    Truncated(usize),
    /// Bytes after the end.
    #[error("something follows its end, from byte {0} on")]
    TrailingData(usize),
    /// No header where one has to be.
    #[error("no tar header at byte {0} (its checksum is wrong)")]
    NoHeader(usize),
    /// Another kind of tar.
    #[error("entry {name:?} is in another format than ustar")]
    OtherFormat {
        /// The entry.
        name: String,
    },
    /// Anything but a file.
    #[error("entry {name:?} is {kind}, and an archive has only files")]
    NotAFile {
        /// The entry.
        name: String,
        /// What it is.
        kind: &'static str,
    },
    /// The name is no text.
    #[error("the name of an entry isn't UTF-8: {0:?}")]
    NameNotUtf8(String),
    /// A name that could lead elsewhere, or be another's in a different spelling.
    #[error("entry {name:?} has a name that isn't allowed: {reason}")]
    Name {
        /// The entry.
        name: String,
        /// Which rule it breaks.
        reason: &'static str,
    },
    /// A name that is there already; upper and lower case are the same.
    #[error("entry {0:?} is there twice")]
    Duplicate(String),
    /// A size in another notation.
    #[error("the size of entry {0:?} isn't written in octal digits")]
    SizeNotOctal(String),
    /// A size that goes beyond the end.
    #[error("entry {name:?} is to have {size} bytes, and {left} are left: the file breaks off, or the size is a lie")]
    SizeBeyondEnd {
        /// The entry.
        name: String,
        /// What it says.
        size: u64,
        /// What there is.
        left: usize,
    },
    /// A header with more in it than a name and a size.
    #[error("the header of entry {0:?} isn't as `throng archive` writes it")]
    NotCanonical(String),
    /// Bytes between the end of an entry and the next block.
    #[error("entry {0:?} isn't filled up with zeros")]
    Padding(String),
    /// More entries than an archive can have.
    #[error("it has more than {0} entries")]
    TooManyEntries(usize),
}

/// A file in a tar.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Entry<'a> {
    pub(crate) name: &'a str,
    /// Where its bytes are.
    pub(crate) range: Range<usize>,
}

/// The entries of a tar, in their order. Takes no memory but for the list, which is as long as `entries_max` at most.
pub(crate) fn read(bytes: &[u8], entries_max: usize) -> Result<Vec<Entry<'_>>, TarError> {
    let mut entries: Vec<Entry<'_>> = Vec::new();
    let mut names = HashSet::new();
    let mut at = 0;
    loop {
        let header = bytes.get(at..).and_then(<[u8]>::first_chunk).ok_or(TarError::Truncated(bytes.len()))?;
        if header.iter().all(|byte| *byte == 0) {
            end(bytes, at)?;
            return Ok(entries);
        }
        if entries.len() == entries_max {
            return Err(TarError::TooManyEntries(entries_max));
        }
        let (name, size) = parse(header, at)?;
        let start = at + BLOCK;
        let left = bytes.len() - start;
        let size = usize::try_from(size).ok().filter(|size| *size <= left);
        let size = size.ok_or_else(|| TarError::SizeBeyondEnd { name: name.to_owned(), size: octal(header), left })?;
        let range = start..start + size;
        at = range.end.next_multiple_of(BLOCK);
        let padding = bytes.get(range.end..at).ok_or(TarError::Truncated(bytes.len()))?;
        if padding.iter().any(|byte| *byte != 0) {
            return Err(TarError::Padding(name.to_owned()));
        }
        if !names.insert(name.to_ascii_lowercase()) {
            return Err(TarError::Duplicate(name.to_owned()));
        }
        entries.push(Entry { name, range });
    }
}

/// Two blocks of zeros and nothing else.
fn end(bytes: &[u8], at: usize) -> Result<(), TarError> {
    let rest = &bytes[at..];
    match rest.iter().position(|byte| *byte != 0) {
        Some(other) => Err(TarError::TrailingData(at + other)),
        None if rest.len() < 2 * BLOCK => Err(TarError::Truncated(bytes.len())),
        None if rest.len() > 2 * BLOCK => Err(TarError::TrailingData(at + 2 * BLOCK)),
        None => Ok(()),
    }
}

/// The name and size in a header. What is wrong with it is told as well as it can be before it is compared.
fn parse(header: &[u8; BLOCK], at: usize) -> Result<(&str, u64), TarError> {
    // Other programs fill the field up in other ways; what they wrote is named below.
    let noted = header[148..156].split(|byte| b"\0 ".contains(byte)).find(|digits| !digits.is_empty());
    if checksum(header) != noted.and_then(octal_of) {
        return Err(TarError::NoHeader(at));
    }
    let name = header[..NAME_BYTES_MAX].split(|byte| *byte == 0).next().unwrap_or_default();
    let shown = || String::from_utf8_lossy(name).into_owned();
    if let Some(kind) = other_kind(header[156]) {
        return Err(TarError::NotAFile { name: shown(), kind });
    }
    if &header[257..265] != b"ustar\x0000" {
        return Err(TarError::OtherFormat { name: shown() });
    }
    let name = std::str::from_utf8(name).map_err(|_| TarError::NameNotUtf8(shown()))?;
    check_name(name)?;
    let Some(size) = octal_of(&header[124..135]) else {
        return Err(TarError::SizeNotOctal(name.to_owned()));
    };
    if encode(name, size).as_ref() != Some(header) {
        return Err(TarError::NotCanonical(name.to_owned()));
    }
    Ok((name, size))
}

fn octal(header: &[u8; BLOCK]) -> u64 {
    octal_of(&header[124..135]).unwrap_or(u64::MAX)
}

/// At most twelve digits, so nothing overflows.
fn octal_of(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |number, digit| match digit {
        b'0'..=b'7' => Some(number << 3 | u64::from(digit - b'0')),
        _ => None,
    })
}

/// What an entry is that is no file.
fn other_kind(flag: u8) -> Option<&'static str> {
    Some(match flag {
        b'0' => return None,
        b'1' => "a hard link",
        b'2' => "a symbolic link",
        b'3' | b'4' => "a device",
        b'5' | b'D' => "a directory",
        b'6' => "a pipe",
        b'S' => "a sparse file",
        b'x' | b'g' | b'X' => "a pax extension",
        b'L' | b'K' | b'N' => "a GNU extension for long names",
        _ => "of an unknown kind",
    })
}

/// Names are those that [`crate::Archive::write`] makes: nothing in them means anything to a shell or a file system.
fn check_name(name: &str) -> Result<(), TarError> {
    let wrong = |reason| Err(TarError::Name { name: name.to_owned(), reason });
    if name.starts_with('/') {
        return wrong("it is absolute");
    }
    if name.split('/').any(|part| part == "..") {
        return wrong("it leads out of the archive by `..`");
    }
    if name.split('/').any(|part| part.is_empty() || part == ".") {
        return wrong("a part of it is empty or `.`");
    }
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte)) {
        return wrong("it has other characters than letters, digits, `.`, `_`, `-` and `/`");
    }
    Ok(())
}

/// The sum of a header's bytes, with blanks in place of the sum itself.
fn checksum(header: &[u8; BLOCK]) -> Option<u64> {
    let sum = |bytes: &[u8]| bytes.iter().map(|byte| u64::from(*byte)).sum::<u64>();
    Some(sum(&header[..148]) + 8 * u64::from(b' ') + sum(&header[156..]))
}

/// The header of a file; none where its name or size doesn't fit.
fn encode(name: &str, size: u64) -> Option<[u8; BLOCK]> {
    if name.len() > NAME_BYTES_MAX || size > SIZE_MAX {
        return None;
    }
    let mut header = [0; BLOCK];
    let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, name.as_bytes());
    put(100, b"0000644\x000000000\x000000000\0");
    put(124, format!("{size:011o}\x0000000000000\0").as_bytes());
    put(156, b"0");
    put(257, b"ustar\x0000");
    put(329, b"0000000\x000000000\0");
    let sum = checksum(&header)?;
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    Some(header)
}

/// Writes a file's header, bytes and padding.
pub(crate) fn write(out: &mut impl Write, name: &str, bytes: &[u8]) -> io::Result<()> {
    let header = encode(name, bytes.len() as u64).ok_or_else(|| io::Error::other(format!("{name} doesn't fit")))?;
    out.write_all(&header)?;
    out.write_all(bytes)?;
    out.write_all(&[0; BLOCK][..bytes.len().next_multiple_of(BLOCK) - bytes.len()])
}

/// Writes what ends a tar.
pub(crate) fn write_end(out: &mut impl Write) -> io::Result<()> {
    out.write_all(&[0; 2 * BLOCK])
}

#[cfg(test)]
mod tests;
