//! Exact fractions of the whole.

use std::cmp::Ordering;
use std::fmt;

use super::error::SegmentError;

/// A rational number from 0 to 1, in lowest terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fraction {
    numerator: u64,
    denominator: u64,
}

impl Fraction {
    /// Nothing.
    pub const ZERO: Self = Self { numerator: 0, denominator: 1 };
    /// The whole.
    pub const ONE: Self = Self { numerator: 1, denominator: 1 };

    /// `numerator / denominator`; none if it isn't 0 to 1.
    pub fn new(numerator: u64, denominator: u64) -> Option<Self> {
        Self::reduced(numerator.into(), denominator.into())
    }

    /// Reads a fraction (`1/3`), a decimal number (`0.25`) or a whole percentage (`25%`).
    ///
    /// # Errors
    ///
    /// When it is something else, more than 1, or has more digits than 64 bits hold.
    pub fn parse(text: &str) -> Result<Self, SegmentError> {
        let trimmed = text.trim();
        let shape = || SegmentError::Number(text.to_owned());
        let (numerator, denominator) = match (trimmed.strip_suffix('%'), trimmed.split_once('/')) {
            (Some(percent), _) => (digits(percent), Some(100)),
            (None, Some((numerator, denominator))) => (digits(numerator), digits(denominator)),
            (None, None) => decimal(trimmed),
        };
        let (numerator, denominator) = (numerator.ok_or_else(shape)?, denominator.ok_or_else(shape)?);
        if denominator == 0 {
            return Err(shape());
        }
        if numerator > denominator {
            return Err(SegmentError::Outside(text.to_owned()));
        }
        Self::reduced(numerator, denominator).ok_or_else(|| SegmentError::TooFine(text.to_owned()))
    }

    /// The number above the line, in lowest terms.
    pub fn numerator(self) -> u64 {
        self.numerator
    }

    /// The number below the line, in lowest terms.
    pub fn denominator(self) -> u64 {
        self.denominator
    }

    pub(super) fn plus(self, other: Self) -> Option<Self> {
        let (left, right, denominator) = self.on_one_denominator(other);
        Self::reduced(left.checked_add(right)?, denominator)
    }

    pub(super) fn minus(self, other: Self) -> Option<Self> {
        let (left, right, denominator) = self.on_one_denominator(other);
        Self::reduced(left.checked_sub(right)?, denominator)
    }

    pub(super) fn times(self, other: Self) -> Option<Self> {
        let product = |a: u64, b: u64| u128::from(a) * u128::from(b);
        Self::reduced(product(self.numerator, other.numerator), product(self.denominator, other.denominator))
    }

    fn on_one_denominator(self, other: Self) -> (u128, u128, u128) {
        let product = |a: u64, b: u64| u128::from(a) * u128::from(b);
        (
            product(self.numerator, other.denominator),
            product(other.numerator, self.denominator),
            product(self.denominator, other.denominator),
        )
    }

    fn reduced(numerator: u128, denominator: u128) -> Option<Self> {
        if denominator == 0 || numerator > denominator {
            return None;
        }
        let divisor = gcd(numerator, denominator);
        let (numerator, denominator) = (numerator / divisor, denominator / divisor);
        Some(Self { numerator: numerator.try_into().ok()?, denominator: denominator.try_into().ok()? })
    }
}

impl Ord for Fraction {
    fn cmp(&self, other: &Self) -> Ordering {
        let (left, right, _) = self.on_one_denominator(*other);
        left.cmp(&right)
    }
}

impl PartialOrd for Fraction {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// `1/3`, `0` or `1`, as k6 writes it.
impl fmt::Display for Fraction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.denominator {
            1 => write!(f, "{}", self.numerator),
            denominator => write!(f, "{}/{denominator}", self.numerator),
        }
    }
}

/// The greatest common divisor; of 0 and n it is n.
pub(super) fn gcd(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// A whole number without a sign.
fn digits(text: &str) -> Option<u128> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

/// Digits with at most one point, over a power of ten.
fn decimal(text: &str) -> (Option<u128>, Option<u128>) {
    let (whole, places) = text.split_once('.').unwrap_or((text, ""));
    if !text.bytes().any(|byte| byte.is_ascii_digit()) {
        return (None, None);
    }
    let places = places.trim_end_matches('0');
    let denominator = u32::try_from(places.len()).ok().and_then(|places| 10_u128.checked_pow(places));
    (digits(&format!("0{whole}{places}")), denominator)
}
