//! Where a VU's cookies are: RFC 6265, sections 5.3 and 5.4.

use std::collections::BTreeMap;

use ::url::{Host, Url};

use super::set_cookie::check;
use super::{ATTRIBUTE_BYTES_MAX, Attributes, CookieError, DOMAIN_COOKIES_MAX, JAR_COOKIES_MAX, SetCookie};

/// One VU's cookies. An empty jar owns no memory.
#[derive(Clone, Debug, Default)]
pub struct Jar {
    domains: BTreeMap<Box<str>, Vec<Cookie>>,
    cookies: usize,
    /// Numbers cookies in the order of their creation.
    created: u64,
}

/// A cookie of the domain that it is filed under.
#[derive(Clone, Debug)]
struct Cookie {
    name: Box<str>,
    value: Box<str>,
    path: Box<str>,
    number: u64,
    ends_unix_ms: Option<u64>,
    host_only: bool,
    secure: bool,
}

impl Cookie {
    fn has_ended(&self, now_unix_ms: u64) -> bool {
        self.ends_unix_ms.is_some_and(|ends| ends <= now_unix_ms)
    }

    /// Section 5.1.4.
    fn is_for_path(&self, path: &str) -> bool {
        path.strip_prefix(&*self.path)
            .is_some_and(|rest| rest.is_empty() || self.path.ends_with('/') || rest.starts_with('/'))
    }
}

impl Jar {
    /// An empty jar.
    #[must_use]
    pub const fn new() -> Self {
        Self { domains: BTreeMap::new(), cookies: 0, created: 0 }
    }

    /// Stores what `Set-Cookie` says in a response to a request for `url`. One that has ended deletes its predecessor.
    ///
    /// # Errors
    /// When it isn't a cookie, or not one that this host may set. Nothing has changed then.
    pub fn store(&mut self, url: &Url, set_cookie: &str, now_unix_ms: u64) -> Result<(), CookieError> {
        let SetCookie { name, value, attributes } = SetCookie::parse(set_cookie)?;
        self.set(url, &name, &value, &attributes, now_unix_ms)
    }

    /// Stores a cookie as a response to a request for `url` would.
    ///
    /// # Errors
    /// When it isn't a cookie, or not one that this host may set. Nothing has changed then.
    pub fn set(
        &mut self,
        url: &Url,
        name: &str,
        value: &str,
        attributes: &Attributes,
        now_unix_ms: u64,
    ) -> Result<(), CookieError> {
        check(name, value)?;
        let place = Place::of(url).ok_or_else(|| CookieError::Url(url.scheme().to_owned()))?;
        let (domain, host_only) = place.domain(attributes.domain.as_deref())?;
        let path = match attributes.path.as_deref() {
            Some(path) if path.starts_with('/') => path,
            _ => default_path(place.path),
        };
        if path.len() > ATTRIBUTE_BYTES_MAX {
            return Err(CookieError::Path(path.len()));
        }
        if breaks_prefix(name, &place, attributes) {
            return Err(CookieError::Prefix(name.to_owned()));
        }
        let ends_unix_ms = attributes.ends_unix_ms(now_unix_ms);
        let cookie = Cookie {
            name: name.into(),
            value: value.into(),
            path: path.into(),
            number: self.created,
            ends_unix_ms,
            host_only,
            secure: attributes.secure,
        };
        if cookie.has_ended(now_unix_ms) {
            self.retain_in(&domain, |known| known.name != cookie.name || known.path != cookie.path);
        } else {
            self.insert(domain, cookie, now_unix_ms);
        }
        Ok(())
    }

    /// The header `Cookie` of a request for `url`, if it has any.
    #[must_use]
    pub fn header(&self, url: &Url, now_unix_ms: u64) -> Option<String> {
        let cookies = self.matching(url, now_unix_ms);
        let bytes = cookies.iter().map(|(name, value)| name.len() + value.len() + "=; ".len()).sum();
        let mut header = String::with_capacity(bytes);
        for (name, value) in cookies {
            if !header.is_empty() {
                header.push_str("; ");
            }
            header.push_str(name);
            header.push('=');
            header.push_str(value);
        }
        (!header.is_empty()).then_some(header)
    }

    /// Names and values for a request for `url`: longer paths first, then older cookies first.
    #[must_use]
    pub fn matching(&self, url: &Url, now_unix_ms: u64) -> Vec<(&str, &str)> {
        if self.is_empty() {
            return Vec::new();
        }
        let Some(place) = Place::of(url) else { return Vec::new() };
        let mut found: Vec<&Cookie> = Vec::new();
        for domain in place.domains() {
            let cookies = self.domains.get(domain).into_iter().flatten();
            found.extend(cookies.filter(|cookie| {
                place.has(cookie, domain) && (place.is_secure || !cookie.secure) && !cookie.has_ended(now_unix_ms)
            }));
        }
        found.sort_by(|a, b| b.path.len().cmp(&a.path.len()).then(a.number.cmp(&b.number)));
        found.into_iter().map(|cookie| (&*cookie.name, &*cookie.value)).collect()
    }

    /// Removes the cookies of this name that `url` has, over https or not.
    pub fn delete(&mut self, url: &Url, name: &str) {
        self.remove(url, |cookie| &*cookie.name == name);
    }

    /// Removes all cookies that `url` has, over https or not.
    pub fn clear(&mut self, url: &Url) {
        self.remove(url, |_| true);
    }

    /// Removes all cookies.
    pub fn clear_all(&mut self) {
        *self = Self::new();
    }

    /// Whether there are no cookies, not even ones that have ended.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.cookies == 0
    }

    /// How many cookies there are, those that have ended and weren't needed to go yet included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.cookies
    }

    fn insert(&mut self, domain: String, cookie: Cookie, now_unix_ms: u64) {
        let cookies = self.domains.entry(domain.clone().into()).or_default();
        let is_same = |known: &&mut Cookie| known.name == cookie.name && known.path == cookie.path;
        if let Some(known) = cookies.iter_mut().find(is_same) {
            *known = Cookie { number: known.number, ..cookie };
            return;
        }
        cookies.push(cookie);
        self.cookies += 1;
        self.created += 1;
        if cookies.len() > DOMAIN_COOKIES_MAX {
            self.retain_in(&domain, |known| !known.has_ended(now_unix_ms));
            let left = self.domains.get(&*domain).filter(|left| left.len() > DOMAIN_COOKIES_MAX);
            if let Some(oldest) = left.and_then(|left| left.iter().map(|known| known.number).min()) {
                self.retain_in(&domain, |known| known.number != oldest);
            }
        }
        if self.cookies > JAR_COOKIES_MAX {
            self.retain(|known| !known.has_ended(now_unix_ms));
            let oldest = self.domains.values().flatten().map(|known| known.number).min();
            if let Some(oldest) = oldest.filter(|_| self.cookies > JAR_COOKIES_MAX) {
                self.retain(|known| known.number != oldest);
            }
        }
    }

    fn remove(&mut self, url: &Url, is_meant: impl Fn(&Cookie) -> bool) {
        let Some(place) = Place::of(url) else { return };
        for domain in place.domains() {
            self.retain_in(domain, |cookie| !(place.has(cookie, domain) && is_meant(cookie)));
        }
    }

    fn retain_in(&mut self, domain: &str, keep: impl Fn(&Cookie) -> bool) {
        let Some(cookies) = self.domains.get_mut(domain) else { return };
        let before = cookies.len();
        cookies.retain(keep);
        self.cookies -= before - cookies.len();
        if cookies.is_empty() {
            self.domains.remove(domain);
        }
    }

    fn retain(&mut self, keep: impl Fn(&Cookie) -> bool) {
        self.domains.retain(|_, cookies| {
            cookies.retain(&keep);
            !cookies.is_empty()
        });
        self.cookies = self.domains.values().map(Vec::len).sum();
    }
}

/// What of a URL matters to cookies.
struct Place<'a> {
    host: &'a str,
    is_address: bool,
    path: &'a str,
    is_secure: bool,
}

impl<'a> Place<'a> {
    fn of(url: &'a Url) -> Option<Self> {
        let is_secure = match url.scheme() {
            "http" | "ws" => false,
            "https" | "wss" => true,
            _ => return None,
        };
        let host = url.host_str()?;
        let host = host.strip_suffix('.').unwrap_or(host);
        let is_address = !matches!(url.host()?, Host::Domain(_));
        Some(Self { host, is_address, path: url.path(), is_secure })
    }

    /// The domain of a cookie with this attribute, and whether it is for this host alone.
    fn domain(&self, attribute: Option<&str>) -> Result<(String, bool), CookieError> {
        let own = || (self.host.to_owned(), true);
        let Some(attribute) = attribute else { return Ok(own()) };
        let bare = attribute.strip_prefix('.').unwrap_or(attribute);
        let error = || CookieError::Domain { domain: attribute.to_owned(), host: self.host.to_owned() };
        let domain = if bare.is_ascii() {
            bare.to_ascii_lowercase()
        } else {
            Host::parse(bare).map_err(|_| error())?.to_string()
        };
        let is_above = self.host.strip_suffix(&domain).is_some_and(|rest| rest.ends_with('.'));
        if domain == self.host {
            return Ok(if self.is_address || !domain.contains('.') { own() } else { (domain, false) });
        }
        if self.is_address || !is_above || domain.is_empty() {
            return Err(error());
        }
        if domain.contains('.') { Ok((domain, false)) } else { Err(CookieError::TopLevel(domain)) }
    }

    /// This host and, if it is a name, those above it.
    fn domains(&self) -> impl Iterator<Item = &'a str> {
        let above = |domain: &&'a str| domain.split_once('.').map(|(_, above)| above);
        let first = Some(self.host);
        let is_address = self.is_address;
        std::iter::successors(first, move |domain| if is_address { None } else { above(domain) })
    }

    /// Whether a cookie of `domain`, which is one of [`Self::domains`], is for this host and path.
    fn has(&self, cookie: &Cookie, domain: &str) -> bool {
        (domain.len() == self.host.len() || !cookie.host_only) && cookie.is_for_path(self.path)
    }
}

/// Section 5.1.4: the directory of a path, without the slash at its end.
fn default_path(path: &str) -> &str {
    match path.rfind('/') {
        None | Some(0) => "/",
        Some(last) if path.starts_with('/') => &path[..last],
        Some(_) => "/",
    }
}

/// Section 4.1.3 of RFC 6265's successor (draft-ietf-httpbis-rfc6265bis), where letter case doesn't matter.
fn breaks_prefix(name: &str, place: &Place<'_>, attributes: &Attributes) -> bool {
    let begins = |prefix: &str| name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    let is_secure = place.is_secure && attributes.secure;
    if begins("__Host-") {
        return !is_secure || attributes.domain.is_some() || attributes.path.as_deref() != Some("/");
    }
    begins("__Secure-") && !is_secure
}
