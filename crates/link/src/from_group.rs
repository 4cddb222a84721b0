//! What the leader says, in the agent's words.

use throng_agent::SetupData;
use throng_agent::link::PartId;
use throng_control::leading::SetupReturned;
use throng_control::{AgentName, AssignmentId, Digest, Epoch, Order, Orders, RunId, Scale, Steering, Task, Timestamp};
use throng_plan::AllowedTargets;
use throng_protocol::agent as proto;

/// A message of the leader's that can't be.
#[derive(Debug, thiserror::Error)]
#[error("the leader's {0}: is it of another version?")]
pub(crate) struct Malformed(String);

fn malformed(what: &str) -> Malformed {
    Malformed(what.to_owned())
}

/// The part that is meant, of this agent.
pub(crate) fn part(part: Option<&proto::Part>, agent: &AgentName) -> Result<PartId, Malformed> {
    let part = part.ok_or_else(|| malformed("message names no part of a run"))?;
    let run =
        RunId::new(&part.run_id).map_err(|error| Malformed(format!("message names a run that can't be: {error}")))?;
    Ok(PartId { run, assignment: AssignmentId { epoch: Epoch(part.epoch), agent: agent.clone() } })
}

/// Orders. Those whose task this version doesn't know change nothing, so they are as they were `before`.
pub(crate) fn orders(said: proto::Orders, agent: &AgentName, before: &Orders) -> Result<Orders, Malformed> {
    let mut parts = Vec::new();
    for said in said.parts {
        let id = part(said.part.as_ref(), agent)?;
        match said.task {
            Some(_) => parts.push(order(said, id)?),
            None => {
                let known = before.parts.iter().find(|order| order.run == id.run && order.assignment == id.assignment);
                parts.extend(known.cloned());
            }
        }
    }
    Ok(Orders { parts, leave: said.leave })
}

fn order(said: proto::Order, PartId { run, assignment }: PartId) -> Result<Order, Malformed> {
    let archive = said.archive.as_ref().try_into().map_err(|_| malformed("order has no digest of an archive"))?;
    Ok(Order {
        run,
        assignment,
        archive: Digest(archive),
        segment: said.segment,
        sequence: said.sequence,
        number: said.number,
        began: said.began_unix_us.map(timestamp),
        task: task(said.task)?,
        included: said.committed,
        steering: Steering { paused: said.paused, scales: said.scales.into_iter().map(scale).collect() },
    })
}

fn scale(said: proto::ScenarioScale) -> (u32, Scale) {
    (said.scenario, Scale { vus: said.vus, max_vus: said.max_vus })
}

fn task(task: Option<proto::order::Task>) -> Result<Task, Malformed> {
    use proto::order::Task as Said;
    Ok(match task.ok_or_else(|| malformed("order has no task"))? {
        Said::Prepare(_) => Task::Prepare,
        Said::Setup(_) => Task::Setup,
        Said::Run(run) => Task::Run {
            start: timestamp(run.start_unix_us),
            from_ms: run.from_ms,
            begun_before: run.begun_before,
            setup_data: run.has_setup_data,
        },
        Said::Stop(stop) => Task::Stop { reason: stop.reason },
        Said::Hold(_) => Task::Hold,
        Said::InitVus(init) => Task::InitVus { setup_data: init.has_setup_data },
        Said::Teardown(teardown) => Task::Teardown { cut: teardown.cut },
        Said::Summarize(_) => Task::Summarize,
    })
}

/// Where connections may go; anywhere without a list.
pub(crate) fn allowed_targets(said: Option<&proto::AllowedTargets>) -> Result<Option<AllowedTargets>, Malformed> {
    let read = said.map(|said| AllowedTargets::parse(said.entries.iter().map(String::as_str)));
    read.transpose().map_err(|error| Malformed(format!("list of allowed targets can't be: {error}")))
}

/// The group's times are in whole milliseconds.
fn timestamp(unix_us: i64) -> Timestamp {
    Timestamp(u64::try_from(unix_us).unwrap_or(0) / 1_000)
}

/// What setups returned; a scenario's place in the plan is at most so large as there can be scenarios.
pub(crate) fn setup_data(result: Option<proto::SetupResult>) -> Result<SetupData, Malformed> {
    let result = result.unwrap_or_default();
    if result.scenarios.keys().any(|index| *index as usize >= throng_control::limits::SCENARIOS_MAX) {
        return Err(malformed("setup data is for a scenario that can't be"));
    }
    Ok(SetupReturned { run: result.run, scenarios: result.scenarios.into_iter().collect() }.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent() -> AgentName {
        AgentName::new("a").unwrap()
    }

    fn said(task: Option<proto::order::Task>) -> proto::Orders {
        let order = proto::Order {
            part: Some(proto::Part { run_id: "r".to_owned(), epoch: 2 }),
            archive: vec![7; 32].into(),
            segment: "0:1/2".to_owned(),
            sequence: "0,1/2,1".to_owned(),
            number: 3,
            committed: 4,
            began_unix_us: Some(5_000_900),
            task,
            ..proto::Order::default()
        };
        proto::Orders { parts: vec![order], leave: false }
    }

    #[test]
    fn orders_are_read_and_unknown_tasks_change_nothing() {
        let known = orders(said(Some(proto::order::Task::Prepare(proto::Prepare {}))), &agent(), &Orders::default());
        let known = known.unwrap();
        let order = &known.parts[0];
        assert_eq!((order.number, order.included, order.began), (3, 4, Some(Timestamp(5_000))));
        assert_eq!((&order.task, order.archive, order.assignment.epoch), (&Task::Prepare, Digest([7; 32]), Epoch(2)));
        assert_eq!(orders(said(None), &agent(), &known).unwrap(), known);
        assert_eq!(orders(said(None), &agent(), &Orders::default()).unwrap().parts, []);
    }

    #[test]
    fn what_cannot_be_is_told() {
        let mut wrong = said(Some(proto::order::Task::Prepare(proto::Prepare {})));
        wrong.parts[0].archive = vec![7; 31].into();
        assert!(orders(wrong.clone(), &agent(), &Orders::default()).unwrap_err().to_string().contains("digest"));
        wrong.parts[0].part = Some(proto::Part { run_id: "../x".to_owned(), epoch: 1 });
        assert!(orders(wrong.clone(), &agent(), &Orders::default()).is_err());
        wrong.parts[0].part = None;
        assert!(orders(wrong, &agent(), &Orders::default()).is_err());
        let far = proto::SetupResult { run: None, scenarios: [(u32::MAX, "1".to_owned())].into() };
        assert!(setup_data(Some(far)).is_err());
    }

    #[test]
    fn setup_data_has_the_scenarios_in_their_places() {
        let said = proto::SetupResult {
            run: Some("0".to_owned()),
            scenarios: [(2, "2".to_owned()), (0, "1".to_owned())].into(),
        };
        let data = setup_data(Some(said)).unwrap();
        assert_eq!(data.run.as_deref(), Some("0"));
        let scenarios: Vec<Option<&str>> = data.scenarios.iter().map(Option::as_deref).collect();
        assert_eq!(scenarios, [Some("1"), None, Some("2")]);
    }
}
