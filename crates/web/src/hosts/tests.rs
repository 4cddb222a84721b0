use proptest::prelude::*;

use super::*;

fn map(entries: &[(&str, &str)]) -> HostMap {
    let mut map = HostMap::default();
    for (pattern, destination) in entries {
        map.insert(pattern, destination).unwrap();
    }
    map
}

fn find(map: &HostMap, host: &str, port: u16) -> Option<String> {
    map.find(host, port).map(|found| found.to_string())
}

#[test]
fn names_go_before_wildcards_and_long_suffixes_before_short_ones() {
    let map = map(&[
        ("*.example.com", "10.0.0.1"),
        ("*.sub.example.com", "10.0.0.2"),
        ("Api.Example.com", "10.0.0.3:8443"),
        ("*", "10.0.0.9"),
    ]);
    assert_eq!(find(&map, "x.example.com", 80).as_deref(), Some("10.0.0.1:80"));
    assert_eq!(find(&map, "x.sub.example.com", 80).as_deref(), Some("10.0.0.2:80"));
    assert_eq!(find(&map, "sub.example.com", 80).as_deref(), Some("10.0.0.1:80"));
    assert_eq!(find(&map, "API.example.com.", 443).as_deref(), Some("10.0.0.3:8443"));
    assert_eq!(find(&map, "example.com", 80).as_deref(), Some("10.0.0.9:80"));
}

#[test]
fn an_entry_with_the_port_goes_before_those_without() {
    let map = map(&[
        ("a.com", "10.0.0.1"),
        ("a.com:443", "10.0.0.2:8443"),
        ("*.com:443", "[::1]:9443"),
        ("b.com", "::2"),
        ("[::1]:80", "10.0.0.4"),
        ("::1", "10.0.0.5"),
    ]);
    assert_eq!(find(&map, "a.com", 80).as_deref(), Some("10.0.0.1:80"));
    assert_eq!(find(&map, "a.com", 443).as_deref(), Some("10.0.0.2:8443"));
    assert_eq!(find(&map, "b.com", 443).as_deref(), Some("[::1]:9443"));
    assert_eq!(find(&map, "b.com", 80).as_deref(), Some("[::2]:80"));
    assert_eq!(find(&map, "[::1]", 80).as_deref(), Some("10.0.0.4:80"));
    assert_eq!(find(&map, "[::1]", 81).as_deref(), Some("10.0.0.5:81"));
    assert_eq!(find(&map, "c.org", 443), None);
    assert!(HostMap::default().is_empty() && !map.is_empty());
}

#[test]
fn the_last_of_equal_entries_counts() {
    let map = map(&[("*.a.com", "10.0.0.1"), ("*.A.com", "10.0.0.2"), ("b", "10.0.0.3"), ("b.", "10.0.0.4")]);
    assert_eq!(find(&map, "x.a.com", 1).as_deref(), Some("10.0.0.2:1"));
    assert_eq!(find(&map, "b", 1).as_deref(), Some("10.0.0.4:1"));
}

#[test]
fn blocked_names_may_begin_with_a_star() {
    let mut blocked = BlockedNames::default();
    assert!(!blocked.contains("a.com"));
    for pattern in ["a.com", "*.b.com", "*tracker.net"] {
        blocked.insert(pattern).unwrap();
    }
    for (host, is_blocked) in [
        ("A.com.", true),
        ("x.a.com", false),
        ("x.y.b.com", true),
        ("b.com", false),
        ("tracker.net", true),
        ("adtracker.net", true),
        ("tracker.net.org", false),
    ] {
        assert_eq!(blocked.contains(host), is_blocked, "{host}");
    }
    blocked.insert("*").unwrap();
    assert!(blocked.contains("anything") && blocked.contains("127.0.0.1"));
}

#[test]
fn blocked_addresses_are_networks_of_either_family() {
    let mut blocked = BlockedAddresses::default();
    for text in ["10.1.2.3/8", "192.168.0.1", "fd00::/8", "::ffff:172.16.0.0/108"] {
        blocked.insert(text).unwrap();
    }
    for (address, is_blocked) in [
        ("10.255.0.1", true),
        ("11.0.0.1", false),
        ("192.168.0.1", true),
        ("192.168.0.2", false),
        ("::ffff:10.0.0.1", true),
        ("fd12::1", true),
        ("::1", false),
        ("172.31.0.1", true),
        ("172.32.0.1", false),
    ] {
        assert_eq!(blocked.contains(address.parse().unwrap()), is_blocked, "{address}");
    }
}

#[test]
fn what_cant_be_used_says_why() {
    let mut map = HostMap::default();
    let mut insert = |pattern, destination| map.insert(pattern, destination).unwrap_err();
    for name in ["", "a b", "a..b", ".a", "a.*.b", "**.a", "http://a.com", "*a*"] {
        assert!(matches!(insert(name, "10.0.0.1"), HostsError::Name(_) | HostsError::Port(_)), "{name}");
    }
    for port in ["a:", "a:0", "a:65536", "a:x"] {
        assert_eq!(insert(port, "10.0.0.1"), HostsError::Port(port.into()));
    }
    for address in ["", "localhost", "10.0.0", "10.0.0.1/8", "a:80"] {
        assert_eq!(insert("a", address), HostsError::Address(address.into()));
    }
    for port in ["10.0.0.1:0", "10.0.0.1:", "[::1]:65536"] {
        assert_eq!(insert("a", port), HostsError::Port(port.into()));
    }
    let mut blocked = BlockedAddresses::default();
    for network in ["", "10.0.0.0/33", "::/129", "a.com", "10.0.0.0/", "10.0.0/8"] {
        assert_eq!(blocked.insert(network), Err(HostsError::Network(network.into())));
    }
}

proptest! {
    /// The longest suffix by trying all of them.
    #[test]
    fn the_longest_suffix_wins(suffixes in prop::collection::vec("[ab]{0,2}(\\.[ab]{1,2}){0,2}", 1..20), host in "[ab]{1,3}(\\.[ab]{1,2}){0,3}") {
        let mut map = HostMap::default();
        let mut known = Vec::new();
        for (number, suffix) in suffixes.iter().enumerate() {
            if map.insert(&format!("*{suffix}"), &format!("10.0.0.{number}")).is_ok() {
                known.push((suffix.as_str(), number));
            }
        }
        let longest = known.iter().rev().filter(|(suffix, _)| host.ends_with(suffix)).max_by_key(|(suffix, _)| suffix.len());
        let found = map.find(&host, 1).map(|found| found.ip());
        prop_assert_eq!(found.is_some(), longest.is_some());
        if let Some((suffix, _)) = longest {
            let last = known.iter().rfind(|(known, _)| known == suffix).unwrap().1;
            prop_assert_eq!(found.unwrap().to_string(), format!("10.0.0.{last}"));
        }
    }

    #[test]
    fn no_text_makes_a_matcher_panic(pattern in ".*", destination in ".*|[0-9.:\\[\\]/]*", host in ".*") {
        let mut map = HostMap::default();
        let _ = map.insert(&pattern, &destination);
        let _ = map.insert("a", &destination);
        let _ = map.insert(&pattern, "10.0.0.1");
        let _ = map.find(&host, 80);
        let mut names = BlockedNames::default();
        let _ = names.insert(&pattern);
        let _ = names.contains(&host);
        let _ = BlockedAddresses::default().insert(&destination);
    }
}
