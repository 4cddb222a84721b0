//! Groups of coordinators, and what happens to them.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use throng_tests::{Group, Throng, until};

const PATIENCE: Duration = Duration::from_secs(30);
/// What the loss of a leader may cost, on machines that are busy with other tests.
const FAILOVER_MAX: Duration = Duration::from_secs(5);

#[test]
fn three_coordinators_form_a_group_that_any_of_them_speaks_for() -> Result<()> {
    let group = Group::start(3)?;
    let leader = group.leader()?;
    for id in 1..=3 {
        let address = group.address(id);
        let finished = Throng::command(["cluster", "status", "--json", "--cluster", &address])?.finish()?;
        let status: serde_json::Value = serde_json::from_str(&finished.expect_code(0)?.stdout)?;
        assert_eq!((&status["leader"], &status["answeredBy"]), (&leader.into(), &leader.into()), "{status}");
        assert_eq!(status["nodes"].as_array().map(Vec::len), Some(3), "{status}");
        assert!(status["nodes"][0]["version"].is_string() && status["clusterId"].is_string(), "{status}");
    }
    let text = group.cluster(&["status"])?.expect_code(0)?.stdout;
    assert!(text.starts_with(&format!("node {leader} leads in term ")), "{text}");
    // A node that is down doesn't matter as long as one of those named is up.
    let some = format!("127.0.0.1:9,{}", group.address(2));
    Throng::command(["cluster", "status", "--cluster", &some])?.finish()?.expect_code(0)?;
    let finished = Throng::command(["cluster", "status", "--cluster", "127.0.0.1:9"])?.finish()?.expect_code(114)?;
    assert!(finished.stderr.contains("no coordinator answers at 127.0.0.1:9"), "{}", finished.stderr);
    Ok(())
}

#[test]
fn a_killed_leader_is_replaced_and_nothing_acknowledged_is_lost() -> Result<()> {
    let mut group = Group::start(3)?;
    let mut took = Vec::new();
    let mut digests = Vec::new();
    for round in 0..10 {
        digests.push(group.upload(&format!("before {round}"))?);
        let leader = group.leader()?;
        let killed = group.kill(leader)?;
        digests.push(group.upload(&format!("after {round}"))?);
        took.push(killed.elapsed());
        group.boot(leader)?;
        group.caught_up()?;
    }
    for id in 1..=3 {
        for digest in &digests {
            group.has_archive(id, digest)?;
        }
    }
    took.sort();
    println!("kill -9 of the leader until the next acknowledged write: median {:?}, max {:?}", took[5], took[9]);
    ensure!(took[9] < FAILOVER_MAX, "{took:?}");
    Ok(())
}

#[test]
fn a_killed_follower_is_not_noticed_and_all_three_come_back_from_disk() -> Result<()> {
    let mut group = Group::start(3)?;
    let leader = group.leader()?;
    let follower = 1 + leader % 3;
    group.kill(follower)?;
    let first = group.upload("without a follower")?;
    assert_eq!(group.leader()?, leader);
    // Without a second one there is no majority, and that is said.
    let second = 1 + follower % 3;
    group.kill(second)?;
    let said = until("it is said that there is no leader", PATIENCE, || {
        let finished = group.cluster(&["status"])?;
        Ok((finished.code == Some(114)).then_some(finished.stdout))
    })?;
    assert!(said.contains("there is no leader") && said.contains("silent for"), "{said}");
    group.kill(leader)?;
    for id in 1..=3 {
        group.boot(id)?;
    }
    group.leader()?;
    group.caught_up()?;
    let again = group.upload("after all")?;
    for id in 1..=3 {
        group.has_archive(id, &first)?;
        group.has_archive(id, &again)?;
    }
    Ok(())
}

#[test]
fn a_leader_that_is_ended_hands_over_first() -> Result<()> {
    let mut group = Group::start(3)?;
    let leader = group.leader()?;
    let term = group.status()?["term"].as_u64().context("no term")?;
    let process = group.take(leader)?;
    process.signal(Signal::SIGTERM)?;
    let finished = process.wait(PATIENCE)?.expect_code(0)?;
    println!("hand-over and end took {:?}", finished.took);
    let heir = group.leader()?;
    assert_ne!(heir, leader);
    // One election, which the old leader saw: nobody had to find out that it was gone.
    let seen = format!("node {heir} leads since term {}", term + 1);
    assert!(finished.stderr.contains(&seen), "{}", finished.stderr);
    group.boot(leader)?;
    group.caught_up()?;
    let id = leader.to_string();
    let finished = group.cluster(&["handover", &id])?.expect_code(0)?;
    assert_eq!(finished.stdout.trim(), format!("node {leader} leads"));
    Ok(())
}

#[test]
fn a_node_is_replaced_and_removed() -> Result<()> {
    let mut group = Group::start(3)?;
    let digest = group.upload("from before")?;
    let leader = group.leader()?;
    let old = 1 + leader % 3;
    group.expect(4);
    group.boot(4)?;
    let node = format!("4={}", group.address(4));
    let finished = group.cluster(&["add", "5=127.0.0.1:9"])?.expect_code(115)?;
    assert!(finished.stderr.contains("node 5 doesn't answer"), "{}", finished.stderr);
    group.cluster(&["add", &node, "--replaces", &old.to_string()])?.expect_code(0)?;
    let removed = group.take(old)?.wait(PATIENCE)?.expect_code(0)?;
    assert!(removed.stderr.contains(&format!("node {old} has been removed")), "{}", removed.stderr);
    group.caught_up()?;
    group.has_archive(4, &digest)?;
    let status = group.status()?;
    let ids: Vec<_> = status["nodes"].as_array().context("no nodes")?.iter().map(|node| node["id"].clone()).collect();
    assert!(ids.len() == 3 && ids.contains(&4.into()) && !ids.contains(&old.into()), "{status}");
    group.cluster(&["remove", &leader.to_string()])?.expect_code(0)?;
    group.take(leader)?.wait(PATIENCE)?.expect_code(0)?;
    group.leader()?;
    group.upload("of the two that are left")?;
    let finished = group.cluster(&["remove", "77"])?.expect_code(114)?;
    assert!(finished.stderr.contains("no node 77"), "{}", finished.stderr);
    Ok(())
}

#[test]
fn a_wrong_list_of_peers_and_a_taken_id_are_told_with_both_sides() -> Result<()> {
    let mut group = Group::prepare(3)?;
    group.boot(1)?;
    group.boot(2)?;
    group.leader()?;
    let wrong = format!("1={},2={},3={}", group.address(1), group.address(7), group.address(3));
    let finished = group.command(3, &group.address(3), &wrong, &group.data(3))?.finish()?.expect_code(115)?;
    for address in [group.address(2), group.address(7)] {
        assert!(finished.stderr.contains(&address), "{}", finished.stderr);
    }
    // With the id of another node it is told whose address it has.
    let finished = group.command(2, &group.address(3), &group.peers(), &group.data(3))?.finish()?.expect_code(104)?;
    assert!(finished.stderr.contains("address of node 3"), "{}", finished.stderr);
    let finished = group.command(2, &group.address(9), &group.peers(), &group.data(9))?.finish()?.expect_code(115)?;
    assert!(finished.stderr.contains("two nodes say that they are node 2"), "{}", finished.stderr);
    let finished = group.command(8, &group.address(8), &group.peers(), &group.data(8))?.finish()?.expect_code(104)?;
    assert!(finished.stderr.contains("node 8 isn't in the list of peers"), "{}", finished.stderr);
    let everywhere = group.command(3, "0.0.0.0:7701", &group.peers(), &group.data(3))?.finish()?.expect_code(104)?;
    assert!(everywhere.stderr.contains("--insecure"), "{}", everywhere.stderr);
    Ok(())
}

#[test]
fn a_coordinator_without_peers_is_a_group_of_its_own() -> Result<()> {
    let data = tempfile::tempdir()?;
    let alone = ["coordinator", "--id", "1", "--listen", "127.0.0.1:0", "--data-dir"];
    let mut process = Throng::command(alone)?.arg(data.path()).start()?;
    let line = process.stdout_line("listening on ", PATIENCE)?;
    let address = line.trim_start_matches("listening on ").to_owned();
    let status = until("it leads", PATIENCE, || {
        let finished = Throng::command(["cluster", "status", "--json", "--cluster", &address])?.finish()?;
        Ok((finished.code == Some(0)).then_some(finished.stdout))
    })?;
    assert!(status.contains(&address), "{status}");
    process.signal(Signal::SIGTERM)?;
    process.wait(PATIENCE)?.expect_code(0)?;
    Ok(())
}

#[test]
fn a_data_directory_in_use_of_another_node_or_damaged_is_refused() -> Result<()> {
    let mut group = Group::start(3)?;
    for number in 0..5 {
        group.upload(&format!("archive {number}"))?;
    }
    let follower = 1 + group.leader()? % 3;
    let data = group.data(follower);
    let again = |group: &Group, id: u64| {
        group.command(id, &group.address(id), &group.peers(), &data)?.finish()?.expect_code(112)
    };
    let finished = again(&group, follower)?;
    assert!(finished.stderr.contains("in use by another process"), "{}", finished.stderr);
    group.kill(follower)?;
    let other = 1 + follower % 3;
    group.kill(other)?;
    let finished = again(&group, other)?;
    assert!(finished.stderr.contains(&format!("belongs to node {follower}")), "{}", finished.stderr);
    group.boot(other)?;
    let file = data.join("coordinator.redb");
    let mut bytes = fs::read(&file)?;
    // The first page is redb's head; beyond it is what it says.
    bytes[4_096..].iter_mut().step_by(512).for_each(|byte| *byte ^= 0x55);
    fs::write(&file, &bytes)?;
    let finished = again(&group, follower)?;
    assert!(finished.stderr.contains("throng cluster add"), "{}", finished.stderr);
    // The others go on.
    group.leader()?;
    group.upload("without the damaged one")?;
    Ok(())
}
