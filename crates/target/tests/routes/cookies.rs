//! Cookies and redirects.

use serde_json::json;

use crate::client::{Client, start};

#[test]
fn cookies_are_told_set_and_deleted() {
    let target = start(1);
    let mut client = Client::new(&target);
    let told = client.ask("GET", "/cookies", "Cookie: a=1; b=x=y;c\r\nCookie: a=2; d=\"q\"\r\n").json();
    assert_eq!(told, json!({"cookies": {"a": "1", "b": "x=y", "c": "", "d": "\"q\""}}));
    let set = client.get("/cookies/set?a=1&b=two%20words");
    assert_eq!((set.status, set.field("Location")), (302, Some("/cookies")));
    assert_eq!(set.fields("Set-Cookie"), ["a=1; Path=/", "b=two words; Path=/"]);
    let set = client.get("/cookies/set?a=1&path=/x&domain=example.org&max-age=60&secure=&httponly=1");
    assert_eq!(set.fields("Set-Cookie"), ["a=1; Path=/x; Domain=example.org; Max-Age=60; Secure; HttpOnly"]);
    assert_eq!(client.get("/cookies/set?a=1&secure=false").fields("Set-Cookie"), ["a=1; Path=/"]);
    let deleted = client.get("/cookies/delete?a&b=&path=/x");
    assert_eq!(deleted.status, 302);
    let gone = "=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Path=/x";
    assert_eq!(deleted.fields("Set-Cookie"), [format!("a{gone}"), format!("b{gone}")]);
}

#[test]
fn what_is_no_cookie_is_refused() {
    let target = start(1);
    let mut client = Client::new(&target);
    for query in ["", "path=/", "a%20b=1", "=1", "a=1%0d%0aX:%20y", "a=1;2&b=%3b", "a=1&max-age=x", "a=1&path=%0a"] {
        let answer = client.get(&format!("/cookies/set?{query}"));
        assert_eq!((answer.status, answer.fields("Set-Cookie").len()), (400, 0), "{query}");
    }
}

#[test]
fn redirects_count_down_to_the_root() {
    let target = start(1);
    let mut client = Client::new(&target);
    let mut seen = Vec::new();
    let mut path = "/redirect/3".to_owned();
    loop {
        let answer = client.get(&path);
        if answer.status == 200 {
            break;
        }
        assert_eq!(answer.status, 302);
        path = answer.field("Location").unwrap().to_owned();
        seen.push(path.clone());
    }
    assert_eq!(seen, ["/redirect/2", "/redirect/1", "/"]);
    let absolute = |client: &mut Client, path| client.get(path).field("Location").map(str::to_owned);
    assert_eq!(absolute(&mut client, "/absolute-redirect/2").as_deref(), Some("http://x/absolute-redirect/1"));
    assert_eq!(absolute(&mut client, "/absolute-redirect/1").as_deref(), Some("http://x/"));
    assert_eq!(absolute(&mut client, "/redirect-loop").as_deref(), Some("/redirect-loop"));
    assert_eq!(client.ask("POST", "/redirect/2", "Content-Length: 0\r\n").status, 302);
    for path in ["/redirect/0", "/redirect/x", "/redirect/10001", "/redirect/"] {
        assert_eq!(client.get(path).status, 400, "{path}");
    }
}

#[test]
fn a_redirect_goes_where_it_is_told_with_its_status() {
    let target = start(1);
    let mut client = Client::new(&target);
    let answer = client.get("/redirect-to?url=http%3A%2F%2Fexample.org%2Fa%3Fb%3Dc&status_code=308");
    assert_eq!((answer.status, answer.field("Location")), (308, Some("http://example.org/a?b=c")));
    let answer = client.get("/redirect-to?url=%2f%0d%0aX-Evil:%20%c3%a4");
    assert_eq!((answer.status, answer.field("Location")), (302, Some("/%0D%0AX-Evil:%20%C3%A4")));
    assert_eq!(answer.field("X-Evil"), None);
    for query in ["", "?status_code=301", "?url=/&status_code=200", "?url=/&status_code=x"] {
        assert_eq!(client.get(&format!("/redirect-to{query}")).status, 400, "{query}");
    }
}
