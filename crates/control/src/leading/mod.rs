//! What the leader of a group has of a live run beside the replicated state, and what it makes of both.
//!
//! A [`RunLead`] takes agents' windows, each once, and judges them. What has come since the last checkpoint it puts into
//! the next one; a new leader begins with that, and is sent the rest again:
//!
//! ```text
//! Run, AgentWindow* --RunLead--> Checkpoint* --> ConcludeRun
//!                       \---view, for those who watch
//! ```
//!
//! There is no clock here and nothing waits: times are arguments, and what a proposal came to is seen in the state.

mod lead;
mod plan;
mod result;
mod returned;
#[cfg(test)]
mod tests;
mod view;

pub use lead::{RunLead, Settled, WINDOWS_GAP_MS};
pub use plan::{PlanError, plan_of};
pub use result::{ResultFacts, ending};
pub use returned::{OwnSummary, SetupReturned};
pub use view::RunView;
