//! `throng cluster`.

use std::io::{self, IsTerminal};

use anyhow::anyhow;
use serde_json::{Value, json};
use throng_coordinator::{Client, Peers};
use throng_protocol::cluster::{Node, Role, StatusResponse};

use crate::args::{ClusterArgs, ClusterChoice, ClusterCommand};
use crate::credentials;
use crate::exit::{Exit, Failure};
use crate::printing;

pub(crate) fn run(args: &ClusterArgs) -> Result<Exit, Failure> {
    match &args.command {
        ClusterCommand::Status(choice) => {
            let status = client(choice)?.status()?;
            show(choice, &status);
            Ok(if status.leader == 0 { Exit::NoSuchRun } else { Exit::Success })
        }
        ClusterCommand::Add { node, replaces, choice } => {
            let wrong = |error: anyhow::Error| Failure::new(Exit::InvalidConfig, error);
            let peers: Peers = node.parse().map_err(|error| wrong(anyhow!("{error}")))?;
            let mut nodes = peers.iter();
            let (Some((id, address)), None) = (nodes.next(), nodes.next()) else {
                return Err(wrong(anyhow!("one node is added at a time: write ID=HOST:PORT")));
            };
            show(choice, &client(choice)?.add(id, address, replaces.unwrap_or(0))?);
            Ok(Exit::Success)
        }
        ClusterCommand::Remove { id, choice } => {
            show(choice, &client(choice)?.remove(*id)?);
            Ok(Exit::Success)
        }
        ClusterCommand::Upload { file, choice } => {
            let (digest, known) = client(choice)?.put_archive(file)?;
            if choice.json {
                print_json(&json!({ "digest": digest, "known": known }));
            } else {
                printing::line(&digest);
            }
            Ok(Exit::Success)
        }
        ClusterCommand::Handover { to, choice } => {
            let leader = client(choice)?.hand_over(to.unwrap_or(0))?;
            if choice.json {
                print_json(&json!({ "leader": leader }));
            } else {
                printing::line(&format!("node {leader} leads"));
            }
            Ok(Exit::Success)
        }
    }
}

fn client(choice: &ClusterChoice) -> Result<Client, Failure> {
    let credentials = credentials::of_client(&choice.client, &choice.cluster, choice.insecure)?;
    Ok(Client::new(&choice.cluster, credentials)?)
}

fn show(choice: &ClusterChoice, status: &StatusResponse) {
    if choice.json {
        print_json(&as_json(status));
    } else {
        printing::line(&as_text(status));
    }
}

fn print_json(value: &Value) {
    printing::line(&if io::stdout().is_terminal() { format!("{value:#}") } else { value.to_string() });
}

fn role(node: &Node) -> &'static str {
    match node.role() {
        Role::Unspecified => "unknown",
        Role::Leader => "leader",
        Role::Follower => "follower",
        Role::Learner => "learner",
    }
}

/// Keys may be added; none changes its meaning.
fn as_json(status: &StatusResponse) -> Value {
    let node = |node: &Node| {
        json!({
            "id": node.id,
            "address": node.address,
            "role": role(node),
            "lastLogIndex": node.last_log_index,
            "appliedIndex": node.applied_index,
            "lag": node.lag,
            "silentMs": node.silent_ms,
            "version": Some(&node.version).filter(|version| !version.is_empty()),
        })
    };
    json!({
        "clusterId": Some(&status.cluster_id).filter(|id| !id.is_empty()),
        "leader": Some(status.leader).filter(|leader| *leader != 0),
        "term": status.term,
        "answeredBy": status.answered_by,
        "nodes": status.nodes.iter().map(node).collect::<Vec<_>>(),
    })
}

fn as_text(status: &StatusResponse) -> String {
    let head = match (status.leader, status.nodes.is_empty()) {
        (_, true) => format!("node {} is in no group yet", status.answered_by),
        (0, _) => format!("there is no leader, says node {}", status.answered_by),
        (leader, _) => format!("node {leader} leads in term {}", status.term),
    };
    let width = status.nodes.iter().map(|node| node.address.len()).max().unwrap_or(0);
    let number = |value: Option<u64>| value.map_or_else(|| "?".to_owned(), |value| value.to_string());
    let line = |node: &Node| {
        let mut text = format!("\n  {:<3} {:<width$}  {:<8}", node.id, node.address, role(node));
        text += &format!("  log {}", number(node.last_log_index));
        if let Some(lag) = node.lag.filter(|lag| *lag > 0) {
            text += &format!(", {lag} behind");
        }
        if let Some(silent) = node.silent_ms.filter(|silent| *silent > 1_000) {
            text += &format!(", silent for {} s", silent / 1_000);
        }
        if !node.version.is_empty() {
            text += &format!("  throng {}", node.version);
        }
        text
    };
    head + &status.nodes.iter().map(line).collect::<String>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status() -> StatusResponse {
        let node = |id, role: Role, lag| Node {
            id,
            address: format!("127.0.0.1:770{id}"),
            role: role.into(),
            last_log_index: Some(7 - lag),
            lag: Some(lag),
            silent_ms: Some(3_000 * lag),
            version: "0.1.0".to_owned(),
            ..Node::default()
        };
        let nodes = vec![node(1, Role::Leader, 0), node(2, Role::Follower, 1)];
        StatusResponse { answered_by: 1, leader: 1, term: 3, cluster_id: "ab".to_owned(), nodes }
    }

    #[test]
    fn a_status_names_the_leader_and_who_lags() {
        let text = as_text(&status());
        assert!(text.starts_with("node 1 leads in term 3\n"), "{text}");
        assert!(text.contains("127.0.0.1:7702  follower  log 6, 1 behind, silent for 3 s"), "{text}");
        let none = StatusResponse { leader: 0, ..status() };
        assert!(as_text(&none).starts_with("there is no leader"), "{none:?}");
    }

    #[test]
    fn json_has_the_leader_as_a_number_or_null() {
        assert_eq!(as_json(&status())["leader"], 1);
        assert_eq!(as_json(&StatusResponse::default())["leader"], Value::Null);
        assert_eq!(as_json(&status())["nodes"][1]["lag"], 1);
    }
}
