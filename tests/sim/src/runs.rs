//! Clients that submit runs, say it again, and stop them.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use serde_json::json;
use sha2::{Digest as _, Sha256};
use throng_control::{AbortReason, Action, Digest, Reply, RunId, Submission, Wants};
use throng_coordinator::Repeat;
use throng_plan::{AgentRule, OnAgentLoss};
use tokio::time::{sleep, timeout};

use crate::dice::Dice;
use crate::group::Group;
use crate::invariants::Wanted;

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(4);
/// Runs that a client submits.
const RUNS_MAX: u64 = 6;

/// Submits some runs, one after the other.
pub(crate) async fn submit(group: Group, agents: u8, is_over: Rc<Cell<bool>>) {
    let mut dice = Dice::new(group.setting.seed, "runs");
    let archive = Digest(Sha256::digest(b"a test").into());
    let runs = dice.within(2..=RUNS_MAX);
    for number in 1..=runs {
        sleep(dice.ms(100..=2_500)).await;
        if is_over.get() {
            return;
        }
        let Ok(run) = RunId::new(&format!("run-{number}")) else { return };
        let (wanted, submission) = submission(&mut dice, run.clone(), archive, agents);
        group.setting.trace.note("runner", &format!("{run}: {wanted:?}, {:?}", submission.wants));
        group.setting.invariants.ask(|all| {
            all.acknowledged.proposed(archive);
            all.runs.wants(run.clone(), wanted);
        });
        let actions = [Action::AddManifest { digest: archive, bytes: 6 }, Action::SubmitRun(Box::new(submission))];
        for action in actions {
            // Submitted twice it is the same run.
            let times = if dice.per_mille(300) { 2 } else { 1 };
            for _ in 0..times {
                if !propose(&group, &mut dice, &action).await {
                    break;
                }
                if matches!(action, Action::SubmitRun(_)) {
                    group.setting.invariants.ask(|all| all.runs.acknowledged(run.clone()));
                }
            }
        }
        if dice.per_mille(150) {
            let (group, mut dice) = (group.clone(), Dice::new(dice.number(), "stop"));
            tokio::task::spawn_local(async move {
                sleep(dice.ms(500..=6_000)).await;
                let reason = AbortReason::Stopped { by: "runner".to_owned() };
                propose(&group, &mut dice, &Action::AbortRun { run, reason }).await;
            });
        }
    }
}

fn submission(dice: &mut Dice, run: RunId, archive: Digest, agents: u8) -> (Wanted, Submission) {
    let seconds = dice.within(1..=7);
    // About what may come together, so that it is crossed now and then.
    let below = dice.within(1..=120 * seconds * u64::from(agents) + 20);
    let wanted = Wanted { load_ms: seconds * 1_000, below };
    let threshold = format!("count<{below}");
    let threshold = match dice.per_mille(300) {
        true => json!({ "threshold": threshold, "abortOnFail": true }),
        false => json!(threshold),
    };
    let options = json!({
        "scenarios": { "s": { "executor": "constant-vus", "vus": 8, "duration": format!("{seconds}s") } },
        "thresholds": { "iterations": [threshold] },
    });
    let rules = AgentRule::parse_all(&dice.within(1..=u64::from(agents)).to_string()).unwrap_or_default();
    let mut call = || dice.per_mille(700).then_some(4_000);
    let (setup_ms, teardown_ms) = (call(), call());
    let wants = Wants {
        agents: if dice.per_mille(500) { rules } else { Vec::new() },
        agents_wait_ms: Some(10_000),
        on_agent_loss: dice.one_of(OnAgentLoss::ALL.as_slice()).copied().unwrap_or_default(),
        setup_ms,
        teardown_ms,
        test: "simulated".to_owned(),
        ..Wants::default()
    };
    let options = options.to_string().into_bytes();
    let client = "runner".to_owned();
    (wanted, Submission { run, archive, client, options, metrics: Vec::new(), wants })
}

/// Proposes something at any node; whether it is known to be taken.
async fn propose(group: &Group, dice: &mut Dice, action: &Action) -> bool {
    let ids = group.ids();
    let Some(node) = dice.one_of(&ids).and_then(|id| group.node(*id)) else { return false };
    let answer = timeout(PATIENCE, node.propose(action.clone(), Repeat::Idempotent)).await;
    let (taken, what) = match answer {
        Ok(Ok(Reply::Accepted(reply))) => (true, format!("{reply:?}")),
        Ok(Ok(Reply::Refused(refusal))) => (false, refusal.to_string()),
        Ok(Err(error)) => (false, error.to_string()),
        Err(_) => (false, "no answer".to_owned()),
    };
    group.setting.trace.note("runner", &format!("at n{}: {what}", node.id()));
    taken
}
