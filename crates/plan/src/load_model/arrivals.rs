//! When the iterations of open models are due.

use std::time::Duration;

use super::stage::{ScheduleError, Stage, ns, ns_up_to};

#[cfg(test)]
mod tests;

/// The instants, *ticks*, at which an arrival-rate model starts an iteration each.
///
/// With R(t) the rate, tick n is due when ∫R reaches n: from 0 on in `constant-arrival-rate`, whose first tick is at the
/// beginning, and from 1 on in `ramping-arrival-rate`, where what a stage leaves of a tick carries over into the next.
/// A tick's time is the first whole nanosecond at which it is due, found in whole numbers, so that it is as exact after
/// a year as after a second. Ticks at the end itself belong to a ramp and don't belong to a constant rate; so both
/// have the number of ticks that rate and time say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrivals {
    time_unit_ns: u64,
    pieces: Vec<Piece>,
    /// What ∫R is at the first tick.
    first: u64,
    total: u64,
}

/// A stretch in which the rate is a straight line. Areas are twice ∫R, in rate units times nanoseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Piece {
    start_ns: u64,
    duration_ns: u64,
    from: u64,
    to: u64,
    area_before: u128,
    area_after: u128,
}

impl Arrivals {
    /// `rate` iterations per `time_unit`, spread evenly over the duration.
    ///
    /// # Errors
    ///
    /// When they can't be numbered, or a time is beyond 292 years.
    pub fn constant(rate: u64, time_unit: Duration, duration: Duration) -> Result<Self, ScheduleError> {
        Self::new(rate, time_unit, &[Stage { duration, target: rate }], 0)
    }

    /// Rates in straight lines from `start_rate` over the stages' targets, each per `time_unit`.
    ///
    /// # Errors
    ///
    /// When they can't be numbered, or a time is beyond 292 years.
    pub fn ramping(start_rate: u64, time_unit: Duration, stages: &[Stage]) -> Result<Self, ScheduleError> {
        Self::new(start_rate, time_unit, stages, 1)
    }

    fn new(start_rate: u64, time_unit: Duration, stages: &[Stage], first: u64) -> Result<Self, ScheduleError> {
        let time_unit_ns = ns(time_unit)?.max(1);
        let mut pieces = Vec::with_capacity(stages.len());
        let (mut from, mut start_ns, mut area) = (whole_rate(start_rate)?, 0_u64, 0_u128);
        for stage in stages {
            let (to, duration_ns) = (whole_rate(stage.target)?, ns(stage.duration)?);
            let own = u128::from(from + to) * u128::from(duration_ns);
            let after = area.checked_add(own).filter(|area| *area <= i128::MAX as u128);
            let area_after = after.ok_or(ScheduleError::TooMany)?;
            pieces.push(Piece { start_ns, duration_ns, from, to, area_before: area, area_after });
            start_ns = start_ns.checked_add(duration_ns).ok_or(ScheduleError::TooLong)?;
            ns(Duration::from_nanos(start_ns))?;
            (from, area) = (to, area_after);
        }
        let per_tick = 2 * u128::from(time_unit_ns);
        let total = if first == 0 { area.div_ceil(per_tick) } else { area / per_tick };
        let total = u64::try_from(total).map_err(|_| ScheduleError::TooMany)?;
        Ok(Self { time_unit_ns, pieces, first, total })
    }

    /// How many ticks there are.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// When the tick of this number is due, from 0 on; none if there are fewer.
    pub fn at(&self, tick: u64) -> Option<Duration> {
        let area = self.area_of(tick)?;
        let piece = self.pieces.partition_point(|piece| piece.area_after < area);
        self.pieces.get(piece).map(|piece| piece.due(area))
    }

    /// The same where ticks are asked for in order: `piece` is where the one before was found.
    pub(super) fn at_from(&self, tick: u64, piece: &mut usize) -> Option<Duration> {
        let area = self.area_of(tick)?;
        while self.pieces.get(*piece)?.area_after < area {
            *piece += 1;
        }
        self.pieces.get(*piece).map(|piece| piece.due(area))
    }

    /// How many ticks are due at this time or before it.
    pub fn due_by(&self, time: Duration) -> u64 {
        let time_ns = ns_up_to(time);
        let piece = self.pieces.partition_point(|piece| piece.start_ns <= time_ns).checked_sub(1);
        let area = piece.map_or(0, |at| {
            let piece = &self.pieces[at];
            piece.area_before + piece.area((time_ns - piece.start_ns).min(piece.duration_ns))
        });
        let reached = area / (2 * u128::from(self.time_unit_ns)) + 1 - u128::from(self.first);
        u64::try_from(reached).map_or(self.total, |reached| reached.min(self.total))
    }

    /// The planned rate at a time, in iterations a second; 0 beyond the end.
    pub fn rate_at(&self, time: Duration) -> f64 {
        let time_ns = ns_up_to(time);
        let piece = self.pieces.iter().rfind(|piece| piece.start_ns <= time_ns);
        let Some(piece) = piece.filter(|piece| time_ns - piece.start_ns < piece.duration_ns) else { return 0.0 };
        let share = (time_ns - piece.start_ns) as f64 / piece.duration_ns as f64;
        let rate = piece.from as f64 + (piece.to as f64 - piece.from as f64) * share;
        rate * 1e9 / self.time_unit_ns as f64
    }

    fn area_of(&self, tick: u64) -> Option<u128> {
        // Less than the last piece's area, as it is below the total.
        (tick < self.total).then(|| 2 * u128::from(self.time_unit_ns) * (u128::from(tick) + u128::from(self.first)))
    }
}

impl Piece {
    /// The area from its start to `x` nanoseconds into it, rounded down.
    fn area(&self, x: u64) -> u128 {
        let straight = 2 * u128::from(self.from) * u128::from(x);
        if self.from == self.to || x == 0 {
            return straight;
        }
        // slope · x² / duration in two parts, each of which fits.
        let (slope, duration) = (u128::from(self.from.abs_diff(self.to)), u128::from(self.duration_ns));
        let square = u128::from(x) * u128::from(x);
        let (whole, rest) = (slope * (square / duration), slope * (square % duration));
        match self.from < self.to {
            true => straight + whole + rest / duration,
            false => straight - whole - rest.div_ceil(duration),
        }
    }

    /// When its area, with that of the pieces before, first reaches `area`.
    fn due(&self, area: u128) -> Duration {
        let own = area.saturating_sub(self.area_before);
        Duration::from_nanos(self.start_ns + if own == 0 { 0 } else { self.reach(own) })
    }

    /// The first x at which the area from the start is at least `area`, which isn't 0, nor more than the whole.
    fn reach(&self, area: u128) -> u64 {
        if self.from == self.to {
            return area.div_ceil(2 * u128::from(self.from).max(1)) as u64;
        }
        let reaches = |x: u64| self.area(x) >= area;
        // From the root in floating point to the exact one: steps that double, then halving.
        let guess = self.guess(area);
        let (mut below, mut above, mut step) = (guess, guess, 1);
        while below > 0 && reaches(below) {
            (above, below, step) = (below, below.saturating_sub(step), step.saturating_mul(2));
        }
        step = 1;
        while above < self.duration_ns && !reaches(above) {
            (below, above, step) = (above, above.saturating_add(step).min(self.duration_ns), step.saturating_mul(2));
        }
        while above - below > 1 {
            let middle = below + (above - below) / 2;
            if reaches(middle) { above = middle } else { below = middle }
        }
        above
    }

    /// The root of 2·from·x + (to − from)·x² / duration = area, in the form that loses no digits for small x.
    fn guess(&self, area: u128) -> u64 {
        let (from, to, duration) = (self.from as f64, self.to as f64, self.duration_ns as f64);
        let (linear, constant) = (from * duration, area as f64 * duration);
        let root = (linear * linear + (to - from) * constant).max(0.0).sqrt();
        ((constant / (linear + root)) as u64).min(self.duration_ns)
    }
}

/// Sums of two have to fit too.
fn whole_rate(rate: u64) -> Result<u64, ScheduleError> {
    i64::try_from(rate).map(i64::unsigned_abs).map_err(|_| ScheduleError::TooMany)
}
