//! VUs that come, go and are dropped in the middle.

use std::rc::Rc;

use futures_lite::future::{block_on, poll_once};
use throng_vu::{Engine, EngineConfig, FaultKind, Vu};

use crate::{
    fake_host::{FakeHost, Wait},
    guest::{self, script},
};

fn engine() -> Engine {
    Engine::new(EngineConfig::default()).unwrap()
}

#[test]
fn a_memory_that_moves_keeps_its_contents() {
    let script = script(&engine());
    let mut vu = block_on(Vu::new(&script, FakeHost::new(Wait::No))).unwrap();
    block_on(vu.run(guest::MOVE_MEMORY)).unwrap();
    block_on(vu.run(guest::ROUND_TRIP)).unwrap();
}

#[test]
fn ten_thousand_vus_one_after_another_use_the_same_slots() {
    let engine = engine();
    let script = script(&engine);
    let mut first = None;
    for i in 0..10_000 {
        let mut vu = block_on(Vu::new(&script, FakeHost::new(Wait::No))).unwrap();
        // Every way to end: well, by a trap, in the middle.
        match i % 4 {
            0 => block_on(vu.run(guest::ROUND_TRIP)).unwrap(),
            1 => assert!(block_on(vu.run(guest::TRAP)).is_err()),
            2 => {
                vu.host_mut().between.push_back(Wait::Gate);
                assert!(block_on(poll_once(vu.run(guest::ROUND_TRIP))).is_none());
            }
            _ => {
                vu.host_mut().wait = Wait::Gate;
                assert!(block_on(poll_once(vu.run(guest::ROUND_TRIP))).is_none());
            }
        }
        let usage = engine.arena_usage();
        assert_eq!(usage.slots_used, 2, "a stack and a memory");
        drop(vu);
        let usage = engine.arena_usage();
        assert_eq!(*first.get_or_insert(usage), usage);
    }
    let usage = first.unwrap();
    assert_eq!((usage.slots_used, usage.slots_free), (0, 2));
}

#[test]
fn a_dropped_call_ends_the_wait_and_the_vu() {
    let script = script(&engine());
    for what in [guest::ROUND_TRIP, guest::SLEEP] {
        let mut vu = block_on(Vu::new(&script, FakeHost::new(Wait::Gate))).unwrap();
        let journal = Rc::clone(&vu.host().journal);
        {
            let mut call = Box::pin(vu.run(what));
            assert!(block_on(poll_once(&mut call)).is_none());
            assert_eq!(journal.borrow().waits_dropped, 0);
        }
        assert_eq!(journal.borrow().waits_dropped, 1);
        assert!(!vu.is_usable());
        let fault = block_on(vu.run(guest::NOTHING)).unwrap_err();
        assert_eq!(fault.kind, FaultKind::Host);
        assert_eq!(vu.host().journal.borrow().sent, 0);
    }
}

#[test]
fn a_run_that_is_dropped_between_iterations_ends_the_wait_and_the_vu() {
    let script = script(&engine());
    for ended in [0, 1, 2] {
        let mut vu = block_on(Vu::new(&script, FakeHost::with_iterations(Wait::No, 3))).unwrap();
        let waits = (0..ended).map(|_| Wait::No).chain([Wait::Gate]);
        vu.host_mut().between.extend(waits);
        let journal = Rc::clone(&vu.host().journal);
        {
            let mut run = Box::pin(vu.run(guest::KEEP_RESPONSE));
            assert!(block_on(poll_once(&mut run)).is_none());
            assert_eq!(journal.borrow().waits_dropped, 0);
        }
        assert_eq!(journal.borrow().waits_dropped, 1);
        assert!(!vu.is_usable());
        let fault = block_on(vu.run(guest::NOTHING)).unwrap_err();
        assert_eq!(fault.kind, FaultKind::Host);
        assert_eq!((journal.borrow().asked, journal.borrow().sent), (ended, ended));
        drop(vu);
        assert_eq!(journal.borrow().released, ended, "what the guest held goes back to the host");
    }
}

#[test]
fn a_call_that_was_never_polled_changes_nothing() {
    let script = script(&engine());
    let mut vu = block_on(Vu::new(&script, FakeHost::new(Wait::No))).unwrap();
    drop(vu.run(guest::TRAP));
    assert!(vu.is_usable());
    block_on(vu.run(guest::ROUND_TRIP)).unwrap();
}

#[test]
fn a_script_is_shared_between_threads() {
    let script = script(&engine());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let script = script.clone();
            scope.spawn(move || {
                for _ in 0..50 {
                    let mut vu = block_on(Vu::new(&script, FakeHost::new(Wait::Once))).unwrap();
                    block_on(vu.run(guest::ROUND_TRIP)).unwrap();
                }
            });
        }
    });
}

#[test]
fn slots_outlive_an_engine_that_is_dropped_before_its_vus() {
    let engine = engine();
    let script = script(&engine);
    let mut vu = block_on(Vu::new(&script, FakeHost::new(Wait::No))).unwrap();
    drop((engine, script));
    block_on(vu.run(guest::ROUND_TRIP)).unwrap();
}
