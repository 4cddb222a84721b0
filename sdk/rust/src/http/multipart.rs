//! Forms with files: `multipart/form-data` as the HTML standard and RFC 7578 have it.

use super::Body;
use std::borrow::Cow;
use std::convert::Infallible;

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
/// `F` is what stands for a file that isn't among the script's own bytes; such a form is sent by its parts.
#[derive(Clone, Debug)]
#[must_use = "a form does nothing until it is sent"]
pub struct Multipart<'a, F = Infallible> {
    boundary: String,
    parts: Vec<Part<'a, F>>,
    /// What comes after the last of the parts.
    text: Vec<u8>,
}

/// A piece of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part<'a, F> {
    /// Bytes of the script's.
    Bytes(Cow<'a, [u8]>),
    /// A file's content, which isn't copied.
    File(F),
}

impl<'a> Multipart<'a> {
    /// A form without fields. Its boundary takes one of this VU's random numbers.
    #[expect(clippy::new_without_default, reason = "a default doesn't take random numbers")]
    pub fn new() -> Self {
        Self::with_seed(crate::random::bits())
    }
}

impl<'a, F> Multipart<'a, F> {
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

    /// Adds a file of this name and type from bytes.
    pub fn file(self, name: &str, file_name: &str, content_type: &str, content: impl Into<Cow<'a, [u8]>>) -> Self {
        self.content(name, file_name, content_type, Part::Bytes(content.into()))
    }

    /// Adds a file of this name and type by what stands for it.
    pub fn file_elsewhere(self, name: &str, file_name: &str, content_type: &str, file: F) -> Self {
        self.content(name, file_name, content_type, Part::File(file))
    }

    /// The header `Content-Type` of this form.
    #[must_use]
    pub fn content_type(&self) -> String {
        format!("multipart/form-data; boundary={}", self.boundary)
    }

    /// The body in pieces, in order.
    #[must_use]
    pub fn into_parts(mut self) -> Vec<Part<'a, F>> {
        self.text.extend(format!("--{}--\r\n", self.boundary).bytes());
        self.end_text();
        self.parts
    }

    fn content(mut self, name: &str, file_name: &str, content_type: &str, content: Part<'a, F>) -> Self {
        self.begin(name);
        self.text.extend(b"; filename=\"");
        self.text.extend(escaped(file_name).bytes());
        self.text.extend(b"\"\r\nContent-Type: ");
        // A line break would begin another header.
        self.text.extend(content_type.bytes().filter(|byte| !byte.is_ascii_control()));
        self.text.extend(b"\r\n\r\n");
        self.end_text();
        self.parts.push(content);
        self.text.extend(b"\r\n");
        self
    }

    fn begin(&mut self, name: &str) {
        let name = escaped(&with_crlf(name));
        let head = format!("--{}\r\nContent-Disposition: form-data; name=\"{name}\"", self.boundary);
        self.text.extend(head.bytes());
    }

    fn end_text(&mut self) {
        self.parts.push(Part::Bytes(std::mem::take(&mut self.text).into()));
    }
}

impl<'a> From<Multipart<'a>> for Body<'_> {
    fn from(form: Multipart<'a>) -> Self {
        let content_type = form.content_type();
        let mut bytes = Vec::new();
        for part in form.into_parts() {
            match part {
                Part::Bytes(part) => bytes.extend_from_slice(&part),
                Part::File(none) => match none {},
            }
        }
        Body { bytes: bytes.into(), content_type: Some(content_type.into()) }
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
        String::from_utf8(Body::from(form).bytes.into_owned()).unwrap().replace(&boundary, "B")
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
    fn a_file_elsewhere_is_a_part_of_its_own() {
        let form = Multipart::<u32>::with_seed(1).field("a", "1").file_elsewhere("f", "f.bin", "x/y", 5);
        let parts = form.into_parts();
        assert!(matches!(&parts[..], [Part::Bytes(_), Part::File(5), Part::Bytes(end)] if end.starts_with(b"\r\n--")));
    }

    #[test]
    fn a_boundary_is_told_by_its_seed() {
        let of = |seed| Multipart::<Infallible>::with_seed(seed).content_type();
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
        let boundary = of(0).split_once("boundary=").unwrap().1.to_owned();
        assert!(boundary.len() <= 70 && boundary.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'));
        assert_eq!(Body::from(form()).content_type.as_deref(), Some(form().content_type().as_str()));
    }
}
