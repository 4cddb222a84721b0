//! Variables that `-e NAME=value` gives to the script.

use crate::bindings::throng::script::execution;
use crate::text::same;
use std::cell::RefCell;

type Variable = (Box<str>, Option<&'static str>);

thread_local! {
    /// Those asked for so far; a script has a handful, so a list is searched.
    static KNOWN: RefCell<Vec<Variable>> = const { RefCell::new(Vec::new()) };
}

/// The value of a variable. Asking again costs a look-up in the script's own memory: values don't change while a VU
/// lives.
///
/// ```no_run
/// use throng::prelude::*;
///
/// let user = http::get(format!("{}/users/1", env("TARGET")));
/// ```
///
/// # Panics
///
/// Where it isn't set; the message says how to set it.
#[track_caller]
pub fn env(name: &str) -> &'static str {
    match lookup(name) {
        Some(value) => value,
        None => panic!("the script needs the variable {name}: give it with -e {name}=VALUE"),
    }
}

/// The value of a variable, or what stands in for it.
pub fn env_or<'a>(name: &str, otherwise: &'a str) -> &'a str {
    lookup(name).unwrap_or(otherwise)
}

fn lookup(name: &str) -> Option<&'static str> {
    KNOWN.with_borrow_mut(|known| {
        if let Some((_, value)) = known.iter().find(|(of, _)| same(of, name)) {
            return *value;
        }
        let value = execution::env(name).map(|value| &*value.leak());
        known.push((name.into(), value));
        value
    })
}
