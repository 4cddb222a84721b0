//! The header `Set-Cookie`: RFC 6265, section 5.2.

use super::{ATTRIBUTE_BYTES_MAX, COOKIE_BYTES_MAX, CookieError, date};

/// What stands in `Set-Cookie` beside name and value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// Also for hosts below this one; `None` is for the host alone that set it.
    pub domain: Option<String>,
    /// For this path and those below it; `None` is the directory of the URL that set it.
    pub path: Option<String>,
    /// When it ends, in milliseconds since 1970; `None` is never, where `max_age_s` is `None` too.
    pub expires_unix_ms: Option<u64>,
    /// How many seconds it lasts, which counts more than `expires_unix_ms`; 0 or less deletes it.
    pub max_age_s: Option<i64>,
    /// For https only.
    pub secure: bool,
    /// Not for a page's scripts, which changes nothing here.
    pub http_only: bool,
}

impl Attributes {
    /// When the cookie ends that is set now.
    pub(super) fn ends_unix_ms(&self, now_unix_ms: u64) -> Option<u64> {
        match self.max_age_s {
            None => self.expires_unix_ms,
            Some(seconds) => match u64::try_from(seconds) {
                Ok(seconds) => Some(now_unix_ms.saturating_add(seconds.saturating_mul(1000))),
                Err(_) => Some(0),
            },
        }
    }

    fn read(&mut self, name: &str, value: &str) {
        if value.len() > ATTRIBUTE_BYTES_MAX {
            return;
        }
        match name.to_ascii_lowercase().as_str() {
            "expires" => self.expires_unix_ms = date::parse(value).or(self.expires_unix_ms),
            "max-age" => self.max_age_s = seconds(value).or(self.max_age_s),
            "domain" if !value.is_empty() => self.domain = Some(value.to_owned()),
            "path" => self.path = value.starts_with('/').then(|| value.to_owned()),
            "secure" => self.secure = true,
            "httponly" => self.http_only = true,
            _ => {}
        }
    }
}

/// A parsed `Set-Cookie` header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetCookie {
    /// Its name.
    pub name: String,
    /// Its value as it stands there, with quotes if there are any.
    pub value: String,
    /// The rest.
    pub attributes: Attributes,
}

impl SetCookie {
    /// Attributes that aren't known or make no sense are left out.
    ///
    /// # Errors
    /// When it has no name, characters that a cookie can't have, or is too long.
    pub fn parse(set_cookie: &str) -> Result<Self, CookieError> {
        let mut parts = set_cookie.split(';');
        let pair = parts.next().unwrap_or_default();
        let Some((name, value)) = pair.split_once('=') else {
            return Err(CookieError::NoEquals(pair.chars().take(100).collect()));
        };
        let (name, value) = (trim(name), trim(value));
        check(name, value)?;
        let mut attributes = Attributes::default();
        for part in parts {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            attributes.read(trim(name), trim(value));
        }
        Ok(Self { name: name.to_owned(), value: value.to_owned(), attributes })
    }
}

/// Whether a cookie may have this name and value.
pub(super) fn check(name: &str, value: &str) -> Result<(), CookieError> {
    if name.is_empty() {
        return Err(CookieError::NoName);
    }
    let bytes = name.len() + value.len();
    if bytes > COOKIE_BYTES_MAX {
        return Err(CookieError::TooLong { name: name.chars().take(100).collect(), bytes });
    }
    let is_bad = |character: &char| *character == ';' || character.is_ascii_control() && *character != '\t';
    let bad = name.chars().find(|character| *character == '=' || is_bad(character));
    match bad.or_else(|| value.chars().find(is_bad)) {
        Some(character) => Err(CookieError::Character(character)),
        None => Ok(()),
    }
}

fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// Any number of digits; what is too large to be a number lasts forever, or ended long ago.
fn seconds(text: &str) -> Option<i64> {
    let (digits, limit) = text.strip_prefix('-').map_or((text, i64::MAX), |digits| (digits, i64::MIN));
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(text.parse().unwrap_or(limit))
}
