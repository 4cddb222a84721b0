//! Content codings of bodies, undone and made.

use throng_web::coding::{Coding, CodingError, decode, encode};

const CODINGS: [Coding; 4] = [Coding::Gzip, Coding::Deflate, Coding::Brotli, Coding::Zstd];
/// A body of 4 KiB may be made into a thousand times as much; both limits are reached.
const LIMITS: [usize; 2] = [512, 64 << 10];

/// The first byte of the input chooses the codings, the second the limit and whether the rest is a body in them or one
/// that is to come back from them. With all bits of the first set, the list is the text up to the first line break.
pub fn codings(data: &[u8]) {
    let [kind, way, rest @ ..] = data else { return };
    let limit = LIMITS[usize::from(way & 1)];
    if *kind == u8::MAX {
        let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
        let (list, body) = (String::from_utf8_lossy(&rest[..end]), rest.get(end + 1..).unwrap_or_default());
        undo(&list, body, limit);
        return;
    }
    let first = CODINGS[usize::from(kind & 3)];
    let list = if kind & 4 == 0 {
        first.name().to_owned()
    } else {
        format!("{}, {}", first.name(), CODINGS[usize::from(kind >> 3 & 3)].name())
    };
    if way & 2 == 0 {
        undo(&list, rest, limit);
        return;
    }
    let codings = Coding::parse_list(&list).unwrap_or_default();
    assert!(!codings.is_empty(), "{list} isn't known");
    let encoded = codings.iter().fold(rest.to_vec(), |body, coding| encode(*coding, &body));
    assert_eq!(decode(&list, &encoded, 64 << 10).as_deref(), Ok(rest), "{list}");
}

fn undo(list: &str, body: &[u8], limit: usize) {
    let result = decode(list, body, limit);
    assert_eq!(decode(list, body, limit), result, "the same again");
    match result {
        Ok(decoded) => {
            assert!(decoded.len() <= limit, "{} bytes", decoded.len());
            // A higher limit changes nothing.
            assert_eq!(decode(list, body, limit * 2), Ok(decoded));
        }
        Err(CodingError::TooLong(told)) => assert_eq!(told, limit),
        Err(error) => assert!(error.to_string().len() < 1_000, "{error}"),
    }
}
