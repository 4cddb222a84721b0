//! Responses, as the HTTP/1.1 client parses them.

use throng_transport::http1::{Keep, Limits, ParseError, ResponseBuffer, ResponseParser};

use crate::pieces::uneven;

/// Small, so that inputs of a few hundred bytes reach them.
const SMALL: Limits = Limits { head_bytes: 192, interim_responses: 2, body_bytes: 64, chunk_line_bytes: 16 };

type Fields = Vec<(String, Vec<u8>)>;

/// All that is seen of a response.
#[derive(Debug, PartialEq)]
struct Seen {
    status: u16,
    fields: Fields,
    body: Vec<u8>,
    body_bytes: u64,
    trailer: Fields,
    keep_alive: bool,
    consumed: usize,
}

/// The first byte of the input chooses the kind of request, whether the body is kept, and the limits; the second one
/// how the rest, the response, is cut.
pub fn response(data: &[u8]) {
    let [kind, cut, bytes @ ..] = data else { return };
    let (to_head, keep_body) = (kind & 1 != 0, kind & 2 != 0);
    let limits = if kind & 4 != 0 { SMALL } else { Limits::default() };
    let parse = |pieces: &[&[u8]]| parse(pieces, to_head, keep_body, limits);
    let whole = parse(&[bytes]);
    let single: Vec<_> = bytes.chunks(1).collect();
    assert_eq!(parse(&single), whole, "byte by byte");
    assert_eq!(parse(&uneven(bytes, *cut)), whole, "in uneven pieces");
    match &whole {
        Ok(seen) => hold(seen, to_head, keep_body, bytes),
        // It becomes a tag.
        Err(error) => assert!(error.to_string().len() < 100, "{error}"),
    }
}

/// What is true of every response that was taken.
fn hold(seen: &Seen, to_head: bool, keep_body: bool, bytes: &[u8]) {
    assert!((100..=999).contains(&seen.status));
    assert!(seen.consumed <= bytes.len());
    assert!(seen.body_bytes <= bytes.len() as u64);
    assert_eq!(seen.body.len() as u64, if keep_body { seen.body_bytes } else { 0 });
    assert!(seen.body_bytes == 0 || !to_head && ![101, 204, 304].contains(&seen.status));
    for (name, value) in seen.fields.iter().chain(&seen.trailer) {
        assert!(!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':'), "{name:?}");
        assert!(value.iter().all(|byte| !byte.is_ascii_control() || *byte == b'\t'), "{name}: {value:?}");
        assert_eq!(value.trim_ascii(), value, "{name}");
    }
}

fn parse(pieces: &[&[u8]], to_head: bool, keep_body: bool, limits: Limits) -> Result<Seen, ParseError> {
    let mut parser = ResponseParser::new(to_head, if keep_body { Keep::All } else { Keep::Nothing }, limits);
    let mut into = ResponseBuffer::default();
    let (mut consumed, mut complete) = (0, false);
    for piece in pieces {
        let fed = parser.feed(piece, &mut into)?;
        assert!(fed.consumed <= piece.len() && (fed.complete || fed.consumed == piece.len()));
        assert!(into.body().len() <= limits.body_bytes, "the body is beyond its limit");
        consumed += fed.consumed;
        complete = fed.complete;
        if complete {
            break;
        }
    }
    if !complete {
        parser.end(&into)?;
    }
    let (mut fields, mut trailer) = (Vec::new(), Vec::new());
    into.fields(|name, value| {
        fields.push((name.to_owned(), value.to_vec()));
        true
    });
    into.trailer_fields(|name, value| {
        trailer.push((name.to_owned(), value.to_vec()));
        true
    });
    Ok(Seen {
        status: into.status(),
        fields,
        body: into.body().to_vec(),
        body_bytes: into.body_bytes(),
        trailer,
        keep_alive: parser.keep_alive(),
        consumed,
    })
}
