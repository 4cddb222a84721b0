//! How many VUs a ramp wants at a time.

use std::time::Duration;

use super::stage::{ScheduleError, Stage, ns, ns_up_to};
use crate::segment::Share;

#[cfg(test)]
mod tests;

/// The level of `ramping-vus` over time, in whole VUs of the whole scenario.
///
/// Going up from A to B in D, VU k (A < k ≤ B, counted from 1) is wanted from D·(k − A)/(B − A) into the stage on. Going
/// down, VU k is no longer wanted from where the line reaches k − 1 on: the level is held rather than cut early. Times
/// are rounded up to whole nanoseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VuCurve {
    /// A jump to the start level, then the stages.
    pieces: Vec<Piece>,
    end_ns: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    start_ns: u64,
    duration_ns: u64,
    pub(super) from: u64,
    pub(super) to: u64,
}

impl VuCurve {
    /// From `start_vus` over the stages' targets.
    ///
    /// # Errors
    ///
    /// When it takes longer than 292 years.
    pub fn new(start_vus: u64, stages: &[Stage]) -> Result<Self, ScheduleError> {
        let mut pieces = vec![Piece { start_ns: 0, duration_ns: 0, from: 0, to: start_vus }];
        let (mut start_ns, mut from) = (0_u64, start_vus);
        for stage in stages {
            let duration_ns = ns(stage.duration)?;
            pieces.push(Piece { start_ns, duration_ns, from, to: stage.target });
            start_ns = start_ns.checked_add(duration_ns).ok_or(ScheduleError::TooLong)?;
            ns(Duration::from_nanos(start_ns))?;
            from = stage.target;
        }
        Ok(Self { pieces, end_ns: start_ns })
    }

    /// When the last stage ends.
    pub fn end(&self) -> Duration {
        Duration::from_nanos(self.end_ns)
    }

    /// The highest level.
    pub fn peak(&self) -> u64 {
        self.pieces.iter().map(|piece| piece.to).max().unwrap_or_default()
    }

    /// How many VUs are wanted at a time. After the end it is the last target.
    pub fn level_at(&self, time: Duration) -> u64 {
        self.level(ns_up_to(time))
    }

    /// How many VUs have to be there at a time: each that was wanted less than `graceful_ramp_down` before may still be
    /// at its last iteration. One that is wanted for no time at all, between two jumps, and has no such period doesn't.
    pub fn reserved_at(&self, time: Duration, graceful_ramp_down: Duration) -> u64 {
        let now = ns_up_to(time);
        let since = now.checked_sub(ns_up_to(graceful_ramp_down));
        let before = since.map_or(0, |since| self.level(since));
        // Between, the level has its extremes where pieces meet.
        let within = |at: u64| at <= now && since.is_none_or(|since| since < at);
        let met = self.pieces.iter().flat_map(|piece| {
            let end = piece.start_ns + piece.duration_ns;
            [within(piece.start_ns).then_some(piece.from), within(end).then_some(piece.to)]
        });
        met.flatten().chain([before, self.level(now)]).max().unwrap_or_default()
    }

    /// How many steps up a share of it has.
    pub(crate) fn rises(&self, share: &Share) -> u64 {
        let rises = self.pieces.iter().map(|piece| share.scale(piece.to).saturating_sub(share.scale(piece.from)));
        rises.fold(0, u64::saturating_add)
    }

    /// When the last VU of a share is stopped by the ramp itself; none if some are wanted at its end, or none ever is.
    pub(crate) fn left_at(&self, share: &Share) -> Option<Duration> {
        let last = self.pieces.iter().rfind(|piece| share.scale(piece.from.max(piece.to)) > 0)?;
        (share.scale(last.to) == 0).then(|| last.moved_by(last.from - share.nth(0)))
    }

    pub(super) fn piece(&self, index: usize) -> Option<&Piece> {
        self.pieces.get(index)
    }

    /// The last piece that has begun by a time.
    pub(super) fn piece_at(&self, time: Duration) -> usize {
        let time_ns = ns_up_to(time);
        self.pieces.partition_point(|piece| piece.start_ns <= time_ns).saturating_sub(1)
    }

    fn level(&self, time_ns: u64) -> u64 {
        let begun = self.pieces.partition_point(|piece| piece.start_ns <= time_ns);
        begun.checked_sub(1).map_or(0, |last| self.pieces[last].level(time_ns))
    }
}

impl Piece {
    fn level(&self, time_ns: u64) -> u64 {
        let x = (time_ns - self.start_ns).min(self.duration_ns);
        if x == self.duration_ns {
            return self.to;
        }
        let moved = u128::from(self.from.abs_diff(self.to)) * u128::from(x) / u128::from(self.duration_ns);
        // At most the difference.
        let moved = moved as u64;
        if self.from < self.to { self.from + moved } else { self.from - moved }
    }

    /// When the level has moved by so many VUs, at most the difference.
    pub(super) fn moved_by(&self, vus: u64) -> Duration {
        let difference = u128::from(self.from.abs_diff(self.to)).max(1);
        let x = (u128::from(self.duration_ns) * u128::from(vus)).div_ceil(difference);
        Duration::from_nanos(self.start_ns + x as u64)
    }
}
