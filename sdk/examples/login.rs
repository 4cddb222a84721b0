//! A visitor logs in: the form's hidden token goes back with it, cookies are kept, links are followed.
//!
//!     throng run login.rs -e TARGET=http://127.0.0.1:8080

use throng::prelude::*;

#[options]
fn options() -> Options {
    Options::new()
        .vus(5)
        .iterations(50)
        .threshold("checks", "rate==1")
        .threshold("http_req_failed", "rate==0")
        .threshold("group_duration{group:::log in}", "p(95)<1000")
}

#[scenario]
fn default() -> Result<(), String> {
    let target = env("TARGET");
    let user = format!("visitor {}", execution::vu().id_in_test);

    let page = group("look", || {
        // Nobody has logged in: /account sends browsers to the form.
        let res = http::Request::get(format!("{target}/account")).header("accept", "text/html").send();
        check!(res, "there is a form" => |r| r.status() == 200 && r.url().ends_with("/forms"));
        res.html()
    });
    let form = page.form("login").ok_or("the page has no form `login`")?;
    check!("the form has a token" => form.get("csrf").is_some_and(|token| !token.is_empty()));

    let account = group("log in", || {
        let res = form.set("username", &user).set("password", "tea and cake").submit();
        check!(res,
            "logging in leads to the account" => |r| r.status() == 200 && r.url().ends_with("/account"),
            "it greets the visitor" => |r| r.text().contains(&user),
        );
        res.html()
    });
    check!("a session is kept" => http::Jar::of_vu().get(target, "session").is_some());
    sleep(0.1);

    group("log out", || {
        let link = account.link("Log out").ok_or("the account has no link for logging out")?;
        let res = link.click();
        check!(res, "the form is back" => |r| r.html().form("login").is_some());
        check!("the session is gone" => http::Jar::of_vu().get(target, "session").is_none());
        Ok(())
    })
}
