//! What is left of a look-up's addresses by the policy and the rules.

use std::net::IpAddr;
use std::rc::Rc;

use super::NameRules;
use super::error::NameError;
use super::options::NamePolicy;
use super::resolver::LookUpFailure;

/// The addresses of a name that may be used, at least one, or why there are none.
pub(super) type Answer = Result<Rc<[IpAddr]>, NameError>;

/// What a look-up of `host` comes to. Addresses that are blacklisted or not allowed are left out; only when no other is left the
/// name is forbidden.
pub(super) fn settle(
    host: &str,
    looked_up: Result<Vec<IpAddr>, LookUpFailure>,
    policy: NamePolicy,
    rules: &dyn NameRules,
) -> Answer {
    let (name, host) = (host, || host.to_owned());
    let addresses = looked_up.map_err(|failure| match failure {
        LookUpFailure::NotFound => NameError::NotFound { host: host() },
        LookUpFailure::Other(message) => NameError::Failed { host: host(), message },
    })?;
    let mut permitted = Vec::new();
    let mut forbidden = None;
    for address in by_policy(addresses, policy) {
        match permit(Some(name), address, rules) {
            Ok(()) => permitted.push(address),
            Err(error) => forbidden = Some(error),
        }
    }
    if permitted.is_empty() {
        return Err(forbidden.unwrap_or_else(|| NameError::NotFound { host: host() }));
    }
    Ok(permitted.into())
}

/// Whether connections may be made to an address.
pub(super) fn permit(host: Option<&str>, address: IpAddr, rules: &dyn NameRules) -> Result<(), NameError> {
    if let Some(range) = rules.blacklisted(address) {
        return Err(NameError::Blacklisted { address, range });
    }
    match rules.not_allowed(host, address) {
        Some(by) => {
            let target = host.map_or_else(|| address.to_string(), |host| format!("{host} ({address})"));
            Err(NameError::NotAllowed { target, by })
        }
        None => Ok(()),
    }
}

/// As in k6: of a family that is preferred the other one isn't used at all while there is one of it.
fn by_policy(mut addresses: Vec<IpAddr>, policy: NamePolicy) -> Vec<IpAddr> {
    let has = |wanted: fn(&IpAddr) -> bool| addresses.iter().any(wanted);
    let keep: fn(&IpAddr) -> bool = match policy {
        NamePolicy::OnlyIpv4 => IpAddr::is_ipv4,
        NamePolicy::OnlyIpv6 => IpAddr::is_ipv6,
        NamePolicy::PreferIpv4 if has(IpAddr::is_ipv4) => IpAddr::is_ipv4,
        NamePolicy::PreferIpv6 if has(IpAddr::is_ipv6) => IpAddr::is_ipv6,
        NamePolicy::PreferIpv4 | NamePolicy::PreferIpv6 | NamePolicy::Any => |_| true,
    };
    addresses.retain(keep);
    addresses
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::names::NoRules;

    #[derive(Debug)]
    struct Blacklist;

    impl NameRules for Blacklist {
        fn blocked(&self, _: &str) -> Option<String> {
            None
        }

        fn overridden(&self, _: &str, _: u16) -> Option<SocketAddr> {
            None
        }

        fn blacklisted(&self, address: IpAddr) -> Option<String> {
            address.to_string().starts_with("10.").then(|| "10.0.0.0/8".into())
        }
    }

    fn settled(addresses: &[&str], policy: NamePolicy, rules: &dyn NameRules) -> Result<Vec<String>, NameError> {
        let addresses = addresses.iter().map(|text| text.parse().unwrap()).collect();
        Ok(settle("a.test", Ok(addresses), policy, rules)?.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn the_policy_chooses_among_families() {
        use NamePolicy::{Any, OnlyIpv4, OnlyIpv6, PreferIpv4, PreferIpv6};
        let (both, six) = (["::1", "127.0.0.1", "::2", "127.0.0.2"], ["::1"]);
        let missing = Err(NameError::NotFound { host: "a.test".into() });
        let of = |addresses: &[&str], policy| settled(addresses, policy, &NoRules);
        let list = |texts: &[&str]| Ok(texts.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(of(&both, Any), list(&both));
        assert_eq!(of(&both, PreferIpv4), list(&["127.0.0.1", "127.0.0.2"]));
        assert_eq!(of(&both, OnlyIpv4), list(&["127.0.0.1", "127.0.0.2"]));
        assert_eq!(of(&both, PreferIpv6), list(&["::1", "::2"]));
        assert_eq!(of(&both, OnlyIpv6), list(&["::1", "::2"]));
        assert_eq!(of(&six, PreferIpv4), list(&six));
        assert_eq!(of(&six, OnlyIpv4), missing);
        assert_eq!(of(&["127.0.0.1"], PreferIpv6), list(&["127.0.0.1"]));
        assert_eq!(of(&["127.0.0.1"], OnlyIpv6), missing);
    }

    #[test]
    fn blacklisted_addresses_are_left_out_and_forbid_the_name_if_no_other_is_left() {
        let of = |addresses: &[&str]| settled(addresses, NamePolicy::Any, &Blacklist);
        assert_eq!(of(&["10.0.0.1", "127.0.0.1"]), Ok(vec!["127.0.0.1".into()]));
        let error = of(&["10.0.0.1", "10.0.0.2"]).unwrap_err();
        assert_eq!(error.code(), 1110);
        assert_eq!(error.to_string(), "IP (10.0.0.2) is in a blacklisted range (10.0.0.0/8) of blacklistIPs");
    }

    /// Allows a name, and addresses that begin with 127.
    #[derive(Debug)]
    struct Allowed;

    impl NameRules for Allowed {
        fn blocked(&self, _: &str) -> Option<String> {
            None
        }

        fn overridden(&self, _: &str, _: u16) -> Option<SocketAddr> {
            None
        }

        fn blacklisted(&self, _: IpAddr) -> Option<String> {
            None
        }

        fn not_allowed(&self, host: Option<&str>, address: IpAddr) -> Option<String> {
            let is_allowed = host == Some("b.test") || address.to_string().starts_with("127.");
            (!is_allowed).then(|| "the cluster allows: b.test, 127.0.0.0/8".into())
        }
    }

    #[test]
    fn addresses_that_are_not_allowed_are_left_out_and_forbid_the_name_if_no_other_is_left() {
        let of = |addresses: &[&str]| settled(addresses, NamePolicy::Any, &Allowed);
        assert_eq!(of(&["10.0.0.1", "127.0.0.1"]), Ok(vec!["127.0.0.1".into()]));
        let error = of(&["10.0.0.1"]).unwrap_err();
        assert_eq!(error.code(), 1112);
        let text = "a.test (10.0.0.1) isn't among the targets that the cluster allows: b.test, 127.0.0.0/8";
        assert_eq!(error.to_string(), text);
        assert_eq!(permit(Some("b.test"), "10.0.0.1".parse().unwrap(), &Allowed), Ok(()));
        let error = permit(None, "10.0.0.1".parse().unwrap(), &Allowed).unwrap_err();
        assert!(error.to_string().starts_with("10.0.0.1 isn't among the targets"), "{error}");
    }

    #[test]
    fn failures_have_k6s_codes() {
        let code = |failure| settle("a.test", Err(failure), NamePolicy::Any, &NoRules).unwrap_err().code();
        assert_eq!(code(LookUpFailure::NotFound), 1101);
        assert_eq!(code(LookUpFailure::Other("try again".into())), 1100);
    }
}
