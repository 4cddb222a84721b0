//! URLs that scripts write, and where redirects lead.

use throng_web::Url;
use throng_web::redirect::{self, Decision, Next};
use throng_web::url::HttpUrl;

const METHODS: [&str; 4] = ["GET", "POST", "HEAD", "DELETE"];

/// The first byte of the input chooses the status, the second the method; the rest is a URL and, behind a line break,
/// the locations that it leads to one after another.
pub fn urls(data: &[u8]) {
    let [status, method, rest @ ..] = data else { return };
    let text = String::from_utf8_lossy(rest);
    let (first, locations) = text.split_once('\n').unwrap_or((&text, ""));
    let parsed = match HttpUrl::parse(first) {
        Ok(url) => url,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    hold(&parsed);
    assert_eq!(HttpUrl::parse(parsed.url().as_str()).as_ref().map(HttpUrl::url), Ok(parsed.url()), "once more");
    let (status, method) = (300 + u16::from(status % 10), METHODS[usize::from(method % 4)]);
    let mut url = parsed.url().clone();
    for location in locations.split('\n') {
        match redirect::follow(status, method, Some(location), &url) {
            Ok(Decision::Response) => return,
            Ok(Decision::Follow(next)) => {
                hold_next(&next, &url, parsed.url());
                url = next.url;
            }
            Err(error) => {
                assert!(!error.to_string().is_empty());
                return;
            }
        }
    }
}

/// What a request is made of is fit for a request.
fn hold(url: &HttpUrl) {
    let is_visible = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
    assert!(!url.host().is_empty() && is_visible(url.host()), "{:?}", url.host());
    assert!(url.port() != 0);
    assert!(url.host_header().starts_with(url.host()) && is_visible(url.host_header()), "{:?}", url.host_header());
    assert!(!url.host_header().contains(['@', '/', '?', '#']), "{:?}", url.host_header());
    let target = url.request_target();
    assert!(target.starts_with('/') && is_visible(target) && !target.contains('#'), "{target:?}");
    assert!(url.url().username().is_empty() && url.url().password().is_none());
    assert_eq!(url.credentials().is_none(), url.shown() == url.url().as_str(), "{}", url.shown());
    assert_eq!(url.is_tls(), url.shown().starts_with("https:"));
}

fn hold_next(next: &Next, from: &Url, initial: &Url) {
    match HttpUrl::try_from(next.url.clone()) {
        Ok(url) => hold(&url),
        Err(error) => panic!("{} can't be requested: {error}", next.url),
    }
    assert!(!next.keep_host || next.url.host() == from.host());
    assert!(
        next.url.host() == initial.host() || !is_alien(&next.url, initial) || !next.keeps_header("Cookie", initial)
    );
    let Some(referer) = &next.referer else { return };
    assert!(from.scheme() == "http" || next.url.scheme() == "https", "{referer} is told in plain");
    match Url::parse(referer) {
        Ok(referer) => assert!(
            referer.username().is_empty() && referer.password().is_none() && referer.fragment().is_none(),
            "{referer}"
        ),
        Err(error) => panic!("{referer}: {error}"),
    }
}

/// Whether the host isn't below the initial one.
fn is_alien(url: &Url, initial: &Url) -> bool {
    let host = |url: &Url| format!(".{}", url.host_str().unwrap_or_default());
    !host(url).ends_with(&host(initial))
}
