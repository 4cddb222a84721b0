//! Reading `scenarios`.

use std::time::Duration;

use serde_json::Value;

use super::members::Members;
use super::partial::MAX_VUS;
use super::reader::{Place, Reader, member, suggestion};
use super::{fields, models};
use crate::load_model::LoadModel;
use crate::names::NamedFunctions;
use crate::scenario::Scenario;

const SECOND: Duration = Duration::from_secs(1);

/// Reads all scenarios; none if any was at fault.
pub(super) fn read(reader: &mut Reader<'_>, place: Place<'_>) -> Option<Vec<Scenario>> {
    let object = reader.object(place)?;
    let scenarios: Vec<_> = object
        .iter()
        .map(|(name, value)| {
            let path = member(place.path(), name);
            read_scenario(reader, name, Place::new(value, &path))
        })
        .collect();
    scenarios.into_iter().collect()
}

/// The functions of every scenario, also where something else of it is wrong; faults are noted by [`read`].
pub(super) fn functions(place: Place<'_>) -> Vec<NamedFunctions> {
    let named = |(name, value): (&String, &Value)| {
        let given = |key| value.get(key).filter(|given| !given.is_null());
        let text = |given: &Value| given.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        NamedFunctions {
            scenario: name.clone(),
            exec: given("exec").map_or_else(|| value.is_object().then(|| Scenario::DEFAULT.to_owned()), text),
            setup: given("setup").and_then(text),
        }
    };
    place.value.as_object().into_iter().flatten().map(named).collect()
}

fn read_scenario(reader: &mut Reader<'_>, name: &str, place: Place<'_>) -> Option<Scenario> {
    let faults = reader.errors.len();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if name.is_empty() || !name.chars().all(is_plain) {
        let message = "a scenario's name consists of letters, digits, `_` and `-`";
        reader.fault(place.path(), message);
    }
    let object = reader.object(place)?;
    let members = Members { object, path: place.path() };
    let executor = read_executor(reader, &members);
    if let Some((executor, own)) = executor {
        let known: Vec<_> = fields::SCENARIO.iter().chain(own).copied().collect();
        let what = format!("a {executor} scenario");
        reader.check_keys((place.path(), &what), object, &known, &fields::SCENARIO_NOT_YET);
    }
    let model = executor.and_then(|(executor, _)| read_model(reader, &members, executor));
    let zero = Duration::ZERO;
    let start = members.duration_or(reader, "startTime", zero, zero);
    let graceful = match model {
        Some(LoadModel::ExternallyControlled { .. }) => Duration::ZERO,
        _ => Scenario::DEFAULT_GRACEFUL_STOP,
    };
    let graceful_stop = members.duration_or(reader, "gracefulStop", zero, graceful);
    let exec = read_function(reader, &members, "exec", "`default`");
    let setup = read_function(reader, &members, "setup", "none");
    let env = members.read(reader, "env", |r, at| r.strings(at, true));
    let tags = members.read(reader, "tags", |r, at| r.strings(at, false));
    if reader.errors.len() > faults {
        return None;
    }
    Some(Scenario {
        name: name.to_owned(),
        model: model?,
        start: start?,
        graceful_stop: graceful_stop?,
        exec: exec.unwrap_or_else(|| Scenario::DEFAULT.to_owned()),
        setup,
        env: env.unwrap_or_default(),
        tags: tags.unwrap_or_default(),
    })
}

/// The executor's name, and the fields it has of its own.
fn read_executor(reader: &mut Reader<'_>, members: &Members<'_>) -> Option<(&'static str, &'static [&'static str])> {
    let names: Vec<_> = fields::EXECUTORS.iter().map(|(name, _)| *name).collect();
    let path = members.path_of("executor");
    let there_are = format!("; there are {}", names.join(", "));
    members.require(reader, "executor", &there_are);
    let executor = members.string(reader, "executor")?;
    let known = fields::EXECUTORS.into_iter().find(|(name, _)| *name == executor);
    if known.is_some() {
        return known;
    }
    let hint = suggestion(&executor, names.iter().copied());
    let hint = hint.unwrap_or(there_are);
    reader.fault(&path, format!("there is no executor `{executor}`{hint}"));
    None
}

fn read_model(reader: &mut Reader<'_>, members: &Members<'_>, executor: &str) -> Option<LoadModel> {
    if !["constant-vus", "per-vu-iterations", "shared-iterations"].contains(&executor) {
        return models::read(reader, members, executor);
    }
    let vus = members.whole_or_one(reader, "vus", MAX_VUS);
    if executor == "constant-vus" {
        members.require(reader, "duration", ", for example \"30s\"");
        let duration = members.duration(reader, "duration", SECOND);
        return Some(LoadModel::ConstantVus { vus: vus?, duration: duration? });
    }
    let iterations = members.whole_or_one(reader, "iterations", u64::MAX);
    let max = LoadModel::DEFAULT_MAX_DURATION;
    let max_duration = members.duration_or(reader, "maxDuration", SECOND, max);
    let (vus, iterations, max_duration) = (vus?, iterations?, max_duration?);
    if executor == "per-vu-iterations" {
        return Some(LoadModel::PerVuIterations { vus, iterations, max_duration });
    }
    if iterations < vus {
        let path = members.path_of("iterations");
        reader.fault(&path, fewer_than_vus(iterations, vus));
        return None;
    }
    Some(LoadModel::SharedIterations { vus, iterations, max_duration })
}

/// What is wrong with shared iterations that aren't enough for every VU.
pub(super) fn fewer_than_vus(iterations: u64, vus: u64) -> String {
    format!("must be at least the number of VUs, {vus}, not {iterations}: VUs share them")
}

/// The name of a function of the script.
fn read_function(reader: &mut Reader<'_>, members: &Members<'_>, key: &str, without: &str) -> Option<String> {
    let name = members.string(reader, key);
    if name.as_deref() == Some("") {
        reader.fault(&members.path_of(key), format!("may not be empty; leave it out for {without}"));
    }
    name
}
