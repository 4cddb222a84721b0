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
//! A [`Desk`] has the leads of all live runs, and says what is to be proposed. What clients may change of a run is checked
//! by [`scale`] and [`pause`].
//!
//! There is no clock here and nothing waits: times are arguments, and what a proposal came to is seen in the state.

mod desk;
mod lead;
mod plan;
mod result;
mod returned;
mod steering;
#[cfg(test)]
mod tests;
mod view;

pub use desk::{Alone, Audience, Desk, Proposal};
pub use lead::{RunLead, Settled, WINDOWS_GAP_MS};
pub use plan::{Calls, PlanError, plan_of, wants};
pub use result::{Concluded, ResultFacts};
pub use returned::{OwnSummary, SetupReturned};
pub use steering::{PauseError, ScaleError, Scaled, pause, scale};
pub use view::RunView;
