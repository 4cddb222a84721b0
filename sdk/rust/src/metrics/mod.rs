//! Metrics of the script's own, declared with [`metrics!`](crate::metrics!).
//!
//! ```no_run
//! use throng::prelude::*;
//!
//! metrics! {
//!     /// Orders that the shop took.
//!     static ORDERS: Counter = "orders";
//!     /// From order to confirmation.
//!     static CONFIRMED: Trend = time "order_confirmed";
//! }
//!
//! #[scenario]
//! fn default() {
//!     let start = time::now();
//!     let res = http::post(format!("{}/echo", env("TARGET")), "one of each");
//!     if res.ok() {
//!         ORDERS.add(1);
//!         CONFIRMED.add(start.elapsed());
//!     }
//! }
//! # fn main() {}
//! ```

mod definition;
mod value;

use crate::Tags;
pub(crate) use definition::definitions;
pub use definition::{Definition, Kind, Registration};
pub use value::Value;

macro_rules! metric {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $type(Definition);

        impl $type {
            /// Used by [`metrics!`](crate::metrics!).
            #[doc(hidden)]
            pub const fn new(name: &'static str, is_time: bool) -> Self {
                Self(Definition::new(name, Kind::$type, is_time))
            }

            /// Used by [`metrics!`](crate::metrics!).
            #[doc(hidden)]
            pub const fn definition(&self) -> &Definition {
                &self.0
            }
        }
    };
}

metric! {
    /// A sum.
    Counter
}
metric! {
    /// A value that changes; the last one counts, with the smallest and the largest.
    Gauge
}
metric! {
    /// A share of samples that are true.
    Rate
}
metric! {
    /// A distribution: average, percentiles, extremes.
    Trend
}

impl Counter {
    /// Adds to the sum.
    pub fn add(&self, value: impl Value) {
        self.add_tagged(value, Tags::NONE);
    }

    /// Adds to the sum, with tags.
    pub fn add_tagged(&self, value: impl Value, tags: Tags) {
        self.0.add(value.into_sample(), tags);
    }
}

impl Gauge {
    /// Sets the value.
    pub fn set(&self, value: impl Value) {
        self.set_tagged(value, Tags::NONE);
    }

    /// Sets the value, with tags.
    pub fn set_tagged(&self, value: impl Value, tags: Tags) {
        self.0.add(value.into_sample(), tags);
    }
}

impl Rate {
    /// Counts an outcome.
    pub fn add(&self, outcome: bool) {
        self.add_tagged(outcome, Tags::NONE);
    }

    /// Counts an outcome, with tags.
    pub fn add_tagged(&self, outcome: bool, tags: Tags) {
        self.0.add(f64::from(u8::from(outcome)), tags);
    }
}

impl Trend {
    /// Adds a value. A `Duration` becomes milliseconds, what a metric declared with `time` holds.
    pub fn add(&self, value: impl Value) {
        self.add_tagged(value, Tags::NONE);
    }

    /// Adds a value, with tags.
    pub fn add_tagged(&self, value: impl Value, tags: Tags) {
        self.0.add(value.into_sample(), tags);
    }
}

/// Declares metrics as statics: `static NAME: Counter = "name";` with [`Counter`], [`Gauge`], [`Rate`] or [`Trend`].
/// The word `time` before the name says that its values are times.
///
/// A name is a letter or `_`, then 1 to 128 letters, digits or `_`. Two statics of one name are one metric, and have to
/// be of one type.
#[macro_export]
macro_rules! metrics {
    () => {};
    ($(#[$meta:meta])* $vis:vis static $metric:ident : $type:ident = time $name:literal; $($rest:tt)*) => {
        $crate::metrics!(@one $(#[$meta])* $vis $metric, $type, $name, true);
        $crate::metrics!($($rest)*);
    };
    ($(#[$meta:meta])* $vis:vis static $metric:ident : $type:ident = $name:literal; $($rest:tt)*) => {
        $crate::metrics!(@one $(#[$meta])* $vis $metric, $type, $name, false);
        $crate::metrics!($($rest)*);
    };
    (@one $(#[$meta:meta])* $vis:vis $metric:ident, $type:ident, $name:literal, $is_time:literal) => {
        $(#[$meta])*
        $vis static $metric: $crate::metrics::$type = $crate::metrics::$type::new($name, $is_time);
        $crate::registry::inventory::submit! {
            $crate::registry::Registration($metric.definition())
        }
    };
}
