//! The lines between the data of a chunked body: RFC 9112 section 7.1.

use super::head::HeadError;

/// What is wrong with a chunked body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    /// No hexadecimal digit where a size begins.
    #[error("chunk size isn't hexadecimal")]
    Size,
    /// Beyond 64 bits.
    #[error("chunk size is beyond 64 bits")]
    SizeTooLarge,
    /// Neither an extension nor the end of the line behind a size.
    #[error("chunk size is followed by something other than an extension or CR LF")]
    AfterSize,
    /// LF without CR, or CR without LF.
    #[error("chunk size line doesn't end in CR LF")]
    SizeLineEnd,
    /// A size line that doesn't end.
    #[error("a chunk's size line is longer than {0} bytes")]
    LineTooLong(usize),
    /// Another length than the size says.
    #[error("a chunk's data isn't followed by CR LF")]
    DataEnd,
    /// A malformed field in the trailer.
    #[error("malformed trailer: {0}")]
    Trailer(HeadError),
    /// LF without CR, or CR without LF.
    #[error("trailer doesn't end in CR LF")]
    TrailerEnd,
    /// A trailer that doesn't end.
    #[error("the trailer is longer than {0} bytes")]
    TrailerTooLong(usize),
}

/// Where in a chunked body the next byte belongs, data aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChunkLine {
    /// In a size; `line` counts the bytes of its line.
    Size { size: u64, line: usize },
    /// In blanks behind a size.
    AfterSize { size: u64, line: usize },
    /// In an extension, which is skipped.
    Extension { size: u64, line: usize },
    /// Behind the CR of a size line.
    SizeLf { size: u64 },
    /// Behind a chunk's data.
    DataCr,
    /// Behind the CR there.
    DataLf,
    /// Where a line of the trailer, or the empty line behind it, begins.
    TrailerLine,
    /// In a line of the trailer.
    Trailer,
    /// Behind the CR of the empty line.
    EndLf,
}

/// What follows a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Line(ChunkLine),
    /// So much data, more than none.
    Data(u64),
    /// The byte belongs to the trailer; then the same as `Line`.
    TrailerByte(ChunkLine),
    End,
}

impl ChunkLine {
    pub(super) const START: Self = Self::Size { size: 0, line: 0 };

    /// Takes one byte. Of a size line at most `line_bytes` are taken.
    pub(super) fn step(self, byte: u8, line_bytes: usize) -> Result<Next, ChunkError> {
        let next = match (self, byte) {
            (Self::Size { line, .. } | Self::AfterSize { line, .. } | Self::Extension { line, .. }, _)
                if line >= line_bytes =>
            {
                return Err(ChunkError::LineTooLong(line_bytes));
            }
            (Self::Size { size, line }, _) => return in_size(size, line, byte).map(Next::Line),
            (Self::AfterSize { size, line }, b' ' | b'\t') => Self::AfterSize { size, line: line + 1 },
            (Self::AfterSize { size, line }, b';') => Self::Extension { size, line: line + 1 },
            (Self::AfterSize { size, .. } | Self::Extension { size, .. }, b'\r') => Self::SizeLf { size },
            (Self::AfterSize { .. } | Self::Extension { .. }, b'\n') => return Err(ChunkError::SizeLineEnd),
            (Self::AfterSize { .. }, _) => return Err(ChunkError::AfterSize),
            (Self::Extension { size, line }, _) => Self::Extension { size, line: line + 1 },
            (Self::SizeLf { size: 0 }, b'\n') => Self::TrailerLine,
            (Self::SizeLf { size }, b'\n') => return Ok(Next::Data(size)),
            (Self::SizeLf { .. }, _) => return Err(ChunkError::SizeLineEnd),
            (Self::DataCr, b'\r') => Self::DataLf,
            (Self::DataLf, b'\n') => Self::START,
            (Self::DataCr | Self::DataLf, _) => return Err(ChunkError::DataEnd),
            (Self::TrailerLine, b'\r') => Self::EndLf,
            // Section 2.2 lets LF alone end a field, not the chunked body.
            (Self::TrailerLine, b'\n') => return Err(ChunkError::TrailerEnd),
            (Self::Trailer, b'\n') => return Ok(Next::TrailerByte(Self::TrailerLine)),
            (Self::TrailerLine | Self::Trailer, _) => return Ok(Next::TrailerByte(Self::Trailer)),
            (Self::EndLf, b'\n') => return Ok(Next::End),
            (Self::EndLf, _) => return Err(ChunkError::TrailerEnd),
        };
        Ok(Next::Line(next))
    }
}

fn in_size(size: u64, line: usize, byte: u8) -> Result<ChunkLine, ChunkError> {
    let after = line + 1;
    match byte {
        _ if byte.is_ascii_hexdigit() => {
            let digit = (byte as char).to_digit(16).unwrap_or_default();
            // Leading zeros are no overflow.
            let size = size.checked_mul(16).ok_or(ChunkError::SizeTooLarge)?;
            Ok(ChunkLine::Size { size: size | u64::from(digit), line: after })
        }
        // Without a digit there is no size.
        _ if line == 0 => Err(ChunkError::Size),
        b'\r' => Ok(ChunkLine::SizeLf { size }),
        b'\n' => Err(ChunkError::SizeLineEnd),
        b';' => Ok(ChunkLine::Extension { size, line: after }),
        b' ' | b'\t' => Ok(ChunkLine::AfterSize { size, line: after }),
        _ => Err(ChunkError::Size),
    }
}
