//! `/decompress`: decodes a body and tells what it was.

use std::io::Read;

use flate2::read::{MultiGzDecoder, ZlibDecoder};
use ruzstd::decoding::StreamingDecoder;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::compression::{BROTLI_BUFFER_BYTES, Coding};
use super::{Reply, Request};
use crate::refusal::{DECODED_BYTES_MAX, Refusal};
use crate::secret::hex;

/// Most codings laid on each other.
const CODINGS_MAX: usize = 4;
/// Bytes decoded at a time.
const PIECE_BYTES: usize = 32 * 1024;

pub(crate) fn decompress(request: &Request, body: &[u8]) -> Result<Reply, Refusal> {
    let encodings = request.fields_of("content-encoding").collect::<Vec<_>>().join(",");
    let mut codings = Vec::new();
    for name in encodings.split(',').map(str::trim) {
        if !name.is_empty() && !name.eq_ignore_ascii_case("identity") {
            codings.push(Coding::named(name).ok_or(Refusal::UnknownContentCoding)?);
        }
    }
    if codings.len() > CODINGS_MAX {
        return Err(Refusal::UnknownContentCoding);
    }
    let broken = Refusal::BadParameter("the body isn't what its Content-Encoding says, or is cut");
    // The one applied last is the first to be taken off.
    let mut reader: Box<dyn Read + '_> = Box::new(body);
    for coding in codings.into_iter().rev() {
        reader = match coding {
            Coding::Gzip => Box::new(MultiGzDecoder::new(reader)),
            Coding::Deflate => Box::new(ZlibDecoder::new(reader)),
            Coding::Brotli => Box::new(brotli::Decompressor::new(reader, BROTLI_BUFFER_BYTES)),
            Coding::Zstd => Box::new(StreamingDecoder::new(reader).map_err(|_| broken.clone())?),
        };
    }
    let (mut sum, mut decoded, mut piece) = (Sha256::new(), 0, vec![0; PIECE_BYTES]);
    loop {
        let count = reader.read(&mut piece).map_err(|_| broken.clone())?;
        if count == 0 {
            break;
        }
        decoded += count as u64;
        if decoded > DECODED_BYTES_MAX {
            return Err(Refusal::DecodedTooLarge);
        }
        sum.update(&piece[..count]);
    }
    let told = json!({
        "content_encoding": encodings,
        "bytes": body.len(),
        "decoded_bytes": decoded,
        "decoded_sha256": hex(&sum.finalize()),
    });
    Ok(Reply::json(200, &told))
}
