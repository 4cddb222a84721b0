//! The same bytes through our parser and through hyper's client: what they make of a response is the same, or the
//! difference stands in `differences.txt` with the paragraph of RFC 9110 or 9112 that decides it.
//!
//! `cases.txt` holds responses by name; `corpus.rs` makes families of more. Each is delivered whole, byte by byte and in
//! pieces of seven, and then closed.
#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod corpus;
mod listed;
mod ours;
mod reference;

use std::collections::BTreeMap;

use corpus::Case;

/// What a client makes of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    Response(Seen),
    /// Why isn't compared.
    Error(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    status: u16,
    /// In order within each name; hyper keeps no order among them.
    fields: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
    trailer: Vec<(String, Vec<u8>)>,
    /// Whether the connection takes another request.
    reusable: bool,
}

impl Outcome {
    fn agrees(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Error(_), Self::Error(_)) => true,
            (one, other) => one == other,
        }
    }
}

fn by_name(mut fields: Vec<(String, Vec<u8>)>) -> Vec<(String, Vec<u8>)> {
    fields.iter_mut().for_each(|(name, _)| name.make_ascii_lowercase());
    fields.sort_by(|(one, _), (other, _)| one.cmp(other));
    fields
}

const PIECES: [usize; 3] = [usize::MAX, 1, 7];

#[test]
fn our_client_sees_what_hyper_sees_but_where_the_rfc_decides() {
    let mut differences = listed::differences();
    let cases = corpus::all();
    assert!(cases.len() >= 300, "only {} cases", cases.len());
    let mut unlisted = Vec::new();
    let mut stale = Vec::new();
    for case in &cases {
        let (ours, theirs) = (ours::see(case, usize::MAX), reference::see(case, usize::MAX));
        let listed = differences.iter_mut().find(|difference| difference.matches(&case.name));
        match (listed, ours.agrees(&theirs)) {
            (Some(listed), false) => listed.seen += 1,
            (None, true) => {}
            (Some(listed), true) => stale.push(format!("{} ({})", case.name, listed.pattern)),
            (None, false) => unlisted.push(format!("{}\n  ours:  {ours:?}\n  hyper: {theirs:?}", case.name)),
        }
    }
    assert!(unlisted.is_empty(), "{} differences aren't listed:\n{}", unlisted.len(), unlisted.join("\n"));
    assert!(stale.is_empty(), "listed, and no difference any more:\n{}", stale.join("\n"));
    let unused: Vec<_> = differences.iter().filter(|listed| listed.seen == 0).map(|listed| &listed.pattern).collect();
    assert!(unused.is_empty(), "listed, and there is no such case: {unused:?}");
}

#[test]
fn pieces_change_nothing_for_either_client() {
    for case in &corpus::all() {
        let whole = ours::see(case, usize::MAX);
        let theirs = reference::see(case, usize::MAX);
        for piece in PIECES {
            // With its cause: ours doesn't depend on how the bytes come.
            assert_eq!(ours::see(case, piece), whole, "{} in pieces of {piece}", case.name);
            let pieced = reference::see(case, piece);
            assert!(pieced.agrees(&theirs), "hyper, {} in pieces of {piece}: {pieced:?}, {theirs:?}", case.name);
        }
    }
}

#[test]
fn every_cause_of_an_error_has_a_text_of_its_own() {
    let mut texts: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    let cases = corpus::all();
    for case in &cases {
        if let Outcome::Error(text) = ours::see(case, usize::MAX) {
            assert!(text.is_ascii() && text.len() < 100, "{}: {text:?}", case.name);
            texts.entry(text).or_default().push(&case.name);
        }
    }
    assert!(texts.len() >= 25, "{texts:#?}");
    // What a case in the file claims by its name is what we say.
    for Case { name, expected, .. } in &cases {
        if let Some(expected) = expected {
            let said = texts.iter().find(|(_, names)| names.contains(&name.as_str()));
            assert!(said.is_some_and(|(text, _)| text.contains(expected.as_str())), "{name}: {said:?}");
        }
    }
}
