//! What a ramp asks of a share's VUs, step by step.

use std::sync::Arc;
use std::time::Duration;

use super::vu_curve::VuCurve;
use crate::segment::Share;

/// A VU that is wanted from now on, or no longer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VuStep {
    /// When, from the scenario's beginning.
    pub at: Duration,
    /// Which of the share's VUs in the scenario, from 0. Those wanted are always the lowest.
    pub vu: u64,
    /// Whether it is to run, or to end with its iteration.
    pub wanted: bool,
}

/// A cursor over a share's steps in the order of time. It computes each when the one before is taken, and allocates
/// nothing. The steps end with the last stage, and what is wanted then ends within gracefulStop. A VU that is wanted from
/// the end itself on can begin no iteration, so none has to be there for it. Who applies all steps that are due before
/// activating VUs needs no more than [`VuCurve::reserved_at`] says.
#[derive(Debug, Clone)]
pub struct VuSteps {
    curve: Arc<VuCurve>,
    share: Share,
    piece: usize,
    wanted: u64,
    next: Option<VuStep>,
}

impl VuSteps {
    /// All steps of a share; not one derived from VUs, as VUs themselves are what is dealt out.
    pub fn new(curve: Arc<VuCurve>, share: Share) -> Self {
        let mut steps = Self { curve, share, piece: 0, wanted: 0, next: None };
        steps.find();
        steps
    }

    /// Leaves out the steps up to a time and returns how many VUs are wanted then: for who joins a run that is under
    /// way.
    pub fn skip_to(&mut self, time: Duration) -> u64 {
        self.piece = self.curve.piece_at(time);
        self.wanted = self.share.scale(self.curve.level_at(time));
        self.find();
        self.wanted
    }

    /// The next step.
    pub fn peek(&self) -> Option<VuStep> {
        self.next
    }

    /// The next step, if it is due.
    pub fn take_due(&mut self, now: Duration) -> Option<VuStep> {
        self.next.filter(|step| step.at <= now)?;
        self.next()
    }

    /// How many of the share's VUs are wanted at a time.
    pub fn wanted_at(&self, time: Duration) -> u64 {
        self.share.scale(self.curve.level_at(time))
    }

    fn find(&mut self) {
        self.next = loop {
            let Some(piece) = self.curve.piece(self.piece) else { break None };
            let target = self.share.scale(piece.to);
            // k6 counts VUs from 1.
            if self.wanted < target {
                let k = self.share.nth(self.wanted) + 1;
                break Some(VuStep { at: piece.moved_by(k - piece.from), vu: self.wanted, wanted: true });
            }
            if self.wanted > target {
                let vu = self.wanted - 1;
                let k = self.share.nth(vu) + 1;
                break Some(VuStep { at: piece.moved_by(piece.from + 1 - k), vu, wanted: false });
            }
            self.piece += 1;
        };
    }
}

impl Iterator for VuSteps {
    type Item = VuStep;

    fn next(&mut self) -> Option<VuStep> {
        let step = self.next.take()?;
        self.wanted = if step.wanted { step.vu + 1 } else { step.vu };
        self.find();
        Some(step)
    }
}
