//! What VUs open, checked and encoded once.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use throng_stats::TagSet;
use throng_transport::http1::RequestHead;
use throng_transport::websocket::handshake::Offer;
use throng_transport::websocket::{Limits, Role, Rules, Upgrade};
use throng_vu::SocketSpec;
use throng_web::auth;
use throng_web::url::HttpUrl;

use crate::http::{CODE_OTHER, CODE_URL};
use crate::shard::ShardContext;

/// k6's time limit of a handshake.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A socket to open, or why it can't be.
pub(crate) struct PreparedSocket {
    pub(crate) target: Result<Target, (u16, String)>,
    pub(crate) timeout: Duration,
    pub(super) jar: u32,
    pub(super) rules: Rc<Rules>,
    /// url, name and the socket's own tags.
    pub(crate) tags: TagSet,
}

/// Where it goes.
pub(crate) struct Target {
    pub(crate) upgrade: Upgrade,
    pub(crate) url: HttpUrl,
    /// The cookies that the script gave as a header.
    pub(crate) cookie_header: Option<String>,
}

impl PreparedSocket {
    pub(crate) fn new(shard: &ShardContext, spec: &SocketSpec, tags: Result<TagSet, String>) -> Self {
        let own = tags.clone().unwrap_or_default();
        let url = parse(&spec.url);
        let shown = url.as_ref().map_or_else(|_| spec.url.clone(), shown);
        let target = match (tags, url) {
            (Err(message), _) => Err((CODE_OTHER, message)),
            (_, Err(error)) => Err((CODE_URL, error)),
            (Ok(_), Ok(url)) => target(shard, spec, url),
        };
        let name = own.get("name").unwrap_or(&shown).to_owned();
        let limits = match spec.message_bytes_max {
            Some(bytes) => Limits { frame_bytes_max: bytes.into(), message_bytes_max: bytes as usize },
            None => Limits::default(),
        };
        Self {
            target,
            timeout: spec.timeout_ms.map_or(TIMEOUT, |ms| Duration::from_millis(ms.into())),
            jar: spec.jar,
            rules: Rc::new(Rules::new(Role::Client, limits)),
            tags: TagSet::from_pairs([("url", &*name), ("name", &*name)]).merged(&own),
        }
    }
}

/// `ws` and `wss` are `http` and `https` but for what follows the handshake.
fn parse(text: &str) -> Result<HttpUrl, String> {
    let (scheme, rest) = text.split_at(text.find(':').unwrap_or(0));
    let http = match scheme.to_ascii_lowercase().as_str() {
        "ws" => format!("http{rest}"),
        "wss" => format!("https{rest}"),
        _ => text.to_owned(),
    };
    HttpUrl::parse(&http).map_err(|error| format!("invalid URL {text:?}: {error}"))
}

/// As reports show it: `ws` or `wss`, whatever it was given as.
pub(crate) fn shown(url: &HttpUrl) -> String {
    let shown = url.shown();
    shown.strip_prefix("http").map_or_else(|| shown.clone(), |rest| format!("ws{rest}"))
}

fn target(shard: &ShardContext, spec: &SocketSpec, url: HttpUrl) -> Result<Target, (u16, String)> {
    let (cookies, mut headers): (Vec<_>, Vec<_>) =
        spec.headers.iter().cloned().partition(|(name, _)| name.eq_ignore_ascii_case("cookie"));
    let has_authorization = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization"));
    if let Some(credentials) = url.credentials()
        && !has_authorization
    {
        headers.push(("Authorization".to_owned(), auth::basic(credentials)));
    }
    let cookies: Vec<_> = cookies.into_iter().map(|(_, value)| value).collect();
    if cookies.iter().any(|value| value.chars().any(char::is_control)) {
        return Err((CODE_OTHER, "invalid value of header \"cookie\": it contains a control character".to_owned()));
    }
    let head = RequestHead {
        method: "GET",
        target: url.request_target(),
        host: url.host_header(),
        user_agent: &shard.settings.user_agent,
        headers: &headers,
        close: false,
    };
    let offer = spec.deflate.map(|offer| Offer {
        client_no_context_takeover: offer.client_no_context_takeover,
        server_no_context_takeover: offer.server_no_context_takeover,
        client_max_window_bits: offer.client_max_window_bits,
        server_max_window_bits: offer.server_max_window_bits,
    });
    let origin = shard.origins.of(&url, shard.settings.tls.as_ref());
    let origin = origin.map_err(|error| (error.code(), error.to_string()))?;
    let upgrade = Upgrade::new(origin, &head, spec.subprotocols.clone(), offer);
    let upgrade = upgrade.map_err(|error| (CODE_OTHER, error.to_string()))?;
    Ok(Target { upgrade, url, cookie_header: (!cookies.is_empty()).then(|| cookies.join("; ")) })
}

/// What VUs of a shard open in common.
#[derive(Default)]
pub(crate) struct PreparedSockets(RefCell<HashMap<(SocketSpec, TagSet), Rc<PreparedSocket>>>);

impl PreparedSockets {
    /// Those that are remembered; a script with ever new URLs doesn't fill the memory.
    const MAX: usize = 4096;

    pub(crate) fn prepare(
        &self,
        shard: &ShardContext,
        mut spec: SocketSpec,
        tags: Result<TagSet, String>,
    ) -> Rc<PreparedSocket> {
        let Ok(own) = &tags else { return Rc::new(PreparedSocket::new(shard, &spec, tags)) };
        // The number of a VU; what it stands for is beside it.
        spec.tags = 0;
        let key = (spec, own.clone());
        let mut known = self.0.borrow_mut();
        if let Some(prepared) = known.get(&key) {
            return Rc::clone(prepared);
        }
        let prepared = Rc::new(PreparedSocket::new(shard, &key.0, tags));
        if known.len() < Self::MAX {
            known.insert(key, Rc::clone(&prepared));
        }
        prepared
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_either_scheme_lead_to_the_same_place_and_show_as_web_sockets() {
        for (given, is_tls, port, as_shown) in [
            ("ws://h/a?b", false, 80, "ws://h/a?b"),
            ("WSS://h:8443/", true, 8443, "wss://h:8443/"),
            ("http://h:81/x", false, 81, "ws://h:81/x"),
            ("https://h", true, 443, "wss://h/"),
        ] {
            let url = parse(given).unwrap();
            assert_eq!((url.is_tls(), url.port(), &*shown(&url)), (is_tls, port, as_shown), "{given}");
        }
        for wrong in ["ftp://h/", "h/ws", "ws:", ""] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
