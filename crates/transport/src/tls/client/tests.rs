use rcgen::{CertificateParams, KeyPair};

use super::*;

fn identity() -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["x".to_owned()]).unwrap().self_signed(&key).unwrap();
    (certificate.pem(), key.serialize_pem())
}

fn mistakes(options: &TlsOptions) -> Vec<TlsMistake> {
    TlsClient::new(options).map_or_else(|error| error.mistakes, |_| Vec::new())
}

#[test]
fn all_mistakes_are_told_at_once() {
    let ((chain, key), (_, other_key)) = (identity(), identity());
    let with = |chain: &str, key: &str| ClientIdentity {
        certificate_pem: chain.into(),
        key_pem: key.into(),
        ..ClientIdentity::default()
    };
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let options = TlsOptions {
        cipher_suites: vec!["TLS_RSA_WITH_AES_128_CBC_SHA".into()],
        authorities_pem: vec![b"nothing".to_vec()],
        identities: vec![with(&chain, &key), with(&chain, encrypted), with(&chain, &other_key), with(&chain, "")],
        key_log: Some("/nonexistent/keys".into()),
        ..TlsOptions::default()
    };
    let error = TlsClient::new(&options).unwrap_err();
    assert_eq!(error.mistakes.len(), 6, "{error}");
    let text = error.to_string();
    for part in [
        "TLS_RSA_WITH_AES_128_CBC_SHA",
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        "certificate authority 1",
        "client identity 2's private key is encrypted",
        "openssl pkey",
        "client identity 3's certificate can't be used: the private key belongs to another certificate",
        "client identity 4's",
        "/nonexistent/keys",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn versions_and_suites_leave_something_to_speak() {
    let suites = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    let (v12, v13) = (Some(TlsVersion::Tls12), Some(TlsVersion::Tls13));
    let crossed = TlsOptions { version_min: v13, version_max: v12, ..TlsOptions::default() };
    assert!(matches!(mistakes(&crossed)[..], [TlsMistake::Versions { .. }]));
    let none =
        TlsOptions { version_max: v12, cipher_suites: suites(&["TLS_AES_128_GCM_SHA256"]), ..TlsOptions::default() };
    assert_eq!(mistakes(&none), [TlsMistake::NoCipherSuite]);
    let speaks = |options: &TlsOptions| TlsClient::new(options).unwrap().0.versions.len();
    assert_eq!(speaks(&TlsOptions::default()), 2);
    let old = suites(&["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"]);
    let new = suites(&["TLS_AES_128_GCM_SHA256"]);
    assert_eq!(speaks(&TlsOptions { cipher_suites: old, ..TlsOptions::default() }), 2, "as in k6");
    assert_eq!(speaks(&TlsOptions { cipher_suites: new, ..TlsOptions::default() }), 1);
}

#[test]
fn an_identity_is_chosen_by_the_servers_name() {
    let (chain, key) = identity();
    let with = |domain: &str| ClientIdentity {
        domains: vec![domain.into()],
        certificate_pem: chain.clone().into(),
        key_pem: key.clone().into(),
    };
    let options = TlsOptions {
        skip_verify: true,
        identities: vec![with("a.example"), with("*.b.example")],
        ..TlsOptions::default()
    };
    let client = TlsClient::new(&options).unwrap();
    let has = |host: &str| client.server(host).unwrap().config.client_auth_cert_resolver.has_certs();
    assert!(has("A.example") && has("x.b.example") && has("a.example."));
    assert!(!has("b.example") && !has("127.0.0.1"));
}
