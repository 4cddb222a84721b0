//! Messages.

use crate::bindings::throng::script::websocket as host;

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Text.
    Text(String),
    /// Bytes.
    Binary(Vec<u8>),
}

impl Message {
    /// The text; none of a binary message.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Binary(_) => None,
        }
    }

    /// The bytes, of a text too.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }

    /// The message as JSON.
    ///
    /// # Errors
    ///
    /// When it isn't the JSON of a `T`.
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(self.bytes())
    }

    pub(super) fn for_host(self) -> host::Message {
        match self {
            Self::Text(text) => host::Message::Text(text),
            Self::Binary(bytes) => host::Message::Binary(bytes),
        }
    }
}

impl From<host::Message> for Message {
    fn from(message: host::Message) -> Self {
        match message {
            host::Message::Text(text) => Self::Text(text),
            host::Message::Binary(bytes) => Self::Binary(bytes),
        }
    }
}

impl From<&str> for Message {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Message {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Vec<u8>> for Message {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Binary(bytes)
    }
}

impl From<&[u8]> for Message {
    fn from(bytes: &[u8]) -> Self {
        Self::Binary(bytes.to_vec())
    }
}

/// JSON goes as text.
impl From<serde_json::Value> for Message {
    fn from(value: serde_json::Value) -> Self {
        Self::Text(value.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_made_of_what_scripts_have() {
        assert_eq!(Message::from("a"), Message::Text("a".into()));
        assert_eq!(Message::from(vec![1, 2]).bytes(), [1, 2]);
        let said = Message::from(serde_json::json!({ "n": 7 }));
        assert_eq!(said.text(), Some(r#"{"n":7}"#));
        assert_eq!(said.json::<serde_json::Value>().unwrap()["n"], 7);
        assert_eq!(Message::from(&b"x"[..]).text(), None);
    }
}
