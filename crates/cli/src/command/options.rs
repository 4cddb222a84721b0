//! The layers of options that come from outside the script, and its variables.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use serde_json::{Map, Value, json};
use throng_plan::Layer;

use crate::args::{OptionFlags, RunArgs};
use crate::exit::{Exit, Failure};

/// The configuration file's layer: the one that was named, or the user's own if there is one.
pub(crate) fn config_layer(args: &OptionFlags) -> Result<Option<Layer>, Failure> {
    let invalid = |error: anyhow::Error| Failure::new(Exit::InvalidConfig, error);
    let (path, named) = match &args.config {
        Some(path) => (path.clone(), true),
        None => match default_config() {
            Some(path) => (path, false),
            None => return Ok(None),
        },
    };
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if !named && error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            let error = anyhow!(error).context(format!("the configuration file {} can't be read", path.display()));
            return Err(invalid(error));
        }
    };
    let value = serde_json::from_str(&text)
        .with_context(|| format!("the configuration file {} isn't valid JSON", path.display()))
        .map_err(invalid)?;
    Ok(Some(Layer { origin: path.display().to_string(), value }))
}

fn default_config() -> Option<PathBuf> {
    let base = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from);
    let base = base.or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".config")))?;
    Some(base.join("throng/config.json"))
}

/// The command line's layer.
pub(crate) fn flags_layer(args: &OptionFlags) -> Result<Layer, Failure> {
    let mut options = Map::new();
    let mut set = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            options.insert(key.to_owned(), value);
        }
    };
    set("vus", args.vus.map(Value::from));
    set("iterations", args.iterations.map(Value::from));
    set("duration", args.duration.clone().map(Value::from));
    set("summaryTrendStats", args.summary_trend_stats.clone().map(Value::from));
    set("summaryTimeUnit", args.summary_time_unit.clone().map(Value::from));
    set("userAgent", args.user_agent.clone().map(Value::from));
    set("minIterationDuration", args.min_iteration_duration.clone().map(Value::from));
    for (key, given) in [
        ("noSetup", args.no_setup),
        ("noTeardown", args.no_teardown),
        ("discardResponseBodies", args.discard_response_bodies),
        ("noConnectionReuse", args.no_connection_reuse),
        ("noVUConnectionReuse", args.no_vu_connection_reuse),
    ] {
        set(key, given.then(|| json!(true)));
    }
    if !args.tags.is_empty() {
        set("tags", Some(json!(pairs(&args.tags, "--tag", |name| !name.is_empty(), "not empty")?)));
    }
    Ok(Layer { origin: "command line".into(), value: Value::Object(options) })
}

/// The script's variables: `-e` goes before those of an archive, and these before the system's.
pub(crate) fn environment(
    args: &RunArgs,
    archived: BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, Failure> {
    let mut variables = BTreeMap::new();
    if args.include_system_env_vars {
        let system = std::env::vars_os();
        variables
            .extend(system.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))));
    }
    variables.extend(archived);
    variables.extend(given_variables(&args.env)?);
    Ok(variables)
}

/// Those of `-e`.
pub(crate) fn given_variables(given: &[String]) -> Result<BTreeMap<String, String>, Failure> {
    pairs(given, "-e", is_variable_name, "a letter or _, then letters, digits or _")
}

fn is_variable_name(name: &str) -> bool {
    let fits =
        |(index, char): (usize, char)| char == '_' || char.is_ascii_alphabetic() || index > 0 && char.is_ascii_digit();
    !name.is_empty() && name.char_indices().all(fits)
}

/// Reads `NAME=VALUE`s; all that are wrong are named at once.
fn pairs(
    given: &[String],
    flag: &str,
    is_name: fn(&str) -> bool,
    name_rule: &str,
) -> Result<BTreeMap<String, String>, Failure> {
    let read = |pair: &String| {
        pair.split_once('=').filter(|(name, _)| is_name(name)).map(|(name, value)| (name.to_owned(), value.to_owned()))
    };
    let wrong: Vec<String> =
        given.iter().filter(|pair| read(pair).is_none()).map(|pair| format!("{flag} {pair}")).collect();
    if !wrong.is_empty() {
        let error = anyhow!("{}: write it as NAME=VALUE, where NAME is {name_rule}", wrong.join(", "));
        return Err(Failure::new(Exit::InvalidConfig, error));
    }
    Ok(given.iter().filter_map(read).collect())
}
