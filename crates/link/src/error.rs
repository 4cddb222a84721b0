//! Why an agent ends before its time.

use std::time::Duration;

/// Why an agent ends before its time.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// There is no runtime.
    #[error("the agent's link can't be made")]
    Runtime(#[source] std::io::Error),
    /// It is of another version than the coordinators.
    #[error("the group refuses this agent: {0}")]
    Version(String),
    /// Another process of its name is alive.
    #[error("the group refuses this agent: {0}; give this one another name (--name), or end the other one")]
    Duplicate(String),
    /// What it says of itself can't be, or there are too many.
    #[error("the group refuses this agent: {0}")]
    Refused(String),
    /// All nodes are other ones than they have to be, or don't believe that this is an agent of theirs.
    #[error("{0}")]
    Distrust(String),
    /// No node could be joined.
    #[error(
        "no coordinator could be joined for {0:?}, which --give-up-after sets (the last answer: {last}): is one of them \
         up at {nodes}, and does one lead?", .wait
    )]
    Unreachable {
        /// For so long.
        wait: Duration,
        /// The nodes that were asked.
        nodes: String,
        /// The last answer.
        last: String,
    },
}

/// How an agent comes to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// The group doesn't need it any more.
    Dismissed,
    /// Its user wanted it to end, and it had nothing left to do.
    Drained,
}
