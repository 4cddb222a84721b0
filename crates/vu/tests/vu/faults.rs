//! What happens when a guest goes wrong, and that others don't notice.

use std::{
    rc::Rc,
    time::{Duration, Instant},
};

use futures_lite::future::{block_on, poll_once, yield_now, zip};
use throng_vu::{Engine, EngineConfig, Fault, FaultKind, Script, Ticker, Vu};

use crate::{
    fake_host::{FakeHost, Wait},
    guest::{self, Use, script},
};

struct Rig {
    script: Script<FakeHost>,
    _ticker: Ticker,
}

impl Rig {
    fn new() -> Rig {
        Rig::with_time_limit(Duration::from_millis(100))
    }

    fn with_time_limit(guest_time_limit: Duration) -> Rig {
        let engine =
            Engine::new(EngineConfig { memory_limit_bytes: 64 << 20, guest_time_limit, ..EngineConfig::default() })
                .unwrap();
        Rig { script: script(&engine), _ticker: engine.ticker().unwrap() }
    }

    fn vu(&self, wait: Wait) -> Vu<FakeHost> {
        self.vu_with_iterations(wait, 1)
    }

    fn vu_with_iterations(&self, wait: Wait, iterations: usize) -> Vu<FakeHost> {
        block_on(Vu::new(&self.script, FakeHost::with_iterations(wait, iterations))).unwrap()
    }

    /// Runs a behaviour to its fault in a VU of its own.
    fn fault(&self, what: u32) -> Fault {
        self.fault_of(&mut self.vu(Wait::No), what)
    }

    /// The same in this VU, beside one that is in the middle of an iteration and
    /// must end it undisturbed.
    fn fault_of(&self, vu: &mut Vu<FakeHost>, what: u32) -> Fault {
        let mut bystander = self.vu(Wait::Gate);
        let journal = Rc::clone(&bystander.host().journal);
        let (fault, after) = {
            let faulty = async {
                let fault = vu.run(what).await.unwrap_err();
                journal.borrow_mut().open = true;
                for waker in journal.borrow_mut().parked.drain(..) {
                    waker.wake();
                }
                fault
            };
            block_on(zip(faulty, bystander.run(guest::ROUND_TRIP)))
        };
        assert_eq!(after, Ok(()));
        block_on(bystander.run(guest::ROUND_TRIP)).unwrap();

        assert!(!vu.is_usable());
        let asked = vu.host().journal.borrow().asked;
        assert_eq!(block_on(vu.run(guest::NOTHING)).unwrap_err().kind, FaultKind::Host);
        assert_eq!(vu.host().journal.borrow().asked, asked, "a VU that faulted runs no more");
        fault
    }
}

#[test]
fn a_trap_names_the_functions_it_happened_in() {
    let fault = Rig::new().fault(guest::TRAP);
    assert_eq!(fault.kind, FaultKind::Trap);
    assert!(fault.message.contains("unreachable"), "{fault}");
    assert!(fault.message.contains("\n  in "), "{fault}");
}

#[test]
fn a_panic_gives_its_message() {
    let fault = Rig::new().fault(guest::PANIC);
    assert_eq!(fault.kind, FaultKind::Panic);
    assert_eq!(fault.message, "expected 200, got 503");
}

#[test]
fn an_abort_ends_the_call_with_its_message() {
    let fault = Rig::new().fault(guest::ABORT);
    assert_eq!(fault.kind, FaultKind::Aborted);
    assert_eq!(fault.message, "stop the run");
}

#[test]
fn endless_recursion_is_a_stack_overflow() {
    let fault = Rig::new().fault(guest::ENDLESS_RECURSION);
    assert_eq!(fault.kind, FaultKind::StackOverflow);
    assert!(fault.message.contains("128 KiB"), "{fault}");
    assert!(fault.message.contains("recurse"), "{fault}");
}

#[test]
fn memory_past_the_limit_is_named_as_such() {
    let fault = Rig::new().fault(guest::ALLOCATE_PAST_LIMIT);
    assert_eq!(fault.kind, FaultKind::OutOfMemory);
    assert!(fault.message.contains("64 MiB"), "{fault}");
}

#[test]
fn a_script_may_cope_with_refused_memory() {
    let mut vu = Rig::new().vu(Wait::No);
    block_on(vu.run(guest::COPE_WITHOUT_MEMORY)).unwrap();
    // A later trap isn't blamed on it.
    let fault = block_on(vu.run(guest::TRAP)).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Trap);
}

#[test]
fn what_a_script_coped_with_does_not_explain_a_trap_in_a_later_iteration() {
    let rig = Rig::new();
    let fault = rig.fault_of(&mut rig.vu_with_iterations(Wait::No, 2), guest::TRAP_AFTER_COPING);
    assert_eq!(fault.kind, FaultKind::Trap, "{fault}");
}

#[test]
fn a_script_whose_minimum_is_over_the_limit_gets_no_vu() {
    let engine = Engine::new(EngineConfig { memory_limit_bytes: 64 << 10, ..EngineConfig::default() }).unwrap();
    let fault = block_on(Vu::new(&script(&engine), FakeHost::new(Wait::No))).unwrap_err();
    assert_eq!(fault.kind, FaultKind::OutOfMemory);
}

#[test]
fn an_endless_loop_is_ended_and_others_run_meanwhile() {
    let rig = Rig::new();
    let (mut looping, mut working) = (rig.vu(Wait::No), rig.vu(Wait::Once));
    let began = Instant::now();
    let endless = async {
        let fault = looping.run(guest::ENDLESS_LOOP).await.unwrap_err();
        (fault, Instant::now())
    };
    let work = async {
        let (mut turns, mut last) = (0, Instant::now());
        while began.elapsed() < Duration::from_millis(60) {
            working.run(guest::ROUND_TRIP).await.unwrap();
            // The loop had its turn in between, and gave it up.
            turns += u32::from(last.elapsed() > Duration::from_millis(5));
            last = Instant::now();
        }
        (turns, Instant::now())
    };
    let ((fault, ended), (turns, worked)) = block_on(zip(endless, work));
    assert_eq!(fault.kind, FaultKind::TimeLimit);
    assert!(fault.message.contains("100ms"), "{fault}");
    assert!(fault.message.contains("throng.guestTimeLimit"), "{fault}");
    assert!(worked < ended, "the other VU had to wait for the end of the loop");
    assert!(turns >= 1);
}

#[test]
fn waiting_makes_a_guests_time_begin_anew() {
    let rig = Rig::new();
    let mut vu = rig.vu(Wait::Once);
    block_on(vu.run(guest::COMPUTE_WITH_WAITS)).unwrap();
    // Without the waits the same work is too long.
    let fault = block_on(rig.vu(Wait::No).run(guest::COMPUTE_WITH_WAITS)).unwrap_err();
    assert_eq!(fault.kind, FaultKind::TimeLimit);
}

#[test]
fn each_iteration_has_a_guests_time_to_itself() {
    // 15 iterations of 60 ms, where 100 ms are allowed and none waits.
    let rig = Rig::new();
    let mut vu = rig.vu_with_iterations(Wait::No, 15);
    block_on(vu.run(guest::COMPUTE_BRIEFLY)).unwrap();
    assert_eq!(vu.host().journal.borrow().asked, 16);
}

#[test]
fn an_endless_loop_in_a_later_iteration_is_ended() {
    let rig = Rig::new();
    let mut vu = rig.vu_with_iterations(Wait::No, 10);
    let fault = rig.fault_of(&mut vu, guest::LOOP_LATER);
    assert_eq!(fault.kind, FaultKind::TimeLimit);
    assert_eq!(vu.host().journal.borrow().asked, 3);
}

#[test]
fn iterations_that_wait_for_nothing_let_others_run() {
    // A slice of 10 ms has about 100,000 of them.
    let (turns, limit) = (20, 20_000_000);
    let rig = Rig::new();
    let mut vu = rig.vu_with_iterations(Wait::No, limit);
    let journal = Rc::clone(&vu.host().journal);
    let other = async {
        for _ in 0..turns {
            yield_now().await;
        }
        journal.borrow_mut().over = true;
    };
    let (result, ()) = block_on(zip(vu.run(guest::NOTHING), other));
    assert_eq!(result, Ok(()));
    let asked = journal.borrow().asked;
    assert!(asked < limit, "the other had not had its turns after {asked} iterations");
}

#[test]
fn time_in_which_others_run_does_not_count() {
    // Each computes until 400 ms have passed, and has an eighth of them to itself.
    let rig = Rig::new();
    let mut vus: Vec<_> = (0..8).map(|_| rig.vu(Wait::No)).collect();
    let mut calls: Vec<_> = vus.iter_mut().map(|vu| Box::pin(vu.run(guest::COMPUTE))).collect();
    while !calls.is_empty() {
        calls.retain_mut(|call| match block_on(poll_once(call)) {
            Some(result) => {
                assert_eq!(result, Ok(()));
                false
            }
            None => true,
        });
    }
}

#[test]
fn what_the_host_refuses_traps_with_its_words() {
    let rig = Rig::with_time_limit(Duration::from_secs(60));
    for (what, words) in [
        (guest::UNKNOWN_CHECK, "no check has the number 99"),
        (guest::UNKNOWN_METRIC, "no metric has the number 9"),
        (guest::UNKNOWN_FILE, "there is no file 7"),
        (guest::UNKNOWN_ROW, "there is no row 2"),
        (guest::HOLD_REQUESTS, "holds 65536 requests"),
        (Use::Finish.of(99), "no exchange has the number 99"),
        (Use::Cancel.of(99), "no exchange has the number 99"),
    ] {
        let fault = rig.fault(what);
        assert_eq!(fault.kind, FaultKind::Host);
        assert!(fault.message.contains(words), "{fault}");
    }
}

#[test]
fn text_past_the_end_of_memory_is_a_trap() {
    let fault = Rig::new().fault(guest::TEXT_PAST_THE_END);
    assert_eq!(fault.kind, FaultKind::Trap);
    assert!(fault.message.contains("out of bounds"), "{fault}");
}

#[test]
fn a_number_of_what_is_not_held_traps_with_the_number() {
    let rig = Rig::new();
    for use_ in Use::OF_HELD {
        // It is right with 1, the request or response that is held.
        assert_eq!(block_on(rig.vu(Wait::No).run(use_.of(1))), Ok(()), "{use_:?}");
        for number in [0, 2, 999] {
            if number == 0 && matches!(use_, Use::Done | Use::DoneWithBody) {
                // Stands for none.
                let mut vu = rig.vu(Wait::No);
                assert_eq!(block_on(vu.run(use_.of(0))), Ok(()), "{use_:?}");
                assert_eq!(vu.host().journal.borrow().released, 0);
                continue;
            }
            let mut vu = rig.vu(Wait::No);
            let fault = rig.fault_of(&mut vu, use_.of(number));
            let message = format!("the script holds no request or response of the number {number}");
            assert_eq!((fault.kind, fault.message), (FaultKind::Host, message), "{use_:?}");
            let journal = vu.host().journal.borrow();
            assert_eq!((journal.sent, journal.released), (1, 0), "{use_:?} {number} has done something else");
        }
    }
}

#[test]
fn a_number_that_was_given_back_traps() {
    let rig = Rig::new();
    // Each does it in two iterations.
    for use_ in [Use::Forget, Use::Release] {
        let mut vu = rig.vu_with_iterations(Wait::No, 2);
        let fault = rig.fault_of(&mut vu, use_.of(1));
        assert_eq!(fault.kind, FaultKind::Host);
        assert!(fault.message.contains("no request or response of the number 1"), "{use_:?}: {fault}");
        let journal = vu.host().journal.borrow();
        assert_eq!(journal.asked, 2, "{use_:?}");
        assert_eq!(journal.released, usize::from(!matches!(use_, Use::Forget)), "{use_:?}");
    }
}
