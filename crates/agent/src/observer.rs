//! What the outside sees of a run.

use throng_control::judge::Progress;
use throng_vu::LogLevel;

/// A message for the person who runs the test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRecord {
    /// How important it is.
    pub level: LogLevel,
    /// What it says.
    pub message: String,
    /// Where it comes from, for example `scenario=default vu=3`; empty for the run itself.
    pub source: String,
}

/// Sees a run. Called on the thread that leads it; what takes long delays the next window, nothing else.
pub trait Observer: Send {
    /// The plan stands and the VUs are being made.
    fn planned(&mut self, plan: &throng_plan::Plan);
    /// Twice a second or so, and once at the end.
    fn progress(&mut self, progress: &Progress);
    /// A message.
    fn log(&mut self, record: LogRecord);
}
