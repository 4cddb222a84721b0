//! What the link needs of those who run parts.

use std::sync::Arc;

use throng_agent::SetupData;
use throng_agent::link::{PartEvent, PartId};
use throng_control::Order;
use throng_plan::AllowedTargets;
use throng_transport::Nanos;

/// What happens to a part.
pub type PartNews = (PartId, PartEvent);

/// What a part is told once it was begun.
#[derive(Clone, Debug, PartialEq)]
pub enum Word {
    /// Make the VUs. The first one, told when the link knows that the part was begun.
    Prepare,
    /// Call setup; the run began then.
    SetUp {
        /// By this machine's clock.
        began: Nanos,
    },
    /// Make the VUs ready for iterations.
    InitVus {
        /// When the run began.
        began: Nanos,
        /// What setups returned.
        setup_data: SetupData,
    },
    /// Run the load.
    Start {
        /// When the run began.
        began: Nanos,
        /// When its load starts or started.
        at: Nanos,
        /// How far into the load this part begins, in milliseconds.
        from_ms: u64,
        /// How many iterations of each scenario were begun before that.
        begun_before: Vec<u64>,
        /// What setups returned.
        setup_data: SetupData,
    },
    /// Externally-controlled scenarios are to be like this.
    Control {
        /// Whether they are paused.
        paused: bool,
        /// Their VUs in the whole run, if that was changed.
        vus: Option<u64>,
        /// The most of them, if that was changed.
        max_vus: Option<u64>,
    },
    /// Cut what goes on; where the part is still being begun, as soon as it has.
    Stop,
    /// Call teardown.
    TearDown,
    /// Call the script's own summary on this JSON.
    Summarize(Arc<str>),
}

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
    fn tell(&mut self, part: &PartId, word: Word);
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
