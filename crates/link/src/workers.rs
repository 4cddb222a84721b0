//! What the link needs of those who run parts.

use throng_agent::Step;
use throng_agent::link::{PartEvent, PartId};
use throng_control::Order;
use throng_plan::AllowedTargets;

/// What happens to a part.
pub type PartNews = (PartId, PartEvent);

/// Those who run parts. No method waits; what comes of them is told as [`PartNews`].
pub trait Workers {
    /// Says where connections of the parts that are begun from now on may go; anywhere without a list.
    fn allow(&mut self, targets: Option<AllowedTargets>) {
        let _ = targets;
    }
    /// Fetches the archive from one of the nodes and makes a worker. [`PartEvent::Begun`] or [`PartEvent::NotBegun`]
    /// follows.
    fn begin(&mut self, order: Order, nodes: Vec<String>);
    /// Tells a part something.
    fn tell(&mut self, part: &PartId, step: Step);
    /// A window of a part's worker has been kept.
    fn window_taken(&mut self, part: &PartId);
    /// Lets go of a part, wherever it is.
    fn release(&mut self, part: &PartId);
    /// Whether all that were let go of are gone.
    fn is_idle(&self) -> bool;
}

/// What the agent's user is told.
pub trait Notes {
    /// Something went as it should.
    fn note(&mut self, text: &str);
    /// Something didn't.
    fn warn(&mut self, text: &str);
}
