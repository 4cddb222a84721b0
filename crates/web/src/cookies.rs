//! Cookies.
use ::url::Url;

/// A cookie that isn't stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CookieError {
    /// No name.
    #[error("a cookie has no name")]
    NoName,
}

/// What stands in `Set-Cookie` beside name and value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// Also for hosts below this one; `None` is for the host alone that set it.
    pub domain: Option<String>,
    /// For this path and those below it; `None` is the directory of the URL that set it.
    pub path: Option<String>,
    /// When it ends, in milliseconds since 1970; `None` with no `max_age_s` is never.
    pub expires_unix_ms: Option<u64>,
    /// How many seconds it lasts, which counts more than `expires_unix_ms`; 0 or less deletes it.
    pub max_age_s: Option<i64>,
    /// For https only.
    pub secure: bool,
    /// Not for a page's scripts, which changes nothing here.
    pub http_only: bool,
}

/// A parsed `Set-Cookie` header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetCookie {
    /// The name.
    pub name: String,
    /// The value.
    pub value: String,
    /// The rest.
    pub attributes: Attributes,
}

impl SetCookie {
    /// As section 5.2 of RFC 6265 reads it.
    ///
    /// # Errors
    /// When it isn't a cookie.
    pub fn parse(_set_cookie: &str) -> Result<Self, CookieError> {
        Err(CookieError::NoName)
    }
}

/// One VU's cookies.
#[derive(Clone, Debug, Default)]
pub struct Jar {}

impl Jar {
    /// An empty one, which owns no memory.
    #[must_use]
    pub const fn new() -> Self {
        Self {}
    }
    /// Stores what a response to a request for `url` set.
    ///
    /// # Errors
    /// When it isn't a cookie, or not one that this host may set.
    pub fn store(&mut self, url: &Url, set_cookie: &str, now_unix_ms: u64) -> Result<(), CookieError> {
        let SetCookie { name, value, attributes } = SetCookie::parse(set_cookie)?;
        self.set(url, &name, &value, &attributes, now_unix_ms)
    }
    /// Stores a cookie as a response to a request for `url` would.
    ///
    /// # Errors
    /// When it isn't a cookie, or not one that this host may set.
    pub fn set(
        &mut self,
        _url: &Url,
        _name: &str,
        _value: &str,
        _attributes: &Attributes,
        _now_unix_ms: u64,
    ) -> Result<(), CookieError> {
        Err(CookieError::NoName)
    }
    /// The header `Cookie` of a request for `url`.
    #[must_use]
    pub fn header(&self, _url: &Url, _now_unix_ms: u64) -> Option<String> {
        None
    }
    /// Names and values for `url`, in the header's order.
    #[must_use]
    pub fn matching(&self, _url: &Url, _now_unix_ms: u64) -> Vec<(&str, &str)> {
        Vec::new()
    }
    /// Removes cookies of this name that a request for `url` would have.
    pub fn delete(&mut self, _url: &Url, _name: &str) {}
    /// Removes cookies that a request for `url` would have.
    pub fn clear(&mut self, _url: &Url) {}
    /// Removes all.
    pub fn clear_all(&mut self) {}
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        true
    }
}
