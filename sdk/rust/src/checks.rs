//! Checks: named assertions that are counted and end nothing.

use crate::Tags;
use crate::bindings::throng::script::checks;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

/// A check with a constant name, registered at its first use. [`check!`](crate::check!) makes one for each name.
#[derive(Debug)]
pub struct Check {
    name: &'static str,
    /// One more than the check's number, so that zero stands for "not registered yet".
    number_plus_one: AtomicU32,
}

impl Check {
    /// A check of this name.
    ///
    /// # Panics
    ///
    /// When the name contains `::`, which separates groups. In a constant that is a compile error.
    pub const fn new(name: &'static str) -> Self {
        assert!(!contains_separator(name), "a check's name must not contain `::`, which separates groups");
        Self { name, number_plus_one: AtomicU32::new(0) }
    }

    /// Counts an outcome in the group that is entered now, and returns it.
    ///
    /// The host is told before the VU next waits, or at the iteration's end. A panic loses nothing; an endless loop or
    /// an overflow of the stack loses the outcomes since the last wait.
    pub fn record(&self, passed: bool) -> bool {
        let number = match self.number_plus_one.load(Ordering::Relaxed) {
            0 => {
                let number = register(self.name, Tags::NONE);
                self.number_plus_one.store(number + 1, Ordering::Relaxed);
                number
            }
            number => number - 1,
        };
        gather(number, passed);
        passed
    }
}

/// As many outcomes as are gathered at most.
const GATHERED_MAX: usize = 32;

/// The count first, so that it shares a cache line with the first outcomes: mostly there is one.
#[repr(C)]
struct Gathered {
    count: usize,
    outcomes: [u32; GATHERED_MAX],
}

thread_local! {
    /// Outcomes that the host doesn't know of yet: a call for each would cost more than all else about a check.
    static GATHERED: RefCell<Gathered> = const { RefCell::new(Gathered { outcomes: [0; GATHERED_MAX], count: 0 }) };
}

fn gather(number: u32, passed: bool) {
    let is_full = GATHERED.with_borrow_mut(|gathered| {
        gathered.outcomes[gathered.count] = number << 1 | u32::from(passed);
        gathered.count += 1;
        gathered.count == GATHERED_MAX
    });
    if is_full {
        flush();
    }
}

/// Tells the host what was gathered: before a wait, and before what outcomes are counted under changes.
pub(crate) fn flush() {
    if GATHERED.with_borrow(|gathered| gathered.count > 0) {
        hand_over(checks::record);
    }
}

/// Gives what was gathered to a function that tells the host.
pub(crate) fn hand_over<T>(tell: impl FnOnce(&[u32]) -> T) -> T {
    GATHERED.with_borrow_mut(|gathered| {
        let count = std::mem::take(&mut gathered.count);
        tell(&gathered.outcomes[..count])
    })
}

const fn contains_separator(name: &str) -> bool {
    let bytes = name.as_bytes();
    let mut at = 1;
    while at < bytes.len() {
        if bytes[at - 1] == b':' && bytes[at] == b':' {
            return true;
        }
        at += 1;
    }
    false
}

#[track_caller]
fn register(name: &str, tags: Tags) -> u32 {
    match checks::register(name, tags.number()) {
        Ok(number) => number,
        Err(reason) => panic!("check {name:?}: {reason}"),
    }
}

type Numbers = BTreeMap<Box<str>, Vec<(Tags, u32)>>;

thread_local! {
    /// The checks whose names are made at run time.
    static NUMBERS: RefCell<Numbers> = const { RefCell::new(BTreeMap::new()) };
}

/// Counts an outcome under a name, and returns it. For names that are made at run time; a constant name is cheaper with
/// [`check!`](crate::check!).
///
/// ```no_run
/// use throng::prelude::*;
///
/// for page in ["home", "about"] {
///     let res = http::get(format!("{}/echo?page={page}", env("TARGET")));
///     check(&format!("{page} answers"), res.ok());
/// }
/// ```
///
/// # Panics
///
/// When the name contains `::`, or after 65,536 different names.
#[track_caller]
pub fn check(name: &str, passed: bool) -> bool {
    check_tagged(name, Tags::NONE, passed)
}

/// [`check`] with tags for its samples.
#[track_caller]
pub fn check_tagged(name: &str, tags: Tags, passed: bool) -> bool {
    let number = NUMBERS.with_borrow_mut(|numbers| {
        let known = numbers.get(name).and_then(|sets| sets.iter().find(|(of, _)| *of == tags));
        if let Some((_, number)) = known {
            return *number;
        }
        let number = register(name, tags);
        numbers.entry(name.into()).or_default().push((tags, number));
        number
    });
    gather(number, passed);
    passed
}

/// Counts named assertions about a value, and returns whether all held. All are evaluated, and counted one by one.
///
/// ```no_run
/// use throng::prelude::*;
///
/// let res = http::get(env("TARGET"));
/// let good = check!(res,
///     "status is 200" => |r| r.status() == 200,
///     "it has a body" => |r| r.body_size() > 0,
/// );
/// check!("both" => good);
/// ```
#[macro_export]
macro_rules! check {
    ($($name:literal => $passed:expr),+ $(,)?) => {{
        let mut all = true;
        $(
            all &= {
                static CHECK: $crate::checks::Check = $crate::checks::Check::new($name);
                CHECK.record($passed)
            };
        )+
        all
    }};
    ($subject:expr, $($name:literal => $holds:expr),+ $(,)?) => {{
        let subject = &$subject;
        let mut all = true;
        $(
            all &= {
                static CHECK: $crate::checks::Check = $crate::checks::Check::new($name);
                CHECK.record($crate::checks::holds(subject, $holds))
            };
        )+
        all
    }};
}

/// Applies a predicate, which lets the compiler know the type of its parameter.
#[doc(hidden)]
pub fn holds<T: ?Sized>(subject: &T, predicate: impl FnOnce(&T) -> bool) -> bool {
    predicate(subject)
}

#[cfg(test)]
mod tests {
    use super::{GATHERED_MAX, contains_separator, gather, hand_over};

    #[test]
    fn outcomes_are_gathered_in_order_and_handed_over_once() {
        for number in 0..GATHERED_MAX as u32 - 1 {
            gather(number, number % 3 == 0);
        }
        let told = hand_over(<[u32]>::to_vec);
        assert_eq!(told.len(), GATHERED_MAX - 1);
        assert_eq!(told[..4], [1, 2, 4, 7]);
        assert!(hand_over(<[u32]>::is_empty));
    }

    #[test]
    fn two_colons_in_a_row_are_refused_wherever_they_stand() {
        for name in ["::", "a::", "::b", "a:::b"] {
            assert!(contains_separator(name), "{name}");
        }
        for name in ["", ":", "a:b:c", ": :"] {
            assert!(!contains_separator(name), "{name}");
        }
    }
}
