//! Values of the header `Authorization`: basic (RFC 7617), bearer (RFC 6750) and digest (RFC 7616 and 2617).

mod digest;
#[cfg(test)]
mod tests;

use std::fmt;

use ::url::Url;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;

pub use digest::{DigestChallenge, DigestError, DigestRequest, DigestSession};

/// User and password. Its debug form hides the password.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Credentials {
    /// The user's name.
    pub user: String,
    /// The password; empty if there is none.
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

impl Credentials {
    /// What stands before the host of a URL, percent-decoded.
    #[must_use]
    pub fn from_url(url: &Url) -> Option<Self> {
        let decoded = |text| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let (user, password) = (url.username(), url.password());
        if user.is_empty() && password.is_none() {
            return None;
        }
        Some(Self { user: decoded(user), password: decoded(password.unwrap_or_default()) })
    }
}

/// `Basic …`, in UTF-8.
#[must_use]
pub fn basic(credentials: &Credentials) -> String {
    format!("Basic {}", STANDARD.encode(format!("{}:{}", credentials.user, credentials.password)))
}

/// `Bearer …`
#[must_use]
pub fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}
