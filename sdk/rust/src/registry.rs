//! The functions that attributes registered. Public for the macros' sake only: no part of this is a promise.

use crate::bindings::throng::script::execution::next_iteration;
use crate::checks;
use crate::options::Options;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Display;

pub use crate::event_bindings::throng::script::connections::Event;
pub use crate::events::dispatch;
pub use crate::metrics::Registration;
pub use crate::setup_data::setup_data;
pub use crate::tags::ConstantTags;
pub use inventory;

/// A function that scenarios may call.
pub struct Scenario {
    /// The name that `exec` gives.
    pub name: &'static str,
    /// Runs iterations until there are no more: [`iterations`] of the function.
    pub run: fn(),
}

/// A set of handlers that scenarios may call.
pub struct EventHandlers {
    /// The name that `exec` gives.
    pub name: &'static str,
    /// Handles a batch.
    pub call: fn(&[Event], &[u8]),
}

/// The function that gives the options.
pub struct OptionsHook {
    /// Makes them.
    pub call: fn() -> Options,
}

/// The function that runs first.
pub struct SetupHook {
    /// Returns the data for all VUs as JSON.
    pub call: fn() -> Result<Option<String>, String>,
}

/// A function that scenarios may have as their own setup.
pub struct ScenarioSetup {
    /// The name that `setup` gives.
    pub name: &'static str,
    /// Returns the data for the scenario's VUs as JSON.
    pub call: fn() -> Result<Option<String>, String>,
}

/// The function that makes a VU's instance ready for its iterations.
pub struct VuInitHook {
    /// Runs it.
    pub call: fn() -> Result<(), String>,
}

/// The function that runs last.
pub struct TeardownHook {
    /// Runs it.
    pub call: fn() -> Result<(), String>,
}

/// Texts by destination.
type Contents = Vec<(String, String)>;

/// The function that writes the summary.
pub struct SummaryHook {
    /// Gets JSON and returns texts by destination.
    pub call: fn(&str) -> Result<Contents, String>,
}

inventory::collect!(Scenario);
inventory::collect!(EventHandlers);
inventory::collect!(OptionsHook);
inventory::collect!(SetupHook);
inventory::collect!(ScenarioSetup);
inventory::collect!(VuInitHook);
inventory::collect!(TeardownHook);
inventory::collect!(SummaryHook);

/// The scenario functions, in the order in which the host numbers them. It is the linker's, the same in every instance.
pub(crate) fn scenarios() -> impl Iterator<Item = &'static Scenario> {
    inventory::iter::<Scenario>.into_iter()
}

/// The sets of handlers, in the order in which the host numbers them.
pub(crate) fn event_handlers() -> impl Iterator<Item = &'static EventHandlers> {
    inventory::iter::<EventHandlers>.into_iter()
}

pub(crate) fn options() -> Option<Options> {
    inventory::iter::<OptionsHook>.into_iter().next().map(|hook| (hook.call)())
}

pub(crate) fn setup_hook() -> Option<&'static SetupHook> {
    inventory::iter::<SetupHook>.into_iter().next()
}

/// The setups of scenarios, in the order in which the host numbers them.
pub(crate) fn scenario_setups() -> impl Iterator<Item = &'static ScenarioSetup> {
    inventory::iter::<ScenarioSetup>.into_iter()
}

pub(crate) fn vu_init_hook() -> Option<&'static VuInitHook> {
    inventory::iter::<VuInitHook>.into_iter().next()
}

pub(crate) fn teardown_hook() -> Option<&'static TeardownHook> {
    inventory::iter::<TeardownHook>.into_iter().next()
}

pub(crate) fn summary_hook() -> Option<&'static SummaryHook> {
    inventory::iter::<SummaryHook>.into_iter().next()
}

/// What a scenario function may return.
#[diagnostic::on_unimplemented(
    message = "a scenario, teardown or init function returns nothing or `Result<(), E>` with `E: Display`, not `{Self}`"
)]
pub trait Outcome {
    /// The error as text.
    fn into_result(self) -> Result<(), String>;
}

impl Outcome for () {
    fn into_result(self) -> Result<(), String> {
        Ok(())
    }
}

impl<E: Display> Outcome for Result<(), E> {
    fn into_result(self) -> Result<(), String> {
        self.or_else(failed)
    }
}

/// Runs one iteration after another, as long as the host has them.
///
/// Each scenario has a loop of its own, into which its function is compiled: called by its address in every iteration, it
/// would cost three dependent looks at memory that is cold among hundreds of VUs.
pub fn iterations(one: impl Fn() -> Result<(), String>) {
    let mut outcome = Ok(());
    while checks::hand_over(|checks| next_iteration(outcome.as_ref().copied().map_err(String::as_str), checks)) {
        outcome = one();
    }
}

/// Turns what a scenario, teardown or init function returned into what the host wants.
pub fn outcome(returned: impl Outcome) -> Result<(), String> {
    returned.into_result()
}

/// An error as text. The alternate form makes error chains (`anyhow`) show their causes.
pub fn failed<T>(error: impl Display) -> Result<T, String> {
    Err(format!("{error:#}"))
}

/// What setup returned, for the host.
pub fn to_json(data: &impl Serialize) -> Result<Option<String>, String> {
    match serde_json::to_string(data) {
        Ok(json) => Ok(Some(json)),
        Err(error) => failed(format_args!("setup data can't be written as JSON: {error}")),
    }
}

/// The summary's data.
pub fn from_json<T: DeserializeOwned>(data: &str) -> Result<T, String> {
    serde_json::from_str(data).or_else(|error| failed(format_args!("the summary's data has another shape: {error}")))
}

/// What a summary function returned, for the host.
pub fn contents<K: Into<String>, V: Into<String>>(pairs: impl IntoIterator<Item = (K, V)>) -> Result<Contents, String> {
    Ok(pairs.into_iter().map(|(destination, text)| (destination.into(), text.into())).collect())
}
