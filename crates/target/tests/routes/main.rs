//! The routes for trying scripts, on real sockets.
#![expect(clippy::unwrap_used, reason = "a test that fails is to panic")]
#![allow(dead_code, reason = "the client has more than these tests use")]

mod auth;
#[path = "../client/mod.rs"]
mod client;
mod compression;
mod cookies;
mod flows;
mod forms;
mod inspect;
mod uploads;

use serde_json::{Value, json};
use throng_target::ROUTES;

use client::{Client, start, wait_until};

/// A path that a pattern stands for, and which is answered with a success or a redirect.
fn example(pattern: &str) -> String {
    let pairs = [
        ("{ms}", "1"),
        ("{code}", "200"),
        ("{n}", "3"),
        ("{i}", "4"),
        ("{qop}/{user}/{password}/{algorithm}", "auth/u/p/MD5"),
        ("{user}/{password}", "u/p"),
        ("?url=", "?url=/"),
        ("/drip", "/drip?duration=0.01"),
    ];
    pairs.iter().fold(pattern.to_owned(), |path, (name, value)| path.replace(name, value))
}

#[test]
fn every_route_is_counted_by_its_name_exactly_under_load() {
    const ROUNDS: u64 = 20;
    const CLIENTS: u64 = 4;
    let target = start(2);
    let round = || {
        for (pattern, methods, _) in ROUTES {
            if pattern.starts_with("/stats") || ["/stall/{ms}", "/ws/reset"].contains(pattern) {
                continue;
            }
            // Some end the connection: each request has its own.
            let mut client = Client::new(&target);
            let method = methods.split(", ").next().filter(|method| !method.is_empty()).unwrap_or("GET");
            let fields = if method == "POST" { "Content-Length: 0\r\n" } else { "" };
            client.send(format!("{method} {} HTTP/1.1\r\nHost: x\r\n{fields}\r\n", example(pattern)).as_bytes());
            let status = client.answer(*pattern != "/reset").status;
            // One for WebSockets wants the request to be an upgrade, which it counts all the same.
            let fits =
                if pattern.starts_with("/ws/") { status == 426 } else { matches!(status, 200 | 302 | 400 | 401) };
            assert!(fits, "{pattern} {status}");
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| (0..ROUNDS).for_each(|_| round()));
        }
    });
    wait_until("a connection is still open", || target.stats()["connections"]["open"] == 0);
    let counts = target.stats();
    let routes = counts["requests"]["by_route"].as_object().unwrap();
    assert_eq!(routes.len(), ROUTES.len() + 1);
    for (name, count) in routes {
        let expected = match name.as_str() {
            "/stats" | "/stats/reset" | "/stall" | "/ws/reset" | "other" => 0,
            _ => ROUNDS * CLIENTS,
        };
        assert_eq!(count, &json!(expected), "{name}");
    }
    assert_eq!(counts["requests"]["total"], ROUNDS * CLIENTS * (ROUTES.len() as u64 - 4));
    assert_eq!(counts["bad_requests"], 0);
    assert_eq!(Client::new(&target).ask("POST", "/stats/reset", "").status, 200);
    let after = target.stats();
    assert_eq!(after["requests"]["by_route"]["/cookies/set"], 0);
}

#[test]
fn methods_that_a_route_does_not_take_are_named() {
    let target = start(1);
    let mut client = Client::new(&target);
    for (method, path, allowed) in [
        ("POST", "/cookies", "GET, HEAD"),
        ("GET", "/login", "POST"),
        ("GET", "/upload", "POST, PUT"),
        ("DELETE", "/decompress", "POST, PUT, PATCH"),
    ] {
        let answer = client.ask(method, path, "");
        assert_eq!((answer.status, answer.field("Allow")), (405, Some(allowed)), "{path}");
    }
    let missing = client.get("/nowhere");
    assert!(missing.status == 404 && missing.text().contains("/digest-auth/{qop}"), "{}", missing.text());
}

#[test]
fn head_gets_the_head_of_get() {
    let target = start(1);
    let mut client = Client::new(&target);
    for (pattern, methods, _) in ROUTES {
        if !methods.contains("HEAD") || ["/stats", "/zstd", "/forms"].contains(pattern) {
            continue;
        }
        let path = example(pattern);
        let of = |answer: client::Answer| {
            let fields = answer.head.lines().filter(|line| !line.starts_with("Date"));
            fields.map(str::to_owned).collect::<Vec<_>>()
        };
        let head = of(client.ask("HEAD", &path, ""));
        let mut other = Client::new(&target);
        other.send(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes());
        let got = of(other.answer(false));
        // What tells the method has another length.
        let same = |line: &&String| !line.starts_with("Content-Length");
        assert_eq!(head.iter().filter(same).collect::<Vec<_>>(), got.iter().filter(same).collect::<Vec<_>>(), "{path}");
        if pattern == &"/reset" {
            client = Client::new(&target);
        }
    }
    assert_eq!(client.get("/").status, 200);
}

#[test]
fn the_readme_names_every_route() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md")).unwrap();
    for (pattern, ..) in ROUTES {
        assert!(readme.contains(&format!("`{pattern}`")), "{pattern} isn't in the README");
    }
}

fn strings(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect()
}
