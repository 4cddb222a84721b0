//! Layers from outside, and what is said of wrong ones.

use std::ffi::OsString;
use std::fs;

use clap::Parser;
use serde_json::{Value, json};
use tempfile::TempDir;
use throng_agent::RunError;
use throng_plan::{Draft, Functions, Layer, OptionError, Options, Resolved, resolve};
use throng_stats::Registry;

use super::*;
use crate::args::{Args, Command, InspectArgs};
use crate::exit::{Exit, Failure};

mod files;
mod flags;
mod precedence;
mod readme;
mod scripts;
mod variables;

/// One wrong input, and what has to be said of it.
#[derive(Debug, Clone)]
struct Row {
    given: Given,
    path: &'static str,
    /// A part of the remedy.
    remedy: &'static str,
}

/// A layer as its user gives it.
#[derive(Debug, Clone)]
enum Given {
    /// Arguments behind `throng inspect SCRIPT`, with blanks between.
    Flags(&'static str),
    Variable(&'static str, &'static str),
    /// A configuration file's name and content.
    File(&'static str, &'static str),
    /// A script's options.
    Script(Value),
}

fn flags(flags: &'static str, path: &'static str, remedy: &'static str) -> Row {
    Row { given: Given::Flags(flags), path, remedy }
}

fn variable(name: &'static str, value: &'static str, path: &'static str, remedy: &'static str) -> Row {
    Row { given: Given::Variable(name, value), path, remedy }
}

fn file(name: &'static str, content: &'static str, path: &'static str, remedy: &'static str) -> Row {
    Row { given: Given::File(name, content), path, remedy }
}

fn script(options: Value, path: &'static str, remedy: &'static str) -> Row {
    Row { given: Given::Script(options), path, remedy }
}

fn parsed(flags: &[&str]) -> Result<InspectArgs, clap::Error> {
    let typed = ["throng", "inspect", "script.wasm"].iter().chain(flags);
    match Args::try_parse_from(typed)?.command {
        Command::Inspect(args) => Ok(*args),
        _ => unreachable!("`inspect` was typed"),
    }
}

fn environment(variables: &[(&str, &str)]) -> Environment {
    variables.iter().map(|(name, value)| ((*name).to_owned(), OsString::from(value))).collect()
}

/// All layers but an archive's, as `run_config` and the agent put them together.
fn layers(args: &InspectArgs, environment: &Environment, script: Value) -> Vec<Layer> {
    let mut flags = of_flags(&args.options);
    script_variables(&args.script, BTreeMap::new(), (environment, false), &mut flags.faults);
    let no_thresholds = args.script.no_thresholds.as_deref();
    Setting::NO_THRESHOLDS.switch(no_thresholds, environment, &mut flags.faults);
    let mut layers: Vec<_> = of_file(args.script.config.as_ref(), environment).into_iter().collect();
    layers.push(Layer::new("script", script));
    layers.extend(environment.layers());
    layers.push(flags);
    layers
}

/// What is wrong with a row's input. The directory holds its file.
fn faults(given: &Given, directory: &TempDir) -> Result<Vec<OptionError>, clap::Error> {
    let mut script = json!({});
    let (mut typed, mut variables, mut path) = (Vec::new(), Vec::new(), OsString::new());
    match given {
        Given::Flags(flags) => typed = flags.split(' ').collect(),
        Given::Variable(name, value) => variables = vec![(*name, *value)],
        Given::File(name, content) => {
            path = directory.path().join(name).into_os_string();
            fs::write(&path, content).unwrap();
        }
        Given::Script(options) => script.clone_from(options),
    }
    let mut args = parsed(&typed)?;
    if !path.is_empty() {
        args.script.config = Some(path.into());
    }
    let functions = ["default".to_owned(), "buy".to_owned()];
    let functions = Functions { iterations: &functions, setups: &[] };
    let mut draft = Draft::read(&layers(&args, &environment(&variables), script));
    draft.check_names(functions, &Registry::new());
    Ok(draft.finish().map_or_else(|errors| errors.0, |_| Vec::new()))
}

#[test]
fn each_wrong_input_is_told_with_its_place_and_remedy() {
    let rows = [flags::rows(), variables::rows(), files::rows(), scripts::rows()].concat();
    assert!(rows.len() >= 200, "{} rows", rows.len());
    let directory = tempfile::tempdir().unwrap();
    let mut wrong = Vec::new();
    for row in rows {
        let told = match faults(&row.given, &directory) {
            // Flags that clap doesn't know have no path: its text names them.
            Err(error) => {
                if !row.path.is_empty() || !error.to_string().contains(row.remedy) || !error.use_stderr() {
                    wrong.push(format!("{row:?}: {error}"));
                }
                continue;
            }
            Ok(told) => told,
        };
        let origin = match &row.given {
            Given::Flags(flags) => flags.split(['=', ' ']).next().unwrap_or_default().to_owned(),
            Given::Variable(name, _) => (*name).to_owned(),
            Given::File(name, _) => directory.path().join(name).display().to_string(),
            Given::Script(_) => "script".to_owned(),
        };
        let fits = |one: &OptionError| {
            one.path == row.path && one.origin.starts_with(&origin) && one.message.contains(row.remedy)
        };
        if told.len() != 1 || !fits(&told[0]) {
            wrong.push(format!("{row:?}: {told:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{} rows are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn wrong_options_are_an_invalid_configuration() {
    let directory = tempfile::tempdir().unwrap();
    let told = faults(&Given::Variable("K6_VUS", "x"), &directory).unwrap();
    let failure = Failure::from(RunError::Options(throng_plan::OptionErrors(told)));
    assert_eq!(failure.exit, Exit::InvalidConfig);
    assert_eq!(failure.to_string(), "the options aren't valid: vus (from K6_VUS): must be a whole number, not \"x\"");
}
