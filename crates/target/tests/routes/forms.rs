//! The site with a login, and pages.

use crate::client::{Answer, Client, start};

fn value<'a>(page: &'a str, name: &str) -> &'a str {
    let field = page.split_once(&format!("name=\"{name}\" value=\"")).unwrap().1;
    field.split('"').next().unwrap()
}

/// The cookie that an answer sets, as it is sent.
fn cookie(answer: &Answer) -> String {
    answer.field("Set-Cookie").unwrap().split(';').next().unwrap().to_owned()
}

fn login(client: &mut Client, cookie: &str, form: &str) -> Answer {
    let kind = "application/x-www-form-urlencoded";
    client.send(
        format!(
            "POST /login HTTP/1.1\r\nHost: x\r\nCookie: {cookie}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n\
             {form}",
            form.len()
        )
        .as_bytes(),
    );
    client.answer(true)
}

#[test]
fn who_sends_the_token_of_the_form_is_logged_in_until_logging_out() {
    // Two shards: a session is known to both.
    let target = start(2);
    let mut client = Client::new(&target);
    let page = client.get("/forms");
    assert_eq!(page.field("Content-Type"), Some("text/html; charset=utf-8"));
    let visit = cookie(&page);
    let text = page.text();
    let form = format!("csrf={}&username=J%C3%B6+%3Cb%3E&password=x", value(&text, "csrf"));
    let mut other = Client::new(&target);
    let answer = login(&mut other, &visit, &form);
    assert_eq!((answer.status, answer.field("Location")), (302, Some("/account")));
    let session = cookie(&answer);
    for client in [&mut client, &mut other] {
        let account = client.ask("GET", "/account", &format!("Cookie: {visit}; {session}\r\n"));
        assert!(account.status == 200 && account.text().contains("Jö &lt;b&gt;"), "{}", account.text());
    }
    let again = client.ask("GET", "/forms", &format!("Cookie: {visit}\r\n"));
    assert_eq!((again.field("Set-Cookie"), again.text()), (None, text));
    let out = client.get("/logout");
    assert_eq!((out.status, out.field("Location")), (302, Some("/forms")));
    assert!(out.field("Set-Cookie").unwrap().starts_with("session=; ") && out.head.contains("Max-Age=0"));
}

#[test]
fn a_login_without_its_token_is_refused() {
    let target = start(1);
    let mut client = Client::new(&target);
    let (page, other) = (client.get("/forms"), client.get("/forms"));
    let (text, visit) = (page.text(), cookie(&page));
    let token = value(&text, "csrf");
    for (cookie, form) in [
        (visit.clone(), "username=u&password=p".to_owned()),
        (visit.clone(), "csrf=0&username=u&password=p".to_owned()),
        (cookie(&other), format!("csrf={token}&username=u&password=p")),
        ("visit=a.b".to_owned(), format!("csrf={token}&username=u&password=p")),
        (visit.clone(), format!("csrf={token}&username=&password=p")),
        (visit.clone(), format!("csrf={token}&username=u")),
    ] {
        let answer = login(&mut client, &cookie, &form);
        assert_eq!((answer.status, answer.field("Set-Cookie")), (403, None), "{cookie} {form}");
    }
    assert_eq!(client.ask("POST", "/login", "Content-Length: 0\r\n").status, 400);
}

#[test]
fn an_account_without_a_session_is_closed() {
    let target = start(1);
    let mut client = Client::new(&target);
    for cookie in ["", "Cookie: session=u.0123\r\n", "Cookie: session=\r\n"] {
        assert_eq!(client.ask("GET", "/account", cookie).status, 401, "{cookie}");
        let answer = client.ask("GET", "/account", &format!("{cookie}Accept: text/html, */*\r\n"));
        assert_eq!((answer.status, answer.field("Location")), (302, Some("/forms")), "{cookie}");
    }
}

#[test]
fn a_page_names_its_assets_and_each_is_there() {
    let target = start(1);
    let mut client = Client::new(&target);
    let text = client.get("/page").text();
    let assets: Vec<&str> = text.split('"').filter(|part| part.starts_with("/asset/")).collect();
    assert_eq!(assets.len(), 10);
    let mut sizes = std::collections::HashSet::new();
    for asset in assets {
        let answer = client.get(asset);
        let png = answer.body.starts_with(b"\x89PNG");
        let expected = ["text/css", "text/javascript", "image/png"].contains(&answer.field("Content-Type").unwrap());
        assert!(answer.status == 200 && expected && png == (answer.field("Content-Type") == Some("image/png")));
        sizes.insert(answer.body.len());
    }
    assert_eq!(sizes, [300, 2_000, 8_000, 20_000, 60_000].into());
    assert_eq!(client.get("/page/0").text().matches("/asset/").count(), 0);
    assert_eq!(client.get("/page/1000").text().matches("/asset/").count(), 1000);
    assert_eq!(["/page/1001", "/page/x", "/asset/x", "/asset/"].map(|path| client.get(path).status), [400; 4]);
}

#[test]
fn links_lead_to_each_other() {
    let target = start(1);
    let mut client = Client::new(&target);
    assert_eq!(client.get("/links/4").text().matches("href=").count(), 3);
    let second = client.get("/links/4/1").text();
    assert!(second.contains("\"/links/4/0\"") && !second.contains("\"/links/4/1\""), "{second}");
    assert_eq!(["/links/1001", "/links/1/x", "/links/"].map(|path| client.get(path).status), [400; 3]);
}
