//! One coding undone, with a limit on what comes out.

use std::error::Error;
use std::io::{self, Read};

use brotli::enc::StandardAlloc;
use brotli::{BrotliDecompressStream, BrotliResult, BrotliState};
use flate2::{Decompress, FlushDecompress, Status};
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{FrameDecoder, StreamingDecoder};

use super::{Coding, CodingError, ZSTD_WINDOW_BYTES_MAX};

/// The least that output grows by.
const CHUNK_BYTES_MIN: usize = 8 << 10;

pub(super) fn undo(coding: Coding, body: &[u8], limit: usize) -> Result<Vec<u8>, CodingError> {
    if body.is_empty() {
        return Ok(Vec::new());
    }
    match coding {
        Coding::Gzip => gzip(body, limit),
        Coding::Deflate => deflate(body, limit),
        Coding::Brotli => brotli(body, limit),
        Coding::Zstd => zstd(body, limit),
    }
}

fn invalid(coding: Coding, message: impl ToString) -> CodingError {
    CodingError::Invalid { coding: coding.name(), message: message.to_string() }
}

/// What follows the data's end.
fn check_rest(coding: Coding, rest: usize) -> Result<(), CodingError> {
    if rest == 0 { Ok(()) } else { Err(invalid(coding, format!("{rest} bytes follow its end"))) }
}

/// How much more output there may be before the next look at the limit: one byte over it is enough to know.
fn chunk_bytes(decoded: usize, limit: usize) -> usize {
    decoded.max(CHUNK_BYTES_MIN).min(limit.saturating_add(1).saturating_sub(decoded))
}

/// All that a reader has, one byte over the limit at most.
fn read(coding: Coding, reader: impl Read, decoded: &mut Vec<u8>, limit: usize) -> Result<(), CodingError> {
    let left = limit.saturating_add(1).saturating_sub(decoded.len());
    let result = reader.take(left.try_into().unwrap_or(u64::MAX)).read_to_end(decoded);
    if decoded.len() > limit {
        return Err(CodingError::TooLong(limit));
    }
    result.map(|_| ()).map_err(|error| failure(coding, &error))
}

/// Data that end too early fail somewhere deep in a decoder.
fn failure(coding: Coding, error: &(dyn Error + 'static)) -> CodingError {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::UnexpectedEof) {
            return CodingError::Truncated(coding.name());
        }
        cause = error.source();
    }
    invalid(coding, error)
}

fn gzip(body: &[u8], limit: usize) -> Result<Vec<u8>, CodingError> {
    let mut decoded = Vec::new();
    read(Coding::Gzip, flate2::bufread::MultiGzDecoder::new(body), &mut decoded, limit)?;
    Ok(decoded)
}

/// In zlib's frame where it begins as one. A bare stream may begin so by chance, so it gets its try too.
fn deflate(body: &[u8], limit: usize) -> Result<Vec<u8>, CodingError> {
    if !begins_as_zlib(body) {
        return inflate(body, false, limit);
    }
    inflate(body, true, limit).or_else(|error| match error {
        CodingError::Invalid { .. } => inflate(body, false, limit).map_err(|_| error),
        error => Err(error),
    })
}

/// RFC 1950, section 2.2: the method is 8, and both bytes are a multiple of 31.
fn begins_as_zlib(body: &[u8]) -> bool {
    const METHOD: u8 = 8;
    match body {
        [method, flags, ..] => method & 15 == METHOD && u16::from_be_bytes([*method, *flags]).is_multiple_of(31),
        [method] => method & 15 == METHOD,
        [] => false,
    }
}

fn inflate(body: &[u8], is_framed: bool, limit: usize) -> Result<Vec<u8>, CodingError> {
    let mut stream = Decompress::new(is_framed);
    let mut decoded = Vec::new();
    loop {
        decoded.reserve_exact(chunk_bytes(decoded.len(), limit));
        let consumed = position(stream.total_in(), body);
        let status = stream
            .decompress_vec(&body[consumed..], &mut decoded, FlushDecompress::None)
            .map_err(|error| invalid(Coding::Deflate, error))?;
        if decoded.len() > limit {
            return Err(CodingError::TooLong(limit));
        }
        let consumed = position(stream.total_in(), body);
        if status == Status::StreamEnd {
            check_rest(Coding::Deflate, body.len() - consumed)?;
            return Ok(decoded);
        }
        if consumed == body.len() && decoded.len() < decoded.capacity() {
            return Err(CodingError::Truncated(Coding::Deflate.name()));
        }
    }
}

fn position(total: u64, body: &[u8]) -> usize {
    usize::try_from(total).map_or(body.len(), |total| total.min(body.len()))
}

/// By the strict format: the crate's readers would take windows of up to 1 GiB.
fn brotli(body: &[u8], limit: usize) -> Result<Vec<u8>, CodingError> {
    let mut state =
        BrotliState::new_strict(StandardAlloc::default(), StandardAlloc::default(), StandardAlloc::default());
    let mut decoded = Vec::new();
    let (mut left, mut consumed, mut written, mut total) = (body.len(), 0, 0, 0);
    loop {
        let mut room = chunk_bytes(written, limit);
        decoded.resize(written + room, 0);
        let result = BrotliDecompressStream(
            &mut left,
            &mut consumed,
            body,
            &mut room,
            &mut written,
            &mut decoded,
            &mut total,
            &mut state,
        );
        if written > limit {
            return Err(CodingError::TooLong(limit));
        }
        match result {
            BrotliResult::NeedsMoreOutput => {}
            BrotliResult::NeedsMoreInput => return Err(CodingError::Truncated(Coding::Brotli.name())),
            BrotliResult::ResultFailure => return Err(invalid(Coding::Brotli, "the data are corrupt")),
            BrotliResult::ResultSuccess => {
                check_rest(Coding::Brotli, left)?;
                decoded.truncate(written);
                return Ok(decoded);
            }
        }
    }
}

fn zstd(body: &[u8], limit: usize) -> Result<Vec<u8>, CodingError> {
    let mut decoder = FrameDecoder::new();
    decoder.set_max_window_size(ZSTD_WINDOW_BYTES_MAX);
    let (mut left, mut decoded) = (body, Vec::new());
    while !left.is_empty() {
        let frame = match StreamingDecoder::new_with_decoder(&mut left, &mut decoder) {
            Ok(frame) => frame,
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                left = left.get(length..).ok_or(CodingError::Truncated(Coding::Zstd.name()))?;
                continue;
            }
            Err(error) => return Err(failure(Coding::Zstd, &error)),
        };
        read(Coding::Zstd, frame, &mut decoded, limit)?;
        let checksum = decoder.get_checksum_from_data();
        if checksum.is_some() && checksum != decoder.get_calculated_checksum() {
            return Err(invalid(Coding::Zstd, "the checksum is wrong"));
        }
    }
    Ok(decoded)
}
