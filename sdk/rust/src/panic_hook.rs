//! Makes the host see why a script panicked: on this target a panic is a bare trap.

use crate::bindings::throng::script::log;
use std::cell::Cell;
use std::panic::PanicHookInfo;

thread_local! {
    static INSTALLED: Cell<bool> = const { Cell::new(false) };
}

/// Installs the hook, once per instance; every export begins with it.
pub(crate) fn install() {
    if !INSTALLED.replace(true) {
        std::panic::set_hook(Box::new(|info| {
            crate::checks::flush();
            log::panic(&describe(info));
        }));
    }
}

/// `message, at file:line:column`.
fn describe(info: &PanicHookInfo<'_>) -> String {
    let message = info.payload_as_str().unwrap_or("a panic without a message");
    match info.location() {
        Some(place) => format!("{message}, at {place}"),
        None => message.to_owned(),
    }
}
