//! Request bodies.

use crate::bindings::throng::script::http as host;
use crate::data::{File, FileRange};
use serde::Serialize;
use std::borrow::Cow;

/// Bytes to send, and the content type that goes with them.
///
/// Made from bytes, text or a data file, which say nothing about their type, or by [`json`], [`form`] and
/// [`Multipart`](super::Multipart), which do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body<'a> {
    pub(super) content: Content<'a>,
    pub(super) content_type: Option<Cow<'static, str>>,
}

/// The bytes of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content<'a> {
    /// All of them the script's own.
    Bytes(Cow<'a, [u8]>),
    /// Some of a data file.
    Parts(Vec<Part<'a>>),
}

impl Content<'_> {
    pub(super) fn into_owned(self) -> Content<'static> {
        match self {
            Self::Bytes(bytes) => Content::Bytes(bytes.into_owned().into()),
            Self::Parts(parts) => Content::Parts(parts.into_iter().map(Part::into_owned).collect()),
        }
    }
}

/// A piece of a body: from bytes, or from a data file or a part of one, which the host sends from where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part<'a>(pub(super) Piece<'a>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    Bytes(Cow<'a, [u8]>),
    File(FileRange),
}

impl Part<'_> {
    fn into_owned(self) -> Part<'static> {
        Part(match self.0 {
            Piece::Bytes(bytes) => Piece::Bytes(bytes.into_owned().into()),
            Piece::File(range) => Piece::File(range),
        })
    }

    /// As the host takes it.
    pub(super) fn into_host(self) -> host::BodyPart {
        match self.0 {
            Piece::Bytes(bytes) => host::BodyPart::Bytes(bytes.into_owned()),
            Piece::File(range) => host::BodyPart::File(range.into_host()),
        }
    }
}

impl<'a> From<Cow<'a, [u8]>> for Part<'a> {
    fn from(bytes: Cow<'a, [u8]>) -> Self {
        Self(Piece::Bytes(bytes))
    }
}

impl<'a> From<&'a [u8]> for Part<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self(Piece::Bytes(bytes.into()))
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Part<'a> {
    fn from(bytes: &'a [u8; N]) -> Self {
        bytes.as_slice().into()
    }
}

impl<'a> From<&'a Vec<u8>> for Part<'a> {
    fn from(bytes: &'a Vec<u8>) -> Self {
        bytes.as_slice().into()
    }
}

impl From<Vec<u8>> for Part<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Piece::Bytes(bytes.into()))
    }
}

impl From<FileRange> for Part<'_> {
    fn from(range: FileRange) -> Self {
        Self(Piece::File(range))
    }
}

impl From<&File> for Part<'_> {
    fn from(file: &File) -> Self {
        file.range(0..file.size()).into()
    }
}

impl From<FileRange> for Body<'_> {
    fn from(range: FileRange) -> Self {
        Self { content: Content::Parts(vec![range.into()]), content_type: None }
    }
}

impl From<&File> for Body<'_> {
    fn from(file: &File) -> Self {
        file.range(0..file.size()).into()
    }
}

/// A value as JSON, `content-type: application/json`.
///
/// # Panics
///
/// When the value has no JSON form, such as a map with keys that aren't text.
#[track_caller]
pub fn json<T: Serialize + ?Sized>(value: &T) -> Body<'static> {
    match serde_json::to_vec(value) {
        Ok(bytes) => Body { content: Content::Bytes(bytes.into()), content_type: Some("application/json".into()) },
        Err(error) => panic!("a body can't be written as JSON: {error}"),
    }
}

/// Fields as an HTML form sends them, `content-type: application/x-www-form-urlencoded`.
pub fn form<K: AsRef<str>, V: AsRef<str>>(fields: impl IntoIterator<Item = (K, V)>) -> Body<'static> {
    let bytes = encode_pairs(fields).into_bytes();
    Body { content: Content::Bytes(bytes.into()), content_type: Some("application/x-www-form-urlencoded".into()) }
}

/// Names and values as forms and queries have them.
pub(super) fn encode_pairs<K: AsRef<str>, V: AsRef<str>>(pairs: impl IntoIterator<Item = (K, V)>) -> String {
    let mut text = String::new();
    for (name, value) in pairs {
        if !text.is_empty() {
            text.push('&');
        }
        push_encoded(&mut text, name.as_ref());
        text.push('=');
        push_encoded(&mut text, value.as_ref());
    }
    text
}

/// The serializer of the URL standard, section 5.2.
fn push_encoded(into: &mut String, text: &str) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        match byte {
            b' ' => into.push('+'),
            b'*' | b'-' | b'.' | b'_' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => into.push(byte.into()),
            _ => into.extend(['%', HEX[usize::from(byte >> 4)].into(), HEX[usize::from(byte & 15)].into()]),
        }
    }
}

impl<'a> From<&'a [u8]> for Body<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self { content: Content::Bytes(bytes.into()), content_type: None }
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Body<'a> {
    fn from(bytes: &'a [u8; N]) -> Self {
        bytes.as_slice().into()
    }
}

impl<'a> From<&'a Vec<u8>> for Body<'a> {
    fn from(bytes: &'a Vec<u8>) -> Self {
        bytes.as_slice().into()
    }
}

impl From<Vec<u8>> for Body<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Self { content: Content::Bytes(bytes.into()), content_type: None }
    }
}

impl<'a> From<&'a str> for Body<'a> {
    fn from(text: &'a str) -> Self {
        text.as_bytes().into()
    }
}

impl<'a> From<&'a String> for Body<'a> {
    fn from(text: &'a String) -> Self {
        text.as_bytes().into()
    }
}

impl From<String> for Body<'_> {
    fn from(text: String) -> Self {
        text.into_bytes().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_encoded_as_browsers_do() {
        let body = form([("a b", "1+1=2"), ("ü", "*-._~")]);
        assert_eq!(body.content, Content::Bytes(b"a+b=1%2B1%3D2&%C3%BC=*-._%7E".into()));
    }

    #[test]
    fn json_brings_its_content_type_and_text_brings_none() {
        let body = json(&[1, 2]);
        assert_eq!(
            (body.content, body.content_type.as_deref()),
            (Content::Bytes(b"[1,2]".into()), Some("application/json"))
        );
        assert_eq!(Body::from("x").content_type, None);
    }
}
