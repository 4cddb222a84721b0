//! The client's side of the upgrade: the request, and the answer as it comes.

use std::rc::Rc;

use super::handshake::{Agreed, Answer, HandshakeError, Offer, key};
use crate::http1::{
    Keep, Limits, Origin, ParseError, Payload, Request, RequestError, RequestHead, ResponseBuffer, ResponseParser,
};

/// Most bytes of the body of an answer that refuses.
const REFUSAL_BYTES_MAX: usize = 1 << 20;

/// Headers that are the handshake's own.
const OWN_HEADERS: [&str; 7] = [
    "upgrade",
    "connection",
    "sec-websocket-key",
    "sec-websocket-version",
    "sec-websocket-protocol",
    "sec-websocket-extensions",
    "sec-websocket-accept",
];

/// Why an upgrade can't be asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpgradeError {
    /// A header that can't be sent.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// A header that the handshake has itself.
    #[error("the header {0:?} is the handshake's own: leave it out, and give subprotocols and extensions as such")]
    OwnHeader(String),
    /// Not a token, or given twice: RFC 6455 section 4.1.
    #[error("invalid subprotocol {0:?}: each is a token, and no two are the same")]
    Subprotocol(String),
    /// RFC 7692 section 7.1.2.
    #[error("a window of {0} bits: from 8 to 15 are possible")]
    WindowBits(u8),
}

/// What to ask a server for, as often as wanted.
#[derive(Clone, Debug)]
pub struct Upgrade {
    request: Request,
    subprotocols: Vec<String>,
    offer: Option<Offer>,
}

impl Upgrade {
    /// A request to `origin` with this head, whose method is to be GET. Subprotocols come in the order of preference;
    /// `offer` offers compression.
    ///
    /// # Errors
    /// When a header, a subprotocol or the offer can't be sent.
    pub fn new(
        origin: Rc<Origin>,
        head: &RequestHead<'_>,
        subprotocols: Vec<String>,
        offer: Option<Offer>,
    ) -> Result<Self, UpgradeError> {
        let is_own = |name: &str| OWN_HEADERS.iter().any(|own| own.eq_ignore_ascii_case(name));
        if let Some((name, _)) = head.headers.iter().find(|(name, _)| is_own(name)) {
            return Err(UpgradeError::OwnHeader(name.clone()));
        }
        for (place, name) in subprotocols.iter().enumerate() {
            let is_token = !name.is_empty() && name.bytes().all(crate::http1::is_token_byte);
            if !is_token || subprotocols[..place].contains(name) {
                return Err(UpgradeError::Subprotocol(name.clone()));
            }
        }
        let bits = offer
            .iter()
            .flat_map(|offer| offer.server_max_window_bits.into_iter().chain([offer.client_max_window_bits]));
        if let Some(bits) = bits.into_iter().find(|bits| !(8..=15).contains(bits)) {
            return Err(UpgradeError::WindowBits(bits));
        }
        let mut headers = head.headers.to_vec();
        let mut add = |name: &str, value: String| headers.push((name.to_owned(), value));
        add("Upgrade", "websocket".to_owned());
        add("Connection", "Upgrade".to_owned());
        add("Sec-WebSocket-Version", "13".to_owned());
        if !subprotocols.is_empty() {
            add("Sec-WebSocket-Protocol", subprotocols.join(", "));
        }
        if let Some(offer) = &offer {
            add("Sec-WebSocket-Extensions", offer.header());
        }
        let request = Request::encode(origin, &RequestHead { headers: &headers, close: false, ..*head }, None)?;
        Ok(Self { request, subprotocols, offer })
    }

    /// Where it goes.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        self.request.origin()
    }

    /// One try, with a key of 16 random bytes: what to send, `header_lines` included, each of which ends with CR LF; and
    /// what reads the answer.
    #[must_use]
    pub fn begin(&self, random: [u8; 16], header_lines: &[u8]) -> (Vec<u8>, Opening) {
        let key = key(random);
        let mut lines = format!("Sec-WebSocket-Key: {key}\r\n").into_bytes();
        lines.extend_from_slice(header_lines);
        let bytes = self.request.head(&Payload { header_lines: lines, body: None });
        let limits = Limits { body_bytes: REFUSAL_BYTES_MAX, ..Limits::default() };
        (bytes, Opening { key, parser: ResponseParser::new(false, Keep::All, limits), response: Box::default() })
    }

    fn judge(&self, key: &str, response: &ResponseBuffer) -> Result<Agreed, HandshakeError> {
        let mut fields = Vec::new();
        response.fields(|name, value| {
            fields.push((name.to_ascii_lowercase(), String::from_utf8_lossy(value).into_owned()));
            true
        });
        let of = |wanted: &str| fields.iter().filter(|(name, _)| name == wanted).map(|(_, value)| &**value).collect();
        let answer = Answer {
            upgrade: of("upgrade"),
            connection: of("connection"),
            accept: of("sec-websocket-accept"),
            subprotocol: of("sec-websocket-protocol"),
            extensions: of("sec-websocket-extensions"),
        };
        answer.judge(key, &self.subprotocols, self.offer.as_ref())
    }
}

/// An answer as it comes.
#[derive(Debug)]
pub struct Opening {
    key: String,
    parser: ResponseParser,
    response: Box<ResponseBuffer>,
}

/// How far an answer has come.
#[derive(Debug)]
pub enum Progress {
    /// More is needed.
    Incomplete,
    /// The connection is a WebSocket.
    Open {
        /// What was agreed on.
        agreed: Agreed,
        /// How many of the bytes were the answer's; what follows them are frames.
        consumed: usize,
        /// The answer.
        response: Box<ResponseBuffer>,
    },
    /// The server answered with another status than 101; the connection is of no use.
    Refused(Box<ResponseBuffer>),
    /// The server answered with 101, but not to what was asked; the connection is of no use.
    Wrong(HandshakeError, Box<ResponseBuffer>),
}

impl Opening {
    /// Takes the next bytes of the answer to `upgrade`. Nothing more may be fed unless it is incomplete.
    ///
    /// # Errors
    /// When it is malformed.
    pub fn read(&mut self, upgrade: &Upgrade, bytes: &[u8]) -> Result<Progress, ParseError> {
        let fed = self.parser.feed(bytes, &mut self.response)?;
        if !fed.complete {
            return Ok(Progress::Incomplete);
        }
        Ok(self.judge(upgrade, fed.consumed))
    }

    /// The server has closed: the end of an answer that refuses, perhaps.
    ///
    /// # Errors
    /// When the answer isn't complete.
    pub fn end(&mut self, upgrade: &Upgrade) -> Result<Progress, ParseError> {
        self.parser.end(&self.response)?;
        Ok(self.judge(upgrade, 0))
    }

    fn judge(&mut self, upgrade: &Upgrade, consumed: usize) -> Progress {
        let response = std::mem::take(&mut self.response);
        if response.status() != 101 {
            return Progress::Refused(response);
        }
        match upgrade.judge(&self.key, &response) {
            Ok(agreed) => Progress::Open { agreed, consumed, response },
            Err(error) => Progress::Wrong(error, response),
        }
    }
}
