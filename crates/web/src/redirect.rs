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
    /// `Location` has the port 0.
    #[error("the redirect's location has the port 0, which nothing listens on")]
    Port,
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
    if next.port() == Some(0) {
        return Err(RedirectError::Port);
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn next(status: u16, method: &str, location: &str, from: &str) -> Next {
        match follow(status, method, Some(location), &url(from)).unwrap() {
            Decision::Follow(next) => next,
            Decision::Response => panic!("{status} {method} isn't followed"),
        }
    }

    #[test]
    fn methods_change_as_in_go() {
        for (status, method, after, keep_body) in [
            (301, "POST", "GET", false),
            (302, "PUT", "GET", false),
            (303, "DELETE", "GET", false),
            (301, "GET", "GET", false),
            (302, "HEAD", "HEAD", false),
            (303, "HEAD", "HEAD", false),
            (307, "POST", "POST", true),
            (308, "PATCH", "PATCH", true),
        ] {
            let next = next(status, method, "/", "http://a.com/");
            assert_eq!((next.method.as_str(), next.keep_body), (after, keep_body), "{status} {method}");
            assert_eq!(next.keeps_header("Content-Type", &url("http://a.com/")), keep_body);
        }
    }

    #[test]
    fn other_statuses_and_ones_without_a_location_are_the_answer() {
        for (status, location) in
            [(200, Some("/")), (300, Some("/")), (304, Some("/")), (305, Some("/")), (302, None), (301, Some(""))]
        {
            assert_eq!(follow(status, "GET", location, &url("http://a.com/")), Ok(Decision::Response), "{status}");
        }
    }

    #[test]
    fn locations_are_resolved_and_fragments_inherited() {
        for (location, after) in [
            ("/x", "http://a.com/x#part"),
            ("y?q", "http://a.com/dir/y?q#part"),
            ("//b.com/z#own", "http://b.com/z#own"),
            ("https://b.com", "https://b.com/#part"),
            ("?q=ä ö", "http://a.com/dir/page?q=%C3%A4%20%C3%B6#part"),
        ] {
            assert_eq!(next(302, "GET", location, "http://a.com/dir/page#part").url.as_str(), after);
        }
        assert!(next(302, "GET", "/x", "http://a.com/").keep_host);
        assert!(!next(302, "GET", "http://a.com/x", "http://a.com/").keep_host);
        assert!(!next(302, "GET", "//b.com/x", "http://a.com/").keep_host);
    }

    #[test]
    fn locations_that_lead_nowhere_are_errors() {
        let error = |location| follow(302, "GET", Some(location), &url("http://a.com/")).unwrap_err();
        assert!(matches!(error("http://a.com:99999/"), RedirectError::Location { .. }));
        assert!(matches!(error("http://[::1/"), RedirectError::Location { .. }));
        assert_eq!(error("ftp://a.com/"), RedirectError::Scheme("ftp".into()));
        assert_eq!(error("javascript:alert(1)"), RedirectError::Scheme("javascript".into()));
        assert_eq!(error("http://a.com:0/"), RedirectError::Port);
    }

    /// Go's TestShouldCopyHeaderOnRedirect.
    #[test]
    fn credentials_stay_with_the_host_and_those_below_it() {
        for (header, initial, to, keeps) in [
            ("Cookie", "http://foo.com/", "http://bar.com/", false),
            ("Cookie", "http://foo.com/", "http://sub.foo.com/", true),
            ("Cookie", "http://sub.foo.com/", "http://foo.com/", false),
            ("Cookie", "http://foo.com/", "http://notfoo.com/", false),
            ("Authorization", "http://foo.com/", "https://foo.com/", true),
            ("Authorization", "http://foo.com:1234/", "http://foo.com:4321/", true),
            ("Www-Authenticate", "http://foo.com/", "http://bar.com/", false),
            ("PROXY-AUTHORIZATION", "http://foo.com/", "http://bar.com/", false),
            ("Authorization", "http://127.0.0.1/", "http://127.0.0.2/", false),
            ("Authorization", "http://[::1]/", "http://[::1]:80/", true),
            ("X-Own", "http://foo.com/", "http://bar.com/", true),
        ] {
            let next = next(302, "GET", to, initial);
            assert_eq!(next.keeps_header(header, &url(initial)), keeps, "{header} from {initial} to {to}");
        }
    }

    /// Go's TestReferer, but for fragments, which RFC 9110 leaves out.
    #[test]
    fn the_referer_tells_no_secrets() {
        let of = |last, next| referer(&url(last), &url(next));
        assert_eq!(of("http://gopher@test.com/", "http://link.com/").as_deref(), Some("http://test.com/"));
        assert_eq!(of("https://test:pass@test.com/a#b", "https://link.com/").as_deref(), Some("https://test.com/a"));
        assert_eq!(of("http://test.com/", "https://link.com/").as_deref(), Some("http://test.com/"));
        assert_eq!(of("https://test.com/", "http://link.com/"), None);
    }

    proptest! {
        #[test]
        fn no_location_makes_it_panic(status in 300_u16..310, location in ".*|[a-z:/@\\[\\]. %?#0-9]*", path in "[a-z/?#%]*") {
            let from = url("http://ann:secret@a.com/").join(&path).unwrap_or_else(|_| url("http://a.com/"));
            if let Ok(Decision::Follow(next)) = follow(status, "POST", Some(&location), &from) {
                prop_assert!(matches!(next.url.scheme(), "http" | "https"));
                prop_assert!(next.referer.is_none_or(|referer| !referer.contains("secret")));
            }
        }
    }
}
