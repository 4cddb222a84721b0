//! The responses: those of `cases.txt`, and families of them.

/// A response, whatever a server may call so.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) to_head: bool,
    pub(crate) bytes: Vec<u8>,
    /// Part of our error's text.
    pub(crate) expected: Option<String>,
}

pub(crate) fn all() -> Vec<Case> {
    let mut cases = written();
    cases.extend(framings());
    cases.extend(truncated());
    cases.extend(bytes_in_places());
    cases
}

/// `name [HEAD] | response | part of our error's text`; the last may be missing.
fn written() -> Vec<Case> {
    let mut names = std::collections::BTreeSet::new();
    let lines = include_str!("cases.txt").lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let mut parts = line.split(" | ").map(str::trim);
            let name = parts.next().unwrap().to_owned();
            let bytes = unescape(parts.next().unwrap_or_else(|| panic!("no response: {line}")));
            assert!(names.insert(name.clone()), "{name} is there twice");
            Case { to_head: name.ends_with(" HEAD"), name, bytes, expected: parts.next().map(str::to_owned) }
        })
        .collect()
}

/// Backslash escapes as in Rust; `{text*3}` is text three times; `<ok>`, `<chunked>` are usual beginnings.
fn unescape(text: &str) -> Vec<u8> {
    let text = text.replace("<ok>", "HTTP/1.1 200 OK\\r\\n");
    let text = text.replace("<chunked>", "HTTP/1.1 200 OK\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n");
    let mut out = Vec::new();
    let mut rest = text.as_str();
    while let Some(character) = rest.chars().next() {
        rest = &rest[character.len_utf8()..];
        match character {
            '{' => {
                let (inner, after) = rest.split_once('}').unwrap();
                let (inner, times) = inner.rsplit_once('*').unwrap();
                out.extend(unescape(inner).repeat(times.parse().unwrap()));
                rest = after;
            }
            '\\' => {
                let (byte, length) = match rest.as_bytes()[0] {
                    b'r' => (b'\r', 1),
                    b'n' => (b'\n', 1),
                    b't' => (b'\t', 1),
                    b'x' => (u8::from_str_radix(&rest[1..3], 16).unwrap(), 3),
                    other => (other, 1),
                };
                out.push(byte);
                rest = &rest[length..];
            }
            other => out.extend(other.to_string().bytes()),
        }
    }
    out
}

/// Status by framing by version by connection by method.
fn framings() -> Vec<Case> {
    let statuses = [101, 200, 204, 205, 206, 301, 304, 404, 503, 999];
    let framings = [
        ("no framing", "", "abc"),
        ("length", "Content-Length: 3\r\n", "abc"),
        ("no length", "Content-Length: 0\r\n", ""),
        ("chunked", "Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\n\r\n"),
        ("coded", "Transfer-Encoding: gzip\r\n", "abc"),
        ("both framings", "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\n\r\n"),
        ("wrong length", "Content-Length: 3x\r\n", "abc"),
    ];
    let connections = [("", ""), (" close", "Connection: close\r\n"), (" keep-alive", "Connection: Keep-Alive\r\n")];
    let mut cases = Vec::new();
    for version in ["1.0", "1.1"] {
        for (connection, connection_line) in connections {
            for (framing, framing_line, body) in framings {
                for status in statuses {
                    for to_head in [false, true] {
                        // A response without a body, where none may be, so that nothing is left over.
                        let bodiless = to_head || [101, 204, 304].contains(&status);
                        let body = if bodiless { "" } else { body };
                        let method = if to_head { "HEAD" } else { "GET" };
                        let kind = if bodiless { "bodiless" } else { "with a body" };
                        cases.push(Case {
                            name: format!("{framing} in {version}{connection}, {kind}: {method} {status}"),
                            to_head,
                            bytes: format!("HTTP/{version} {status} X\r\n{framing_line}{connection_line}\r\n{body}")
                                .into(),
                            expected: None,
                        });
                    }
                }
            }
        }
    }
    cases
}

/// Responses that end early, at each byte.
fn truncated() -> Vec<Case> {
    let responses = [
        ("length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nA: b\r\n\r\nabcde"),
        (
            "chunks",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;e=f\r\n0123456789\r\n0\r\nT: v\r\n\r\n",
        ),
        ("interim", "HTTP/1.1 103 Hints\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na"),
        ("close", "HTTP/1.0 200 OK\r\nA: b\r\n\r\nabc"),
    ];
    let mut cases = Vec::new();
    for (name, response) in responses {
        for end in 0..response.len() {
            cases.push(Case {
                name: format!("{name} cut at {end}"),
                to_head: false,
                bytes: response.as_bytes()[..end].to_vec(),
                expected: None,
            });
        }
    }
    cases
}

/// Each of the 256 bytes in places of a response.
fn bytes_in_places() -> Vec<Case> {
    let places: [(&str, &str, &str); 8] = [
        ("reason", "HTTP/1.1 200 O", "K\r\nContent-Length: 1\r\n\r\na"),
        ("name", "HTTP/1.1 200 OK\r\nA", "B: c\r\nContent-Length: 1\r\n\r\na"),
        ("value", "HTTP/1.1 200 OK\r\nA: b", "c\r\nContent-Length: 1\r\n\r\na"),
        ("length", "HTTP/1.1 200 OK\r\nContent-Length: 1", "\r\n\r\nabcdefghijk"),
        ("size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1", "\r\na\r\n0\r\n\r\n"),
        ("data end", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na", "\n0\r\n\r\n"),
        ("last line", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n", "\r\n\r\n"),
        ("trailer", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nT: ", "v\r\n\r\n"),
    ];
    let mut cases = Vec::new();
    for (place, before, after) in places {
        for byte in 0..=u8::MAX {
            let bytes = [before.as_bytes(), &[byte], after.as_bytes()].concat();
            cases.push(Case { name: format!("{place} with 0x{byte:02x}"), to_head: false, bytes, expected: None });
        }
    }
    cases
}
