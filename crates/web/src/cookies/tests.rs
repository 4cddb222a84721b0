use proptest::prelude::*;

use super::*;
use crate::Url;

const NOW: u64 = 1_700_000_000_000;

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

fn jar(cookies: &[(&str, &str)]) -> Jar {
    let mut jar = Jar::new();
    for (from, set_cookie) in cookies {
        jar.store(&url(from), set_cookie, NOW).unwrap();
    }
    jar
}

fn header(jar: &Jar, to: &str) -> String {
    jar.header(&url(to), NOW).unwrap_or_default()
}

fn refused(from: &str, set_cookie: &str) -> CookieError {
    let mut jar = Jar::new();
    let error = jar.store(&url(from), set_cookie, NOW).unwrap_err();
    assert!(jar.is_empty());
    error
}

/// The examples of RFC 6265, section 3.1.
#[test]
fn the_rfcs_examples_hold() {
    let sid = jar(&[("https://www.example.com/", "SID=31d4d96e407aad42")]);
    assert_eq!(header(&sid, "https://www.example.com/a/b"), "SID=31d4d96e407aad42");
    assert_eq!(header(&sid, "https://example.com/"), "", "without Domain it is for that host alone");
    assert_eq!(header(&sid, "https://a.www.example.com/"), "");

    let all = jar(&[("https://www.example.com/", "SID=31d4d96e407aad42; Path=/; Domain=example.com")]);
    assert_eq!(header(&all, "https://example.com/"), "SID=31d4d96e407aad42");
    assert_eq!(header(&all, "https://api.example.com/x"), "SID=31d4d96e407aad42");
    assert_eq!(header(&all, "https://badexample.com/"), "");

    let mut two = jar(&[
        ("https://example.com/", "SID=31d4d96e407aad42; Path=/; Secure; HttpOnly"),
        ("https://example.com/", "lang=en-US; Path=/; Domain=example.com"),
    ]);
    assert_eq!(header(&two, "https://example.com/"), "SID=31d4d96e407aad42; lang=en-US");
    assert_eq!(header(&two, "http://example.com/"), "lang=en-US");
    two.store(&url("https://example.com/"), "lang=; Expires=Sun, 06 Nov 1994 08:49:37 GMT", NOW).unwrap();
    assert_eq!(header(&two, "https://example.com/"), "SID=31d4d96e407aad42");
}

#[test]
fn a_path_is_for_itself_and_what_is_below() {
    let jar = jar(&[
        ("http://a.com/one/two", "default=1"),
        ("http://a.com/", "one=1; Path=/one"),
        ("http://a.com/", "slash=1; Path=/one/"),
        ("http://a.com/x", "bad=1; Path=one"),
    ]);
    assert_eq!(header(&jar, "http://a.com/one"), "default=1; one=1; bad=1");
    assert_eq!(header(&jar, "http://a.com/one/two/three"), "slash=1; default=1; one=1; bad=1");
    assert_eq!(header(&jar, "http://a.com/onetwo"), "bad=1");
    assert_eq!(header(&jar, "http://a.com"), "bad=1");
}

#[test]
fn longer_paths_go_first_then_older_cookies_also_after_replacement() {
    let jar = jar(&[
        ("http://a.com/", "a=1; Domain=a.com"),
        ("http://a.com/", "b=1"),
        ("http://a.com/", "deep=1; Path=/x/y"),
        ("http://a.com/", "a=2; Domain=a.com"),
    ]);
    assert_eq!(header(&jar, "http://a.com/x/y"), "deep=1; a=2; b=1");
    assert_eq!(jar.len(), 3);
}

#[test]
fn max_age_counts_more_than_expires() {
    let past = "Sun, 06 Nov 1994 08:49:37 GMT";
    let jar = jar(&[
        ("http://a.com/", &format!("kept=1; Max-Age=10; Expires={past}")),
        ("http://a.com/", "gone=1; Expires=Fri, 01 Jan 2100 00:00:00 GMT; max-age=0"),
        ("http://a.com/", "negative=1; Max-Age=-99999999999999999999"),
        ("http://a.com/", "forever=1; Max-Age=99999999999999999999"),
        ("http://a.com/", "nonsense=1; Max-Age=1e3; Expires=soon"),
    ]);
    let at = |ms| jar.header(&url("http://a.com/"), NOW + ms).unwrap();
    assert_eq!(at(9_999), "kept=1; forever=1; nonsense=1");
    assert_eq!(at(10_000), "forever=1; nonsense=1");
}

#[test]
fn addresses_and_bare_names_have_no_domain_cookies() {
    let address = jar(&[("http://127.0.0.1:8080/", "a=1; Domain=127.0.0.1"), ("http://[::1]/", "b=1")]);
    assert_eq!(header(&address, "http://127.0.0.1:9090/"), "a=1", "ports don't matter");
    assert_eq!(header(&address, "https://[::1]/"), "b=1");
    assert!(matches!(refused("http://127.0.0.1/", "a=1; Domain=0.0.1"), CookieError::Domain { .. }));
    let localhost = jar(&[("http://localhost/", "a=1; Domain=localhost")]);
    assert_eq!(header(&localhost, "http://localhost/"), "a=1");
    assert_eq!(header(&localhost, "http://sub.localhost/"), "");
}

#[test]
fn a_host_sets_cookies_for_itself_and_above_but_not_for_strangers() {
    assert!(matches!(refused("http://a.com/", "a=1; Domain=b.com"), CookieError::Domain { .. }));
    assert!(matches!(refused("http://a.com/", "a=1; Domain=sub.a.com"), CookieError::Domain { .. }));
    assert!(matches!(refused("http://aa.com/", "a=1; Domain=a.com"), CookieError::Domain { .. }));
    assert_eq!(refused("http://a.com/", "a=1; Domain=com"), CookieError::TopLevel("com".into()));
    let jar = jar(&[
        ("http://x.A.com/", "a=1; Domain=.a.COM"),
        ("http://x.a.com./", "b=1; Domain="),
        ("http://x.bücher.de/", "c=1; Domain=BÜCHER.de"),
    ]);
    assert_eq!(header(&jar, "http://x.a.com/"), "a=1; b=1");
    assert_eq!(header(&jar, "http://a.com/"), "a=1");
    assert_eq!(header(&jar, "http://xn--bcher-kva.de/"), "c=1");
}

#[test]
fn what_is_no_cookie_is_refused_by_name() {
    let from = "http://a.com/";
    assert_eq!(refused(from, ""), CookieError::NoEquals(String::new()));
    assert_eq!(refused(from, " =x"), CookieError::NoName);
    assert_eq!(refused(from, "a=1\r\nb: c"), CookieError::Character('\r'));
    assert!(matches!(refused(from, &format!("a={}", "x".repeat(4096))), CookieError::TooLong { bytes: 4097, .. }));
    let long_path = format!("http://a.com/{}/", "x".repeat(1024));
    assert_eq!(refused(&long_path, "a=1"), CookieError::Path(1025));
    assert_eq!(refused("ftp://a.com/", "a=1"), CookieError::Url("ftp".into()));
    let mut jar = Jar::new();
    let mut set = |name, value| jar.set(&url(from), name, value, &Attributes::default(), NOW);
    assert_eq!(set("a", "1; Domain=b.com"), Err(CookieError::Character(';')));
    assert_eq!(set("a=b", "1"), Err(CookieError::Character('=')));
    assert_eq!(set("a", "1=2 \"3\""), Ok(()));
}

#[test]
fn prefixes_are_promises() {
    assert!(matches!(refused("http://a.com/", "__Secure-a=1; Secure"), CookieError::Prefix(_)));
    assert!(matches!(refused("https://a.com/", "__Secure-a=1"), CookieError::Prefix(_)));
    assert!(matches!(refused("https://a.com/", "__Host-a=1; Secure"), CookieError::Prefix(_)));
    assert!(matches!(refused("https://a.com/", "__HOST-a=1; Secure; Path=/x"), CookieError::Prefix(_)));
    assert!(matches!(refused("https://a.com/", "__Host-a=1; Secure; Path=/; Domain=a.com"), CookieError::Prefix(_)));
    let jar = jar(&[
        ("https://a.com/", "__Secure-a=1; Secure; Domain=a.com"),
        ("https://a.com/", "__Host-b=1; Secure; Path=/"),
    ]);
    assert_eq!(header(&jar, "https://a.com/"), "__Secure-a=1; __Host-b=1");
}

#[test]
fn deleting_and_clearing_take_what_the_url_has() {
    let mut jar = jar(&[
        ("https://x.a.com/", "a=1; Domain=a.com; Secure"),
        ("http://x.a.com/", "a=2"),
        ("http://x.a.com/", "b=1"),
        ("http://x.a.com/", "deep=1; Path=/deep"),
        ("http://b.com/", "a=3"),
    ]);
    jar.delete(&url("http://x.a.com/"), "a");
    assert_eq!(header(&jar, "https://x.a.com/deep"), "deep=1; b=1");
    jar.clear(&url("http://x.a.com/"));
    assert_eq!(header(&jar, "http://x.a.com/deep"), "deep=1");
    assert_eq!(jar.len(), 2);
    jar.clear_all();
    assert!(jar.is_empty() && jar.header(&url("http://b.com/"), NOW).is_none());
}

#[test]
fn at_its_limits_a_jar_drops_the_ended_then_the_oldest() {
    let (mut jar, from) = (Jar::new(), url("http://a.com/"));
    let names =
        |jar: &Jar, now| jar.matching(&from, now).iter().map(|(name, _)| (*name).to_owned()).collect::<Vec<_>>();
    for number in 0..DOMAIN_COOKIES_MAX {
        let ends = if number == 90 { "; Max-Age=5" } else { "" };
        jar.store(&from, &format!("c{number}=1{ends}"), NOW).unwrap();
    }
    jar.store(&from, "after=1", NOW + 6_000).unwrap();
    let now = names(&jar, NOW + 6_000);
    assert_eq!((now.len(), now[0].as_str()), (DOMAIN_COOKIES_MAX, "c0"), "the one that ended made room");
    jar.store(&from, "last=1", NOW + 6_000).unwrap();
    let now = names(&jar, NOW + 6_000);
    assert_eq!((now.len(), now[0].as_str()), (DOMAIN_COOKIES_MAX, "c1"));
    for number in 0..2 * JAR_COOKIES_MAX {
        jar.store(&url(&format!("http://{number}.com.example/")), "a=1", NOW + 6_000).unwrap();
    }
    assert_eq!(jar.len(), JAR_COOKIES_MAX);
    assert!(names(&jar, NOW + 6_000).is_empty());
}

fn host() -> impl Strategy<Value = String> {
    prop_oneof!["(a|b)(\\.(a|b|c)){0,3}", Just("127.0.0.1".to_owned()), Just("[::1]".to_owned())]
}

proptest! {
    /// An oracle by the definition: a cookie goes to the host that set it, or to those below its domain.
    #[test]
    fn a_cookie_only_goes_to_hosts_that_match(
        sets in prop::collection::vec((host(), prop::option::of(host()), "/[ab]?/?[ab]?", any::<bool>()), 0..30),
        (to, path, tls) in (host(), "/[ab]?/?[ab]?/?", any::<bool>()),
    ) {
        let mut jar = Jar::new();
        for (number, (from, domain, path, secure)) in sets.iter().enumerate() {
            let domain = domain.as_ref().map(|domain| format!("; Domain={domain}")).unwrap_or_default();
            let secure = if *secure { "; Secure" } else { "" };
            let set_cookie = format!("c{number}=1; Path={path}{domain}{secure}");
            let _ = jar.store(&url(&format!("http://{from}/")), &set_cookie, NOW);
        }
        let scheme = if tls { "https" } else { "http" };
        let target = url(&format!("{scheme}://{to}{path}"));
        let within = |host: &str, domain: &str| host == domain || host.ends_with(&format!(".{domain}"));
        for (name, _) in jar.matching(&target, NOW) {
            let (from, domain, cookie_path, secure) = &sets[name[1..].parse::<usize>().unwrap()];
            prop_assert!(!secure || tls);
            prop_assert!(path.starts_with(cookie_path));
            match domain {
                None => prop_assert_eq!(from, &to),
                Some(domain) => prop_assert!(within(&to, domain) && within(from, domain)),
            }
        }
    }

    #[test]
    fn no_text_makes_a_jar_panic_or_give_a_header_that_breaks_lines(
        texts in prop::collection::vec(".*|[a-zA-Z=; _,:0-9.-]{0,60}|[^ ]{0,5}=.*; (Domain|Path|Expires|Max-Age|domain)=.*", 0..8),
        to in "https?://[a-z0-9.:\\[\\]]{1,12}/.*|.*",
    ) {
        let mut jar = Jar::new();
        let from = url("https://x.a.b/c/d");
        let target = Url::parse(&to).unwrap_or_else(|_| from.clone());
        for text in &texts {
            let _ = jar.store(&from, text, NOW);
            let _ = jar.store(&target, text, NOW);
        }
        for url in [&from, &target] {
            let header = jar.header(url, NOW).unwrap_or_default();
            prop_assert!(!header.contains(['\r', '\n', '\0']));
        }
        jar.delete(&target, "a");
        jar.clear(&target);
        prop_assert!(jar.header(&target, NOW).is_none(), "nothing is left for it");
    }
}
