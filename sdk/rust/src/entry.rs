//! The component's exports, from the registry to the contract.

use crate::bindings::{Description, Guest};
use crate::event_bindings::{self, Event};
use crate::{checks, data, metrics, panic_hook, registry, setup_data};

/// Implements the world `script`; its exports are in [`crate::bindings`].
pub(crate) struct Script;

impl Guest for Script {
    fn describe() -> Description {
        panic_hook::install();
        Description {
            options: registry::options().map(|options| options.to_string()).unwrap_or_default(),
            // A script has the one or the other; `throng build` sees to it.
            functions: registry::scenarios()
                .map(|scenario| scenario.name)
                .chain(registry::event_handlers().map(|handlers| handlers.name))
                .map(str::to_owned)
                .collect(),
            metrics: metrics::definitions(),
            files: data::declarations(),
            has_setup: registry::setup_hook().is_some(),
            has_teardown: registry::teardown_hook().is_some(),
            has_summarize: registry::summary_hook().is_some(),
        }
    }

    fn run(function: u32) {
        panic_hook::install();
        let Some(scenario) = registry::scenarios().nth(function as usize) else {
            panic!("the script has no function of number {function}")
        };
        setup_data::note_run();
        (scenario.run)();
        crate::http::release_done();
    }

    fn setup() -> Result<Option<String>, String> {
        panic_hook::install();
        let data = registry::setup_hook().map_or(Ok(None), |hook| (hook.call)());
        checks::flush();
        data
    }

    fn scenario_setups() -> Vec<String> {
        registry::scenario_setups().map(|setup| setup.name.to_owned()).collect()
    }

    fn setup_scenario(function: u32) -> Result<Option<String>, String> {
        panic_hook::install();
        let Some(setup) = registry::scenario_setups().nth(function as usize) else {
            panic!("the script has no setup of number {function}")
        };
        let data = (setup.call)();
        checks::flush();
        data
    }

    fn has_vu_init() -> bool {
        registry::vu_init_hook().is_some()
    }

    fn init_vu() -> Result<(), String> {
        panic_hook::install();
        let outcome = registry::vu_init_hook().map_or(Ok(()), |hook| (hook.call)());
        checks::flush();
        crate::http::release_done();
        outcome
    }

    fn teardown() -> Result<(), String> {
        panic_hook::install();
        let outcome = registry::teardown_hook().map_or(Ok(()), |hook| (hook.call)());
        checks::flush();
        outcome
    }

    fn summarize(data: String) -> Result<Vec<(String, String)>, String> {
        panic_hook::install();
        registry::summary_hook().map_or(Ok(Vec::new()), |hook| (hook.call)(&data))
    }
}

impl event_bindings::Guest for Script {
    fn handle(function: u32, events: Vec<Event>, data: Vec<u8>) {
        panic_hook::install();
        let Some(handlers) = registry::event_handlers().nth(function as usize) else {
            panic!("the script has no handlers of number {function}")
        };
        (handlers.call)(&events, &data);
        checks::flush();
    }
}
