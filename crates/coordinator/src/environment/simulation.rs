//! What a simulation sees of a node, and what it can have it do wrong.

use std::fmt;
use std::sync::Arc;

use throng_control::{Command, State};

/// Who wrote an entry: the term, and the node that led then.
pub type WrittenBy = (u64, u64);

/// What a simulation sees of one life of a node, and what it can have it do wrong.
#[derive(Clone, Default)]
pub struct Simulation {
    /// Who looks.
    pub witness: Option<Arc<dyn Witness>>,
    /// What it does wrong.
    pub bug: Option<Bug>,
}

/// Who looks at what a node applies.
pub trait Witness: Send + Sync + 'static {
    /// An entry was applied, one without a command too, and this is the state now.
    fn applied(&self, index: u64, by: WrittenBy, command: Option<&Command>, state: &State);

    /// The state was taken from a snapshot through that entry.
    fn restored(&self, index: u64, by: WrittenBy, state: &State);
}

/// What is done wrong on purpose, to see that a simulation finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// A vote isn't on disk when the other nodes hear of it.
    ForgottenVote,
    /// A node answers for the present without asking the leader.
    StaleRead,
    /// Agents are told that a window is safe when the leader has taken it, and no checkpoint has it.
    EarlyWord,
    /// The leader numbers windows as they come, so that one that is said again is another one.
    OwnNumbers,
}

impl Simulation {
    /// Whether this is done wrong.
    pub(crate) fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }
}

impl fmt::Debug for Simulation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Simulation").field("bug", &self.bug).finish_non_exhaustive()
    }
}
