//! The upgrade from HTTP/1.1: RFC 6455 section 4, and the negotiation of RFC 7692 section 7.1.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha1::{Digest, Sha1};

use super::deflate::{Deflate, WINDOW_BITS_MAX, WINDOW_BITS_MIN};

/// What the answer's digest is made with: RFC 6455 section 1.3.
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// The name of RFC 7692's extension.
const PERMESSAGE_DEFLATE: &str = "permessage-deflate";

/// Why an answer with status 101 isn't taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeError {
    /// The header Upgrade.
    #[error("the answer doesn't upgrade to websocket")]
    Upgrade,
    /// The header Connection.
    #[error("the answer's header Connection doesn't say Upgrade")]
    Connection,
    /// The header Sec-WebSocket-Accept, missing or wrong.
    #[error("the answer's Sec-WebSocket-Accept isn't what the key asks for")]
    Accept,
    /// One that wasn't asked for, or several.
    #[error("the server chose a subprotocol that wasn't offered")]
    Subprotocol,
    /// One that wasn't offered, or with parameters that don't follow from the offer.
    #[error("the server chose an extension, or parameters of one, that weren't offered")]
    Extension,
}

/// The value of Sec-WebSocket-Key, from 16 random bytes.
#[must_use]
pub fn key(random: [u8; 16]) -> String {
    BASE64_STANDARD.encode(random)
}

/// Whether this is a key: 16 bytes in Base64.
#[must_use]
pub fn is_key(key: &[u8]) -> bool {
    key.len() == 24 && BASE64_STANDARD.decode(key).is_ok_and(|bytes| bytes.len() == 16)
}

/// The value of Sec-WebSocket-Accept for a key.
#[must_use]
pub fn accept(key: &[u8]) -> String {
    BASE64_STANDARD.encode(Sha1::new().chain_update(key).chain_update(GUID).finalize())
}

/// Whether one of the headers of a name has this token in its list, in any case.
pub fn has_token<'a>(values: impl IntoIterator<Item = &'a str>, token: &str) -> bool {
    values.into_iter().flat_map(|value| value.split(',')).any(|item| item.trim().eq_ignore_ascii_case(token))
}

/// The headers of an answer that the upgrade depends on; several of one name in their order.
#[derive(Clone, Debug, Default)]
pub struct Answer<'a> {
    /// Upgrade.
    pub upgrade: Vec<&'a str>,
    /// Connection.
    pub connection: Vec<&'a str>,
    /// Sec-WebSocket-Accept.
    pub accept: Vec<&'a str>,
    /// Sec-WebSocket-Protocol.
    pub subprotocol: Vec<&'a str>,
    /// Sec-WebSocket-Extensions.
    pub extensions: Vec<&'a str>,
}

/// What an upgrade has agreed on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Agreed {
    /// One of those that were offered.
    pub subprotocol: Option<String>,
    /// How messages are compressed; none if they aren't.
    pub deflate: Option<Deflate>,
}

impl Answer<'_> {
    /// Judges an answer with status 101 as the client that has sent `key` and offered this: RFC 6455 section 4.1.
    ///
    /// # Errors
    /// When it isn't an answer to that.
    pub fn judge(&self, key: &str, subprotocols: &[String], offer: Option<&Offer>) -> Result<Agreed, HandshakeError> {
        if !has_token(self.upgrade.iter().copied(), "websocket") {
            return Err(HandshakeError::Upgrade);
        }
        if !has_token(self.connection.iter().copied(), "upgrade") {
            return Err(HandshakeError::Connection);
        }
        if !matches!(self.accept[..], [value] if value.trim() == accept(key.as_bytes())) {
            return Err(HandshakeError::Accept);
        }
        let subprotocol = match self.subprotocol[..] {
            [] => None,
            [chosen] if subprotocols.iter().any(|offered| offered == chosen.trim()) => Some(chosen.trim().to_owned()),
            _ => return Err(HandshakeError::Subprotocol),
        };
        let chosen = parse_extensions(self.extensions.iter().copied()).ok_or(HandshakeError::Extension)?;
        let deflate = match (&chosen[..], offer) {
            ([], _) => None,
            ([chosen], Some(offer)) => Some(offer.answered(chosen).ok_or(HandshakeError::Extension)?),
            _ => return Err(HandshakeError::Extension),
        };
        Ok(Agreed { subprotocol, deflate })
    }
}

/// What a client offers of permessage-deflate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The client won't refer to messages before.
    pub client_no_context_takeover: bool,
    /// The server mustn't.
    pub server_no_context_takeover: bool,
    /// The client's largest window, 8 to 15; a server may ask for a smaller one.
    pub client_max_window_bits: u8,
    /// The server's largest window, 8 to 15; none leaves it to the server.
    pub server_max_window_bits: Option<u8>,
}

impl Default for Offer {
    fn default() -> Self {
        Self {
            client_no_context_takeover: false,
            server_no_context_takeover: false,
            client_max_window_bits: WINDOW_BITS_MAX,
            server_max_window_bits: None,
        }
    }
}

impl Offer {
    /// The value of Sec-WebSocket-Extensions.
    #[must_use]
    pub fn header(&self) -> String {
        let mut value = String::from(PERMESSAGE_DEFLATE);
        if self.client_no_context_takeover {
            value.push_str("; client_no_context_takeover");
        }
        if self.server_no_context_takeover {
            value.push_str("; server_no_context_takeover");
        }
        match self.client_max_window_bits {
            WINDOW_BITS_MAX => value.push_str("; client_max_window_bits"),
            bits => value.push_str(&format!("; client_max_window_bits={bits}")),
        }
        if let Some(bits) = self.server_max_window_bits {
            value.push_str(&format!("; server_max_window_bits={bits}"));
        }
        value
    }

    /// What the server's choice comes to; none if it isn't one of this offer: RFC 7692 section 7.1.
    fn answered(&self, chosen: &Extension) -> Option<Deflate> {
        let chosen = Parameters::of(chosen)?;
        if self.server_no_context_takeover && !chosen.server_no_context_takeover {
            return None;
        }
        let server_bits = match (chosen.server_max_window_bits, self.server_max_window_bits) {
            (Some(Some(bits)), most) if bits <= most.unwrap_or(WINDOW_BITS_MAX) => bits,
            (None, None) => WINDOW_BITS_MAX,
            _ => return None,
        };
        let client_bits = match chosen.client_max_window_bits {
            Some(Some(bits)) => bits.min(self.client_max_window_bits),
            None => self.client_max_window_bits,
            Some(None) => return None,
        };
        Some(Deflate {
            sends_with_context: !(self.client_no_context_takeover || chosen.client_no_context_takeover),
            receives_with_context: !chosen.server_no_context_takeover,
            send_window_bits: client_bits,
            receive_window_bits: server_bits,
        })
    }
}

/// Takes the first offer of permessage-deflate that a server can: what that comes to, and the header that says so. None
/// if there is none, or what the client sent isn't a list of extensions.
pub fn take_offer<'a>(headers: impl IntoIterator<Item = &'a str>) -> Option<(Deflate, String)> {
    parse_extensions(headers)?.iter().find_map(|offer| {
        let offered = Parameters::of(offer)?;
        // A server's window has a number.
        let server_bits = match offered.server_max_window_bits {
            Some(None) => return None,
            Some(Some(bits)) => bits,
            None => WINDOW_BITS_MAX,
        };
        let mut header = String::from(PERMESSAGE_DEFLATE);
        if offered.client_no_context_takeover {
            header.push_str("; client_no_context_takeover");
        }
        if offered.server_no_context_takeover {
            header.push_str("; server_no_context_takeover");
        }
        if offered.server_max_window_bits.is_some() {
            header.push_str(&format!("; server_max_window_bits={server_bits}"));
        }
        let client_bits = offered.client_max_window_bits.flatten();
        if let Some(bits) = client_bits {
            header.push_str(&format!("; client_max_window_bits={bits}"));
        }
        let deflate = Deflate {
            sends_with_context: !offered.server_no_context_takeover,
            receives_with_context: !offered.client_no_context_takeover,
            send_window_bits: server_bits,
            receive_window_bits: client_bits.unwrap_or(WINDOW_BITS_MAX),
        };
        Some((deflate, header))
    })
}

/// permessage-deflate's parameters. A window without a number is `Some(None)`.
#[derive(Default)]
struct Parameters {
    client_no_context_takeover: bool,
    server_no_context_takeover: bool,
    client_max_window_bits: Option<Option<u8>>,
    server_max_window_bits: Option<Option<u8>>,
}

impl Parameters {
    /// None if it is another extension, or a parameter is unknown, comes twice or has a value that it mustn't have.
    fn of(extension: &Extension) -> Option<Self> {
        if extension.name != PERMESSAGE_DEFLATE {
            return None;
        }
        let mut parameters = Self::default();
        for (name, value) in &extension.parameters {
            let flag = |known: &mut bool| (value.is_none() && !std::mem::replace(known, true)).then_some(());
            let bits = |known: &mut Option<Option<u8>>| {
                let bits = value.as_deref().map(window_bits).map_or(Some(None), |bits| bits.map(Some))?;
                known.replace(bits).is_none().then_some(())
            };
            match name.as_str() {
                "client_no_context_takeover" => flag(&mut parameters.client_no_context_takeover)?,
                "server_no_context_takeover" => flag(&mut parameters.server_no_context_takeover)?,
                "client_max_window_bits" => bits(&mut parameters.client_max_window_bits)?,
                "server_max_window_bits" => bits(&mut parameters.server_max_window_bits)?,
                _ => return None,
            }
        }
        Some(parameters)
    }
}

/// RFC 7692 section 7.1.2.1: 8 to 15 without leading zeros.
fn window_bits(value: &str) -> Option<u8> {
    let bits = value.parse().ok().filter(|bits| (WINDOW_BITS_MIN..=WINDOW_BITS_MAX).contains(bits))?;
    (value.len() == if bits < 10 { 1 } else { 2 } && !value.starts_with('+')).then_some(bits)
}

/// One element of Sec-WebSocket-Extensions.
struct Extension {
    name: String,
    parameters: Vec<(String, Option<String>)>,
}

/// Reads the headers' lists: RFC 6455 section 9.1. None if one isn't a list of extensions.
fn parse_extensions<'a>(headers: impl IntoIterator<Item = &'a str>) -> Option<Vec<Extension>> {
    let mut extensions = Vec::new();
    for header in headers {
        for item in split_unquoted(header, ',').filter(|item| !item.trim().is_empty()) {
            let mut parts = split_unquoted(item, ';');
            let name = token(parts.next()?)?;
            let parameters = parts
                .map(|part| match part.split_once('=') {
                    Some((name, value)) => Some((token(name)?, Some(token_or_quoted(value.trim())?))),
                    None => Some((token(part)?, None)),
                })
                .collect::<Option<_>>()?;
            extensions.push(Extension { name, parameters });
        }
    }
    Some(extensions)
}

/// Splits where the separator isn't between quotes.
fn split_unquoted(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    text.split(move |character| {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            _ => return character == separator && !is_quoted,
        }
        false
    })
}

fn token(text: &str) -> Option<String> {
    let text = text.trim();
    let is_token = !text.is_empty() && text.bytes().all(crate::http1::is_token_byte);
    is_token.then(|| text.to_ascii_lowercase())
}

/// A quoted value is to be a token once it is unquoted.
fn token_or_quoted(text: &str) -> Option<String> {
    match text.strip_prefix('"') {
        Some(quoted) => token(&quoted.strip_suffix('"')?.replace('\\', "")),
        None => token(text),
    }
}
