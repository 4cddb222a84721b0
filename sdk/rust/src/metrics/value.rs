//! What can be a sample.

use std::time::Duration;

/// A number, or a `Duration`, which counts as milliseconds with their fraction.
pub trait Value {
    /// The sample; integers beyond 2⁵³ are rounded.
    fn into_sample(self) -> f64;
}

macro_rules! number {
    ($($type:ty)*) => {
        $(impl Value for $type {
            fn into_sample(self) -> f64 {
                self as f64
            }
        })*
    };
}

number!(i32 i64 u8 u16 u32 u64 usize f32 f64);

impl Value for Duration {
    fn into_sample(self) -> f64 {
        self.as_secs_f64() * 1e3
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_milliseconds() {
        assert_eq!(Duration::from_micros(1_500).into_sample(), 1.5);
        assert_eq!(3.into_sample(), 3.0);
    }
}
