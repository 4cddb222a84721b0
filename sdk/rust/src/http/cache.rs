//! Prepared requests that scripts didn't prepare themselves.
//!
//! A script calls `http::get(url)` in every iteration, mostly with few different URLs. Building and checking a request
//! costs the host more than sending it, so those without headers and tags are kept: 64, found by hash in sets of two,
//! of which the one not used last makes room. The one used last of all is compared first, without a hash. A script with
//! ever new URLs pays for the hash and a comparison or two, which mostly end early.

use super::expected::expected_statuses;
use super::handle::RequestHandle;
use super::{Body, Method, Response};
use crate::bindings::throng::script::http as host;
use crate::text::same;
use std::borrow::Cow;
use std::cell::RefCell;

/// A power of two.
const SETS: usize = 32;

struct Entry {
    method: Method,
    content_type: Option<&'static str>,
    url: Box<str>,
    request: RequestHandle,
}

/// The more recently used entry is first. They are boxed since most sets stay empty in most scripts, and every VU has
/// the array.
type Set = [Option<Box<Entry>>; 2];

struct Cache {
    /// The set that was used last.
    last: usize,
    sets: [Set; SETS],
}

thread_local! {
    static CACHE: RefCell<Cache> = const { RefCell::new(Cache { last: 0, sets: [const { [None, None] }; SETS] }) };
}

/// Sends a request that consists of no more than this.
pub(super) fn send(method: &Method, url: &str, body: Option<Body<'_>>) -> Response {
    let (content, content_type) = match body {
        // A form's boundary: no other request has it, so this one isn't kept.
        Some(Body { content, content_type: Some(Cow::Owned(unique)) }) => {
            return Response::of(prepare(method, url, Some(&unique)).send_content(content));
        }
        Some(Body { content, content_type: Some(Cow::Borrowed(fixed)) }) => (Some(content), Some(fixed)),
        Some(Body { content, content_type: None }) => (Some(content), None),
        None => (None, None),
    };
    CACHE.with_borrow_mut(|cache| {
        let fits =
            |entry: &Entry| same(&entry.url, url) && entry.method == *method && entry.content_type == content_type;
        if !cache.sets[cache.last][0].as_deref().is_some_and(fits) {
            cache.last = hash(method, url) as usize % SETS;
            let [first, second] = &mut cache.sets[cache.last];
            if !first.as_deref().is_some_and(fits) {
                std::mem::swap(first, second);
                if !first.as_deref().is_some_and(fits) {
                    *first = None;
                }
            }
        }
        let entry = cache.sets[cache.last][0].get_or_insert_with(|| {
            let (method, request) = (method.clone(), prepare(method, url, content_type));
            Box::new(Entry { method, content_type, url: url.into(), request })
        });
        Response::of(match content {
            None => entry.request.send(),
            Some(content) => entry.request.send_content(content),
        })
    })
}

fn prepare(method: &Method, url: &str, content_type: Option<&str>) -> RequestHandle {
    RequestHandle::new(&host::RequestOptions {
        method: method.as_str().to_owned(),
        url: url.to_owned(),
        headers: content_type.map(|of| ("content-type".to_owned(), of.to_owned())).into_iter().collect(),
        body: None,
        timeout_ms: None,
        tags: 0,
        response_body: None,
        redirects_max: None,
        compression: Vec::new(),
        digest: None,
        expected: expected_statuses(),
        jar: 0,
        cookies: Vec::new(),
    })
}

/// Forgets all: what is prepared from here on differs.
pub(super) fn clear() {
    CACHE.with_borrow_mut(|cache| cache.sets.iter_mut().for_each(|set| *set = [None, None]));
}

/// Multiplies and rotates four bytes at a time (Firefox's hash); only the high bits mix well, so they come down last.
fn hash(method: &Method, url: &str) -> u32 {
    const MULTIPLIER: u32 = 0x9e37_79b9;
    let mix = |hash: u32, word: u32| (hash.rotate_left(5) ^ word).wrapping_mul(MULTIPLIER);
    let (words, rest) = url.as_bytes().as_chunks::<4>();
    let mut hash = mix(url.len() as u32, u32::from(method.as_str().as_bytes().first().copied().unwrap_or(0)));
    for word in words {
        hash = mix(hash, u32::from_le_bytes(*word));
    }
    for byte in rest {
        hash = mix(hash, u32::from(*byte));
    }
    hash ^ (hash >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn urls_that_differ_in_a_number_spread_over_the_sets() {
        let mut sets = HashMap::<usize, u32>::new();
        for number in 0..3_200 {
            let key = hash(&Method::Get, &format!("http://127.0.0.1:8080/items/{number}"));
            *sets.entry(key as usize % SETS).or_default() += 1;
        }
        assert_eq!(sets.len(), SETS);
        let fullest = sets.values().max().copied().unwrap_or(0);
        assert!(fullest < 200, "100 are expected in each, one has {fullest}");
    }

    #[test]
    fn the_hash_sees_every_byte_and_the_method() {
        let of = |url: &str| hash(&Method::Get, url);
        assert_ne!(of("http://a/bc"), of("http://a/bd"));
        assert_ne!(of("http://a/b"), of("http://a/b\0"));
        assert_ne!(of("http://a/"), hash(&Method::Head, "http://a/"));
    }
}
