//! Whether a response is followed by another request, and which: as Go's client does, and therefore k6's.

use ::url::{Host, Url};

/// A redirect that can't be followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RedirectError {
    /// `Location` isn't a URL.
    #[error("the redirect's location {location:?} is invalid: {message}")]
    Location {
        /// What the header says.
        location: String,
        /// What is wrong with it.
        message: String,
    },
    /// `Location` has a scheme other than `http` and `https`.
    #[error("the redirect's location has the scheme {0:?}; only http and https are followed")]
    Scheme(String),
}

/// What a response leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It is the answer.
    Response,
    /// Another request comes next.
    Follow(Next),
}

/// The request after a redirect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Next {
    /// Its method.
    pub method: String,
    /// Whether the body goes along; headers that describe it go with it.
    pub keep_body: bool,
    /// Whether a `Host` header that the script set still holds: it does if the location was relative.
    pub keep_host: bool,
    /// Where it goes, with the fragment of the URL before if it has none itself, and perhaps with user and password.
    pub url: Url,
    /// The header `Referer`, unless the script set one itself.
    pub referer: Option<String>,
}

impl Next {
    /// Whether a header that the script set on the first request belongs on this one. `initial` is that request's URL.
    ///
    /// A chain that has left the initial host doesn't get credentials back by returning to it: keep asking with the
    /// headers that are left.
    #[must_use]
    pub fn keeps_header(&self, name: &str, initial: &Url) -> bool {
        let is_one_of = |names: &[&str]| names.iter().any(|one| name.eq_ignore_ascii_case(one));
        if is_one_of(BODY_HEADERS) {
            return self.keep_body;
        }
        if is_one_of(&["host"]) {
            return self.keep_host;
        }
        !is_one_of(CREDENTIALS) || is_host_or_below(&self.url, initial)
    }
}

/// What Go's `shouldCopyHeaderOnRedirect` names.
const CREDENTIALS: &[&str] =
    &["authorization", "cookie", "cookie2", "proxy-authenticate", "proxy-authorization", "www-authenticate"];

/// The request-body-header names of the fetch standard, and those that frame a body.
const BODY_HEADERS: &[&str] = &[
    "content-encoding",
    "content-language",
    "content-length",
    "content-location",
    "content-type",
    "transfer-encoding",
];

/// What to do after a response with this status and `Location` to a request of `method` for `url`.
///
/// How often is for the caller to count.
///
/// # Errors
/// When the location is no URL, or one of another scheme.
pub fn follow(status: u16, method: &str, location: Option<&str>, url: &Url) -> Result<Decision, RedirectError> {
    let keeps_method = match status {
        301..=303 => false,
        307 | 308 => true,
        _ => return Ok(Decision::Response),
    };
    let Some(location) = location.filter(|location| !location.is_empty()) else { return Ok(Decision::Response) };
    let mut next = url
        .join(location)
        .map_err(|error| RedirectError::Location { location: location.to_owned(), message: error.to_string() })?;
    if !matches!(next.scheme(), "http" | "https") {
        return Err(RedirectError::Scheme(next.scheme().to_owned()));
    }
    if next.fragment().is_none() {
        next.set_fragment(url.fragment());
    }
    let method = if keeps_method || matches!(method, "GET" | "HEAD") { method } else { "GET" };
    Ok(Decision::Follow(Next {
        method: method.to_owned(),
        keep_body: keeps_method,
        keep_host: matches!(Url::parse(location), Err(::url::ParseError::RelativeUrlWithoutBase))
            && next.host() == url.host(),
        referer: referer(url, &next),
        url: next,
    }))
}

/// The header `Referer` of a request for `next` that follows one for `last`: nothing on the way from https to http, and
/// never user, password and fragment.
#[must_use]
pub fn referer(last: &Url, next: &Url) -> Option<String> {
    if last.scheme() == "https" && next.scheme() == "http" {
        return None;
    }
    let mut referer = last.clone();
    referer.set_fragment(None);
    // Both fail for URLs without a host only, which have no user either.
    let _ = referer.set_username("");
    let _ = referer.set_password(None);
    Some(referer.into())
}

/// Whether `url` goes to the host of `initial` or to a subdomain of it; the port doesn't matter.
fn is_host_or_below(url: &Url, initial: &Url) -> bool {
    match (url.host(), initial.host()) {
        (Some(Host::Domain(host)), Some(Host::Domain(parent))) => {
            host == parent || host.strip_suffix(parent).is_some_and(|prefix| prefix.ends_with('.'))
        }
        (host, parent) => host.is_some() && host == parent,
    }
}
