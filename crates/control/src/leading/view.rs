//! How a run goes on, for those who watch it.

use std::time::Duration;

use throng_stats::Outcome;

use crate::judge::Progress;

/// How a live run goes on, as only its leader knows.
#[derive(Debug, Clone)]
pub struct RunView {
    /// How far its scenarios are.
    pub progress: Progress,
    /// What each threshold said when they were judged last.
    pub outcomes: Vec<Outcome>,
    /// Since the run began, which is before setup; zero before that.
    pub elapsed: Duration,
}
