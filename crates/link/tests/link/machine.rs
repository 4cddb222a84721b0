//! A whole run with the workers of this machine: the archive is fetched from a group that breaks off, and what was measured
//! is counted once.
#[allow(dead_code, reason = "tests of the agent need more of it")]
#[path = "../../../agent/tests/guest/mod.rs"]
mod guest;

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use serde_json::json;
use throng_archive::Archive;
use throng_control::AgentName;
use throng_link::{ArchiveCache, CACHE_BYTES_MAX, Left, LinkConfig, MachineConfig, MachineWorkers};
use throng_trust::Credentials;

use crate::group::{Group, Kept, Script};

fn archive() -> Vec<u8> {
    let scenario = json!({ "executor": "constant-vus", "vus": 4, "duration": "6s" });
    let options = json!({ "scenarios": { "default": scenario } });
    let component = guest::config(json!({})).component;
    let options = options.as_object().unwrap().clone();
    let archive = Archive::new(("0.1.0", "0.1.0"), ("test", component), options, BTreeMap::new(), Vec::new()).unwrap();
    let mut bytes = Vec::new();
    archive.write(&mut bytes).unwrap();
    bytes
}

#[test]
fn a_run_of_a_real_script_loses_and_doubles_nothing_while_streams_break() {
    let _busy = crate::QUIET.read().unwrap_or_else(PoisonError::into_inner);
    let script = Script { break_one_of: 6, breaks_max: 8, says_twice: true, outage: Duration::from_millis(50) };
    let group = Group::start(3, 5, script);
    let archive = archive();
    group.state.lock().unwrap().archive = archive.clone().into();
    let directory = tempfile::tempdir().unwrap();
    let machine = MachineConfig {
        archives: ArchiveCache::open(directory.path(), CACHE_BYTES_MAX).unwrap(),
        cache_dir: None,
        version: "0.1.0".to_owned(),
        sources: Arc::default(),
        shards_max: 2,
        parts_max: 2,
        credentials: Credentials::plain(false),
        outputs: Vec::new(),
        notify: throng_link::Notify(std::sync::Arc::new(|_| {})),
        allowed_targets: None,
    };
    let config = LinkConfig {
        name: AgentName::new("agent-1").unwrap(),
        nodes: group.nodes.clone(),
        capacity: 1,
        tags: BTreeMap::new(),
        addresses: Vec::new(),
        version: "0.1.0".to_owned(),
        credentials: Credentials::plain(false),
        give_up_after: Some(Duration::from_secs(20)),
        drain: Arc::new(AtomicBool::new(false)),
    };
    let mut notes = Kept::default();
    let left = throng_link::run(config, MachineWorkers::new(machine), &mut notes);
    assert_eq!(left.unwrap(), Left::Dismissed, "{:?}", notes.0);
    let state = group.state.lock().unwrap();
    println!("{} iterations in {} windows, {} streams broken", state.iterations, state.through, state.broken);
    assert!(state.broken > 2 && state.fetched >= 4, "{} {}", state.broken, state.fetched);
    assert!(state.through >= 3 && state.completed > 600, "{} {}", state.through, state.completed);
    assert_eq!(state.iterations, state.completed);
    let kept: Vec<_> = std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(kept.len(), 1);
    assert_eq!(std::fs::read(&kept[0]).unwrap(), archive);
}
