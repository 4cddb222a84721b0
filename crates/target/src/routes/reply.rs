//! What a route answers.

use serde_json::Value;

use super::Flow;
use crate::answer;

/// An answer: its head, and its body or what makes it.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    /// Further fields, each begun with CR LF.
    pub(crate) fields: Vec<u8>,
    pub(crate) content: Content,
    /// The connection ends with this answer.
    pub(crate) ends: bool,
}

/// A reply's body.
#[derive(Debug)]
pub(crate) enum Content {
    Whole(Vec<u8>),
    Flow(Flow),
}

impl Reply {
    pub(crate) fn new(status: u16, content_type: &'static str, body: Vec<u8>) -> Self {
        Self { status, content_type, fields: Vec::new(), content: Content::Whole(body), ends: false }
    }

    pub(crate) fn text(status: u16, text: &str) -> Self {
        Self::new(status, "text/plain; charset=utf-8", text.into())
    }

    /// A status and its name.
    pub(crate) fn status(status: u16) -> Self {
        Self::text(status, &format!("{status} {}\n", answer::reason(status)))
    }

    pub(crate) fn html(text: String) -> Self {
        Self::new(200, "text/html; charset=utf-8", text.into_bytes())
    }

    pub(crate) fn json(status: u16, value: &Value) -> Self {
        Self::new(status, "application/json", format!("{value:#}\n").into_bytes())
    }

    /// A body that is made piece by piece.
    pub(crate) fn flow(status: u16, content_type: &'static str, flow: Flow) -> Self {
        Self { content: Content::Flow(flow), ..Self::new(status, content_type, Vec::new()) }
    }

    pub(crate) fn redirect(status: u16, location: &str) -> Self {
        Self::status(status).with("Location", location)
    }

    /// With a field more. Whatever could end the line, and so begin another, is left out.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.fields.extend_from_slice(b"\r\n");
        self.fields.extend_from_slice(name.as_bytes());
        self.fields.extend_from_slice(b": ");
        self.fields.extend(value.bytes().filter(|byte| !byte.is_ascii_control()));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_begins_another_line() {
        assert_eq!(Reply::redirect(302, "/a\r\nSet-Cookie: b").fields, b"\r\nLocation: /aSet-Cookie: b");
    }
}
