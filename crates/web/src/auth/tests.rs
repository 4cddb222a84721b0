use proptest::prelude::*;

use super::*;

fn credentials(user: &str, password: &str) -> Credentials {
    Credentials { user: user.into(), password: password.into() }
}

fn get<'a>(target: &'a str, cnonce: &'a str) -> DigestRequest<'a> {
    DigestRequest { method: "GET", target, body: b"", cnonce }
}

fn session(www_authenticate: &str) -> DigestSession {
    DigestSession::new(DigestChallenge::parse([www_authenticate]).unwrap())
}

#[test]
fn basic_is_as_in_the_rfc() {
    assert_eq!(basic(&credentials("Aladdin", "open sesame")), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    assert_eq!(basic(&credentials("test", "123£")), "Basic dGVzdDoxMjPCow==");
    assert_eq!(bearer("mF_9.B5f-4.1JqM"), "Bearer mF_9.B5f-4.1JqM");
}

#[test]
fn a_urls_user_and_password_are_decoded() {
    let of = |url| Credentials::from_url(&Url::parse(url).unwrap());
    assert_eq!(of("http://a%40b:c%3Ad%2F@h/"), Some(credentials("a@b", "c:d/")));
    assert_eq!(of("http://ü@h/"), Some(credentials("ü", "")));
    assert_eq!(of("http://:x@h/"), Some(credentials("", "x")));
    assert_eq!(of("http://h/"), None);
    assert!(!format!("{:?}", of("http://a:secret@h/")).contains("secret"));
}

#[test]
fn rfc_2617s_example_holds() {
    let mut session = session(
        "Digest realm=\"testrealm@host.com\", qop=\"auth,auth-int\", \
         nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"",
    );
    let mufasa = credentials("Mufasa", "Circle Of Life");
    let header = session.authorization(&mufasa, &get("/dir/index.html", "0a4f113b"));
    assert_eq!(
        header,
        "Digest username=\"Mufasa\", realm=\"testrealm@host.com\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", \
         uri=\"/dir/index.html\", qop=auth, nc=00000001, cnonce=\"0a4f113b\", \
         response=\"6629fae49393a05397450978507c4ef1\", opaque=\"5ccc069c403ebaf9f0171e9517f40e41\""
    );
    let second = session.authorization(&mufasa, &get("/dir/index.html", "0a4f113c"));
    assert!(second.contains("nc=00000002, cnonce=\"0a4f113c\""), "{second}");
}

/// RFC 7616, section 3.9.1.
const TWO_CHALLENGES: [&str; 2] = [
    "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm=MD5, \
     nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYOdUsa\"",
    "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm=SHA-256, \
     nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYOdUsa\"",
];

#[test]
fn rfc_7616s_examples_hold_and_the_stronger_challenge_is_taken() {
    let answer = |values: &[&str]| {
        let challenge = DigestChallenge::parse(values.iter().copied()).unwrap();
        let request = get("/dir/index.html", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ");
        DigestSession::new(challenge).authorization(&credentials("Mufasa", "Circle of Life"), &request)
    };
    let md5 = "response=\"8ca523f5e9506fed4657c9700eebdbec\"";
    let sha256 = "response=\"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1\"";
    assert!(answer(&TWO_CHALLENGES[..1]).contains(md5));
    assert!(answer(&TWO_CHALLENGES).contains(sha256));
    let in_one = format!("Basic realm=\"a, b\", {}, {}, Negotiate", TWO_CHALLENGES[1], TWO_CHALLENGES[0]);
    let header = answer(&[&in_one]);
    assert!(header.contains(sha256) && header.contains("algorithm=SHA-256"), "{header}");
}

/// Responses by Python's hashlib, from the RFCs' formulas.
#[test]
fn sessions_bodies_and_servers_without_qop_have_their_own_formulas() {
    let of = |rest: &str| session(&format!("Digest realm=\"r\", nonce=\"n\"{rest}"));
    let user = credentials("u", "p");
    let post = DigestRequest { method: "POST", target: "/x?y", body: b"body", cnonce: "c" };
    for (rest, response) in RESPONSES {
        let header = of(rest).authorization(&user, &post);
        assert!(header.contains(&format!("response=\"{response}\"")), "{rest}: {header}");
    }
    let mut session = of(", algorithm=MD5-sess, qop=auth");
    session.authorization(&user, &post);
    let second = session.authorization(&user, &DigestRequest { cnonce: "other", ..post });
    assert!(second.contains("nc=00000002, cnonce=\"c\""), "{second}");
    let old = of("").authorization(&user, &post);
    assert!(!old.contains("cnonce") && !old.contains("qop") && !old.contains("algorithm"), "{old}");
}

#[test]
fn user_names_are_hashed_or_encoded() {
    let of = |rest: &str, user| {
        session(&format!("Digest realm=\"r\", nonce=\"n\"{rest}"))
            .authorization(&credentials(user, "p"), &get("/", "c"))
    };
    // md5("u:r")
    let hashed = of(", userhash=true", "u");
    assert!(hashed.contains(&format!("username=\"{HASHED_USER}\"")) && hashed.ends_with("userhash=true"), "{hashed}");
    assert!(of("", "Jäsøn Doe").contains("username*=UTF-8''J%C3%A4s%C3%B8n%20Doe,"));
    assert!(of("", "a\"b\\").contains("username=\"a\\\"b\\\\\","));
    assert!(!of("", "a\r\nb: c").contains('\n'));
}

#[test]
fn challenges_that_cant_be_answered_say_why() {
    let error = |values: &[&str]| DigestChallenge::parse(values.iter().copied()).unwrap_err();
    assert_eq!(error(&[]), DigestError::NoChallenge);
    assert_eq!(error(&["Basic realm=\"x\"", "Negotiate"]), DigestError::NoChallenge);
    assert_eq!(error(&["Digest nonce=\"n\""]), DigestError::Missing("realm"));
    assert_eq!(error(&["Digest realm=\"n\""]), DigestError::Missing("nonce"));
    assert_eq!(error(&["Digest realm=r, nonce=n, algorithm=SHA-1"]), DigestError::Algorithm("SHA-1".into()));
    assert_eq!(error(&["Digest realm=r, nonce=n, qop=auth-conf"]), DigestError::Qop("auth-conf".into()));
    assert!(matches!(error(&["Digest realm=\"r"]), DigestError::Malformed(_)));
    let stale = DigestChallenge::parse(["Digest realm=r, nonce=n, stale=TRUE"]).unwrap();
    assert!(stale.is_stale());
}

/// Of user u, password p, realm r, nonce n, cnonce c, and POST /x?y with "body".
const RESPONSES: [(&str, &str); 12] = [
    (", algorithm=MD5", "c204afb89fba60b87f3e96370c82e3fe"),
    (", algorithm=MD5, qop=\"auth\"", "42637bab95843f7f344fb4d83292e681"),
    (", algorithm=MD5, qop=\"auth-int\"", "1ee7546c2312f1822b904a9656d8363e"),
    (", algorithm=MD5-sess", "7fb78ba9d19ae267f3c48fbe7cd995e5"),
    (", algorithm=MD5-sess, qop=\"auth\"", "8466ea9a5599c4272b14c230a391be48"),
    (", algorithm=MD5-sess, qop=\"auth-int\"", "8736bf237eb506f72df483fcd6fe4985"),
    (", algorithm=SHA-256", "786a0c2bd5b45b79dbfc7a9931bb47ab52596efd240bfb7a9b4c2d79f7ec1eec"),
    (", algorithm=SHA-256, qop=\"auth\"", "a1d6f45a7c700e2f4928627fd36962a6c460cd27f807bd448397ed2aeca4f150"),
    (", algorithm=SHA-256, qop=\"auth-int\"", "4b8e4532e72e6b2e4885f94e95f87ac045d66c4c224ea39fcaebb4585cc2aa05"),
    (", algorithm=SHA-256-sess", "63bf21509db6066bdcc906925223bbd2d991de255ec1601ccbf46523201b436d"),
    (", algorithm=SHA-256-sess, qop=\"auth\"", "5383ebff74af65c6baedd5cffbe5bcbc6b6befc1a182714cec8febf82dd4bab5"),
    (", algorithm=SHA-256-sess, qop=\"auth-int\"", "3b923d1d946c2d3c5f3e3ea2706ab9aaa13a88f7d3fee1e5dc17a22f26ff7cda"),
];
const HASHED_USER: &str = "ba84be203fdfc7d34e054a76d285d0c9";

proptest! {
    #[test]
    fn no_text_makes_a_challenge_panic(text in ".*", rest in "[a-zA-Z0-9=\", ]{0,80}", user in ".*") {
        for value in [text.clone(), format!("Digest realm=\"r\", nonce=n, {rest}"), format!("Digest nonce={text}")] {
            if let Ok(challenge) = DigestChallenge::parse([value.as_str()]) {
                let header = DigestSession::new(challenge).authorization(&credentials(&user, &user), &get("/", "c"));
                prop_assert!(header.is_ascii() && !header.contains(['\r', '\n']));
            }
        }
    }
}
