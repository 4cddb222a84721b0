//! How much of each thing there may be. What happens at a limit stands in `ARCHITECTURE.md` and beside the operation.

/// Bytes of an agent's or a run's name.
pub const NAME_BYTES_MAX: usize = 64;
/// Agents that are known at once, lost ones included.
pub const AGENTS_MAX: usize = 10_000;
/// Addresses of an agent, and tags of it.
pub const AGENT_LABELS_MAX: usize = 256;
/// Bytes of an address, a tag's key or value, a version, a client's name.
pub const LABEL_BYTES_MAX: usize = 256;
/// What an agent's weight may be.
pub const WEIGHT_MAX: u32 = 1_000;
/// Archives that are known at once.
pub const MANIFESTS_MAX: usize = 1_000;
/// Bytes of an archive.
pub const ARCHIVE_BYTES_MAX: u64 = (1 << 30) + (128 << 20);
/// Runs that haven't ended.
pub const LIVE_RUNS_MAX: usize = 100;
/// Runs that are known, ended ones included.
pub const RUNS_MAX: usize = 1_000;
/// Bytes of what is kept of all ended runs together.
pub const ENDED_BYTES_MAX: usize = 64 << 20;
/// Agents of one run.
pub const RUN_AGENTS_MAX: usize = 10_000;
/// Rules of a run's choice of agents.
pub const AGENT_RULES_MAX: usize = 100;
/// Assignments of a run that one agent has at once, lost ones aside.
pub const AGENT_ASSIGNMENTS_MAX: usize = 2;
/// Assignments of a run, lost ones included.
pub const ASSIGNMENTS_MAX: usize = 2 * RUN_AGENTS_MAX;
/// Shards of an assignment, each a source of windows of its own.
pub const SOURCES_OF_PART: u32 = 1_024;
/// Bytes of a run's options.
pub const OPTIONS_BYTES_MAX: usize = 1 << 20;
/// Bytes of what setup returns.
pub const SETUP_BYTES_MAX: usize = 8 << 20;
/// Bytes of a run's result, and of the script's own summary.
pub const RESULT_BYTES_MAX: usize = 4 << 20;
/// Bytes of what the leader notes for its successor.
pub const NOTES_BYTES_MAX: usize = 1 << 20;
/// Values of gauges that are counts (`vus`) that are kept of a run, beyond the last of each part.
pub const SUMMED_PARTS_MAX: usize = 20_000;
/// Bytes of a run's merged windows.
pub const TOTALS_BYTES_MAX: usize = 256 << 20;
/// Bytes of a reason or an error; what is longer is cut.
pub const TEXT_BYTES_MAX: usize = 4 << 10;
/// Scenarios whose iterations a checkpoint counts.
pub const SCENARIOS_MAX: usize = 10_000;

/// How long an agent is alive without renewing its lease.
pub const LEASE_MS: u64 = 3_000;
/// How long a run waits for agents unless its client says otherwise.
pub const AGENTS_WAIT_MS: u64 = 600_000;
/// How long agents may fetch, compile and make VUs.
pub const PREPARE_MS_MAX: u64 = 1_800_000;
/// How much longer than the script's own time limit a setup, a teardown or a summary may take.
pub const CALL_GRACE_MS: u64 = 30_000;
/// How long agents have for stopping and for giving their last windows, beyond the run's longest graceful stop.
pub const DRAIN_MS_MAX: u64 = 60_000;
/// How long an agent that was lost is remembered.
pub const LOST_AGENT_MS: u64 = 3_600_000;
/// How far ahead a run's start may be.
pub const START_AHEAD_MS_MAX: u64 = 60_000;
/// Agents that are named in a result as having begun a setup, a teardown or a summary and not ended it.
pub const CUT_SHORT_MAX: usize = 100;
