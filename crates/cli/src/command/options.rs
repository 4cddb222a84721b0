//! What a run is made of: the script, its variables, and the layers of options that come from outside of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use serde_json::{Map, Value, json};
use throng_agent::RunConfig;
use throng_plan::Layer;

use crate::args::{OptionArgs, ScriptArgs};
use crate::build;
use crate::exit::{Exit, Failure};
use crate::load::Test;

/// A test with its layers; `system_env` says whether it sees the system's environment if no flag does.
pub(crate) fn run_config(
    test: Test,
    script: &ScriptArgs,
    options: &OptionArgs,
    system_env: bool,
) -> Result<RunConfig, Failure> {
    Ok(RunConfig {
        component: test.component,
        files: test.files,
        options: test.options,
        layers_below: config_layer(script)?.into_iter().collect(),
        layers_above: vec![flags_layer(options)?],
        env: environment(script, test.env, system_env)?,
        cache_dir: build::components_directory(),
        version: env!("CARGO_PKG_VERSION").into(),
        no_thresholds: script.no_thresholds,
        paused: false,
        tls_key_log: None,
    })
}

/// Where other programs of the system write the secrets of TLS sessions.
pub(crate) fn key_log_file() -> Option<PathBuf> {
    std::env::var_os("SSLKEYLOGFILE").filter(|name| !name.is_empty()).map(PathBuf::from)
}

/// The configuration file's layer: the one that was named, or the user's own if there is one.
fn config_layer(args: &ScriptArgs) -> Result<Option<Layer>, Failure> {
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
    Ok(Some(Layer::new(path.display().to_string(), value)))
}

fn default_config() -> Option<PathBuf> {
    let base = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from);
    let base = base.or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".config")))?;
    Some(base.join("throng/config.json"))
}

/// The command line's layer.
fn flags_layer(args: &OptionArgs) -> Result<Layer, Failure> {
    let OptionArgs { load, http, network, tls, results } = args;
    let mut options = Map::new();
    let mut set = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            options.insert(key.to_owned(), value);
        }
    };
    for (key, given) in [
        ("vus", load.vus),
        ("iterations", load.iterations),
        ("rps", load.rps),
        ("maxRedirects", http.max_redirects),
        ("batch", http.batch),
        ("batchPerHost", http.batch_per_host),
    ] {
        set(key, given.map(Value::from));
    }
    for (key, given) in [
        ("duration", &load.duration),
        ("executionSegment", &load.execution_segment),
        ("executionSegmentSequence", &load.execution_segment_sequence),
        ("summaryMode", &results.summary_mode),
        ("minIterationDuration", &load.min_iteration_duration),
        ("userAgent", &http.user_agent),
        ("httpDebug", &http.http_debug),
        ("dns", &network.dns),
        ("summaryTimeUnit", &results.summary_time_unit),
    ] {
        set(key, given.clone().map(Value::from));
    }
    for (key, given) in [
        ("paused", load.paused),
        ("linger", load.linger),
        ("noSetup", load.no_setup),
        ("noTeardown", load.no_teardown),
        ("throw", http.throw),
        ("discardResponseBodies", http.discard_response_bodies),
        ("noConnectionReuse", http.no_connection_reuse),
        ("noVUConnectionReuse", http.no_vu_connection_reuse),
        ("insecureSkipTLSVerify", tls.insecure_skip_tls_verify),
    ] {
        set(key, given.map(Value::from));
    }
    let several = |given: &[String]| (!given.is_empty()).then(|| json!(given));
    set("blacklistIPs", several(&network.blacklist_ips));
    set("blockHostnames", several(&network.block_hostnames));
    if results.no_summary {
        set("summaryMode", Some("disabled".into()));
    }
    if !load.stages.is_empty() {
        set("stages", Some(load.stages.iter().map(|text| stage(text)).collect()));
    }
    set("systemTags", results.system_tags.clone().map(Value::from));
    set("summaryTrendStats", results.summary_trend_stats.clone().map(Value::from));
    if !results.tags.is_empty() {
        set("tags", Some(json!(pairs(&results.tags, "--tag", |name| !name.is_empty(), "not empty")?)));
    }
    if !tls.tls_ca.is_empty() {
        set("throng", Some(json!({ "tlsCaCertificates": authorities(&tls.tls_ca)? })));
    }
    Ok(Layer::new("command line", Value::Object(options)))
}

/// A stage as k6's flag has it, `DURATION:TARGET`. What is wrong with it is for `plan` to say.
fn stage(text: &str) -> Value {
    let (duration, target) = text.split_once(':').unwrap_or((text, ""));
    let target = target.trim();
    json!({"duration": duration.trim(), "target": target.parse::<u64>().map_or_else(|_| json!(target), Value::from)})
}

/// The texts of PEM files.
fn authorities(files: &[PathBuf]) -> Result<Vec<String>, Failure> {
    let read = |path: &PathBuf| {
        let text = std::fs::read_to_string(path);
        text.with_context(|| format!("--tls-ca {} can't be read", path.display()))
    };
    files.iter().map(read).collect::<Result<_, _>>().map_err(|error| Failure::new(Exit::InvalidConfig, error))
}

/// The script's variables: `-e` goes before those of an archive, and these before the system's.
fn environment(
    args: &ScriptArgs,
    archived: BTreeMap<String, String>,
    system: bool,
) -> Result<BTreeMap<String, String>, Failure> {
    let mut variables = BTreeMap::new();
    if args.include_system_env_vars.unwrap_or(system) {
        let system = std::env::vars_os();
        variables
            .extend(system.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))));
    }
    variables.extend(archived);
    let given = pairs(&args.env, "-e", is_variable_name, "a letter or _, then letters, digits or _")?;
    variables.extend(given);
    Ok(variables)
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
