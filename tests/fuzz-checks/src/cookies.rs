//! A jar, as servers and scripts treat it.

use throng_web::Url;
use throng_web::cookies::{Attributes, COOKIE_BYTES_MAX, DOMAIN_COOKIES_MAX, JAR_COOKIES_MAX, Jar, SetCookie};

/// Hosts that may set cookies for one another are in one group; none may for another's.
const GROUPS: [&[&str]; 5] = [
    &[
        "http://shop.example/",
        "https://a.shop.example/deep/er?q",
        "https://b.a.shop.example:8443/deep",
        "http://shop.example./x",
    ],
    &["http://127.0.0.1/", "https://127.0.0.1:8443/deep/"],
    &["http://[::1]/deep/er", "ws://[::1]/"],
    &["http://localhost/deep", "wss://localhost/deep/er/"],
    &["https://xn--mnchen-3ya.test/", "http://127.0.0.1.nip.test/"],
];

/// A jar of its own for each group, and one for all.
#[derive(Default)]
struct Jars {
    all: Jar,
    own: [Jar; GROUPS.len()],
}

/// Each line of the input is one event: its first byte chooses the URL, the second what happens, the third the time
/// that passes before; the rest is text.
pub fn cookies(data: &[u8]) {
    let mut jars = Jars::default();
    let mut now_unix_ms = 1_700_000_000_000;
    for line in data.split(|byte| *byte == b'\n') {
        let [place, event, time, text @ ..] = line else { continue };
        let group = usize::from(*place) % GROUPS.len();
        let urls = GROUPS[group];
        let url = parse(urls[usize::from(*place) / GROUPS.len() % urls.len()]);
        // From nothing to three days.
        now_unix_ms += u64::from(*time).pow(3) * 16;
        let text = String::from_utf8_lossy(text);
        apply(&mut jars.all, &url, *event, &text, now_unix_ms);
        apply(&mut jars.own[group], &url, *event, &text, now_unix_ms);
        hold(&jars.all, now_unix_ms);
        hold_apart(&jars.own[group], group, now_unix_ms);
    }
}

fn parse(text: &str) -> Url {
    match Url::parse(text) {
        Ok(url) => url,
        Err(error) => panic!("{text}: {error}"),
    }
}

fn apply(jar: &mut Jar, url: &Url, event: u8, text: &str, now_unix_ms: u64) {
    let before = jar.header(url, now_unix_ms);
    let stored = match event % 8 {
        0 => {
            jar.delete(url, text);
            assert!(jar.matching(url, now_unix_ms).iter().all(|(name, _)| *name != text));
            return;
        }
        1 => {
            jar.clear(url);
            assert_eq!(jar.header(url, now_unix_ms), None);
            return;
        }
        2 => {
            let (name, value) = text.split_once('=').unwrap_or((text, ""));
            let attributes = Attributes { max_age_s: Some(i64::from(event)), ..Attributes::default() };
            jar.set(url, name, value, &attributes, now_unix_ms)
        }
        _ => {
            if let Ok(SetCookie { name, value, .. }) = SetCookie::parse(text) {
                assert!(!name.is_empty() && !name.contains(['=', ';']) && !value.contains(';'));
            }
            jar.store(url, text, now_unix_ms)
        }
    };
    if let Err(error) = stored {
        assert_eq!(jar.header(url, now_unix_ms), before, "it was refused, and changed the jar");
        assert!(!error.to_string().is_empty());
    }
}

/// What is true of every jar.
fn hold(jar: &Jar, now_unix_ms: u64) {
    assert!(jar.len() <= JAR_COOKIES_MAX);
    let count = jar.len();
    assert_eq!(jar.is_empty(), count == 0);
    for url in GROUPS.iter().copied().flatten().map(|url| parse(url)) {
        let cookies = jar.matching(&url, now_unix_ms);
        // The host's own, and those of the domains above it.
        assert!(cookies.len() <= DOMAIN_COOKIES_MAX * 4);
        let header = jar.header(&url, now_unix_ms).unwrap_or_default();
        let pairs: Vec<_> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(header, pairs.join("; "));
        assert!(header.chars().all(|character| !character.is_ascii_control() || character == '\t'), "{header:?}");
        for (name, value) in cookies {
            assert!(name.len() + value.len() <= COOKIE_BYTES_MAX);
            let is_secure = matches!(url.scheme(), "https" | "wss");
            let begins = |prefix: &str| name.to_ascii_lowercase().starts_with(prefix);
            assert!(is_secure || !begins("__secure-") && !begins("__host-"), "{name} is sent in plain to {url}");
        }
    }
}

/// Nobody but the group's own hosts sees its cookies.
fn hold_apart(jar: &Jar, group: usize, now_unix_ms: u64) {
    for (other, urls) in GROUPS.iter().enumerate().filter(|(other, _)| *other != group) {
        for url in *urls {
            assert_eq!(jar.header(&parse(url), now_unix_ms), None, "{url} of group {other} sees those of {group}");
        }
    }
}
