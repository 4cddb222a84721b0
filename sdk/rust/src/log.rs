//! Messages for the person who runs the test. `println!` reaches nobody: a script has no standard output.
//!
//! ```no_run
//! use throng::prelude::*;
//!
//! let vu = execution::vu().id_in_test;
//! log::info!("VU {vu} begins");
//! ```

use crate::bindings::throng::script::log;
use std::fmt::Arguments;

/// How important a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// For finding faults in the script.
    Debug,
    /// Of interest.
    Info,
    /// Something to look at.
    Warn,
    /// Something that failed.
    Error,
}

/// Writes one message. The host cuts messages over 16 KiB, and counts those over 1,000 a second instead of showing them.
pub fn write(level: Level, message: Arguments<'_>) {
    let level = match level {
        Level::Debug => log::Level::Debug,
        Level::Info => log::Level::Info,
        Level::Warn => log::Level::Warn,
        Level::Error => log::Level::Error,
    };
    match message.as_str() {
        Some(text) => log::write(level, text),
        None => log::write(level, &message.to_string()),
    }
}

#[doc(hidden)]
#[macro_export]
macro_rules! __log_debug {
    ($($message:tt)+) => { $crate::log::write($crate::log::Level::Debug, ::core::format_args!($($message)+)) };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __log_info {
    ($($message:tt)+) => { $crate::log::write($crate::log::Level::Info, ::core::format_args!($($message)+)) };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __log_warn {
    ($($message:tt)+) => { $crate::log::write($crate::log::Level::Warn, ::core::format_args!($($message)+)) };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __log_error {
    ($($message:tt)+) => { $crate::log::write($crate::log::Level::Error, ::core::format_args!($($message)+)) };
}

pub use {__log_debug as debug, __log_error as error, __log_info as info, __log_warn as warn};
