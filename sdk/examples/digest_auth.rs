//! Who asks: digest, basic and bearer authentication, and what is answered without.
//!
//!     throng run digest_auth.rs -e TARGET=http://127.0.0.1:8080

use throng::prelude::*;

#[options]
fn options() -> Options {
    Options::new()
        .vus(2)
        .iterations(20)
        .threshold("checks", "rate==1")
        // The refusals are expected below, and so are no failures.
        .threshold("http_req_failed", "rate==0")
}

#[scenario]
fn default() {
    let target = env("TARGET");
    for algorithm in ["MD5", "SHA-256"] {
        let url = format!("{target}/digest-auth/auth/tea/cake/{algorithm}");
        let res = http::Request::get(&url).digest_auth("tea", "cake").send();
        check!(res, "the digest is right" => |r| r.status() == 200);
        let res = http::Request::get(&url).digest_auth("tea", "scone").expect(401).send();
        check!(res, "another password is refused" => |r| r.status() == 401);
    }

    let url = format!("{target}/basic-auth/tea/cake");
    let res = http::Request::get(&url).basic_auth("tea", "cake").send();
    check!(res, "basic authentication works" => |r| r.status() == 200);
    let res = http::Request::get(url.replacen("://", "://tea:cake@", 1)).name("credentials in the URL").send();
    check!(res, "so it does by the URL" => |r| r.status() == 200);
    let res = http::Request::get(&url).expect(401).send();
    check!(res, "nobody is refused" => |r| r.status() == 401);

    let res = http::Request::get(format!("{target}/bearer")).bearer_auth("a-token").send();
    check!(res, "a token is taken" => |r| r.status() == 200);
}
