//! VUs of open models: those made before, and those made when they are missed.

/// What a driver keeps of an arrival-rate scenario's VUs.
///
/// A tick that finds no idle VU is lost and counts as a dropped iteration. Then, while there may be more, one VU more is
/// to be made, off the schedule's path, one at a time. VUs made so stay for the rest of the scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VuReserve {
    made: u64,
    max: u64,
    making: bool,
    warned: bool,
}

/// What a tick without an idle VU asks for, beside counting one dropped iteration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missed {
    /// Make one VU more, then tell [`VuReserve::made`].
    Make,
    /// Nothing: one is being made, or the user knows that there are no more.
    Nothing,
    /// Warn, once, that there are no more VUs.
    Warn,
}

impl VuReserve {
    /// A scenario that begins with `pre_allocated` VUs and may have up to `max`.
    pub fn new(pre_allocated: u64, max: u64) -> Self {
        Self { made: pre_allocated, max, making: false, warned: false }
    }

    /// A tick found no idle VU.
    pub fn missed(&mut self) -> Missed {
        if self.made >= self.max {
            return if std::mem::replace(&mut self.warned, true) { Missed::Nothing } else { Missed::Warn };
        }
        if std::mem::replace(&mut self.making, true) { Missed::Nothing } else { Missed::Make }
    }

    /// The VU that was asked for is there, or couldn't be made; the next tick without one asks again then.
    pub fn made(&mut self, succeeded: bool) {
        if std::mem::take(&mut self.making) && succeeded {
            self.made += 1;
        }
    }

    /// How many VUs the scenario has.
    pub fn vus(&self) -> u64 {
        self.made
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vus_are_made_one_at_a_time_up_to_the_limit() {
        let mut reserve = VuReserve::new(1, 3);
        assert_eq!([reserve.missed(), reserve.missed()], [Missed::Make, Missed::Nothing]);
        reserve.made(true);
        assert_eq!((reserve.vus(), reserve.missed()), (2, Missed::Make));
        // It failed: the next tick without a VU asks again.
        reserve.made(false);
        assert_eq!((reserve.vus(), reserve.missed()), (2, Missed::Make));
        reserve.made(true);
        assert_eq!(reserve.vus(), 3);
        assert_eq!([reserve.missed(), reserve.missed()], [Missed::Warn, Missed::Nothing]);
        // An answer that nobody waits for changes nothing.
        reserve.made(true);
        assert_eq!(reserve.vus(), 3);
    }
}
