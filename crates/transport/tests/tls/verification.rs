//! Whom the client believes, and whom the server.

use std::io::Write;
use std::net::SocketAddr;

use rcgen::{BasicConstraints, IsCa, date_time_ymd};
use throng_transport::http1::Origin;
use throng_transport::tls::{ClientIdentity, TlsClient, TlsOptions};

use super::authority::{Authority, Identity, self_signed};
use super::servers::{OK, answer_all, config, config_for_clients_of, read_head, server};
use super::{failure_of, get_once};

fn serve(identity: &Identity) -> SocketAddr {
    server(config(identity, rustls::ALL_VERSIONS), answer_all)
}

fn any() -> TlsOptions {
    TlsOptions { skip_verify: true, ..TlsOptions::default() }
}

#[test]
fn names_and_addresses_are_verified_by_an_authority_of_ones_own() {
    let authority = Authority::new();
    let address = serve(&authority.issue(&["localhost", "127.0.0.1"]));
    for host in ["localhost", "LOCALHOST", "127.0.0.1"] {
        get_once(host, address, authority.trusted()).unwrap_or_else(|(error, _)| panic!("{host}: {error}"));
    }
    let by_name_only = serve(&authority.issue(&["localhost"]));
    let (code, text) = failure_of("127.0.0.1", by_name_only, authority.trusted());
    assert_eq!(code, 1311, "{text}");
}

#[test]
fn each_fault_of_a_certificate_has_its_code_and_names_the_remedy() {
    let (authority, other, renewed) = (Authority::new(), Authority::named("another"), Authority::new());
    let expired = authority.issue_with(&["localhost"], |params| {
        (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
    });
    let future = authority.issue_with(&["localhost"], |params| {
        (params.not_before, params.not_after) = (date_time_ymd(2100, 1, 1), date_time_ymd(2101, 1, 1));
    });
    let cases = [
        ("expired", expired, 1300, "days ago"),
        ("future", future, 1300, "isn't valid yet"),
        ("wrong name", authority.issue(&["example.com"]), 1311, "is for example.com, not for localhost"),
        ("self-signed", self_signed(IsCa::NoCa), 1310, "unknown authority"),
        ("self-signed CA", self_signed(IsCa::Ca(BasicConstraints::Unconstrained)), 1310, "self-signed"),
        ("unknown authority", other.issue(&["localhost"]), 1310, "unknown authority"),
        ("another authority of that name", renewed.issue(&["localhost"]), 1310, "unknown authority"),
    ];
    for (name, identity, code, text) in cases {
        let address = serve(&identity);
        let failure = failure_of("localhost", address, authority.trusted());
        assert_eq!(failure.0, code, "{name}: {}", failure.1);
        assert!(failure.1.contains(text) && failure.1.contains("insecureSkipTLSVerify"), "{name}: {}", failure.1);
        get_once("localhost", address, any()).unwrap_or_else(|(error, _)| panic!("{name}, unverified: {error}"));
    }
}

#[test]
fn a_server_that_asks_gets_the_certificate_that_is_meant_for_it() {
    let (authority, clients) = (Authority::new(), Authority::named("of clients"));
    let address = server(config_for_clients_of(&authority.issue(&["localhost"]), &clients), |mut stream, _| {
        while read_head(&mut stream) {
            assert!(stream.conn.peer_certificates().is_some());
            stream.write_all(OK).unwrap();
        }
    });
    let identity = |domain: &str, of: &Authority| {
        let Identity { chain, key } = of.issue(&["client"]);
        ClientIdentity { domains: vec![domain.into()], certificate_pem: chain.into(), key_pem: key.into() }
    };
    let with = |identities| TlsOptions { identities, ..authority.trusted() };
    let fitting = vec![identity("example.com", &authority), identity("localhost", &clients)];
    get_once("localhost", address, with(fitting)).unwrap_or_else(|(error, _)| panic!("{error}"));
    let (code, text) = failure_of("localhost", address, with(vec![identity("example.com", &clients)]));
    assert!(code == 1300 && text.contains("certificate_required") && text.contains("tlsAuth"), "{code}: {text}");
    let (code, text) = failure_of("localhost", address, with(vec![identity("localhost", &authority)]));
    assert!(code == 1300 && text.contains("doesn't take the other side's certificate"), "{code}: {text}");
}

#[test]
fn a_name_that_no_certificate_can_have_is_told_early() {
    let client = TlsClient::new(&any()).unwrap();
    let error = Origin::with_tls("a b", 443, &client).unwrap_err();
    assert!(error.to_string().contains("\"a b\""), "{error}");
    assert_eq!(error.code(), 1300);
}
