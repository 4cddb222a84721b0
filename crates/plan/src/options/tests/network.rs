//! Options of requests, TLS, names and addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU32;

use super::*;
use crate::TlsVersion;

const CERT: &str = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
const KEY: &str = "-----BEGIN EC PRIVATE KEY-----\nMIIB\n-----END EC PRIVATE KEY-----\n";
const ENCRYPTED_KEY: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n";

fn tls_auth(key: &str, value: Value) -> Value {
    let mut element = json!({"cert": CERT, "key": KEY});
    element[key] = value;
    json!({"tlsAuth": [element]})
}

#[test]
fn defaults_are_k6s() {
    let options = options(json!({}));
    let http = &options.http;
    assert_eq!(*http, HttpOptions::default());
    assert_eq!((http.max_redirects, http.requests_per_second, http.debug), (10, None, None));
    assert_eq!((http.batch, http.batch_per_host), (NonZeroU32::new(20), NonZeroU32::new(6)));
    assert!(!http.throw && !http.no_cookies_reset && http.user_agent.is_none());
    assert_eq!(options.tls, TlsOptions::default());
    assert_eq!((options.tls.min, options.tls.max), (TlsVersion::Tls12, TlsVersion::Tls13));
    let dns =
        DnsOptions { ttl: Some(Duration::from_secs(300)), select: DnsSelect::Random, policy: DnsPolicy::PreferIpv4 };
    assert_eq!(options.dns, dns);
    assert_eq!(options.rules, Rules::default());
}

#[test]
fn every_option_of_requests_is_read() {
    let http = options(json!({
        "userAgent": "ua/1", "maxRedirects": 0, "batch": 0, "batchPerHost": 3.0, "rps": 50, "httpDebug": "full",
        "throw": true, "discardResponseBodies": true, "noConnectionReuse": true, "noVUConnectionReuse": true,
        "noCookiesReset": true,
    }))
    .http;
    let expected = HttpOptions {
        user_agent: Some("ua/1".to_owned()),
        max_redirects: 0,
        batch: None,
        batch_per_host: NonZeroU32::new(3),
        requests_per_second: NonZeroU32::new(50),
        debug: Some(HttpDebug::Full),
        throw: true,
        discard_response_bodies: true,
        no_connection_reuse: true,
        no_vu_connection_reuse: true,
        no_cookies_reset: true,
    };
    assert_eq!(http, expected);
    assert_eq!(options(json!({"httpDebug": "headers"})).http.debug, Some(HttpDebug::Headers));
    assert_eq!(options(json!({"httpDebug": "", "rps": 0})).http, HttpOptions::default());
}

#[test]
fn every_option_of_tls_is_read() {
    let tls = options(json!({
        "insecureSkipTLSVerify": true,
        "tlsCipherSuites": ["TLS_AES_256_GCM_SHA384", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"],
        "tlsVersion": {"min": "tls1.3"},
        "tlsAuth": [
            {"cert": CERT, "key": KEY},
            {"cert": CERT, "key": ENCRYPTED_KEY, "password": "p", "domains": ["a.example", "*.b.example"]},
        ],
        "throng": {"tlsCaCertificates": [CERT]},
    }))
    .tls;
    assert!(tls.insecure_skip_verify);
    let numbers: Vec<_> = tls.cipher_suites.iter().flatten().map(|suite| suite.number()).collect();
    assert_eq!(numbers, [0x1302, 0xc02f]);
    assert_eq!((tls.min, tls.max), (TlsVersion::Tls13, TlsVersion::Tls13));
    let [plain, encrypted] = tls.client_certificates.as_slice() else { panic!("{tls:?}") };
    assert_eq!((plain.certificate.as_str(), plain.key.0.as_str(), &plain.password), (CERT, KEY, &None));
    assert!(plain.domains.is_empty());
    assert_eq!(encrypted.password, Some(Secret("p".to_owned())));
    let domains: Vec<_> = encrypted.domains.iter().map(|domain| domain.as_str()).collect();
    assert_eq!(domains, ["a.example", "*.b.example"]);
    assert_eq!(tls.ca_certificates, [CERT]);
    let one = options(json!({"tlsVersion": "tls1.2"})).tls;
    assert_eq!((one.min, one.max), (TlsVersion::Tls12, TlsVersion::Tls12));
}

#[test]
fn keys_and_passwords_are_not_printed() {
    let value = json!({"tlsAuth": [{"cert": CERT, "key": ENCRYPTED_KEY, "password": "hunter2"}]});
    let text = format!("{:?}", options(value));
    assert!(!text.contains("hunter2") && !text.contains("PRIVATE KEY"), "{text}");
    for value in [
        json!({"tlsAuth": [{"cert": KEY, "key": CERT}]}),
        json!({"tlsAuth": [{"cert": 1, "key": [KEY], "password": [KEY]}]}),
        json!({"tlsAuth": {"key": KEY}}),
    ] {
        let text = resolve(&[Layer::new("script", value)]).unwrap_err().to_string();
        assert!(!text.contains("MIIB"), "{text}");
    }
}

#[test]
fn names_are_looked_up_as_an_object_or_a_text_says() {
    let dns =
        |ttl_ms: Option<u64>, select, policy| DnsOptions { ttl: ttl_ms.map(Duration::from_millis), select, policy };
    let (random, v4) = (DnsSelect::Random, DnsPolicy::PreferIpv4);
    for (value, expected) in [
        (json!({}), dns(Some(300_000), random, v4)),
        (json!(""), dns(Some(300_000), random, v4)),
        (json!({"ttl": "inf"}), dns(None, random, v4)),
        (json!({"ttl": "0"}), dns(Some(0), random, v4)),
        (json!({"ttl": 0, "select": null}), dns(Some(0), random, v4)),
        (json!({"ttl": 1500}), dns(Some(1_500), random, v4)),
        (json!({"ttl": "1m", "select": "first"}), dns(Some(60_000), DnsSelect::First, v4)),
        (
            json!({"select": "roundRobin", "policy": "onlyIPv6"}),
            dns(Some(300_000), DnsSelect::RoundRobin, DnsPolicy::OnlyIpv6),
        ),
        (json!("ttl=inf,select=first,policy=any"), dns(None, DnsSelect::First, DnsPolicy::Any)),
        (json!(" ttl = 5 , policy=preferIPv6,"), dns(Some(5), random, DnsPolicy::PreferIpv6)),
    ] {
        assert_eq!(options(json!({"dns": value})).dns, expected, "{value}");
    }
    for policy in ["preferIPv4", "preferIPv6", "onlyIPv4", "onlyIPv6", "any"] {
        assert_eq!(options(json!({"dns": {"policy": policy}})).dns.policy.as_str(), policy);
    }
    for select in ["first", "random", "roundRobin"] {
        assert_eq!(options(json!({"dns": {"select": select}})).dns.select.as_str(), select);
    }
}

#[test]
fn names_and_addresses_are_read() {
    let rules = options(json!({
        "hosts": {"a.example": "192.0.2.1", "A.example:8443": "[2001:db8::1]:443", "*.b.example": "2001:db8::2"},
        "blacklistIPs": ["10.1.2.3/8", "2001:db8::/32", "192.0.2.7"],
        "blockHostnames": ["*.Test.example", "*"],
    }))
    .rules;
    let hosts: Vec<_> =
        rules.hosts.iter().map(|host| (host.pattern.as_str(), host.port, host.to, host.to_port)).collect();
    let v6 = |last| IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last));
    let expected = [
        ("a.example", None, IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), None),
        ("a.example", Some(8443), v6(1), Some(443)),
        ("*.b.example", None, v6(2), None),
    ];
    assert_eq!(hosts, expected);
    let networks: Vec<_> = rules.blocked_networks.iter().map(ToString::to_string).collect();
    assert_eq!(networks, ["10.0.0.0/8", "2001:db8::/32", "192.0.2.7/32"]);
    let names: Vec<_> = rules.blocked_hostnames.iter().map(|name| name.as_str()).collect();
    assert_eq!(names, ["*.test.example", "*"]);
}

#[test]
fn a_higher_layer_replaces_maps_and_lists_and_each_part_of_dns() {
    let lower = json!({
        "dns": {"ttl": "1s", "select": "first"}, "hosts": {"a": "192.0.2.1"}, "blacklistIPs": ["10.0.0.0/8"],
        "rps": 5, "httpDebug": "full", "tlsVersion": "tls1.2", "throng": {"tlsCaCertificates": [CERT], "seed": 1},
    });
    let upper = json!({
        "dns": "select=roundRobin", "hosts": {"b": "192.0.2.2"}, "blacklistIPs": [], "rps": 0, "httpDebug": "",
        "tlsVersion": null, "throng": {"tlsCaCertificates": []},
    });
    let options = resolve(&[Layer::new("script", lower), Layer::new("flags", upper)]).unwrap().options;
    let dns = DnsOptions { ttl: Some(Duration::from_secs(1)), select: DnsSelect::RoundRobin, ..DnsOptions::default() };
    assert_eq!(options.dns, dns);
    assert_eq!(options.rules.hosts.len(), 1);
    assert_eq!(options.rules.hosts[0].pattern.as_str(), "b");
    assert!(options.rules.blocked_networks.is_empty() && options.tls.ca_certificates.is_empty());
    assert_eq!((options.http.requests_per_second, options.http.debug), (None, None));
    assert_eq!((options.tls.max, options.throng.seed), (TlsVersion::Tls12, Some(1)));
}

#[test]
fn suites_of_another_layer_must_fit_the_versions() {
    let suites = |name| Layer::new("script", json!({"tlsCipherSuites": [name]}));
    let only = |version| Layer::new("flags", json!({"tlsVersion": version}));
    // TLS 1.3 keeps its own suites where none is named, as in k6.
    let of_tls12 = suites("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256");
    assert!(resolve(&[of_tls12.clone(), only("tls1.2")]).is_ok());
    assert!(resolve(&[of_tls12, only("tls1.3")]).is_ok());
    let of_tls13 = suites("TLS_AES_128_GCM_SHA256");
    assert!(resolve(std::slice::from_ref(&of_tls13)).is_ok());
    let errors = resolve(&[of_tls13, only("tls1.2")]).unwrap_err().0;
    assert_eq!(errors.len(), 1);
    assert_eq!((errors[0].path.as_str(), errors[0].origin.as_str()), ("tlsCipherSuites", "script"));
    assert!(
        errors[0].message.contains("none of them is of tls1.2, the highest version that `tlsVersion` allows"),
        "{}",
        errors[0]
    );
}

pub(super) fn faults() -> Vec<(Value, &'static str, &'static str)> {
    vec![
        (json!({"maxRedirects": -1}), "maxRedirects", "at least 0, not -1"),
        (json!({"maxRedirects": 1.5}), "maxRedirects", "not 1.5"),
        (json!({"batch": "20"}), "batch", "must be a whole number, not \"20\""),
        (json!({"batchPerHost": 5_000_000_000_u64}), "batchPerHost", "must be 0 to 4294967295"),
        (json!({"batchPerhost": 5}), "batchPerhost", "did you mean `batchPerHost`?"),
        (json!({"rps": -5}), "rps", "at least 0, not -5"),
        (json!({"httpDebug": "ful"}), "httpDebug", "did you mean `full`?"),
        (json!({"httpDebug": "everything"}), "httpDebug", "there are headers, full"),
        (json!({"httpDebug": true}), "httpDebug", "must be a string, not true"),
        (json!({"throw": "no"}), "throw", "true or false"),
        (json!({"noCookiesReset": 0}), "noCookiesReset", "true or false"),
        (json!({"insecureSkipTLSVerify": 1}), "insecureSkipTLSVerify", "true or false"),
        (json!({"tlsCipherSuites": "TLS_AES_128_GCM_SHA256"}), "tlsCipherSuites", "must be an array"),
        (json!({"tlsCipherSuites": []}), "tlsCipherSuites", "leave it out to offer all"),
        (
            json!({"tlsCipherSuites": ["TLS_AES_128_GCM_SHA265"]}),
            "tlsCipherSuites[0]",
            "did you mean `TLS_AES_128_GCM_SHA256`?",
        ),
        (json!({"tlsCipherSuites": ["x"]}), "tlsCipherSuites[0]", "no cipher suite `x`; there are TLS_AES_128_GCM"),
        (
            json!({"tlsCipherSuites": ["TLS_AES_128_GCM_SHA256", "TLS_RSA_WITH_AES_128_CBC_SHA"]}),
            "tlsCipherSuites[1]",
            "no longer considered safe, and throng doesn't have it; there are TLS_AES",
        ),
        (json!({"tlsVersion": "tls1.1"}), "tlsVersion", "throng doesn't speak it; use \"tls1.2\" or \"tls1.3\""),
        (json!({"tlsVersion": {"min": "ssl3.0"}}), "tlsVersion.min", "throng doesn't speak it"),
        (json!({"tlsVersion": {"min": "tls1.0", "max": "tls1.2"}}), "tlsVersion.min", "use \"tls1.2\""),
        (json!({"tlsVersion": "tls1.4"}), "tlsVersion", "did you mean `tls1."),
        (json!({"tlsVersion": ""}), "tlsVersion", "there are tls1.2, tls1.3"),
        (json!({"tlsVersion": 1.2}), "tlsVersion", "or an object with `min` and `max`, not 1.2"),
        (json!({"tlsVersion": {"mn": "tls1.2"}}), "tlsVersion.mn", "did you mean `min`?"),
        (json!({"tlsVersion": {"min": "tls1.3", "max": "tls1.2"}}), "tlsVersion", "is above `max`, tls1.2"),
        (json!({"tlsAuth": {}}), "tlsAuth", "must be an array"),
        (json!({"tlsAuth": [{"key": KEY}]}), "tlsAuth[0].cert", "is required: the certificate as PEM"),
        (json!({"tlsAuth": [{"cert": CERT}]}), "tlsAuth[0].key", "is required: the private key as PEM"),
        (tls_auth("cert", json!("client.pem")), "tlsAuth[0].cert", "the content of the file, not its name"),
        (tls_auth("key", json!(CERT)), "tlsAuth[0].key", "holds no private key in PEM form"),
        (tls_auth("key", json!(ENCRYPTED_KEY)), "tlsAuth[0].password", "is required: the key is encrypted"),
        (tls_auth("password", json!(1)), "tlsAuth[0].password", "must be a string"),
        (tls_auth("domain", json!([])), "tlsAuth[0].domain", "did you mean `domains`?"),
        (tls_auth("domains", json!(["a/b"])), "tlsAuth[0].domains[0]", "isn't a host name"),
        (json!({"throng": {"tlsCaCertificates": CERT}}), "throng.tlsCaCertificates", "must be an array"),
        (json!({"throng": {"tlsCaCertificates": ["ca.pem"]}}), "throng.tlsCaCertificates[0]", "holds no certificate"),
        (json!({"hosts": []}), "hosts", "must be an object"),
        (json!({"hosts": {"a": "b"}}), "hosts.a", "`b` isn't an address; write it like `192.0.2.1`"),
        (json!({"hosts": {"a": "192.0.2.1:0"}}), "hosts.a", "isn't an address"),
        (json!({"hosts": {"a": "2001:db8::1:99999"}}), "hosts.a", "isn't an address"),
        (json!({"hosts": {"a": 1}}), "hosts.a", "must be a string"),
        (json!({"hosts": {"http://a": "192.0.2.1"}}), "hosts[\"http://a\"]", "the port `//a` isn't 1 to 65535"),
        (json!({"hosts": {"a:+1": "192.0.2.1"}}), "hosts[\"a:+1\"]", "the port `+1` isn't 1 to 65535"),
        (json!({"hosts": {"a.*": "192.0.2.1"}}), "hosts[\"a.*\"]", "a `*` that isn't its beginning"),
        (json!({"blacklistIPs": "10.0.0.0/8"}), "blacklistIPs", "must be an array"),
        (json!({"blacklistIPs": ["10.0.0.0/33"]}), "blacklistIPs[0]", "write it like `10.0.0.0/8`"),
        (json!({"blacklistIPs": ["10.0.0"]}), "blacklistIPs[0]", "`10.0.0` isn't a network"),
        (json!({"blacklistIps": []}), "blacklistIps", "did you mean `blacklistIPs`?"),
        (json!({"blockHostnames": ["a", "b c"]}), "blockHostnames[1]", "`b c` isn't a host name"),
        (json!({"blockHostnames": ["ö.de"]}), "blockHostnames[0]", "beginning with `xn--`"),
        (json!({"dns": 5}), "dns", "must be an object, or a text like"),
        (json!({"dns": "x"}), "dns", "`x` isn't KEY=VALUE"),
        (json!({"dns": "tll=5"}), "dns.tll", "did you mean `ttl`?"),
        (json!({"dns": {"ttl": "soon"}}), "dns.ttl", "`soon`"),
        (json!({"dns": {"ttl": -1}}), "dns.ttl", "negative"),
        (json!({"dns": {"select": "roundrobin"}}), "dns.select", "did you mean `roundRobin`?"),
        (json!({"dns": {"policy": "ipv4"}}), "dns.policy", "there are preferIPv4, preferIPv6, onlyIPv4, onlyIPv6, any"),
        (json!({"dns": {"policy": 4}}), "dns.policy", "must be a string"),
    ]
}
