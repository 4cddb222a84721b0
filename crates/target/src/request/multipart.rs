//! Bodies of multipart/form-data, piece by piece: RFC 7578 and RFC 2046.

use httparse::EMPTY_HEADER;
use memchr::memmem;

use super::parameters;

/// Most bytes of a part's header fields, and of what may stand beside a boundary.
const PART_HEAD_BYTES_MAX: usize = 16 * 1024;
/// Most header fields of a part.
const PART_FIELDS_MAX: usize = 16;
/// Most bytes of a boundary: RFC 2046 section 5.1.1.
const BOUNDARY_BYTES_MAX: usize = 70;

/// What a part's fields say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PartHead {
    pub(crate) name: String,
    pub(crate) filename: Option<String>,
    pub(crate) content_type: Option<String>,
}

/// What comes in a body, in order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum PartEvent<'a> {
    Begin(PartHead),
    Data(&'a [u8]),
}

/// Finds the parts of a body. It holds no more of it than a part's head, or a boundary.
#[derive(Debug)]
pub(crate) struct Multipart {
    /// CR LF, two dashes and the boundary.
    delimiter: Vec<u8>,
    held: Vec<u8>,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before the first boundary.
    Preamble,
    /// Just after a boundary.
    Boundary,
    Head,
    Data,
    /// After the last boundary.
    Epilogue,
}

impl Multipart {
    /// For a body of this content type; none if it isn't multipart/form-data.
    ///
    /// # Errors
    /// When its boundary is missing or too long.
    pub(crate) fn of(content_type: &str) -> Option<Result<Self, &'static str>> {
        let (kind, rest) = content_type.split_once(';').unwrap_or((content_type, ""));
        if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
            return None;
        }
        let boundary = parameters(rest, ';').into_iter().find(|(name, _)| name == "boundary").map(|(_, value)| value);
        Some(match boundary {
            Some(boundary) if (1..=BOUNDARY_BYTES_MAX).contains(&boundary.len()) => Ok(Self {
                delimiter: format!("\r\n--{boundary}").into_bytes(),
                // The first boundary has no line before it.
                held: b"\r\n".to_vec(),
                state: State::Preamble,
            }),
            _ => Err("multipart/form-data needs a boundary of 1 to 70 bytes"),
        })
    }

    /// Takes a piece of the body and tells what is in it.
    ///
    /// # Errors
    /// When a part has no proper head.
    pub(crate) fn feed(&mut self, bytes: &[u8], mut tell: impl FnMut(PartEvent<'_>)) -> Result<(), &'static str> {
        if self.state == State::Epilogue {
            return Ok(());
        }
        self.held.extend_from_slice(bytes);
        let mut at = 0;
        while let Some(used) = self.step(at, &mut tell)? {
            at += used;
        }
        self.held.drain(..at);
        Ok(())
    }

    /// Whether the last boundary has come.
    pub(crate) fn is_complete(&self) -> bool {
        self.state == State::Epilogue
    }

    /// Goes on from `at`: how many bytes are done with, or none when more are needed.
    fn step(&mut self, at: usize, tell: &mut impl FnMut(PartEvent<'_>)) -> Result<Option<usize>, &'static str> {
        let rest = &self.held[at..];
        match self.state {
            State::Preamble | State::Data => {
                let found = memmem::find(rest, &self.delimiter);
                // Its beginning may be the end of what is here.
                let data = found.unwrap_or((rest.len() + 1).saturating_sub(self.delimiter.len()));
                if self.state == State::Data && data > 0 {
                    tell(PartEvent::Data(&rest[..data]));
                }
                if found.is_some() {
                    self.state = State::Boundary;
                    return Ok(Some(data + self.delimiter.len()));
                }
                Ok((data > 0).then_some(data))
            }
            State::Boundary if rest.starts_with(b"--") => {
                self.state = State::Epilogue;
                Ok(Some(rest.len()))
            }
            State::Boundary => match memmem::find(rest, b"\r\n") {
                Some(end) if rest[..end].iter().all(|byte| matches!(byte, b' ' | b'\t')) => {
                    self.state = State::Head;
                    // The line's end stays: a head without fields is an empty line.
                    Ok(Some(end))
                }
                None if rest.len() <= PART_HEAD_BYTES_MAX => Ok(None),
                _ => Err("something stands behind a boundary of the multipart body"),
            },
            State::Head => match memmem::find(rest, b"\r\n\r\n") {
                Some(end) if end <= PART_HEAD_BYTES_MAX => {
                    tell(PartEvent::Begin(part_head(&rest[2..end + 4])?));
                    self.state = State::Data;
                    Ok(Some(end + 4))
                }
                None if rest.len() <= PART_HEAD_BYTES_MAX => Ok(None),
                _ => Err("a part's head is longer than 16384 bytes"),
            },
            State::Epilogue => Ok(None),
        }
    }
}

fn part_head(bytes: &[u8]) -> Result<PartHead, &'static str> {
    let mut fields = [EMPTY_HEADER; PART_FIELDS_MAX];
    let Ok(httparse::Status::Complete((_, fields))) = httparse::parse_headers(bytes, &mut fields) else {
        return Err("a part's header fields are malformed, or more than 16");
    };
    let mut head = PartHead::default();
    let mut named = false;
    for field in fields {
        let value = String::from_utf8_lossy(field.value);
        if field.name.eq_ignore_ascii_case("content-type") {
            head.content_type = Some(value.into_owned());
        } else if field.name.eq_ignore_ascii_case("content-disposition") {
            for (name, value) in parameters(&value, ';') {
                match name.as_str() {
                    "name" => (head.name, named) = (value, true),
                    "filename" => head.filename = Some(value),
                    _ => {}
                }
            }
        }
    }
    if named { Ok(head) } else { Err("a part has no name: Content-Disposition: form-data; name=\"…\"") }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Parts = Vec<(PartHead, Vec<u8>)>;

    fn parse(body: &[u8], step: usize) -> Result<(Parts, bool), &'static str> {
        let mut multipart = Multipart::of("Multipart/Form-Data; boundary=\"b\"").unwrap().unwrap();
        let mut parts = Parts::new();
        for piece in body.chunks(step) {
            multipart.feed(piece, |event| match event {
                PartEvent::Begin(head) => parts.push((head, Vec::new())),
                PartEvent::Data(data) => parts.last_mut().unwrap().1.extend_from_slice(data),
            })?;
            assert!(multipart.held.len() <= PART_HEAD_BYTES_MAX + step, "{}", multipart.held.len());
        }
        Ok((parts, multipart.is_complete()))
    }

    fn head(name: &str, filename: Option<&str>, content_type: Option<&str>) -> PartHead {
        PartHead {
            name: name.into(),
            filename: filename.map(str::to_owned),
            content_type: content_type.map(str::to_owned),
        }
    }

    #[test]
    fn parts_are_found_however_the_bytes_are_cut() {
        let body = b"before\r\n--b \r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n1\r\n--\r\n-b\r\n--b\r\n\
            content-type: a/b\r\nContent-Disposition: form-data; name=f; filename=\"c d\"\r\n\r\n\r\n--b--\r\nafter";
        for step in 1..body.len() {
            let (parts, complete) = parse(body, step).unwrap();
            let expected =
                [(head("x", None, None), b"1\r\n--\r\n-b".to_vec()), (head("f", Some("c d"), Some("a/b")), Vec::new())];
            assert_eq!((parts, complete), (expected.to_vec(), true), "{step}");
        }
    }

    #[test]
    fn what_is_no_form_data_is_told() {
        assert!(Multipart::of("text/plain").is_none());
        assert!(Multipart::of("multipart/form-data").unwrap().is_err());
        assert!(Multipart::of(&format!("multipart/form-data; boundary={}", "b".repeat(71))).unwrap().is_err());
        assert!(parse(b"--bx\r\n", 100).is_err());
        assert!(parse(b"--b\r\n\r\nnameless", 100).is_err());
        assert!(parse(b"--b\r\nno field\r\n\r\n", 100).is_err());
        assert!(parse(format!("--b\r\nA: {}", "x".repeat(17_000)).as_bytes(), 1000).is_err());
        assert!(!parse(b"--b\r\nContent-Disposition: form-data; name=a\r\n\r\nopen", 3).unwrap().1);
    }

    proptest! {
        #[test]
        fn any_data_comes_out_as_it_went_in(data in prop::collection::vec(0u8..255, 0..300), step in 1usize..100) {
            let mut body = b"--b\r\nContent-Disposition: form-data; name=a\r\n\r\n".to_vec();
            body.extend(&data);
            body.extend(b"\r\n--b--");
            prop_assume!(memmem::find(&data, b"\r\n--b").is_none());
            prop_assert_eq!(parse(&body, step).unwrap().0, vec![(head("a", None, None), data)]);
        }
    }
}
