//! A page as a browser loads it: the page, then all its assets at once, over a few connections. The next iteration
//! follows one of the links of another page.
//!
//!     throng run page_assets.rs -e TARGET=http://127.0.0.1:8080

use throng::prelude::*;

metrics! {
    /// From asking for the page to having all of its assets.
    static PAGE_LOADED: Trend = time "page_loaded";
}

#[options]
fn options() -> Options {
    Options::new()
        .vus(4)
        .iterations(40)
        .threshold("checks", "rate==1")
        .threshold("http_req_duration{name:asset}", "p(95)<500")
        .threshold("page_loaded", "p(95)<1000")
}

#[scenario]
fn default() {
    let target = env("TARGET");
    let began = time::now();
    let page = http::get(format!("{target}/page"));
    let assets = page.html().assets();
    check!("the page has assets" => assets.len() == 10);

    let responses = http::batch(assets.into_iter().map(|url| http::Request::get(url).name("asset").discard_body()));
    PAGE_LOADED.add(began.elapsed());
    for res in &responses {
        check!(res,
            "asset is there" => |r| r.status() == 200,
            "asset isn't empty" => |r| r.body_size() > 0,
        );
    }

    let links = http::get(format!("{target}/links/5")).html().links();
    let res = random::choose(&links).request().name("link").send();
    check!(res, "the link leads to a page" => |r| r.html().links().len() == 4);
}
