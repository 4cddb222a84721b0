//! An agent's part of a run.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::{AssignmentId, Incarnation};

/// An agent's part of a run: a segment, and how far the agent is with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    /// The number of the segment in the table, from 0.
    pub part: u32,
    /// The rule by which its agent was chosen, by its place among the run's.
    pub rule: u32,
    /// When it was made.
    pub made: Timestamp,
    /// The life of the agent's process that has it. Another one can't know what that one did.
    pub incarnation: Incarnation,
    /// How far the agent is.
    pub progress: Progress,
    /// The last window that the merged ones include; 0 for none.
    pub included: u64,
    /// How far into the run that one reaches, in milliseconds.
    pub covered_ms: u64,
    /// How many iterations of each scenario were started by then, those before a take-over included.
    pub begun: Vec<u64>,
    /// The number of the agent's last window, once it is known.
    pub last_window: Option<u64>,
    /// Since when the agent is lost; none while it lives.
    pub lost_since: Option<Timestamp>,
    /// Who took over what was left of it.
    pub taken_over_by: Option<AssignmentId>,
    /// Whose part it takes over.
    pub takes_over: Option<AssignmentId>,
    /// Where in the run it begins, in milliseconds after the start, and with how many iterations of each scenario done
    /// before.
    pub from_ms: u64,
    /// Those iterations.
    pub begun_before: Vec<u64>,
}

/// How far an agent is with its part; the further, the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Progress {
    /// It isn't ready yet.
    Preparing,
    /// Its VUs are made, and have to be made ready for iterations before the start.
    Made,
    /// It waits for the start.
    Ready,
    /// It knows its start.
    Running,
    /// Its load is over.
    Done,
}

impl Assignment {
    pub(crate) fn new((part, rule): (u32, u32), incarnation: Incarnation, now: Timestamp) -> Self {
        Self {
            part,
            rule,
            made: now,
            incarnation,
            progress: Progress::Preparing,
            included: 0,
            covered_ms: 0,
            begun: Vec::new(),
            last_window: None,
            lost_since: None,
            taken_over_by: None,
            takes_over: None,
            from_ms: 0,
            begun_before: Vec::new(),
        }
    }

    /// Whether its agent is taken to be alive.
    pub fn is_held(&self) -> bool {
        self.lost_since.is_none()
    }

    /// Whether the load is over and all windows are included.
    pub fn is_complete(&self) -> bool {
        self.progress == Progress::Done && self.last_window.is_none_or(|last| self.included >= last)
    }

    /// Whether it is to be told where in the run to begin, since the others have begun.
    pub(crate) fn waits_for_start(&self) -> bool {
        self.is_held() && self.progress == Progress::Ready && self.taken_over_by.is_none()
    }

    /// Whether nothing more is waited for.
    pub(crate) fn is_settled(&self) -> bool {
        !self.is_held() || self.is_complete()
    }

    /// Whether the load is over, as far as anyone can tell.
    pub(crate) fn has_stopped(&self) -> bool {
        !self.is_held() || self.progress == Progress::Done
    }
}
