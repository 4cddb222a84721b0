//! Values of the header `Authorization`.
use ::url::Url;

/// User and password.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Credentials {
    /// The user's name.
    pub user: String,
    /// The password; empty if there is none.
    pub password: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

impl Credentials {
    /// What stands before the host of a URL, percent-decoded.
    #[must_use]
    pub fn from_url(_url: &Url) -> Option<Self> {
        None
    }
}

/// `Basic …` (RFC 7617, in UTF-8).
#[must_use]
pub fn basic(_credentials: &Credentials) -> String {
    String::new()
}

/// `Bearer …` (RFC 6750).
#[must_use]
pub fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

/// Why a server's challenge can't be answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// None.
    #[error("there is no digest challenge that can be answered")]
    None,
}

/// A server's digest challenge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DigestChallenge {}

/// What of a request goes into its digest.
#[derive(Clone, Copy, Debug)]
pub struct DigestRequest<'a> {
    /// Its method.
    pub method: &'a str,
    /// Path and query.
    pub target: &'a str,
    /// The body, empty if there is none.
    pub body: &'a [u8],
    /// Text that the client made up for this request, such as 16 random bytes in hexadecimal.
    pub cnonce: &'a str,
}

impl DigestChallenge {
    /// The strongest of all digest challenges in these values of `WWW-Authenticate`.
    ///
    /// # Errors
    /// When there is none that can be answered.
    pub fn parse<'a>(_www_authenticate: impl IntoIterator<Item = &'a str>) -> Result<Self, DigestError> {
        Err(DigestError::None)
    }

    /// Whether the server says that the nonce was too old, while user and password were right.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        false
    }
}

/// A challenge in use: it counts the requests that it answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DigestSession {
    challenge: DigestChallenge,
    count: u32,
}

impl DigestSession {
    /// Not used yet.
    #[must_use]
    pub fn new(challenge: DigestChallenge) -> Self {
        Self { challenge, count: 0 }
    }

    /// The header `Authorization` of the next request.
    pub fn authorization(&mut self, _credentials: &Credentials, _request: &DigestRequest<'_>) -> String {
        self.count += 1;
        format!("{:?}", self.challenge)
    }
}
