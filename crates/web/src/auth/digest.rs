//! Digest access authentication.

use http_auth::ChallengeRef;
use http_auth::parser::ChallengeParser;
use md5::Md5;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};

use super::Credentials;

/// Why a server's challenges can't be answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// The server asks for something else, or nothing.
    #[error("the server sent no digest challenge in WWW-Authenticate; does it ask for another scheme?")]
    NoChallenge,
    /// Not what RFC 9110 calls challenges.
    #[error("the server's WWW-Authenticate can't be read: {0}")]
    Malformed(String),
    /// `realm` or `nonce`.
    #[error("the server's digest challenge has no {0}")]
    Missing(&'static str),
    /// Neither MD5 nor SHA-256, with `-sess` or without.
    #[error("the server's digest challenge has the algorithm {0:?}; MD5 and SHA-256 are known, and -sess of both")]
    Algorithm(String),
    /// Neither `auth` nor `auth-int`.
    #[error("the server's digest challenge has the quality of protection {0:?}; auth and auth-int are known")]
    Qop(String),
}

/// From weak to strong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Hash {
    Md5,
    Sha256,
}

impl Hash {
    /// In hexadecimal, of the parts with `:` between them.
    fn of(self, parts: &[&[u8]]) -> String {
        let text = parts.join(&b':');
        match self {
            Self::Md5 => hexadecimal(&Md5::digest(text)),
            Self::Sha256 => hexadecimal(&Sha256::digest(text)),
        }
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Qop {
    Auth,
    AuthInt,
}

impl Qop {
    fn name(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::AuthInt => "auth-int",
        }
    }

    /// `auth` if the server takes it, since `auth-int` hashes the body.
    fn choose(list: &str) -> Option<Self> {
        let offers = |qop: Self| list.split(',').any(|offered| offered.trim().eq_ignore_ascii_case(qop.name()));
        [Self::Auth, Self::AuthInt].into_iter().find(|qop| offers(*qop))
    }
}

/// A server's digest challenge that can be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DigestChallenge {
    realm: String,
    nonce: String,
    opaque: Option<String>,
    /// As the server wrote it; RFC 2617's servers may leave it out and not know it.
    algorithm: Option<String>,
    hash: Hash,
    is_session: bool,
    qop: Option<Qop>,
    hashes_user: bool,
    is_stale: bool,
}

impl DigestChallenge {
    /// The strongest of all digest challenges in the values of the header `WWW-Authenticate` (or `Proxy-Authenticate`),
    /// the first of those that are equally strong.
    ///
    /// # Errors
    /// When there is none that can be answered.
    pub fn parse<'a>(www_authenticate: impl IntoIterator<Item = &'a str>) -> Result<Self, DigestError> {
        let (mut best, mut first_error): (Option<Self>, _) = (None, None);
        for challenge in www_authenticate.into_iter().flat_map(ChallengeParser::new) {
            let parsed = match challenge {
                Ok(other) if !other.scheme.eq_ignore_ascii_case("digest") => continue,
                Ok(digest) => Self::read(&digest),
                Err(error) => Err(DigestError::Malformed(error.to_string())),
            };
            match parsed {
                Ok(digest) if best.as_ref().is_none_or(|best| best.hash < digest.hash) => best = Some(digest),
                Ok(_) => {}
                Err(error) => first_error = first_error.or(Some(error)),
            }
        }
        best.ok_or(first_error.unwrap_or(DigestError::NoChallenge))
    }

    fn read(challenge: &ChallengeRef<'_>) -> Result<Self, DigestError> {
        let find = |name: &str| {
            let found = challenge.params.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.to_unescaped())
        };
        let is_true = |name: &str| find(name).is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let algorithm = find("algorithm");
        let (hash, is_session) = match algorithm.as_deref().unwrap_or("MD5").to_ascii_lowercase().as_str() {
            "md5" => (Hash::Md5, false),
            "md5-sess" => (Hash::Md5, true),
            "sha-256" => (Hash::Sha256, false),
            "sha-256-sess" => (Hash::Sha256, true),
            _ => return Err(DigestError::Algorithm(algorithm.unwrap_or_default())),
        };
        let qop = match find("qop").filter(|list| !list.trim().is_empty()) {
            None => None,
            Some(list) => Some(Qop::choose(&list).ok_or(DigestError::Qop(list))?),
        };
        Ok(Self {
            realm: find("realm").ok_or(DigestError::Missing("realm"))?,
            nonce: find("nonce").ok_or(DigestError::Missing("nonce"))?,
            opaque: find("opaque"),
            algorithm,
            hash,
            is_session,
            qop,
            hashes_user: is_true("userhash"),
            is_stale: is_true("stale"),
        })
    }

    /// Whether the server says that only the nonce was too old: the same user and password are to be tried again.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.is_stale
    }

    fn response(&self, credentials: &Credentials, request: &DigestRequest<'_>, count: &str, cnonce: &str) -> String {
        let hash = |parts: &[&str]| self.hash.of(&parts.iter().map(|part| part.as_bytes()).collect::<Vec<_>>());
        let secret = hash(&[&credentials.user, &self.realm, &credentials.password]);
        let secret = if self.is_session { hash(&[&secret, &self.nonce, cnonce]) } else { secret };
        let asked = match self.qop {
            Some(Qop::AuthInt) => hash(&[request.method, request.target, &self.hash.of(&[request.body])]),
            _ => hash(&[request.method, request.target]),
        };
        match self.qop {
            Some(qop) => hash(&[&secret, &self.nonce, count, cnonce, qop.name(), &asked]),
            None => hash(&[&secret, &self.nonce, &asked]),
        }
    }

    fn user(&self, user: &str) -> String {
        if self.hashes_user {
            return format!("username=\"{}\"", self.hash.of(&[user.as_bytes(), self.realm.as_bytes()]));
        }
        if user.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
            return format!("username={}", quoted(user));
        }
        format!("username*=UTF-8''{}", utf8_percent_encode(user, NON_ALPHANUMERIC))
    }
}

/// What of a request goes into its digest.
#[derive(Clone, Copy, Debug)]
pub struct DigestRequest<'a> {
    /// Its method.
    pub method: &'a str,
    /// Path and query, as in the request line.
    pub target: &'a str,
    /// The body, empty if there is none.
    pub body: &'a [u8],
    /// What the client made up for this request, such as 16 random bytes in hexadecimal: printable ASCII.
    pub cnonce: &'a str,
}

/// A challenge in use: it counts the requests that it answers, so it is kept for further ones to the same server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DigestSession {
    challenge: DigestChallenge,
    count: u32,
    /// The first `cnonce`, which is part of the secret where the algorithm ends in `-sess`.
    cnonce: Option<String>,
}

impl DigestSession {
    /// One that hasn't answered anything yet.
    #[must_use]
    pub fn new(challenge: DigestChallenge) -> Self {
        Self { challenge, count: 0, cnonce: None }
    }

    /// The header `Authorization` of the next request.
    ///
    /// With `-sess` all requests have the first one's `cnonce`: servers don't agree whether another one changes the
    /// secret, and this is right for both.
    pub fn authorization(&mut self, credentials: &Credentials, request: &DigestRequest<'_>) -> String {
        let challenge = &self.challenge;
        self.count = self.count.saturating_add(1);
        let cnonce = match &mut self.cnonce {
            _ if !challenge.is_session => request.cnonce,
            first => first.get_or_insert_with(|| request.cnonce.to_owned()),
        };
        let count = format!("{:08x}", self.count);
        let mut parts = vec![
            challenge.user(&credentials.user),
            format!("realm={}", quoted(&challenge.realm)),
            format!("nonce={}", quoted(&challenge.nonce)),
            format!("uri={}", quoted(request.target)),
        ];
        parts.extend(challenge.algorithm.as_ref().map(|algorithm| format!("algorithm={algorithm}")));
        if let Some(qop) = challenge.qop {
            parts.push(format!("qop={}, nc={count}", qop.name()));
        }
        if challenge.qop.is_some() || challenge.is_session {
            parts.push(format!("cnonce={}", quoted(cnonce)));
        }
        parts.push(format!("response=\"{}\"", challenge.response(credentials, request, &count, cnonce)));
        parts.extend(challenge.opaque.as_ref().map(|opaque| format!("opaque={}", quoted(opaque))));
        if challenge.hashes_user {
            parts.push("userhash=true".to_owned());
        }
        format!("Digest {}", parts.join(", "))
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
