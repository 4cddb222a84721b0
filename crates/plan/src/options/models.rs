//! Load models with stages, rates or commands: read and written.

use std::time::Duration;

use serde_json::{Value, json};

use super::fields;
use super::members::Members;
use super::partial::MAX_VUS;
use super::reader::{Place, Reader};
use crate::duration;
use crate::load_model::{LoadModel, ScheduleError, Stage};

const SECOND: Duration = Duration::from_secs(1);
const SMALLEST: Duration = Duration::from_nanos(1);

/// What a stage without a duration is: a mistake in a scenario, and of no effect in the short form (k6's rule).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoDuration {
    Fault,
    LeftOut,
}

/// Reads `stages`; none if any was at fault.
pub(super) fn stages(reader: &mut Reader<'_>, place: Place<'_>, rule: NoDuration) -> Option<Vec<Stage>> {
    let stages = reader.list(place, |reader, place| {
        let faults = reader.errors.len();
        let object = reader.object(place)?;
        reader.check_keys((place.path(), "a stage"), object, &fields::STAGE, &[]);
        let members = Members { object, path: place.path() };
        let is_left_out = rule == NoDuration::LeftOut && object.get("duration").is_none_or(Value::is_null);
        if !is_left_out {
            members.require(reader, "duration", ", for example \"30s\"; with \"0s\" the level jumps");
        }
        members.require(reader, "target", ": the level at the stage's end");
        let duration = members.duration(reader, "duration", Duration::ZERO);
        let target = members.read(reader, "target", |r, at| r.whole(at, 0, u64::MAX));
        if reader.errors.len() > faults {
            return None;
        }
        Some(duration.zip(target).map(|(duration, target)| Stage { duration, target }))
    })?;
    Some(stages.into_iter().flatten().collect())
}

/// Reads the model of one of these executors; none if it is another, or something was at fault.
pub(super) fn read(reader: &mut Reader<'_>, members: &Members<'_>, executor: &str) -> Option<LoadModel> {
    let model = match executor {
        "ramping-vus" => ramping_vus(reader, members),
        "constant-arrival-rate" => constant_arrival_rate(reader, members),
        "ramping-arrival-rate" => ramping_arrival_rate(reader, members),
        "externally-controlled" => externally_controlled(reader, members),
        _ => None,
    }?;
    let key = if matches!(model, LoadModel::ConstantArrivalRate { .. }) { "rate" } else { "stages" };
    match schedule_fault(&model) {
        None => Some(model),
        Some(error) => {
            reader.fault(&members.path_of(key), error.to_string());
            None
        }
    }
}

/// Why a model that was read has no schedule.
pub(super) fn schedule_fault(model: &LoadModel) -> Option<ScheduleError> {
    model.arrivals().map(drop).and(model.vu_curve().map(drop)).err()
}

/// What is wrong with a ramp of VUs, beside its single fields.
pub(super) fn ramp_fault(start_vus: u64, stages: &[Stage]) -> Option<String> {
    let peak = stages.iter().map(|stage| stage.target).fold(start_vus, u64::max);
    match peak {
        0 => Some("never have a VU: a target, or the VUs at the beginning, must be above 0".to_owned()),
        1..=MAX_VUS => None,
        more => Some(format!("must have targets of 0 to {MAX_VUS}, not {more}")),
    }
}

fn ramping_vus(reader: &mut Reader<'_>, members: &Members<'_>) -> Option<LoadModel> {
    let start_vus = members.whole_or(reader, "startVUs", (0, MAX_VUS), 1);
    let stages = required_stages(reader, members);
    let graceful = LoadModel::DEFAULT_GRACEFUL_RAMP_DOWN;
    let graceful_ramp_down = members.duration_or(reader, "gracefulRampDown", Duration::ZERO, graceful);
    let (start_vus, stages) = (start_vus?, stages?);
    if let Some(fault) = ramp_fault(start_vus, &stages) {
        reader.fault(&members.path_of("stages"), fault);
        return None;
    }
    Some(LoadModel::RampingVus { start_vus, stages, graceful_ramp_down: graceful_ramp_down? })
}

fn constant_arrival_rate(reader: &mut Reader<'_>, members: &Members<'_>) -> Option<LoadModel> {
    members.require(reader, "rate", ", for example 50: iterations per `timeUnit`");
    let rate = members.read(reader, "rate", |r, at| r.whole(at, 1, u64::MAX));
    let time_unit = members.duration_or(reader, "timeUnit", SMALLEST, LoadModel::DEFAULT_TIME_UNIT);
    members.require(reader, "duration", ", for example \"30s\"");
    let duration = members.duration(reader, "duration", SECOND);
    let (pre_allocated_vus, max_vus) = reserve(reader, members)?;
    let (rate, time_unit, duration) = (rate?, time_unit?, duration?);
    Some(LoadModel::ConstantArrivalRate { rate, time_unit, duration, pre_allocated_vus, max_vus })
}

fn ramping_arrival_rate(reader: &mut Reader<'_>, members: &Members<'_>) -> Option<LoadModel> {
    let start_rate = members.whole_or(reader, "startRate", (0, u64::MAX), 0);
    let time_unit = members.duration_or(reader, "timeUnit", SMALLEST, LoadModel::DEFAULT_TIME_UNIT);
    let stages = required_stages(reader, members);
    let (pre_allocated_vus, max_vus) = reserve(reader, members)?;
    let (start_rate, time_unit, stages) = (start_rate?, time_unit?, stages?);
    Some(LoadModel::RampingArrivalRate { start_rate, time_unit, stages, pre_allocated_vus, max_vus })
}

fn externally_controlled(reader: &mut Reader<'_>, members: &Members<'_>) -> Option<LoadModel> {
    let vus = members.whole_or(reader, "vus", (0, MAX_VUS), 1);
    members.require(reader, "duration", ", for example \"10m\"; \"0s\" is until it is stopped");
    let duration = members.duration(reader, "duration", Duration::ZERO);
    for key in ["startTime", "gracefulStop"] {
        let given = members.duration_or(reader, key, Duration::ZERO, Duration::ZERO);
        if given.is_some_and(|given| !given.is_zero()) {
            let message = "can't be set: such a scenario begins with the run, and is cut when it ends";
            reader.fault(&members.path_of(key), message);
        }
    }
    let max_vus = max_vus(reader, members, vus?, "vus")?;
    let duration = duration?;
    Some(LoadModel::ExternallyControlled { vus: vus?, max_vus, duration: (!duration.is_zero()).then_some(duration) })
}

fn required_stages(reader: &mut Reader<'_>, members: &Members<'_>) -> Option<Vec<Stage>> {
    let example = "for example [{\"duration\": \"30s\", \"target\": 10}]";
    members.require(reader, "stages", &format!(", {example}"));
    let stages = members.read(reader, "stages", |r, at| stages(r, at, NoDuration::Fault))?;
    if stages.is_empty() {
        reader.fault(&members.path_of("stages"), format!("must have at least one stage, {example}"));
        return None;
    }
    Some(stages)
}

/// `preAllocatedVUs` and `maxVUs`.
fn reserve(reader: &mut Reader<'_>, members: &Members<'_>) -> Option<(u64, u64)> {
    members.require(reader, "preAllocatedVUs", ": how many VUs are made before the load starts");
    let pre_allocated = members.read(reader, "preAllocatedVUs", |r, at| r.whole(at, 0, MAX_VUS));
    let Some(pre_allocated) = pre_allocated else {
        members.whole_or(reader, "maxVUs", (1, MAX_VUS), 1);
        return None;
    };
    Some((pre_allocated, max_vus(reader, members, pre_allocated, "preAllocatedVUs")?))
}

/// `maxVUs`, by default as many as `least`.
fn max_vus(reader: &mut Reader<'_>, members: &Members<'_>, least: u64, key: &str) -> Option<u64> {
    let max = members.whole_or(reader, "maxVUs", (0, MAX_VUS), least)?;
    if max < least {
        reader.fault(&members.path_of("maxVUs"), format!("must be at least `{key}`, {least}, not {max}"));
        return None;
    }
    if max == 0 {
        let message = format!("must be at least 1 if `{key}` is 0: there would never be a VU");
        reader.fault(&members.path_of("maxVUs"), message);
        return None;
    }
    Some(max)
}

/// Writes the fields of one of these models into its scenario's object; of others none.
pub(super) fn write(model: &LoadModel, into: &mut Value) {
    let time = |time: Duration| duration::format(time);
    let list = |stages: &[Stage]| -> Value {
        stages.iter().map(|stage| json!({"duration": time(stage.duration), "target": stage.target})).collect()
    };
    let fields = match model {
        LoadModel::RampingVus { start_vus, stages, graceful_ramp_down } => {
            json!({"startVUs": start_vus, "stages": list(stages), "gracefulRampDown": time(*graceful_ramp_down)})
        }
        LoadModel::ConstantArrivalRate { rate, time_unit, duration, pre_allocated_vus, max_vus } => json!({
            "rate": rate, "timeUnit": time(*time_unit), "duration": time(*duration),
            "preAllocatedVUs": pre_allocated_vus, "maxVUs": max_vus,
        }),
        LoadModel::RampingArrivalRate { start_rate, time_unit, stages, pre_allocated_vus, max_vus } => json!({
            "startRate": start_rate, "timeUnit": time(*time_unit), "stages": list(stages),
            "preAllocatedVUs": pre_allocated_vus, "maxVUs": max_vus,
        }),
        LoadModel::ExternallyControlled { vus, max_vus, duration } => {
            json!({"vus": vus, "maxVUs": max_vus, "duration": time(duration.unwrap_or_default())})
        }
        _ => return,
    };
    if let (Value::Object(into), Value::Object(fields)) = (into, fields) {
        into.extend(fields);
    }
}
