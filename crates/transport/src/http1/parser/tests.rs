use proptest::prelude::*;

use super::*;

fn parse_in(pieces: &[&[u8]], to_head: bool) -> Result<(ResponseBuffer, bool, usize), ParseError> {
    let mut parser = ResponseParser::new(to_head, Keep::All, Limits::default());
    let mut into = ResponseBuffer::default();
    let mut consumed = 0;
    for piece in pieces {
        let fed = parser.feed(piece, &mut into)?;
        consumed += fed.consumed;
        if fed.complete {
            return Ok((into, parser.keep_alive(), consumed));
        }
    }
    parser.end(&into)?;
    Ok((into, parser.keep_alive(), consumed))
}

fn parse(bytes: &[u8]) -> Result<(ResponseBuffer, bool, usize), ParseError> {
    parse_in(&[bytes], false)
}

/// Response, status, body, keep-alive: the rules of RFC 9112 sections 6.3 and 9.3.
#[test]
fn bodies_end_where_the_rfc_says() {
    let cases: &[(&str, u16, &str, bool)] = &[
        ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", 200, "abc", true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, "", true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 3, 3\r\n\r\nabc", 200, "abc", true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 200, "abc", true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc", 200, "abc", false),
        ("HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc", 200, "abc", false),
        ("HTTP/1.0 200 OK\r\nContent-Length: 3\r\nConnection: keep-alive\r\n\r\nabc", 200, "abc", true),
        ("HTTP/1.1 200 OK\r\n\r\nto the end", 200, "to the end", false),
        ("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", 204, "", true),
        ("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", 304, "", true),
        ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", 200, "x", true),
        ("HTTP/1.1 103 Early\r\nLink: a\r\n\r\nHTTP/1.1 404 N\r\nContent-Length: 0\r\n\r\n", 404, "", true),
        ("HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n", 101, "", false),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 200, "abc", true),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", 200, "a", true),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na;x=\"y\"\r\n0123456789\r\n0\r\nT: v\r\n\r\n",
            200,
            "0123456789",
            true,
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 9\r\n\r\n1\r\na\r\n0\r\n\r\n",
            200,
            "a",
            false,
        ),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\nContent-Length: 1\r\n\r\nabc", 200, "abc", false),
        ("HTTP/1.1 200\r\nContent-Length: 1\r\n\r\na", 200, "a", true),
        ("HTTP/1.1 200 OK\nContent-Length: 1\n\na", 200, "a", true),
    ];
    for (text, status, body, keep_alive) in cases {
        let (response, kept, consumed) = parse(text.as_bytes()).unwrap_or_else(|error| panic!("{text:?}: {error}"));
        assert_eq!((response.status(), response.body(), kept), (*status, body.as_bytes(), *keep_alive), "{text:?}");
        assert_eq!(consumed, text.len(), "{text:?}");
        assert_eq!(response.body_bytes(), body.len() as u64);
    }
}

#[test]
fn malformed_responses_have_their_error() {
    let cases: &[(&str, ParseError)] = &[
        ("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", FramingError::InvalidLength.into()),
        ("HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\na", FramingError::InvalidLength.into()),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1x\r\n\r\na", FramingError::InvalidLength.into()),
        ("HTTP/1.1 200 OK\r\nContent-Length: \r\n\r\na", FramingError::InvalidLength.into()),
        ("HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551616\r\n\r\n", FramingError::LengthTooLarge.into()),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na", FramingError::DifferingLengths.into()),
        ("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", ParseError::BodyTooLong(64 << 20)),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", ChunkError::Size.into()),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n", ChunkError::Size.into()),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", ChunkError::Size.into()),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\na\r\n", ChunkError::SizeLineEnd.into()),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n11111111111111111\r\n", ChunkError::SizeTooLarge.into()),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n", ChunkError::DataEnd.into()),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na", ParseError::Truncated("chunked body")),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na", ParseError::Truncated("body")),
        ("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", FramingError::EncodingInOldVersion.into()),
        ("HTTP/1.1 200 OK\r\nContent-Le", ParseError::Truncated("head")),
        ("HTTP/2.0 200 OK\r\n\r\n", HeadError::Version.into()),
        ("SSH-2.0-OpenSSH\r\n", HeadError::NotHttp.into()),
        ("HTTP/1.1 2xx OK\r\n\r\n", HeadError::StatusCode.into()),
    ];
    for (text, expected) in cases {
        assert_eq!(parse(text.as_bytes()).map(drop).unwrap_err(), *expected, "{text:?}");
    }
}

#[test]
fn endless_heads_interims_and_chunk_lines_end_at_their_limits() {
    let endless_header = format!("HTTP/1.1 200 OK\r\nA: {}", "b".repeat(70_000));
    assert_eq!(parse(endless_header.as_bytes()).map(drop), Err(ParseError::HeadTooLong(65_536)));
    let interims = "HTTP/1.1 100 Continue\r\n\r\n".repeat(17);
    assert_eq!(parse(interims.as_bytes()).map(drop), Err(ParseError::TooManyInterim(16)));
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let line = format!("{chunked}1;{}", "x".repeat(5000));
    assert_eq!(parse(line.as_bytes()).map(drop), Err(ChunkError::LineTooLong(4096).into()));
    let trailer = format!("{chunked}0\r\n{}", "A: b\r\n".repeat(20_000));
    assert_eq!(parse(trailer.as_bytes()).map(drop), Err(ChunkError::TrailerTooLong(65_536).into()));
}

#[test]
fn an_answer_to_head_has_no_body_and_leaves_the_rest() {
    let text = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nHTTP/1.1";
    let (response, keep_alive, consumed) = parse_in(&[text], true).unwrap();
    assert_eq!((response.body(), keep_alive, consumed), (&b""[..], true, text.len() - 8));
}

#[test]
fn discarded_bodies_are_counted_and_not_held() {
    let mut parser = ResponseParser::new(false, Keep::Nothing, Limits { body_bytes: 10, ..Limits::default() });
    let mut into = ResponseBuffer::default();
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n";
    assert_eq!(parser.feed(head, &mut into).unwrap().consumed, head.len());
    for _ in 0..100 {
        parser.feed(&[b'x'; 1000], &mut into).unwrap();
    }
    assert_eq!((into.body_bytes(), into.body().len()), (100_000, 0));
}

proptest! {
    /// However the network cuts a response, the result is the same.
    #[test]
    fn pieces_give_what_the_whole_gives(
        which in 0usize..6,
        cuts in proptest::collection::vec(0usize..400, 0..12),
        body in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut bytes = Vec::new();
        match which {
            0 => {
                bytes.extend(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nA: b\r\n\r\n", body.len()).bytes());
                bytes.extend(&body);
            }
            1 => {
                bytes.extend(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
                for chunk in body.chunks(7) {
                    bytes.extend(format!("{:X};e=1\r\n", chunk.len()).bytes());
                    bytes.extend(chunk);
                    bytes.extend(b"\r\n");
                }
                bytes.extend(b"0\r\nTrailer: x\r\n\r\n");
            }
            2 => {
                bytes.extend(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n");
                bytes.extend(&body);
            }
            3 => bytes.extend(&body),
            4 => {
                bytes.extend(b"HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n");
                bytes.extend(&body);
            }
            _ => {
                bytes.extend(b"HTTP/1.1 ");
                bytes.extend(&body);
                bytes.extend(b"\r\n\r\n");
            }
        }
        let summary = |result: Result<(ResponseBuffer, bool, usize), ParseError>| {
            result.map(|(response, kept, consumed)| (response.status(), response.body().to_vec(), kept, consumed))
        };
        let whole = summary(parse(&bytes));
        let mut cuts: Vec<_> = cuts.into_iter().filter(|cut| *cut <= bytes.len()).collect();
        cuts.sort_unstable();
        let mut pieces = Vec::new();
        let mut from = 0;
        for cut in cuts {
            pieces.push(&bytes[from..cut]);
            from = cut;
        }
        pieces.push(&bytes[from..]);
        let pieced = summary(parse_in(&pieces, false));
        prop_assert_eq!(whole, pieced);
    }
}
