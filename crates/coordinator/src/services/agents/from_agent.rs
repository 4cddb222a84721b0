//! What agents say, in the group's words.

use std::sync::Arc;
use std::time::Duration;

use throng_control::judge::{
    AgentWindow, DESTINATIONS_TOLD_MAX, ScenarioCounts, Seconds, ShardUsage, SourceUsage, Standing, VUS_SECONDS_MAX,
    VuCount,
};
use throng_control::leading::{OwnSummary, SetupReturned};
use throng_control::{AgentInfo, AgentName, AssignmentId, Epoch, Failure, FailureKind, Incarnation, RunId};
use throng_protocol::agent as proto;
use throng_stats::{Registry, Window};
use tonic::Status;

/// Who registers.
///
/// # Errors
/// When its name can't be.
pub(super) fn info(register: proto::Register) -> Result<AgentInfo, String> {
    let name = AgentName::new(&register.name).map_err(|error| format!("{error} (--name)"))?;
    Ok(AgentInfo {
        name,
        incarnation: Incarnation(register.incarnation),
        addresses: register.addresses,
        capacity: register.capacity,
        tags: register.tags.into_iter().collect(),
        version: register.version,
    })
}

/// The part that is meant, of this agent.
pub(super) fn part(part: Option<proto::Part>, agent: &AgentName) -> Result<(RunId, AssignmentId), Status> {
    let part = part.ok_or_else(|| Status::invalid_argument("the message names no part of a run"))?;
    let run = RunId::new(&part.run_id).map_err(|error| Status::invalid_argument(error.to_string()))?;
    Ok((run, AssignmentId { epoch: Epoch(part.epoch), agent: agent.clone() }))
}

/// A window, read by the metrics of its run.
///
/// # Errors
/// When it can't be read.
pub(super) fn window(said: proto::Window, registry: &Arc<Registry>) -> Result<AgentWindow, String> {
    if said.first == 0 || said.last < said.first {
        return Err(format!("windows {} to {} can't be", said.first, said.last));
    }
    let window = Window::decode(&said.window, registry).map_err(|error| error.to_string())?;
    let vus = said.vus.into_iter().take(VUS_SECONDS_MAX).map(|count| VuCount {
        at: Duration::from_nanos(count.at_ns),
        active: count.active,
        initialized: count.initialized,
    });
    let standing = standing(said.standing);
    Ok(AgentWindow { first: said.first, last: said.last, window, vus: vus.collect(), standing })
}

pub(super) fn standing(standing: Option<proto::Standing>) -> Standing {
    let proto::Standing { scenarios, vus_initialized, shards, sources: said } = standing.unwrap_or_default();
    Standing {
        scenarios: scenarios.into_iter().map(counts).collect(),
        vus_initialized,
        shards: shards.into_iter().map(usage).collect(),
        sources: said.into_iter().take(DESTINATIONS_TOLD_MAX + 1).map(sources).collect(),
    }
}

fn sources(usage: proto::SourceUsage) -> SourceUsage {
    let proto::SourceUsage {
        destination,
        addresses,
        room,
        in_use,
        in_use_max,
        taken,
        exhausted,
        unusable,
        least,
        most,
    } = usage;
    let of = |said: Option<proto::AddressUsage>| {
        let said = said?;
        Some((said.address.parse().ok()?, said.in_use_max))
    };
    let (least, most) = (of(least), of(most));
    SourceUsage { destination, addresses, room, in_use, in_use_max, taken, exhausted, unusable, least, most }
}

fn counts(counts: proto::ScenarioCounts) -> ScenarioCounts {
    let proto::ScenarioCounts { vus, vus_max, begun, completed, interrupted, failed, dropped, ended } = counts;
    ScenarioCounts { vus, vus_max, begun, completed, interrupted, failed, dropped, ended }
}

fn usage(usage: proto::ShardUsage) -> ShardUsage {
    ShardUsage {
        cpu: Duration::from_nanos(usage.cpu_ns),
        turns: usage.turns,
        sockets: usage.sockets,
        sockets_max: usage.sockets_max,
        starved: usage.starved,
        seconds: Seconds {
            all: usage.seconds,
            busy: usage.busy_seconds,
            late: usage.late_seconds,
            lag_max: Duration::from_nanos(usage.lag_max_ns),
        },
    }
}

pub(super) fn failure(failure: Option<proto::Failure>) -> Failure {
    let failure = failure.unwrap_or_default();
    let kind = match failure.kind() {
        proto::FailureKind::Script => FailureKind::Script,
        proto::FailureKind::TimedOut => FailureKind::TimedOut,
        proto::FailureKind::Options => FailureKind::Options,
        proto::FailureKind::Machine => FailureKind::Machine,
        proto::FailureKind::Archive => FailureKind::Archive,
        proto::FailureKind::Unspecified => FailureKind::Other,
    };
    let scenario = Some(failure.scenario).filter(|scenario| !scenario.is_empty());
    Failure { kind, message: failure.message, scenario }
}

/// What came of setup.
pub(super) fn setup_done(result: Option<proto::setup_done::Result>) -> Result<Vec<u8>, Failure> {
    match result {
        Some(proto::setup_done::Result::Returned(proto::SetupResult { run, scenarios })) => {
            Ok(SetupReturned { run, scenarios: scenarios.into_iter().collect() }.encode())
        }
        Some(proto::setup_done::Result::Failure(said)) => Err(failure(Some(said))),
        None => Err(unsaid()),
    }
}

/// What came of the script's own summary.
pub(super) fn summarized(result: Option<proto::summarized::Result>) -> Result<Vec<u8>, Failure> {
    match result {
        Some(proto::summarized::Result::Returned(said)) => {
            let contents = said.contents.into_iter().map(|content| (content.destination, content.text));
            Ok(OwnSummary(said.has_any.then(|| contents.collect())).encode())
        }
        Some(proto::summarized::Result::Failure(said)) => Err(failure(Some(said))),
        None => Err(unsaid()),
    }
}

fn unsaid() -> Failure {
    Failure::new(FailureKind::Other, "the agent doesn't say what came of it")
}

#[cfg(test)]
mod tests {
    use throng_stats::SourceId;

    use super::*;

    #[test]
    fn windows_that_cannot_be_are_told() {
        let registry = Arc::new(Registry::new());
        let bytes = Window { source: SourceId(0), at: Duration::ZERO, series: Vec::new(), overflows: Vec::new() };
        let said =
            |first, last, window: Vec<u8>| proto::Window { first, last, window: window.into(), ..Default::default() };
        assert!(window(said(0, 1, bytes.encode()), &registry).is_err());
        assert!(window(said(2, 1, bytes.encode()), &registry).is_err());
        assert!(window(said(1, 1, vec![255]), &registry).is_err());
        let read = window(said(2, 3, bytes.encode()), &registry).unwrap();
        assert_eq!((read.first, read.last), (2, 3));
    }

    #[test]
    fn a_failure_names_its_scenario() {
        let said = proto::Failure { message: "no".to_owned(), scenario: "a".to_owned(), ..Default::default() };
        assert_eq!(failure(Some(said)).to_string(), "scenario `a`: no");
        assert_eq!(setup_done(None).unwrap_err().kind, FailureKind::Other);
        let agent = AgentName::new("a").unwrap();
        assert!(part(None, &agent).is_err());
        let named = proto::Part { run_id: "../x".to_owned(), epoch: 1 };
        assert_eq!(part(Some(named), &agent).unwrap_err().code(), tonic::Code::InvalidArgument);
    }
}
