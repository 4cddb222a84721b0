//! A request's body: RFC 9112 sections 6 and 7.

use super::HEAD_BYTES_MAX;
use super::head::Framing;
use crate::refusal::Refusal;

/// Most bytes of a chunk's size line, its extensions included.
const SIZE_LINE_BYTES_MAX: u16 = 4096;

/// Finds the body's end, piece by piece.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BodyDecoder {
    state: State,
    /// Bytes of the body so far, in chunks.
    total: u64,
    bytes_max: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Length(u64),
    Size {
        size: u64,
        digits: u8,
        line: u16,
        extension: bool,
    },
    SizeLf {
        size: u64,
    },
    Data(u64),
    DataCr,
    DataLf,
    /// In the trailer: its bytes so far, and those of its present line.
    Trailer {
        bytes: u32,
        line: u32,
    },
    TrailerLf {
        bytes: u32,
        line: u32,
    },
    Complete,
}

const SIZE: State = State::Size { size: 0, digits: 0, line: 0, extension: false };

impl BodyDecoder {
    /// For a body of at most `bytes_max` bytes.
    ///
    /// # Errors
    /// When its length says already that it is longer.
    pub(crate) fn new(framing: Framing, bytes_max: u64) -> Result<Self, Refusal> {
        let state = match framing {
            Framing::Length(0) => State::Complete,
            Framing::Length(length) if length > bytes_max => return Err(Refusal::BodyTooLarge),
            Framing::Length(length) => State::Length(length),
            Framing::Chunked => SIZE,
        };
        Ok(Self { state, total: 0, bytes_max })
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.state == State::Complete
    }

    /// Takes what belongs to the body from `bytes`, passes the data on to `data`, and returns how many bytes it took.
    ///
    /// # Errors
    /// When the chunks are malformed or the body is too long.
    pub(crate) fn feed(&mut self, bytes: &[u8], mut data: impl FnMut(&[u8])) -> Result<usize, Refusal> {
        let mut taken = 0;
        while taken < bytes.len() && !self.is_complete() {
            let rest = &bytes[taken..];
            taken += match self.state {
                State::Length(left) | State::Data(left) => {
                    let part = &rest[..left.min(rest.len() as u64) as usize];
                    data(part);
                    self.skip(part.len() as u64);
                    part.len()
                }
                _ => {
                    self.state = self.after(rest[0])?;
                    1
                }
            };
        }
        Ok(taken)
    }

    fn skip(&mut self, bytes: u64) {
        self.state = match self.state {
            State::Length(left) if left == bytes => State::Complete,
            State::Length(left) => State::Length(left - bytes),
            State::Data(left) if left == bytes => State::DataCr,
            State::Data(left) => State::Data(left - bytes),
            state => state,
        };
    }

    /// The state after one byte between the chunks' data.
    fn after(&mut self, byte: u8) -> Result<State, Refusal> {
        Ok(match (self.state, byte) {
            (State::Size { size, digits: 1.., .. }, b'\r') => State::SizeLf { size },
            (State::Size { line: SIZE_LINE_BYTES_MAX, .. }, _) => {
                return Err(Refusal::Malformed("a chunk's size line is too long"));
            }
            (State::Size { size, digits: digits @ ..16, line, extension: false }, byte) if byte.is_ascii_hexdigit() => {
                let digit = (byte as char).to_digit(16).unwrap_or(0);
                State::Size { size: size << 4 | u64::from(digit), digits: digits + 1, line: line + 1, extension: false }
            }
            (State::Size { size, digits: digits @ 1.., line, extension }, byte)
                if byte != b'\n' && (extension || matches!(byte, b';' | b' ' | b'\t')) =>
            {
                State::Size { size, digits, line: line + 1, extension: true }
            }
            (State::Size { .. }, _) => return Err(Refusal::Malformed("invalid chunk size")),
            (State::SizeLf { size: 0 }, b'\n') => State::Trailer { bytes: 0, line: 0 },
            (State::SizeLf { size }, b'\n') => {
                self.total = self.total.saturating_add(size);
                if self.total > self.bytes_max {
                    return Err(Refusal::BodyTooLarge);
                }
                State::Data(size)
            }
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataLf, b'\n') => SIZE,
            (State::DataCr | State::DataLf, _) => return Err(Refusal::Malformed("a chunk doesn't end in CR LF")),
            (State::Trailer { bytes, .. }, _) if bytes as usize >= HEAD_BYTES_MAX => {
                return Err(Refusal::HeadTooLarge);
            }
            (State::Trailer { bytes, line }, b'\r') => State::TrailerLf { bytes: bytes + 1, line },
            (State::Trailer { bytes, line }, byte) if byte != b'\n' => {
                State::Trailer { bytes: bytes + 1, line: line + 1 }
            }
            (State::TrailerLf { line: 0, .. }, b'\n') => State::Complete,
            (State::TrailerLf { bytes, .. }, b'\n') => State::Trailer { bytes: bytes + 1, line: 0 },
            _ => return Err(Refusal::Malformed("a line of the chunked body doesn't end in CR LF")),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::BODY_BYTES_MAX;
    use super::*;

    /// Feeds `bytes` in pieces of `step`; returns the body and how many bytes it took.
    fn decode(framing: Framing, bytes: &[u8], step: usize) -> Result<(Vec<u8>, usize, bool), Refusal> {
        let mut decoder = BodyDecoder::new(framing, BODY_BYTES_MAX)?;
        let (mut body, mut taken) = (Vec::new(), 0);
        for piece in bytes.chunks(step) {
            let count = decoder.feed(piece, |data| body.extend_from_slice(data))?;
            taken += count;
            if count < piece.len() {
                break;
            }
        }
        Ok((body, taken, decoder.is_complete()))
    }

    #[test]
    fn chunks_end_at_the_trailer_and_leave_the_next_request_alone() {
        let bytes = b"4;name=\"v\"\r\nWiki\r\n5 \r\npedia\r\n0\r\nTrailer: x\r\n\r\nGET /";
        for step in 1..bytes.len() {
            assert_eq!(decode(Framing::Chunked, bytes, step), Ok((b"Wikipedia".to_vec(), bytes.len() - 5, true)));
        }
    }

    #[test]
    fn a_length_ends_where_it_says() {
        assert_eq!(decode(Framing::Length(3), b"abcdef", 2), Ok((b"abc".to_vec(), 3, true)));
        assert_eq!(decode(Framing::Length(7), b"abcdef", 4), Ok((b"abcdef".to_vec(), 6, false)));
        for length in [BODY_BYTES_MAX + 1, u64::MAX] {
            assert_eq!(decode(Framing::Length(length), b"", 1), Err(Refusal::BodyTooLarge));
        }
        assert_eq!(decode(Framing::Length(0), b"abcdef", 4), Ok((Vec::new(), 0, true)));
    }

    #[test]
    fn malformed_chunks_are_refused() {
        for bytes in [
            "\r\n",
            "x\r\n",
            ";a\r\n",
            " 1\r\na\r\n",
            "1\na\r\n",
            "1 2\r\na0\r\n",
            "1\r\nab\r\n",
            "1\r\na\rb",
            "00000000000000001\r\n",
            "0\r\nA: b\n\r\n",
            "0\r\nA: b\r\n\rx",
            "1;a\nb\r\n",
        ] {
            assert_eq!(decode(Framing::Chunked, bytes.as_bytes(), 100).unwrap_err().status(), 400, "{bytes:?}");
        }
        let long = format!("1;{}", "a".repeat(5000));
        assert_eq!(decode(Framing::Chunked, long.as_bytes(), 100).unwrap_err().status(), 400);
        let trailer = format!("0\r\n{}", "a: b\r\n".repeat(20_000));
        assert_eq!(decode(Framing::Chunked, trailer.as_bytes(), 100).unwrap_err().status(), 431);
    }

    #[test]
    fn a_chunked_body_is_refused_before_its_bytes_when_it_gets_too_long() {
        for size in ["1000001", "ffffffffffffffff"] {
            let bytes = format!("{size}\r\n");
            assert_eq!(decode(Framing::Chunked, bytes.as_bytes(), 100), Err(Refusal::BodyTooLarge));
        }
        let halves = [b"800000\r\n".to_vec(), vec![0; 0x80_0000], b"\r\n800001\r\n".to_vec()].concat();
        assert_eq!(decode(Framing::Chunked, &halves, 1 << 20), Err(Refusal::BodyTooLarge));
    }

    proptest! {
        #[test]
        fn any_chunking_decodes_to_the_same_body(
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..300), 0..8),
            step in 1usize..400,
        ) {
            let mut bytes = Vec::new();
            for chunk in &chunks {
                bytes.extend(format!("{:X}\r\n", chunk.len()).into_bytes());
                bytes.extend(chunk);
                bytes.extend(b"\r\n");
            }
            bytes.extend(b"0\r\n\r\n");
            prop_assert_eq!(decode(Framing::Chunked, &bytes, step), Ok((chunks.concat(), bytes.len(), true)));
        }

        #[test]
        fn no_bytes_make_it_panic_or_take_more_than_there_are(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok((_, taken, _)) = decode(Framing::Chunked, &bytes, 7) {
                prop_assert!(taken <= bytes.len());
            }
        }
    }
}
