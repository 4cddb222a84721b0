//! URLs as scripts write them, and what a request takes from them.

use ::url::{ParseError, Position, Url, form_urlencoded};

use crate::auth::Credentials;

/// A URL that can't be requested.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// It is empty.
    #[error("the URL is empty; write http://host/path")]
    Empty,
    /// Such as `/path`, or `host/path`.
    #[error("it has no scheme; write http://{0}")]
    NoScheme(String),
    /// `localhost:8080/path`, where the name is taken for a scheme.
    #[error("{0:?} stands where the scheme belongs; write http://{1}")]
    HostAsScheme(String, String),
    /// Neither `http` nor `https`.
    #[error("the scheme {0:?} isn't supported; use http or https")]
    Scheme(String),
    /// `http:///path`, or `http://:80/`.
    #[error("it has no host; write http://host/path")]
    NoHost,
    /// Not a number up to 65,535, or 0.
    #[error("the port {0:?} is no number from 1 to 65535")]
    Port(String),
    /// A space before or after it, or in its host.
    #[error("it has a space {0}; remove it")]
    Space(&'static str),
    /// A tab, a line break or another control character.
    #[error("it has the control character {0:?}; remove it or write it as %{code:02X}", code = u32::from(*.0))]
    Control(char),
    /// The host isn't a name or an address.
    #[error("the host {host:?} is invalid: {message}")]
    Host {
        /// What stands in the URL.
        host: String,
        /// What is wrong with it.
        message: String,
    },
}

/// A URL of the scheme `http` or `https` with a host, and the credentials that were in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HttpUrl {
    /// Without user and password.
    url: Url,
    credentials: Option<Credentials>,
}

impl HttpUrl {
    /// From what a script passed. Spaces and other characters that a path or query can't have are percent-encoded.
    ///
    /// # Errors
    /// When it can't be requested; the text names the remedy.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        check_characters(text)?;
        let url = Url::parse(text).map_err(|error| diagnose(text, error))?;
        Self::try_from(url).map_err(|error| match error {
            UrlError::Scheme(scheme) if is_port(&text[scheme.len()..]) => {
                UrlError::HostAsScheme(scheme, text.to_owned())
            }
            error => error,
        })
    }

    /// Where a reference in the document at this URL leads, such as `../a?b`; as in documents, white space round it
    /// doesn't count.
    ///
    /// # Errors
    /// When it is invalid, or leads to what can't be requested.
    pub fn join(&self, reference: &str) -> Result<Self, UrlError> {
        let url = self.url.join(reference).map_err(|error| diagnose(reference.trim(), error))?;
        Self::try_from(url)
    }

    /// The URL, without user and password.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// User and password that the URL was written with.
    #[must_use]
    pub fn credentials(&self) -> Option<&Credentials> {
        self.credentials.as_ref()
    }

    /// Whether the connection is encrypted.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// The host in lower case and ASCII; an IPv6 address is in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// The port, 80 or 443 if the URL has none.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.url.port_or_known_default().unwrap_or_default()
    }

    /// The value of the header `Host`: the port is there if it isn't the scheme's own.
    #[must_use]
    pub fn host_header(&self) -> &str {
        &self.url[Position::BeforeHost..Position::AfterPort]
    }

    /// What a request line names: path and query.
    #[must_use]
    pub fn request_target(&self) -> &str {
        &self.url[Position::BeforePath..Position::AfterQuery]
    }

    /// The URL as reports may show it: user and password are `****`, as in k6.
    #[must_use]
    pub fn shown(&self) -> String {
        match &self.credentials {
            None => self.url.as_str().to_owned(),
            Some(credentials) => {
                let hidden = if credentials.password.is_empty() { "****@" } else { "****:****@" };
                let (scheme, rest) = self.url.as_str().split_at(self.url[..Position::BeforeHost].len());
                format!("{scheme}{hidden}{rest}")
            }
        }
    }
}

impl TryFrom<Url> for HttpUrl {
    type Error = UrlError;

    fn try_from(mut url: Url) -> Result<Self, UrlError> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(UrlError::Scheme(url.scheme().to_owned()));
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(UrlError::NoHost);
        }
        if url.port() == Some(0) {
            return Err(UrlError::Port("0".to_owned()));
        }
        let credentials = Credentials::from_url(&url);
        // Both fail for URLs without a host only.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        Ok(Self { url, credentials })
    }
}

/// Names and values as the part of a URL after `?`, in the form of HTML's forms.
pub fn query<K: AsRef<str>, V: AsRef<str>>(pairs: impl IntoIterator<Item = (K, V)>) -> String {
    let mut serializer = form_urlencoded::Serializer::new(String::new());
    serializer.extend_pairs(pairs);
    serializer.finish()
}

/// The URL standard drops some of these silently; a script's author is better told.
fn check_characters(text: &str) -> Result<(), UrlError> {
    if text.trim().is_empty() {
        return Err(UrlError::Empty);
    }
    if let Some(control) = text.chars().find(|character| character.is_ascii_control()) {
        return Err(UrlError::Control(control));
    }
    if text.starts_with(' ') {
        return Err(UrlError::Space("at its beginning"));
    }
    if text.ends_with(' ') {
        return Err(UrlError::Space("at its end"));
    }
    if authority(text).contains(' ') {
        return Err(UrlError::Space("in its host"));
    }
    Ok(())
}

/// What stands between `//` and the path.
fn authority(text: &str) -> &str {
    let rest = text.split_once("://").map_or("", |(_, rest)| rest);
    rest.split(['/', '\\', '?', '#']).next().unwrap_or_default()
}

/// Whether the text begins as a port does: `:` and digits.
fn is_port(rest: &str) -> bool {
    rest.strip_prefix(':').is_some_and(|port| port.starts_with(|first: char| first.is_ascii_digit()))
}

fn diagnose(text: &str, error: ParseError) -> UrlError {
    let authority = authority(text);
    let host_and_port = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    match error {
        ParseError::RelativeUrlWithoutBase => UrlError::NoScheme(text.trim_start_matches('/').to_owned()),
        ParseError::EmptyHost => UrlError::NoHost,
        ParseError::InvalidPort => {
            UrlError::Port(host_and_port.rsplit_once(':').map_or(host_and_port, |(_, port)| port).to_owned())
        }
        error => UrlError::Host { host: host_and_port.to_owned(), message: error.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(text: &str) -> HttpUrl {
        HttpUrl::parse(text).unwrap()
    }

    fn refused(text: &str) -> UrlError {
        HttpUrl::parse(text).unwrap_err()
    }

    #[test]
    fn a_request_gets_its_target_host_and_port() {
        let url = parsed("http://Example.COM/a b?q=ü&x=1#part");
        assert_eq!((url.host(), url.port(), url.is_tls()), ("example.com", 80, false));
        assert_eq!((url.host_header(), url.request_target()), ("example.com", "/a%20b?q=%C3%BC&x=1"));
        let url = parsed("https://[::1]:8443");
        assert_eq!((url.host(), url.port(), url.is_tls()), ("[::1]", 8443, true));
        assert_eq!((url.host_header(), url.request_target()), ("[::1]:8443", "/"));
        assert_eq!(parsed("https://bücher.de:443/").host_header(), "xn--bcher-kva.de");
        assert_eq!(parsed("https://h/").port(), 443);
        assert_eq!(parsed("http://h?x").request_target(), "/?x");
    }

    #[test]
    fn user_and_password_are_taken_out() {
        let url = parsed("http://ann:p%40ss@h:81/x");
        assert_eq!(url.credentials().map(|found| (&*found.user, &*found.password)), Some(("ann", "p@ss")));
        assert_eq!((url.url().as_str(), url.host_header()), ("http://h:81/x", "h:81"));
        assert_eq!(url.shown(), "http://****:****@h:81/x");
        assert_eq!(parsed("http://ann@h/").shown(), "http://****@h/");
        assert_eq!(parsed("http://h/").shown(), "http://h/");
    }

    #[test]
    fn mistakes_are_told_with_their_remedy() {
        assert_eq!(refused(" "), UrlError::Empty);
        assert_eq!(refused("/path").to_string(), "it has no scheme; write http://path");
        assert_eq!(refused("example.com/x"), UrlError::NoScheme("example.com/x".into()));
        assert_eq!(
            refused("localhost:8080/x").to_string(),
            "\"localhost\" stands where the scheme belongs; write http://localhost:8080/x"
        );
        assert_eq!(refused("127.0.0.1:8080"), UrlError::NoScheme("127.0.0.1:8080".into()));
        assert_eq!(refused("ftp://h/"), UrlError::Scheme("ftp".into()));
        assert_eq!(refused("mailto:a@b"), UrlError::Scheme("mailto".into()));
        assert_eq!(refused("http://"), UrlError::NoHost);
        assert_eq!(refused("http://:80/"), UrlError::NoHost);
        assert_eq!(refused("http://h:99999/"), UrlError::Port("99999".into()));
        assert_eq!(refused("http://a:b@h:x/"), UrlError::Port("x".into()));
        assert_eq!(refused("http://h:0/"), UrlError::Port("0".into()));
        assert_eq!(refused(" http://h/"), UrlError::Space("at its beginning"));
        assert_eq!(refused("http://h/ "), UrlError::Space("at its end"));
        assert_eq!(refused("http://a b/"), UrlError::Space("in its host"));
        assert_eq!(refused("http://h/a\nb"), UrlError::Control('\n'));
        assert_eq!(
            refused("http://h/\t").to_string(),
            "it has the control character '\\t'; remove it or write it as %09"
        );
        assert!(matches!(refused("http://a<b/"), UrlError::Host { host, .. } if host == "a<b"));
        assert!(matches!(refused("http://1.2.3.400/"), UrlError::Host { .. }));
    }

    #[test]
    fn references_lead_where_a_browser_would_go() {
        let page = parsed("http://ann:pass@h:81/a/b?c#d");
        let to = |reference: &str| page.join(reference).map(|url| url.url().to_string());
        assert_eq!(to("e").as_deref(), Ok("http://h:81/a/e"));
        assert_eq!(to(" /e?f ").as_deref(), Ok("http://h:81/e?f"));
        assert_eq!(to("").as_deref(), Ok("http://h:81/a/b?c"));
        assert_eq!(to("//i/").as_deref(), Ok("http://i/"));
        assert_eq!(to("https://i/../e").as_deref(), Ok("https://i/e"));
        assert_eq!(to("mailto:a@b"), Err(UrlError::Scheme("mailto".into())));
        assert_eq!(to("javascript:void(0)"), Err(UrlError::Scheme("javascript".into())));
        assert!(matches!(to("http://a b/"), Err(UrlError::Host { .. })));
    }

    #[test]
    fn queries_are_encoded_as_forms_are() {
        assert_eq!(query([("a b", "1+1=2"), ("ü", "&")]), "a+b=1%2B1%3D2&%C3%BC=%26");
        assert_eq!(query::<&str, &str>([]), "");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic_or_break_the_request_line(text in ".*|https?://.*|https?:.{0,20}|[a-z:/@\\[\\]. %?#0-9]*") {
            if let Ok(url) = HttpUrl::parse(&text) {
                let bad = |byte: u8| byte <= b' ' || byte == 127;
                prop_assert!(!url.request_target().bytes().any(bad) && url.request_target().starts_with('/'));
                prop_assert!(!url.host_header().bytes().any(bad) && !url.host_header().contains('@'));
                prop_assert!(!url.host().is_empty() && url.port() != 0);
                prop_assert_eq!(HttpUrl::parse(url.url().as_str()).map(|again| again.url), Ok(url.url.clone()));
                let _ = url.shown();
            }
        }
    }
}
