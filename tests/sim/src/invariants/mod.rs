//! What must hold, each in a file of its own, and what they are told.

mod acknowledged;
mod applied_state;
mod election_safety;
mod every_run_ends;
mod log_matching;
mod nobody_is_lost;
mod reasons;
mod runs;
mod setup_once;
mod teardown_last;
mod verdict;
mod windows;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sha2::{Digest as _, Sha256};
use throng_control::{Command, State};
use throng_coordinator::{Witness, WrittenBy};

use crate::trace::Trace;
pub(crate) use acknowledged::Acknowledged;
use applied_state::{Applied, AppliedState};
use election_safety::ElectionSafety;
use log_matching::LogMatching;
use runs::Runs;
pub(crate) use runs::Wanted;

/// One life of a node: its id, and how often it has been started.
pub(crate) type Life = (u64, u64);

/// Why a claim doesn't hold.
pub(crate) type Broken = (&'static str, String);

/// All claims about a group. Clones are the same ones.
#[derive(Clone)]
pub(crate) struct Invariants {
    trace: Trace,
    all: Arc<Mutex<All>>,
}

#[derive(Default)]
pub(crate) struct All {
    pub(crate) election_safety: ElectionSafety,
    pub(crate) log_matching: LogMatching,
    pub(crate) applied_state: AppliedState,
    pub(crate) acknowledged: Acknowledged,
    pub(crate) runs: Runs,
}

impl Invariants {
    pub(crate) fn new(trace: Trace) -> Self {
        Self { trace, all: Arc::default() }
    }

    fn lock(&self) -> MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells one of them something.
    pub(crate) fn check(&self, look: impl FnOnce(&mut All) -> Result<(), Broken>) {
        let looked = look(&mut self.lock());
        if let Err((invariant, what)) = looked {
            self.trace.violate(invariant, what);
        }
    }

    /// Asks one of them something.
    pub(crate) fn ask<T>(&self, look: impl FnOnce(&mut All) -> T) -> T {
        look(&mut self.lock())
    }

    /// Who looks at one life of a node.
    pub(crate) fn eye(&self, life: Life) -> Arc<Eye> {
        Arc::new(Eye { invariants: self.clone(), life })
    }
}

/// Looks at one life of a node.
pub(crate) struct Eye {
    invariants: Invariants,
    life: Life,
}

/// Eight bytes of a digest.
pub(crate) fn digest(bytes: &[u8]) -> u64 {
    let digest = Sha256::digest(bytes);
    digest.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

fn state_digest(state: &State) -> u64 {
    digest(&postcard::to_stdvec(state).unwrap_or_default())
}

impl Witness for Eye {
    fn applied(&self, index: u64, by: WrittenBy, command: Option<&Command>, state: &State) {
        let said = command.map_or(0, |command| digest(&postcard::to_stdvec(command).unwrap_or_default()));
        let applied = Applied { by, said, state: state_digest(state) };
        self.invariants.check(|all| {
            let is_first = all.applied_state.applied(self.life, index, applied)?;
            match command {
                Some(command) if is_first => all.runs.applied(command, state),
                _ => Ok(()),
            }
        });
    }

    fn restored(&self, index: u64, by: WrittenBy, state: &State) {
        let who = format!("n{}", self.life.0);
        self.invariants.trace.note(&who, &format!("has a snapshot through {index}, by {by:?}"));
        let digest = state_digest(state);
        self.invariants.check(|all| all.applied_state.restored(self.life, index, by, digest));
    }
}
