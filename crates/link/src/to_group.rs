//! What the agent says, in the protocol's words.

use bytes::Bytes;
use throng_agent::LogRecord;
use throng_agent::link::{Fact, KeptWindow, PartId};
use throng_control::judge::{ScenarioCounts, ShardUsage, SourceUsage, Standing};
use throng_control::leading::{OwnSummary, SetupReturned};
use throng_control::{Failure, FailureKind};
use throng_protocol::agent as proto;
use throng_protocol::agent::join_request::Message;
use throng_vu::LogLevel;

/// Bytes of a text about a failure.
const TEXT_BYTES_MAX: usize = 4 << 10;
/// Bytes of a message of a script's.
const LOG_BYTES_MAX: usize = 16 << 10;

/// A part, as it is named to the leader.
pub(crate) fn part(part: &PartId) -> Option<proto::Part> {
    Some(proto::Part { run_id: part.run.to_string(), epoch: part.assignment.epoch.0 })
}

/// A fact about a part; none for a message of a script's, which goes with others.
pub(crate) fn fact(id: &PartId, fact: Fact) -> Result<Message, LogRecord> {
    let part = part(id);
    Ok(match fact {
        Fact::Ready { standing: of, needs_init } => {
            Message::Ready(proto::Ready { part, standing: Some(standing(of)), needs_init })
        }
        Fact::Failed(of) => Message::Failed(proto::Failed { part, failure: Some(failure(of)) }),
        Fact::SetupDone(result) => Message::SetupDone(proto::SetupDone { part, result: Some(setup_done(result)) }),
        Fact::Done { last_window, marked_failed } => {
            Message::Done(proto::Done { part, last_window, marked_failed: marked_failed.map(cut) })
        }
        Fact::TeardownDone { failure: of, last_window, marked_failed } => Message::TeardownDone(proto::TeardownDone {
            part,
            last_window,
            failure: of.map(failure),
            marked_failed: marked_failed.map(cut),
        }),
        Fact::Summarized(result) => Message::Summarized(proto::Summarized { part, result: Some(summarized(result)) }),
        Fact::Abort(message) => Message::Abort(proto::Abort { part, message: cut(message) }),
        Fact::Log(record) => return Err(record),
    })
}

/// A window. Its bytes are handed on as they are kept.
pub(crate) fn window(id: &PartId, window: KeptWindow) -> Message {
    let nanos = |at: std::time::Duration| u64::try_from(at.as_nanos()).unwrap_or(u64::MAX);
    let vus = window.vus.into_iter().map(|count| proto::VuCount {
        at_ns: nanos(count.at),
        active: count.active,
        initialized: count.initialized,
    });
    Message::Window(proto::Window {
        part: part(id),
        first: window.first,
        last: window.last,
        at_ns: nanos(window.at),
        window: Bytes::from_owner(window.bytes),
        vus: vus.collect(),
        standing: Some(standing(window.standing)),
    })
}

/// Messages of a script's or of the agent's.
pub(crate) fn logs(id: &PartId, records: Vec<LogRecord>, left_out: u64) -> Message {
    let records = records.into_iter().map(|LogRecord { level, message, source }| proto::LogRecord {
        level: match level {
            LogLevel::Debug => proto::LogLevel::Debug,
            LogLevel::Info => proto::LogLevel::Info,
            LogLevel::Warn => proto::LogLevel::Warn,
            LogLevel::Error => proto::LogLevel::Error,
        }
        .into(),
        message: cut_to(message, LOG_BYTES_MAX),
        source,
    });
    Message::Logs(proto::Logs { part: part(id), records: records.collect(), left_out })
}

fn standing(standing: Standing) -> proto::Standing {
    proto::Standing {
        scenarios: standing.scenarios.into_iter().map(counts).collect(),
        vus_initialized: standing.vus_initialized,
        shards: standing.shards.into_iter().map(usage).collect(),
        sources: standing.sources.into_iter().map(sources).collect(),
    }
}

fn sources(usage: SourceUsage) -> proto::SourceUsage {
    let SourceUsage { destination, addresses, room, in_use, in_use_max, taken, exhausted, unusable, least, most } =
        usage;
    let of = |address: Option<(std::net::IpAddr, u64)>| {
        address.map(|(address, in_use_max)| proto::AddressUsage { address: address.to_string(), in_use_max })
    };
    let (least, most) = (of(least), of(most));
    proto::SourceUsage { destination, addresses, room, in_use, in_use_max, taken, exhausted, unusable, least, most }
}

fn counts(counts: ScenarioCounts) -> proto::ScenarioCounts {
    let ScenarioCounts { vus, vus_max, begun, completed, interrupted, failed, dropped, ended } = counts;
    proto::ScenarioCounts { vus, vus_max, begun, completed, interrupted, failed, dropped, ended }
}

fn usage(usage: ShardUsage) -> proto::ShardUsage {
    let nanos = |duration: std::time::Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    proto::ShardUsage {
        cpu_ns: nanos(usage.cpu),
        turns: usage.turns,
        sockets: usage.sockets,
        sockets_max: usage.sockets_max,
        starved: usage.starved,
        seconds: usage.seconds.all,
        busy_seconds: usage.seconds.busy,
        late_seconds: usage.seconds.late,
        lag_max_ns: nanos(usage.seconds.lag_max),
    }
}

fn failure(failure: Failure) -> proto::Failure {
    let kind = match failure.kind {
        FailureKind::Script => proto::FailureKind::Script,
        FailureKind::TimedOut => proto::FailureKind::TimedOut,
        FailureKind::Options => proto::FailureKind::Options,
        FailureKind::Machine => proto::FailureKind::Machine,
        FailureKind::Archive => proto::FailureKind::Archive,
        FailureKind::Other => proto::FailureKind::Unspecified,
    };
    proto::Failure {
        kind: kind.into(),
        message: cut(failure.message),
        scenario: cut(failure.scenario.unwrap_or_default()),
    }
}

fn setup_done(result: Result<SetupReturned, Failure>) -> proto::setup_done::Result {
    match result {
        Ok(SetupReturned { run, scenarios }) => {
            proto::setup_done::Result::Returned(proto::SetupResult { run, scenarios: scenarios.into_iter().collect() })
        }
        Err(of) => proto::setup_done::Result::Failure(failure(of)),
    }
}

fn summarized(result: Result<OwnSummary, Failure>) -> proto::summarized::Result {
    match result {
        Ok(OwnSummary(contents)) => {
            let has_any = contents.is_some();
            let contents = contents.into_iter().flatten();
            let contents = contents.map(|(destination, text)| proto::SummaryContent { destination, text });
            proto::summarized::Result::Returned(proto::SummaryContents { has_any, contents: contents.collect() })
        }
        Err(of) => proto::summarized::Result::Failure(failure(of)),
    }
}

fn cut(text: String) -> String {
    cut_to(text, TEXT_BYTES_MAX)
}

fn cut_to(mut text: String, bytes_max: usize) -> String {
    text.truncate(text.floor_char_boundary(bytes_max));
    text
}
