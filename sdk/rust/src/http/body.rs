//! Request bodies.

use serde::Serialize;
use std::borrow::Cow;

/// Bytes to send, and the content type that goes with them.
///
/// Made from bytes or text, which say nothing about their type, or by [`json`], [`form`] and
/// [`Multipart`](super::Multipart), which do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body<'a> {
    pub(super) bytes: Cow<'a, [u8]>,
    pub(super) content_type: Option<Cow<'static, str>>,
}

/// A value as JSON, `content-type: application/json`.
///
/// # Panics
///
/// When the value has no JSON form, such as a map with keys that aren't text.
#[track_caller]
pub fn json<T: Serialize + ?Sized>(value: &T) -> Body<'static> {
    match serde_json::to_vec(value) {
        Ok(bytes) => Body { bytes: bytes.into(), content_type: Some("application/json".into()) },
        Err(error) => panic!("a body can't be written as JSON: {error}"),
    }
}

/// Fields as an HTML form sends them, `content-type: application/x-www-form-urlencoded`.
pub fn form<K: AsRef<str>, V: AsRef<str>>(fields: impl IntoIterator<Item = (K, V)>) -> Body<'static> {
    let bytes = encode_pairs(fields).into_bytes();
    Body { bytes: bytes.into(), content_type: Some("application/x-www-form-urlencoded".into()) }
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
        Self { bytes: bytes.into(), content_type: None }
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
        Self { bytes: bytes.into(), content_type: None }
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
        assert_eq!(body.bytes.as_ref(), b"a+b=1%2B1%3D2&%C3%BC=*-._%7E");
    }

    #[test]
    fn json_brings_its_content_type_and_text_brings_none() {
        let body = json(&[1, 2]);
        assert_eq!(
            (body.bytes.as_ref(), body.content_type.as_deref()),
            (b"[1,2]".as_slice(), Some("application/json"))
        );
        assert_eq!(Body::from("x").content_type, None);
    }
}
