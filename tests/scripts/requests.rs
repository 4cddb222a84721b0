//! What requests can do, with the target's word for what arrived.

use throng::http::{Coding, Jar, Multipart, Request, Response, Statuses};
use throng::prelude::*;

#[options]
fn options() -> Value {
    serde_json::from_str(&env_or("OPTIONS", "{}")).expect("OPTIONS is JSON")
}

fn url(path: &str) -> String {
    format!("{}{path}", env("TARGET"))
}

/// A part of a JSON answer.
fn at(res: &Response, pointer: &str) -> Value {
    res.json_pointer(pointer).unwrap_or_default()
}

/// As many requests to / as REQUESTS says.
#[scenario]
fn plain() {
    for _ in 0..env_or("REQUESTS", "1").parse().expect("REQUESTS is a number") {
        let res = http::get(url("/"));
        check!(res, "status is 200" => |r| r.status() == 200);
    }
}

#[scenario]
fn redirects() {
    let res = http::get(url("/redirect/3"));
    check!(res,
        "relative redirects are followed" => |r| (r.status(), r.redirects()) == (200, 3),
        "the URL is the last one" => |r| r.url() == url("/"),
    );
    let res = http::get(url("/absolute-redirect/2"));
    check!(res, "absolute redirects are followed" => |r| (r.status(), r.redirects()) == (200, 2));
    let res = Request::get(url("/redirect/3")).redirects(1).send();
    check!(res, "a request's own limit holds" => |r| (r.status(), r.redirects()) == (302, 1));
    let res = http::post(url("/redirect-to?url=/anything"), http::form([("a", "b")]));
    check!(res, "a POST becomes a GET" => |r| at(r, "/method") == "GET" && at(r, "/form") == json!({}));
    let res = http::post(url("/redirect-to?url=/anything&status_code=307"), http::form([("a", "b")]));
    check!(res, "or stays a POST" => |r| at(r, "/method") == "POST" && at(r, "/form/a") == "b");
}

/// Follows redirects until the option's limit, which MAX says.
#[scenario]
fn endless() {
    let res = http::get(url("/redirect-loop"));
    check!(res, "the last redirect is the response" => |r| (r.status(), r.redirects().to_string()) == (302, env("MAX").to_owned()));
}

/// KEPT says whether cookies of the iteration before are there.
#[scenario]
fn cookies() {
    let before = http::get(url("/cookies"));
    let kept = env("KEPT") == "yes" && execution::vu().iteration_in_scenario > 0;
    check!(before, "cookies of the iteration before" => |r| (at(r, "/cookies/a") == "1") == kept);
    let res = http::get(url("/cookies/set?a=1"));
    check!(res, "cookies go with redirects" => |r| at(r, "/cookies/a") == "1");
    let res = http::get(url("/cookies"));
    check!(res, "and with later requests" => |r| at(r, "/cookies/a") == "1");
    let res = Request::get(url("/cookies")).cookie("a", "2").send();
    check!(res, "a request's own wins" => |r| at(r, "/cookies") == json!({ "a": "2" }));
}

#[scenario]
fn jars() {
    let (own, other) = (Jar::of_vu(), Jar::new());
    let res = Request::get(url("/cookies/set?b=2")).jar(&other).send();
    check!(res, "a jar of its own is used" => |r| at(r, "/cookies/b") == "2");
    check!("it has the cookie" => other.get(url("/"), "b").as_deref() == Some("2"));
    check!("the VU's own hasn't" => own.cookies(url("/")) == Ok(vec![]));
    own.set(url("/"), "c=3; Path=/cookies").expect("a cookie");
    let res = http::get(url("/cookies"));
    check!(res, "a cookie that was set is sent" => |r| at(r, "/cookies") == json!({ "c": "3" }));
    check!("its path counts" => own.get(url("/"), "c").is_none());
    own.delete(url("/cookies"), "c").expect("a URL");
    let res = http::get(url("/cookies"));
    check!(res, "one that was deleted isn't" => |r| at(r, "/cookies") == json!({}));
    check!("a wrong cookie is told" => own.set(url("/"), "").is_err());
}

#[scenario]
fn queries() {
    let res = Request::get(url("/anything?a=0#part")).query("a b", "1&2=ü").query("n", 3).send();
    check!(res, "names and values arrive" => |r| at(r, "/args") == json!({ "a": "0", "a b": "1&2=ü", "n": "3" }));
}

/// Four failures, eight requests.
#[scenario]
fn statuses() {
    let of = |status: u16| http::get(url(&format!("/status/{status}")));
    let expect = |status: u16| Request::get(url(&format!("/status/{status}")));
    check!("without a word" => [of(200), of(404)].map(|r| r.status()) == [200, 404]);
    check!("of the request" => [expect(404).expect(404).send(), expect(200).expect(400..=499).send()].iter().all(|r| r.status() > 0));
    http::set_expected_statuses([Statuses::from(500..=503), 418.into()]);
    check!("of the VU" => [of(503), of(418), of(200)].map(|r| r.status()) == [503, 418, 200]);
    http::set_expected_statuses([]);
    check!("and back" => of(500).status() == 500);
}

#[scenario]
fn authentication() {
    let res = http::get(url("/basic-auth/u/p").replacen("://", "://u:p@", 1));
    check!(res,
        "credentials of the URL are sent" => |r| r.status() == 200,
        "and not shown" => |r| !r.url().contains("u:p@"),
    );
    let res = Request::get(url("/basic-auth/u/p")).basic_auth("u", "p").send();
    check!(res, "basic" => |r| r.status() == 200);
    let res = Request::get(url("/bearer")).bearer_auth("token").send();
    check!(res, "bearer" => |r| r.status() == 200);
    for kind in ["auth/u/p/MD5", "auth/u/p/SHA-256", "auth-int/u/p/SHA-256", "any/u/p/MD5"] {
        let res = Request::post(url(&format!("/digest-auth/{kind}"))).body("x").digest_auth("u", "p").send();
        check!(res, "digest" => |r| r.status() == 200);
    }
    let res = Request::get(url("/digest-auth/auth/u/p/MD5")).digest_auth("u", "q").expect(401).send();
    check!(res, "a wrong password is refused once" => |r| r.status() == 401);
}

#[scenario]
fn compression() {
    let plain = http::get(url("/gzip"));
    check!(plain,
        "the size is that on the wire" => |r| (r.body_size() as usize) < r.body().len(),
        "gzip" => |r| r.json::<Value>().is_ok(),
    );
    for coding in ["deflate", "br", "zstd"] {
        let res = http::get(url(&format!("/{coding}")));
        check!(res, "the other codings" => |r| r.json::<Value>().is_ok());
    }
    let text = "tea and cake ".repeat(500);
    for coding in [Coding::Gzip, Coding::Deflate, Coding::Br, Coding::Zstd] {
        let res = Request::post(url("/decompress")).compress(coding).body(&text).send();
        check!(res,
            "bodies are compressed" => |r| at(r, "/bytes").as_u64().is_some_and(|bytes| bytes < 1000),
            "and decompressed" => |r| at(r, "/decoded_bytes") == json!(text.len()),
        );
    }
    let twice = Request::post(url("/decompress")).compress(Coding::Br).compress(Coding::Gzip);
    let res = twice.prepare().send_body(&text);
    check!(res, "one after the other" => |r| at(r, "/content_encoding") == "br, gzip" && at(r, "/decoded_bytes") == json!(text.len()));
}

/// Bodies of more bytes than the VU may have.
#[scenario]
fn downloads() {
    const BYTES: usize = 30_000_000;
    let mut download = Request::get(url(&format!("/bytes/{BYTES}"))).download();
    let mut largest = 0;
    let bytes: usize = download
        .by_ref()
        .map(|piece| {
            largest = largest.max(piece.len());
            piece.len()
        })
        .sum();
    let res = download.finish();
    check!("the whole body is read" => bytes == BYTES && res.status() == 200 && res.body_size() == BYTES as u64);
    check!("in pieces" => largest < 2_000_000 && res.body().is_empty());
    let mut begun = Request::get(url(&format!("/bytes/{BYTES}"))).download();
    check!("a part of it is read" => begun.next().is_some());
    let res = begun.finish();
    check!("the rest is dropped" => res.status() == 200 && res.body_size() == BYTES as u64);
    drop(Request::get(url(&format!("/bytes/{BYTES}"))).download());
    let text = |mut download: http::Download| {
        let bytes: Vec<u8> = download.by_ref().flatten().collect();
        (String::from_utf8_lossy(&bytes).into_owned(), download.finish())
    };
    let (moved, res) = text(Request::get(url("/redirect/2")).download());
    let end = http::get(url("/redirect/2"));
    check!("only what redirects lead to is read" => moved == end.text() && res.url() == end.url() && res.redirects() == 2);
    let (_, res) = text(Request::get(url("/status/404")).download());
    check!("errors come with their status" => res.status() == 404);
    let slow = Request::get(url(&format!("/bytes/{BYTES}"))).timeout(Duration::from_millis(1500)).download();
    sleep(Duration::from_millis(2000));
    let res = slow.finish();
    check!("nobody reads in time" => res.status() == 0 && res.error().is_some_and(|error| error.code() == 1050));
}

/// With `discardResponseBodies`.
#[scenario]
fn discarded() {
    let res = http::get(url("/bytes/1000"));
    check!(res, "the body is counted and dropped" => |r| r.body().is_empty() && r.body_size() == 1000);
    let res = Request::get(url("/bytes/1000")).keep_body().send();
    check!(res, "or kept" => |r| r.body().len() == 1000);
}

#[scenario]
fn waiting_bodies() {
    let body = vec![b'x'; 100_000];
    let res = Request::post(url("/upload")).header("expect", "100-continue").body(&body).send();
    check!(res, "the body comes after 100" => |r| at(r, "/bytes") == json!(body.len()));
    let res = Request::post(url("/expect/417")).header("expect", "100-continue").body(&body).expect(417).send();
    check!(res, "or not at all" => |r| r.status() == 417);
}

#[scenario]
fn uploads() {
    let form = Multipart::new().field("a", "b").file("f", "f.bin", "application/x-test", vec![7; 300_000]);
    let res = http::post(url("/upload"), form);
    check!(res, "the parts arrive" => |r| at(r, "/parts/0/bytes") == 1 && at(r, "/parts/1/bytes") == 300_000);
}

/// Ten requests at once.
#[scenario]
fn batches() {
    let responses = http::batch((0..10).map(|number| Request::get(url(&format!("/delay/{}", 200 + number)))));
    check!("all are answered" => responses.len() == 10 && responses.iter().all(|r| r.status() == 200));
    check!("in their order" => responses.iter().enumerate().all(|(n, r)| r.url().ends_with(&(200 + n).to_string())));
}

#[scenario]
fn any_of() {
    let start = |ms: u32| Request::get(url(&format!("/delay/{ms}"))).start();
    // So far apart that a machine that stands still for a moment doesn't bring two at once.
    let mut exchanges = vec![start(6000), start(1), start(3000)];
    let mut order = Vec::new();
    check!("the limit passes" => http::wait_any(&exchanges[..1], Duration::from_millis(1)).is_none());
    while let Some(place) = http::wait_any(&exchanges, None) {
        let res = exchanges.remove(place).finish();
        order.push(res.url());
    }
    let expected = [1, 3000, 6000].map(|ms| url(&format!("/delay/{ms}")));
    check!("they end in the order of their delays" => order == expected);
}

/// Leaves an exchange behind that would take a minute; another is cut.
#[scenario]
fn left_behind() {
    std::mem::forget(Request::get(url("/delay/60000")).start());
    drop(Request::get(url("/delay/60001")).start());
    let res = http::get(url("/"));
    check!(res, "others go on" => |r| r.status() == 200);
}

/// What is thrown ends the iteration before the check.
#[scenario]
fn thrown() {
    http::get(env("NOWHERE"));
    check!("it goes on" => false);
}

/// Says the User-Agent that the target has seen.
#[scenario]
fn user_agent() {
    let res = http::get(url("/headers"));
    log::info!("agent={}", at(&res, "/headers/User-Agent"));
}

/// GET for each of the URLs in URLS, which has pairs of a URL and the expected error's code, 0 for none.
#[scenario]
fn codes() {
    for pair in env("URLS").split(' ') {
        let (url, code) = pair.rsplit_once('=').expect("URL=CODE");
        let res = http::get(url);
        let found = res.error().map_or(0, http::Error::code);
        if found.to_string() != code {
            log::error!("{url} gives {found}: {:?}", res.error());
        }
        check!("the codes are as expected" => found.to_string() == code);
    }
}

/// Two requests on one connection: the first has the handshake.
#[scenario]
fn handshakes() {
    let [first, second] = [(); 2].map(|()| http::get(url("/")));
    check!("both are answered" => first.status() == 200 && second.status() == 200);
    check!("the first has the handshake" => !first.timings().tls_handshaking.is_zero() && !first.timings().connecting.is_zero());
    check!("the second has none" => second.timings().tls_handshaking.is_zero() && second.timings().connecting.is_zero());
}

/// Where errors are told, for cases that mustn't work.
#[scenario]
fn failing() {
    let res = http::get(url("/"));
    check!(res, "it fails" => |r| r.status() == 0);
    if let Some(error) = res.error() {
        log::warn!("failed with {error}");
    }
}
