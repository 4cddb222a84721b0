//! What the leader says, in the protocol's words.

use bytes::Bytes;
use throng_control::leading::SetupReturned;
use throng_control::{AssignmentId, Order, Orders, RunId, Scale, Task, Timestamp};
use throng_plan::AllowedTargets;
use throng_protocol::agent as proto;

pub(super) fn part(run: &RunId, assignment: &AssignmentId) -> Option<proto::Part> {
    Some(proto::Part { run_id: run.to_string(), epoch: assignment.epoch.0 })
}

pub(super) fn allowed_targets(targets: &AllowedTargets) -> proto::AllowedTargets {
    proto::AllowedTargets { entries: targets.entries().to_vec() }
}

pub(super) fn orders(orders: Orders) -> proto::Orders {
    proto::Orders { parts: orders.parts.into_iter().map(order).collect(), leave: orders.leave }
}

fn order(order: Order) -> proto::Order {
    proto::Order {
        part: part(&order.run, &order.assignment),
        archive: Bytes::copy_from_slice(&order.archive.0),
        segment: order.segment,
        sequence: order.sequence,
        number: order.number,
        committed: order.included,
        paused: order.steering.paused,
        scales: order.steering.scales.into_iter().map(scale).collect(),
        began_unix_us: order.began.map(unix_us),
        task: Some(task(order.task)),
    }
}

fn scale((scenario, Scale { vus, max_vus }): (u32, Scale)) -> proto::ScenarioScale {
    proto::ScenarioScale { scenario, vus, max_vus }
}

fn task(task: Task) -> proto::order::Task {
    use proto::order::Task as Said;
    match task {
        Task::Prepare => Said::Prepare(proto::Prepare {}),
        Task::Setup => Said::Setup(proto::Setup {}),
        Task::Run { start, from_ms, begun_before, setup_data } => {
            let start_unix_us = unix_us(start);
            Said::Run(proto::Run { start_unix_us, from_ms, begun_before, has_setup_data: setup_data })
        }
        Task::Stop { reason } => Said::Stop(proto::Stop { reason }),
        Task::Hold => Said::Hold(proto::Hold {}),
        Task::InitVus { setup_data } => Said::InitVus(proto::InitVus { has_setup_data: setup_data }),
        Task::Teardown { cut } => Said::Teardown(proto::Teardown { cut }),
        Task::Summarize => Said::Summarize(proto::Summarize {}),
    }
}

/// What setups returned, as it is in the state.
pub(super) fn setup_data(run: &RunId, assignment: &AssignmentId, data: &[u8]) -> proto::SetupData {
    let SetupReturned { run: of_run, scenarios } = SetupReturned::decode(data).unwrap_or_default();
    let result = proto::SetupResult { run: of_run, scenarios: scenarios.into_iter().collect() };
    proto::SetupData { part: part(run, assignment), result: Some(result) }
}

fn unix_us(at: Timestamp) -> i64 {
    i64::try_from(at.0.saturating_mul(1_000)).unwrap_or(i64::MAX)
}
