//! Content codings: RFC 9110, section 8.4. `gzip`, `deflate`, `br`, `zstd`, `identity`, and lists of them.

#[cfg(test)]
mod tests;
mod undo;

use std::io::Write;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};

/// Codings in one list.
pub const CODINGS_MAX: usize = 4;
/// Bytes of history that zstd data may ask for: what RFC 9659 says that a user agent has to have.
pub const ZSTD_WINDOW_BYTES_MAX: u64 = 8 << 20;
/// What `br` takes of its 0 to 11; as k6's library. Beyond this it costs many times as much.
const BROTLI_QUALITY: i32 = 6;

/// A body that can't be decoded, or a list of codings that can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodingError {
    /// A name that no coding here has.
    #[error("the content coding {0:?} isn't known; gzip, deflate, br, zstd and identity are")]
    Unknown(String),
    /// More than [`CODINGS_MAX`], `identity` not counted.
    #[error("{0} content codings are listed; at most {CODINGS_MAX} are undone")]
    TooMany(usize),
    /// The data break the coding's format, or something else follows them.
    #[error("the body isn't valid {coding}: {message}")]
    Invalid {
        /// The coding's name.
        coding: &'static str,
        /// What is wrong.
        message: String,
    },
    /// The data aren't complete.
    #[error("the body ends in the middle of {0} data")]
    Truncated(&'static str),
    /// The decoded body, or a step on the way to it, passes the limit.
    #[error("the decoded body is longer than {0} bytes")]
    TooLong(usize),
}

/// A content coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Coding {
    /// RFC 1952; also called `x-gzip`.
    Gzip,
    /// RFC 1950: deflate data in zlib's frame. Bare ones (RFC 1951) are decoded too, as browsers do.
    Deflate,
    /// RFC 7932; `br`.
    Brotli,
    /// RFC 8878, with windows by RFC 9659.
    Zstd,
}

impl Coding {
    /// As headers name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }

    /// A list such as `gzip, br`, in the order in which they are applied; `identity` and empty places are left out.
    ///
    /// # Errors
    /// When one isn't known, or there are more than [`CODINGS_MAX`].
    pub fn parse_list(list: &str) -> Result<Vec<Self>, CodingError> {
        let mut codings = Vec::new();
        for name in list.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            match name.to_ascii_lowercase().as_str() {
                "identity" => {}
                "gzip" | "x-gzip" => codings.push(Self::Gzip),
                "deflate" => codings.push(Self::Deflate),
                "br" => codings.push(Self::Brotli),
                "zstd" => codings.push(Self::Zstd),
                _ => return Err(CodingError::Unknown(name.chars().take(100).collect())),
            }
        }
        if codings.len() > CODINGS_MAX { Err(CodingError::TooMany(codings.len())) } else { Ok(codings) }
    }
}

/// The body without the codings that the header `Content-Encoding` lists, the last of which is undone first. An empty
/// body is what it is in any coding, since responses without one often have the header all the same.
///
/// Memory stays in proportion to `limit`, or to the body where that is larger, whatever the body claims to be.
///
/// # Errors
/// When a coding isn't known, the data are invalid or incomplete, or there are more than `limit` bytes at any step.
pub fn decode(content_encoding: &str, body: &[u8], limit: usize) -> Result<Vec<u8>, CodingError> {
    let codings = Coding::parse_list(content_encoding)?;
    let mut steps = codings.iter().rev();
    let mut decoded = match steps.next() {
        Some(last) => undo::undo(*last, body, limit)?,
        None if body.len() > limit => return Err(CodingError::TooLong(limit)),
        None => body.to_vec(),
    };
    for coding in steps {
        decoded = undo::undo(*coding, &decoded, limit)?;
    }
    Ok(decoded)
}

/// A body in this coding, as compact as its usual level makes it. The same body always gives the same bytes.
#[must_use]
pub fn encode(coding: Coding, body: &[u8]) -> Vec<u8> {
    let encoded = match coding {
        Coding::Gzip => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(body).and_then(|()| encoder.finish())
        }
        Coding::Deflate => {
            let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(body).and_then(|()| encoder.finish())
        }
        Coding::Brotli => {
            let parameters = brotli::enc::BrotliEncoderParams {
                quality: BROTLI_QUALITY,
                size_hint: body.len(),
                ..Default::default()
            };
            let (mut left, mut encoded) = (body, Vec::new());
            brotli::BrotliCompress(&mut left, &mut encoded, &parameters).map(|_| encoded)
        }
        Coding::Zstd => Ok(ruzstd::encoding::compress_to_vec(body, ruzstd::encoding::CompressionLevel::Fastest)),
    };
    // Writing to memory doesn't fail.
    encoded.unwrap_or_default()
}
