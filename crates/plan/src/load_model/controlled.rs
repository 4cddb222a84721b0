//! VUs by command: `externally-controlled`.

use crate::segment::Share;

/// The state that commands change; all who perform a share of the scenario apply the same commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ControlledVus {
    vus: u64,
    max_vus: u64,
    paused: bool,
}

/// A command that can't be followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{vus} VUs are more than the scenario's maxVUs, {max_vus}")]
pub struct TooManyVus {
    /// What was asked for.
    pub vus: u64,
    /// The scenario's limit.
    pub max_vus: u64,
}

impl ControlledVus {
    /// A scenario as it begins.
    pub fn new(vus: u64, max_vus: u64) -> Self {
        Self { vus: vus.min(max_vus), max_vus, paused: false }
    }

    /// Sets how many VUs run in the whole scenario.
    ///
    /// # Errors
    ///
    /// When it may not have so many; nothing changes then.
    pub fn scale(&mut self, vus: u64) -> Result<(), TooManyVus> {
        if vus > self.max_vus {
            return Err(TooManyVus { vus, max_vus: self.max_vus });
        }
        self.vus = vus;
        Ok(())
    }

    /// Changes the limit; VUs beyond it go.
    pub fn set_max_vus(&mut self, max_vus: u64) {
        self.max_vus = max_vus;
        self.vus = self.vus.min(max_vus);
    }

    /// Stops all VUs until they are resumed, or lets them go on.
    pub fn pause(&mut self, paused: bool) {
        self.paused = paused;
    }

    /// Whether all VUs are stopped.
    pub fn is_paused(&self) -> bool {
        self.paused
    }

    /// How many VUs the whole scenario has when it isn't paused.
    pub fn vus(&self) -> u64 {
        self.vus
    }

    /// How many it may have.
    pub fn max_vus(&self) -> u64 {
        self.max_vus
    }

    /// How many of a share's VUs are to run now: the lowest ones. VUs beyond are cut at once, as this model has no
    /// graceful stop.
    pub fn wanted(&self, share: &Share) -> u64 {
        if self.paused { 0 } else { share.scale(self.vus) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::segment::tests::{sequences, shares};

    #[test]
    fn commands_change_what_is_wanted() {
        let share = Share::whole();
        let mut vus = ControlledVus::new(5, 10);
        assert_eq!(vus.wanted(&share), 5);
        assert_eq!(vus.scale(10), Ok(()));
        assert_eq!(vus.wanted(&share), 10);
        assert_eq!(vus.scale(11), Err(TooManyVus { vus: 11, max_vus: 10 }));
        vus.pause(true);
        assert_eq!((vus.vus(), vus.wanted(&share), vus.is_paused()), (10, 0, true));
        vus.scale(3).unwrap();
        vus.pause(false);
        assert_eq!(vus.wanted(&share), 3);
        vus.set_max_vus(12);
        vus.scale(12).unwrap();
        vus.set_max_vus(4);
        assert_eq!(vus.wanted(&share), 4);
    }

    proptest! {
        #[test]
        fn shares_of_what_is_wanted_add_up(sequence in sequences(), shards in 1..5_u32, to in 0..500_u64) {
            let mut vus = ControlledVus::new(0, 500);
            vus.scale(to).unwrap();
            let shares = shares(&sequence, shards);
            prop_assert_eq!(shares.iter().map(|share| vus.wanted(share)).sum::<u64>(), to);
        }
    }
}
