//! Authentication.

use md5::Md5;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::client::{Answer, Client, start};

fn ask(client: &mut Client, path: &str, authorization: &str) -> Answer {
    client.ask("GET", path, &format!("Authorization: {authorization}\r\n"))
}

#[test]
fn basic_takes_its_user_and_password_alone() {
    let target = start(1);
    let mut client = Client::new(&target);
    // "Aladdin:open sesame", of RFC 7617, and "u:" for an empty password.
    let good = "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==";
    let answer = ask(&mut client, "/basic-auth/Aladdin/open%20sesame", good);
    assert_eq!((answer.status, answer.json()), (200, json!({"authenticated": true, "user": "Aladdin"})));
    assert_eq!(ask(&mut client, "/basic-auth/u/", "basic dTo=").status, 200);
    for given in ["Basic QWxhZGRpbjpvcGVu", "Basic !", "Basic", "Bearer QWxhZGRpbjpvcGVuIHNlc2FtZQ==", ""] {
        let answer = ask(&mut client, "/basic-auth/Aladdin/open%20sesame", given);
        let challenge = answer.field("WWW-Authenticate").unwrap();
        assert!(answer.status == 401 && challenge.starts_with("Basic realm="), "{given}");
    }
    assert_eq!(client.get("/basic-auth/u").status, 400);
}

#[test]
fn bearer_takes_any_token() {
    let target = start(1);
    let mut client = Client::new(&target);
    assert_eq!(ask(&mut client, "/bearer", "Bearer abc").json(), json!({"authenticated": true, "token": "abc"}));
    for given in ["", "Bearer", "Bearer ", "Basic abc"] {
        let answer = ask(&mut client, "/bearer", given);
        assert_eq!((answer.status, answer.field("WWW-Authenticate")), (401, Some("Bearer")), "{given}");
    }
}

fn hash(algorithm: &str, text: &str) -> String {
    let of = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    if algorithm == "MD5" { of(&Md5::digest(text)) } else { of(&Sha256::digest(text)) }
}

/// What a challenge says under a name.
fn part(answer: &Answer, name: &str) -> String {
    let challenge = answer.field("WWW-Authenticate").unwrap();
    challenge.split_once(&format!("{name}=\"")).unwrap().1.split('"').next().unwrap().to_owned()
}

/// A digest of RFC 7616 by user `u` with password `p`.
struct Login<'a> {
    method: &'a str,
    path: &'a str,
    body: &'a str,
    algorithm: &'a str,
    qop: &'a str,
    password: &'a str,
}

impl Login<'_> {
    fn send(&self, client: &mut Client, challenged: &Answer, count: u32) -> Answer {
        let (realm, nonce) = (part(challenged, "realm"), part(challenged, "nonce"));
        let opaque = part(challenged, "opaque");
        let Self { method, path, body, algorithm, qop, password } = self;
        let of = |text: String| hash(algorithm, &text);
        let asked = match *qop {
            "auth-int" => of(format!("{method}:{path}:{}", hash(algorithm, body))),
            _ => of(format!("{method}:{path}")),
        };
        let secret = of(format!("u:{realm}:{password}"));
        let response = of(format!("{secret}:{nonce}:{count:08x}:cn:{qop}:{asked}"));
        client.send(
            format!(
                "{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\nAuthorization: Digest username=\"u\", \
                 realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{path}\", algorithm={algorithm}, qop={qop}, \
                 nc={count:08x}, cnonce=\"cn\", response=\"{response}\", opaque=\"{opaque}\"\r\n\r\n{body}",
                body.len()
            )
            .as_bytes(),
        );
        client.answer(true)
    }
}

#[test]
fn digests_of_both_hashes_and_qops_are_taken_once_per_count() {
    let target = start(2);
    let mut client = Client::new(&target);
    for (demanded, qop, algorithm) in [
        ("auth", "auth", "MD5"),
        ("auth-int", "auth-int", "SHA-256"),
        ("any", "auth", "SHA-256"),
        ("any", "auth-int", "MD5"),
    ] {
        let path = format!("/digest-auth/{demanded}/u/p/{algorithm}?a=b,c");
        let login = Login { method: "POST", path: &path, body: "body", algorithm, qop, password: "p" };
        let challenged = client.ask("POST", &path, "Content-Length: 0\r\n");
        assert_eq!(challenged.status, 401);
        assert!(!challenged.head.contains("stale"), "{}", challenged.head);
        assert_eq!(login.send(&mut client, &challenged, 1).status, 200, "{path}");
        // Another shard, perhaps, knows the nonce too.
        assert_eq!(login.send(&mut Client::new(&target), &challenged, 3).status, 200, "{path}");
        assert_eq!(login.send(&mut client, &challenged, 2).status, 200, "{path}");
        let replayed = login.send(&mut client, &challenged, 2);
        assert!(replayed.status == 401 && replayed.head.contains("stale=true"), "{path}");
        let wrong = Login { password: "q", ..login }.send(&mut client, &challenged, 4);
        assert!(wrong.status == 401 && !wrong.head.contains("stale"), "{}", wrong.head);
    }
}

#[test]
fn a_nonce_is_stale_after_its_uses_and_the_next_one_is_good() {
    let target = start(1);
    let mut client = Client::new(&target);
    let path = "/digest-auth/auth/u/p/SHA-256/2";
    let login = Login { method: "GET", path, body: "", algorithm: "SHA-256", qop: "auth", password: "p" };
    let challenged = client.get(path);
    assert_eq!([1, 2].map(|count| login.send(&mut client, &challenged, count).status), [200, 200]);
    let stale = login.send(&mut client, &challenged, 3);
    assert!(stale.status == 401 && stale.head.contains(", stale=true"), "{}", stale.head);
    assert_eq!(login.send(&mut client, &stale, 1).status, 200);
}

#[test]
fn what_does_not_fit_the_request_is_no_digest() {
    let target = start(1);
    let mut client = Client::new(&target);
    let path = "/digest-auth/auth/u/p/MD5";
    let good = Login { method: "GET", path, body: "", algorithm: "MD5", qop: "auth", password: "p" };
    let challenged = client.get(path);
    assert_eq!(Login { qop: "auth-int", ..good }.send(&mut client, &challenged, 1).status, 401);
    assert_eq!(Login { algorithm: "SHA-256", ..good }.send(&mut client, &challenged, 1).status, 401);
    for given in ["Digest", "Digest username=\"u\"", "Digest ,,,=\"", "Digest nonce=\"\\"] {
        assert_eq!(ask(&mut client, path, given).status, 401, "{given}");
    }
    for path in
        ["/digest-auth/auth/u", "/digest-auth/x/u/p", "/digest-auth/auth/u/p/SHA1", "/digest-auth/auth/u/p/MD5/x"]
    {
        assert_eq!(client.get(path).status, 400, "{path}");
    }
    assert_eq!(good.send(&mut client, &challenged, 1).status, 200);
}
