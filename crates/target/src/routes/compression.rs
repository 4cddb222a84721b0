//! Compressed answers.

use std::io::Read;

use flate2::Compression;
use flate2::read::{GzEncoder, ZlibEncoder};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use serde_json::json;

use super::{Reply, Request, inspect};
use crate::route::Route;

/// Brotli's quality and window (as a power of two): small ones, since every answer is compressed anew.
const BROTLI_QUALITY: u32 = 4;
const BROTLI_WINDOW: u32 = 16;
/// Bytes of the buffers that Brotli works with.
pub(super) const BROTLI_BUFFER_BYTES: usize = 4096;
/// What makes the document worth compressing: some 2 kB.
const FILLING: &str = "The quick brown fox jumps over the lazy dog. ";
const FILLINGS: usize = 45;

/// A content coding: RFC 9110 section 8.4.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    Brotli,
    Zstd,
    Gzip,
    Deflate,
}

impl Coding {
    /// In the order in which they are preferred.
    const ALL: [Self; 4] = [Self::Brotli, Self::Zstd, Self::Gzip, Self::Deflate];

    fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        if name.eq_ignore_ascii_case("x-gzip") {
            return Some(Self::Gzip);
        }
        Self::ALL.into_iter().find(|coding| coding.name().eq_ignore_ascii_case(name))
    }

    fn encode(self, bytes: &[u8]) -> Vec<u8> {
        let mut encoded = Vec::new();
        // Reading memory and writing to memory can't fail.
        let _ = match self {
            Self::Brotli => brotli::CompressorReader::new(bytes, BROTLI_BUFFER_BYTES, BROTLI_QUALITY, BROTLI_WINDOW)
                .read_to_end(&mut encoded),
            Self::Zstd => {
                encoded = compress_to_vec(bytes, CompressionLevel::Fastest);
                Ok(0)
            }
            Self::Gzip => GzEncoder::new(bytes, Compression::default()).read_to_end(&mut encoded),
            // "deflate" is the zlib format, whatever some clients thought.
            Self::Deflate => ZlibEncoder::new(bytes, Compression::default()).read_to_end(&mut encoded),
        };
        encoded
    }
}

/// The document, in the coding of the route or in the one that the client likes best.
pub(crate) fn compressed(route: Route, request: &Request) -> Reply {
    let coding = match route {
        Route::Gzip => Some(Coding::Gzip),
        Route::Deflate => Some(Coding::Deflate),
        Route::Brotli => Some(Coding::Brotli),
        Route::Zstd => Some(Coding::Zstd),
        _ => preferred(&request.fields_of("accept-encoding").collect::<Vec<_>>().join(",")),
    };
    let document = json!({
        "encoding": coding.map_or("identity", Coding::name),
        "method": request.method,
        "headers": inspect::header_map(request),
        "text": FILLING.repeat(FILLINGS),
    });
    let text = format!("{document:#}\n").into_bytes();
    let body = coding.map_or_else(|| text.clone(), |coding| coding.encode(&text));
    let mut reply = Reply::new(200, "application/json", body);
    if let Some(coding) = coding {
        reply = reply.with("Content-Encoding", coding.name());
    }
    if route == Route::Compressed { reply.with("Vary", "Accept-Encoding") } else { reply }
}

/// RFC 9110 section 12.5.3; where the client has no preference, the one that compresses best.
fn preferred(accepted: &str) -> Option<Coding> {
    let mut weights: Vec<(&str, f32)> = Vec::new();
    for item in accepted.split(',') {
        let (name, parameters) = item.split_once(';').unwrap_or((item, ""));
        let weight = parameters.trim().trim_start_matches(['q', 'Q']).trim_start().strip_prefix('=');
        weights.push((name.trim(), weight.and_then(|text| text.trim().parse().ok()).unwrap_or(1.0)));
    }
    let weight_of = |name: &str| {
        let named = weights.iter().find(|(found, _)| found.eq_ignore_ascii_case(name));
        named.or_else(|| weights.iter().find(|(found, _)| *found == "*")).map(|(_, weight)| *weight)
    };
    let identity = weights.iter().find(|(found, _)| found.eq_ignore_ascii_case("identity"));
    let mut best = (None, identity.map_or(0.0, |(_, weight)| *weight));
    for coding in Coding::ALL {
        let weight = weight_of(coding.name()).unwrap_or(0.0);
        // A coding goes before none at the same weight.
        if weight > best.1 || (best.0.is_none() && weight > 0.0 && weight >= best.1) {
            best = (Some(coding), weight);
        }
    }
    best.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_gets_what_it_likes_best() {
        for (accepted, expected) in [
            ("", None),
            ("identity", None),
            ("gzip", Some(Coding::Gzip)),
            ("gzip, deflate, br, zstd", Some(Coding::Brotli)),
            ("gzip;q=1.0, br;q=0.5", Some(Coding::Gzip)),
            ("br;q=0, *", Some(Coding::Zstd)),
            ("*;q=0", None),
            ("identity;q=0.9, GZIP; Q=0.8", None),
            ("deflate;q=0.1", Some(Coding::Deflate)),
            ("nonsense;q=x", None),
        ] {
            assert_eq!(preferred(accepted), expected, "{accepted}");
        }
    }
}
