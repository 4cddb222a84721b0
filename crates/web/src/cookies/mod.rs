//! Cookies by RFC 6265, as Go's `net/http/cookiejar` and therefore k6 keep them, with browsers' limits and the prefixes
//! `__Host-` and `__Secure-`.
//!
//! There is no list of public suffixes: instead a domain has a dot, or is the host itself.

mod date;
mod jar;
mod set_cookie;
#[cfg(test)]
mod tests;

pub use jar::Jar;
pub use set_cookie::{Attributes, SetCookie};

/// Bytes of a cookie's name and value.
pub const COOKIE_BYTES_MAX: usize = 4096;
/// Bytes of an attribute; one that is longer doesn't count.
pub const ATTRIBUTE_BYTES_MAX: usize = 1024;
/// Cookies of one domain; expired ones go first, then the oldest.
pub const DOMAIN_COOKIES_MAX: usize = 180;
/// Cookies of a jar; expired ones go first, then the oldest.
pub const JAR_COOKIES_MAX: usize = 3000;

/// A cookie that isn't stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CookieError {
    /// There is nothing before `=`.
    #[error("the cookie has no name; it is to begin with name=value")]
    NoName,
    /// There is no `=` before the first `;`.
    #[error("the cookie {0:?} has no =; it is to begin with name=value")]
    NoEquals(String),
    /// A control character, or one that would end the name or the value.
    #[error("the cookie's name or value has the character {0:?}, which cookies can't have; encode it")]
    Character(char),
    /// More than [`COOKIE_BYTES_MAX`].
    #[error("the cookie {name:?} has {bytes} bytes; at most {COOKIE_BYTES_MAX} are kept")]
    TooLong {
        /// Its name, cut.
        name: String,
        /// Of name and value.
        bytes: usize,
    },
    /// Its path, or that of the URL where it has none, is longer than [`ATTRIBUTE_BYTES_MAX`].
    #[error("the cookie's path has {0} bytes; give it one of at most {ATTRIBUTE_BYTES_MAX}")]
    Path(usize),
    /// The host isn't within the domain.
    #[error("{host} can't set a cookie for the domain {domain:?}")]
    Domain {
        /// The attribute.
        domain: String,
        /// Of the URL.
        host: String,
    },
    /// A domain such as `com`.
    #[error("the cookie's domain {0:?} has no dot, so it would be sent to strangers")]
    TopLevel(String),
    /// `__Host-` without `Secure` and `Path=/`, or with `Domain`; `__Secure-` without `Secure`; either over http.
    #[error("the cookie {0:?} doesn't keep the promise of its prefix (https, Secure; __Host-: Path=/, no Domain)")]
    Prefix(String),
    /// The URL has no host, or is not of http, https, ws and wss.
    #[error("{0} has no cookies; use a URL of http or https")]
    Url(String),
}
