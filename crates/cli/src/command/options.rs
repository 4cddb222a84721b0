//! What a run is made of: the script, its variables, and the layers of options that come from outside of it.

use throng_agent::{RunConfig, Test};

use crate::args::{Global, OptionArgs, ScriptArgs};
use crate::build;
use crate::layers::{self, Environment, Setting};
use crate::printing;

/// A test with its layers; `system_env` says whether it sees the system's environment if nothing else does.
pub(crate) fn run_config(
    test: Test,
    (script, options): (&ScriptArgs, &OptionArgs),
    (environment, system_env): (&Environment, bool),
    global: &Global,
) -> RunConfig {
    for message in environment.misspelt() {
        printing::warning(&message, global);
    }
    let mut flags = layers::of_flags(options);
    let env = layers::script_variables(script, test.env.clone(), (environment, system_env), &mut flags.faults);
    let no_thresholds =
        Setting::NO_THRESHOLDS.switch(script.no_thresholds.as_deref(), environment, &mut flags.faults).unwrap_or(false);
    RunConfig {
        layers_below: layers::of_file(script.config.as_ref(), environment).into_iter().collect(),
        layers_above: environment.layers().into_iter().chain([flags]).collect(),
        env,
        cache_dir: build::components_directory(),
        csv: environment.csv_defaults(),
        no_thresholds,
        ..RunConfig::new(test, env!("CARGO_PKG_VERSION"))
    }
}
