//! From a request to a WebSocket: RFC 6455 section 4.2.

use std::time::Duration;

use httparse::Header;
use throng_transport::websocket::handshake::{accept, has_token, is_key, take_offer};
use throng_transport::websocket::{CloseCode, Deflate};

use crate::refusal::Refusal;
use crate::request::Head;
use crate::route::Route;
use crate::task::milliseconds;

/// Largest message of `/ws/broadcast`.
const BROADCAST_BYTES_MAX: usize = 64 << 10;

/// What the server does on a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// Sends every message back.
    Echo {
        /// Closes at a random instant, on average after this time.
        life: Option<Duration>,
    },
    /// Sends the same message to all at the same instants.
    Broadcast {
        /// Time between two messages.
        every: Duration,
        /// Bytes of a message, at least those of its number.
        bytes: usize,
    },
    /// Says nothing.
    Silent,
    /// Says nothing and closes.
    Close {
        /// When.
        after: Duration,
        /// With what.
        code: CloseCode,
    },
}

/// A WebSocket as it was agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Agreement {
    pub(super) manner: Manner,
    pub(super) deflate: Option<Deflate>,
    /// The fields of the answer, each begun with CR LF.
    pub(crate) fields: Vec<u8>,
}

impl Agreement {
    /// Judges a request to one of the routes of WebSockets. The first subprotocol that is offered is taken, and the first
    /// compression that is possible.
    ///
    /// # Errors
    /// When it isn't a request for one, or its parameters make no sense.
    pub(crate) fn new(route: Route, head: &Head<'_>, fields: &[Header<'_>]) -> Result<Self, Refusal> {
        let values = |name: &str| -> Vec<&str> {
            let of_name = fields.iter().filter(|field| field.name.eq_ignore_ascii_case(name));
            of_name.filter_map(|field| std::str::from_utf8(field.value).ok()).collect()
        };
        let is_upgrade = has_token(values("connection"), "upgrade") && has_token(values("upgrade"), "websocket");
        if !is_upgrade || !head.is_http_1_1 || values("sec-websocket-version") != ["13"] {
            return Err(Refusal::UpgradeRequired);
        }
        let key = match values("sec-websocket-key")[..] {
            [key] if is_key(key.trim().as_bytes()) => key.trim().to_owned(),
            _ => return Err(Refusal::Malformed("Sec-WebSocket-Key isn't 16 bytes in Base64")),
        };
        let manner = Manner::of(route, head.query)?;
        let mut answer = Vec::new();
        let mut add = |name: &str, value: &str| {
            answer.extend_from_slice(b"\r\n");
            answer.extend_from_slice(name.as_bytes());
            answer.extend_from_slice(b": ");
            answer.extend_from_slice(value.as_bytes());
        };
        add("Upgrade", "websocket");
        add("Connection", "Upgrade");
        add("Sec-WebSocket-Accept", &accept(key.as_bytes()));
        let offered = values("sec-websocket-protocol");
        if let Some(first) =
            offered.iter().flat_map(|value| value.split(',')).map(str::trim).find(|name| !name.is_empty())
        {
            add("Sec-WebSocket-Protocol", first);
        }
        let deflate = take_offer(values("sec-websocket-extensions"));
        if let Some((_, header)) = &deflate {
            add("Sec-WebSocket-Extensions", header);
        }
        Ok(Self { manner, deflate: deflate.map(|(deflate, _)| deflate), fields: answer })
    }
}

impl Manner {
    fn of(route: Route, query: &str) -> Result<Self, Refusal> {
        let mut parameters = std::collections::HashMap::new();
        parameters.extend(form_urlencoded::parse(query.as_bytes()));
        let time = |name: &str| parameters.get(name).map(|value| milliseconds(value)).transpose();
        match route {
            Route::WsEcho => Ok(Self::Echo { life: time("life")?.filter(|life| !life.is_zero()) }),
            Route::WsBroadcast => {
                let every = time("every")?.unwrap_or(Duration::from_secs(1));
                if every < Duration::from_millis(1) {
                    return Err(Refusal::BadParameter("every is a number of milliseconds, at least 1"));
                }
                let bytes = parameters.get("bytes").map_or(Some(0), |bytes| crate::task::number(bytes));
                let bytes =
                    bytes.and_then(|bytes| usize::try_from(bytes).ok()).filter(|bytes| *bytes <= BROADCAST_BYTES_MAX);
                let bytes = bytes.ok_or(Refusal::BadParameter("bytes is a number, at most 65536"))?;
                Ok(Self::Broadcast { every, bytes })
            }
            Route::WsClose => {
                let code = parameters.get("code").map_or(Some(1000), |code| crate::task::number(code));
                let code = code.and_then(|code| u16::try_from(code).ok()).and_then(CloseCode::new);
                let code =
                    code.ok_or(Refusal::BadParameter("code is one that may be sent: 1000 or 3000 to 4999, say"))?;
                Ok(Self::Close { after: time("after")?.unwrap_or_default(), code })
            }
            _ => Ok(Self::Silent),
        }
    }
}
