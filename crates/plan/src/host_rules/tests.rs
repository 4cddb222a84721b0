use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::options::{Layer, resolve};

fn rules(options: Value) -> HostRules {
    HostRules::new(&resolve(&[Layer::new("test", options)]).unwrap().options.rules)
}

fn mapped(rules: &HostRules, host: &str, port: u16) -> Option<String> {
    rules.mapped(host, port).map(|address| address.to_string())
}

#[test]
fn names_go_before_wildcards_and_long_suffixes_before_short_ones() {
    let rules = rules(json!({ "hosts": {
        "*.example.com": "10.0.0.1",
        "*.sub.example.com": "10.0.0.2",
        "Api.Example.com": "10.0.0.3:8443",
        "*": "10.0.0.9",
    }}));
    assert_eq!(mapped(&rules, "x.example.com", 80).as_deref(), Some("10.0.0.1:80"));
    assert_eq!(mapped(&rules, "x.sub.example.com", 80).as_deref(), Some("10.0.0.2:80"));
    assert_eq!(mapped(&rules, "sub.example.com", 80).as_deref(), Some("10.0.0.1:80"));
    assert_eq!(mapped(&rules, "API.example.com.", 443).as_deref(), Some("10.0.0.3:8443"));
    assert_eq!(mapped(&rules, "example.com", 80).as_deref(), Some("10.0.0.9:80"));
}

#[test]
fn a_mapping_of_the_port_goes_before_those_of_every_port() {
    let rules = rules(json!({ "hosts": {
        "a.com": "10.0.0.1",
        "a.com:443": "10.0.0.2:8443",
        "*.com:443": "[::1]:9443",
        "b.com": "::2",
    }}));
    assert_eq!(mapped(&rules, "a.com", 80).as_deref(), Some("10.0.0.1:80"));
    assert_eq!(mapped(&rules, "a.com", 443).as_deref(), Some("10.0.0.2:8443"));
    assert_eq!(mapped(&rules, "b.com", 443).as_deref(), Some("[::1]:9443"));
    assert_eq!(mapped(&rules, "b.com", 80).as_deref(), Some("[::2]:80"));
    assert_eq!(mapped(&rules, "c.org", 443), None);
}

#[test]
fn blocked_names_are_told_by_their_pattern() {
    let rules = rules(json!({ "blockHostnames": ["a.com", "*.b.com", "*tracker.net"] }));
    for (host, pattern) in [
        ("A.com.", Some("a.com")),
        ("x.a.com", None),
        ("x.y.b.com", Some("*.b.com")),
        ("b.com", None),
        ("tracker.net", Some("*tracker.net")),
        ("adtracker.net", Some("*tracker.net")),
        ("tracker.net.org", None),
    ] {
        assert_eq!(rules.blocked(host).map(HostPattern::as_str), pattern, "{host}");
    }
}

#[test]
fn blacklisted_addresses_are_told_by_their_network() {
    let rules = rules(json!({ "blacklistIPs": ["10.1.2.3/8", "192.168.0.1", "fd00::/8"] }));
    for (address, network) in [
        ("10.255.0.1", Some("10.0.0.0/8")),
        ("11.0.0.1", None),
        ("192.168.0.1", Some("192.168.0.1/32")),
        ("::ffff:10.0.0.1", Some("10.0.0.0/8")),
        ("fd12::1", Some("fd00::/8")),
        ("::1", None),
    ] {
        let found = rules.blacklisted(address.parse().unwrap()).map(|network| network.to_string());
        assert_eq!(found.as_deref(), network, "{address}");
    }
}

proptest! {
    /// The longest suffix by trying all of them.
    #[test]
    fn the_longest_suffix_wins(
        suffixes in prop::collection::btree_set("[ab]{1,2}(\\.[ab]{1,2}){0,2}", 1..20),
        host in "[ab]{1,3}(\\.[ab]{1,2}){0,3}",
    ) {
        let patterns: Vec<_> = suffixes.iter().map(|suffix| format!("*{suffix}")).collect();
        let rules = rules(json!({ "blockHostnames": patterns }));
        let longest = suffixes.iter().filter(|suffix| host.ends_with(*suffix)).max_by_key(|suffix| suffix.len());
        let found = rules.blocked(&host).map(|pattern| pattern.as_str().to_owned());
        prop_assert_eq!(found, longest.map(|suffix| format!("*{suffix}")));
    }
}
