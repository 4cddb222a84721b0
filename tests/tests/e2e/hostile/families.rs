//! The same attack at each byte of a response.

use throng_tests::Step;

use super::cases::{Case, case};

const LENGTH: &str = "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n01234567";
const CHUNKS: &str =
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n10;e=f\r\n0123456789abcdef\r\n0\r\nT: v\r\n\r\n";

/// Responses that the server ends after each of their bytes.
pub(super) fn cut() -> Vec<Case> {
    let mut cases = Vec::new();
    for response in [LENGTH, CHUNKS] {
        let head = response.find("\r\n\r\n").unwrap_or(0) + 4;
        let last_size = response.find("\r\n0\r\n").map_or(response.len(), |at| at + 5);
        for end in 0..response.len() {
            let within = match end {
                0 => "closed the connection without an answer",
                _ if end < head => "ended within the response's head",
                _ if response == LENGTH => "ended within the response's body",
                _ if end < last_size => "ended within the response's chunked body",
                _ => "ended within the response's trailer",
            };
            let kind = if response == LENGTH { "length" } else { "chunks" };
            let name = format!("{kind} cut after {end} bytes").leak();
            cases.push(case(name, vec![Step::Send(response.as_bytes()[..end].to_vec())]).error(within));
        }
    }
    cases
}
