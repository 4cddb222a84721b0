//! Forms with files: `multipart/form-data` as the HTML standard and RFC 7578 have it.

use super::Body;
use super::body::{Content, Part, Piece};

/// A form under construction, which is a [`Body`] in the end.
///
/// ```no_run
/// use throng::prelude::*;
///
/// let form = http::Multipart::new()
///     .field("title", "A day out")
///     .file("photo", "day.jpg", "image/jpeg", b"\xff\xd8\xff".as_slice());
/// let res = http::post(format!("{}/upload", env("TARGET")), form);
/// ```
///
/// A file may be a data file (`&PHOTO`), which the host sends from where it is: it takes no memory of the VU's.
#[derive(Clone, Debug)]
#[must_use = "a form does nothing until it is sent"]
pub struct Multipart<'a> {
    boundary: String,
    parts: Vec<Part<'a>>,
    /// What comes after the last of the parts.
    text: Vec<u8>,
}

impl<'a> Multipart<'a> {
    /// A form without fields. Its boundary takes one of this VU's random numbers.
    #[expect(clippy::new_without_default, reason = "a default doesn't take random numbers")]
    pub fn new() -> Self {
        Self::with_seed(crate::random::bits())
    }

    /// A form without fields, whose boundary is the same for the same seed.
    pub fn with_seed(seed: u64) -> Self {
        let (first, second) = (scattered(seed), scattered(!seed));
        Self { boundary: format!("throng-{first:016x}{second:016x}"), parts: Vec::new(), text: Vec::new() }
    }

    /// Adds a field. Line breaks of name and value become CR LF, as in browsers.
    pub fn field(mut self, name: &str, value: &str) -> Self {
        self.begin(name);
        self.text.extend(b"\r\n\r\n");
        self.text.extend(with_crlf(value).bytes());
        self.text.extend(b"\r\n");
        self
    }

    /// Adds a file of this name and type: bytes, a data file, or a part of one.
    pub fn file(mut self, name: &str, file_name: &str, content_type: &str, content: impl Into<Part<'a>>) -> Self {
        self.begin(name);
        self.text.extend(b"; filename=\"");
        self.text.extend(escaped(file_name).bytes());
        self.text.extend(b"\"\r\nContent-Type: ");
        // A line break would begin another header.
        self.text.extend(content_type.bytes().filter(|byte| !byte.is_ascii_control()));
        self.text.extend(b"\r\n\r\n");
        self.end_text();
        self.parts.push(content.into());
        self.text.extend(b"\r\n");
        self
    }

    /// The header `Content-Type` of this form.
    #[must_use]
    pub fn content_type(&self) -> String {
        format!("multipart/form-data; boundary={}", self.boundary)
    }

    /// The body in pieces, in order.
    fn into_parts(mut self) -> Vec<Part<'a>> {
        self.text.extend(format!("--{}--\r\n", self.boundary).bytes());
        self.end_text();
        self.parts
    }

    fn begin(&mut self, name: &str) {
        let name = escaped(&with_crlf(name));
        let head = format!("--{}\r\nContent-Disposition: form-data; name=\"{name}\"", self.boundary);
        self.text.extend(head.bytes());
    }

    fn end_text(&mut self) {
        self.parts.push(std::mem::take(&mut self.text).into());
    }
}

impl<'a> From<Multipart<'a>> for Body<'a> {
    fn from(form: Multipart<'a>) -> Self {
        let content_type = Some(form.content_type().into());
        let parts = form.into_parts();
        let own = parts.iter().map(|part| match &part.0 {
            Piece::Bytes(bytes) => Some(&**bytes),
            Piece::File(_) => None,
        });
        let content = match own.collect::<Option<Vec<_>>>() {
            Some(own) => Content::Bytes(own.concat().into()),
            None => Content::Parts(parts),
        };
        Body { content, content_type }
    }
}

/// The HTML standard, "multipart/form-data encoding algorithm".
fn escaped(text: &str) -> String {
    text.replace('\r', "%0D").replace('\n', "%0A").replace('"', "%22")
}

/// CR, LF and CR LF as CR LF.
fn with_crlf(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n").replace('\n', "\r\n")
}

/// Every bit of the seed in every bit of the result (`SplitMix64`'s finish).
fn scattered(seed: u64) -> u64 {
    let mut bits = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form<'a>() -> Multipart<'a> {
        Multipart::with_seed(7)
    }

    fn text(form: Multipart<'_>) -> String {
        let boundary = form.boundary.clone();
        let Content::Bytes(bytes) = Body::from(form).content else { panic!("no part is a file's") };
        String::from_utf8(bytes.into_owned()).unwrap().replace(&boundary, "B")
    }

    #[test]
    fn fields_and_files_are_written_as_browsers_do() {
        let form = form().field("title", "A day\nout").file("photo", "day.jpg", "image/jpeg", b"JPEG".as_slice());
        assert_eq!(
            text(form),
            "--B\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nA day\r\nout\r\n\
             --B\r\nContent-Disposition: form-data; name=\"photo\"; filename=\"day.jpg\"\r\n\
             Content-Type: image/jpeg\r\n\r\nJPEG\r\n--B--\r\n"
        );
        assert_eq!(text(self::form()), "--B--\r\n");
    }

    #[test]
    fn names_cant_leave_their_quotes() {
        let form = form().field("a\"b\nc", "").file("f", "x\r\n\"y\"", "t\r\nX: y", b"".as_slice());
        let text = text(form);
        assert!(text.contains("name=\"a%22b%0D%0Ac\"\r\n"), "{text}");
        assert!(text.contains("filename=\"x%0D%0A%22y%22\"\r\nContent-Type: tX: y\r\n"), "{text}");
    }

    #[test]
    fn a_data_file_is_a_part_of_its_own() {
        let range = crate::data::FileRange::of(5, 0..7);
        let Content::Parts(parts) = Body::from(form().field("a", "1").file("f", "f.bin", "x/y", range)).content else {
            panic!("a part is a file's")
        };
        let pieces: Vec<_> = parts.into_iter().map(|part| part.0).collect();
        assert!(matches!(&pieces[..], [Piece::Bytes(_), Piece::File(file), Piece::Bytes(end)]
                if *file == range && end.starts_with(b"\r\n--")));
    }

    #[test]
    fn a_boundary_is_told_by_its_seed() {
        let of = |seed| Multipart::with_seed(seed).content_type();
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
        let boundary = of(0).split_once("boundary=").unwrap().1.to_owned();
        assert!(boundary.len() <= 70 && boundary.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'));
        assert_eq!(Body::from(form()).content_type.as_deref(), Some(form().content_type().as_str()));
    }
}
