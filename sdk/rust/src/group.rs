//! Groups of calls that samples are tagged with.

use crate::bindings::throng::script::groups;
use crate::checks;

/// Runs a function within a group: what it samples carries the group's path, and `group_duration` gets the time it
/// took. Groups may be nested up to 32 deep.
///
/// ```no_run
/// use throng::prelude::*;
///
/// let token = group("login", || {
///     let res = http::post(format!("{}/echo", env("TARGET")), "secret");
///     res.text().into_owned()
/// });
/// ```
///
/// # Panics
///
/// When the name contains `::`, or too many groups are open.
#[track_caller]
pub fn group<T>(name: &str, run: impl FnOnce() -> T) -> T {
    checks::flush();
    if let Err(reason) = groups::enter(name) {
        panic!("group {name:?}: {reason}");
    }
    // A panic ends the instance, so nothing has to leave the group then: the host does.
    let result = run();
    checks::flush();
    groups::leave();
    result
}
