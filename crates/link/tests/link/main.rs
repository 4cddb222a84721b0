//! The link against a group that fails at any point: each window is counted once, and each deed is done once.
#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod group;
mod machine;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use group::{Counting, Group, Kept, Script, iterations};
use throng_control::AgentName;
use throng_link::{Left, LinkConfig, LinkError};
use throng_trust::Credentials;

const WINDOWS: u64 = 120;

/// Whoever measures time has it to itself; those that keep the machine busy share it.
static QUIET: RwLock<()> = RwLock::new(());

const CALM: Script = Script { break_one_of: 0, breaks_max: 0, says_twice: false, outage: Duration::ZERO };

fn config(nodes: &[String]) -> LinkConfig {
    LinkConfig {
        name: AgentName::new("agent-1").unwrap(),
        nodes: nodes.to_vec(),
        capacity: 1,
        tags: BTreeMap::new(),
        addresses: Vec::new(),
        version: "0.1.0".to_owned(),
        credentials: Credentials::plain(false),
        give_up_after: Some(Duration::from_secs(20)),
        drain: Arc::new(AtomicBool::new(false)),
    }
}

/// Goes through a whole run, and looks at what came of it. Returns how many streams were broken, and windows said again.
fn whole_run(seed: u64, script: Script) -> (u64, u64) {
    let group = Group::start(3, seed, script);
    let (workers, news) = Counting::new(WINDOWS, Duration::from_millis(4));
    let told = Arc::clone(&workers.told);
    let mut notes = Kept::default();
    let left = throng_link::run(config(&group.nodes[..1]), (workers, news), &mut notes);
    assert!(matches!(left, Ok(Left::Dismissed)), "seed {seed}: {left:?}");
    let state = group.state.lock().unwrap();
    let wanted: u64 = (1..=WINDOWS).map(iterations).sum();
    assert_eq!((state.through, state.iterations), (WINDOWS, wanted), "seed {seed}");
    for (what, times) in told.lock().unwrap().iter() {
        assert_eq!(*times, 1, "seed {seed}: {what}");
    }
    assert_eq!(told.lock().unwrap().len(), 6, "begin, prepare, set up, start, tear down, release");
    (state.broken, state.again)
}

#[test]
fn a_run_goes_its_whole_way_by_any_node() {
    assert_eq!(whole_run(1, CALM), (0, 0));
}

#[test]
fn messages_that_come_twice_change_nothing() {
    whole_run(2, Script { says_twice: true, ..CALM });
}

#[test]
fn wherever_streams_break_each_window_counts_once_and_each_deed_is_done_once() {
    let _busy = QUIET.read().unwrap_or_else(PoisonError::into_inner);
    let (mut broken, mut again) = (0, 0);
    let runs: Vec<_> = (1..=24)
        .map(|seed| {
            std::thread::spawn(move || {
                let script = Script {
                    break_one_of: 3 + seed % 17,
                    breaks_max: 12,
                    says_twice: seed.is_multiple_of(3),
                    outage: Duration::from_millis(seed % 4 * 30),
                };
                whole_run(seed, script)
            })
        })
        .collect();
    for run in runs {
        let (of_run, said_again) = run.join().unwrap();
        broken += of_run;
        again += said_again;
    }
    println!("{broken} streams were broken, and {again} windows said again that were in a checkpoint");
    assert!(broken > 100 && again > 0, "{broken} {again}");
}

#[test]
fn a_leader_that_is_gone_is_replaced_within_a_moment() {
    let _alone = QUIET.write().unwrap_or_else(PoisonError::into_inner);
    let script = Script { break_one_of: 10, breaks_max: 15, outage: Duration::ZERO, ..CALM };
    let group = Group::start(3, 77, script);
    let (workers, news) = Counting::new(WINDOWS, Duration::from_millis(10));
    let mut notes = Kept::default();
    throng_link::run(config(&group.nodes), (workers, news), &mut notes).unwrap();
    let times =
        notes.0.iter().filter_map(|text| text.split_once(", after ")?.1.strip_suffix(" ms")?.parse::<u64>().ok());
    let mut times: Vec<u64> = times.collect();
    times.sort_unstable();
    println!("joined again after {times:?} ms");
    assert!(times.len() >= 5 && times[times.len() / 2] < 150, "{times:?}");
}

#[test]
fn another_version_is_refused_with_a_text() {
    let group = Group::start(2, 1, CALM);
    let config = LinkConfig { version: "0.2.0".to_owned(), ..config(&group.nodes) };
    let error = throng_link::run(config, Counting::new(1, Duration::ZERO), &mut Kept::default()).unwrap_err();
    assert!(matches!(&error, LinkError::Version(text) if text.contains("0.2.0")), "{error}");
}

#[test]
fn an_agent_that_finds_no_node_gives_up_if_it_is_to() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = LinkConfig { give_up_after: Some(Duration::from_millis(300)), ..config(&[free.to_string()]) };
    let error = throng_link::run(config, Counting::new(1, Duration::ZERO), &mut Kept::default()).unwrap_err();
    let text = error.to_string();
    assert!(text.contains(&free.to_string()) && text.contains("--give-up-after"), "{text}");
}

#[test]
fn an_agent_that_is_to_end_finishes_what_it_has() {
    let group = Group::start(1, 1, CALM);
    let config = config(&group.nodes);
    let drain = Arc::clone(&config.drain);
    let state = Arc::clone(&group.state);
    std::thread::spawn(move || {
        let until = Instant::now() + Duration::from_secs(60);
        while state.lock().unwrap().through < 10 && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(1));
        }
        drain.store(true, Ordering::Relaxed);
    });
    let left = throng_link::run(config, Counting::new(WINDOWS, Duration::from_millis(2)), &mut Kept::default());
    assert_eq!(left.unwrap(), Left::Drained);
    let state = group.state.lock().unwrap();
    assert_eq!((state.through, state.said.get("drain")), (WINDOWS, Some(&1)));
}
