use std::time::Duration;

use throng_control::judge::{AgentWindow, CallFailure, Standing};
use throng_control::leading::OwnSummary;
use throng_control::{
    AgentName, AssignmentId, Digest, Epoch, Failure, FailureKind, Order, RunId, Scale, Steering, Task, Timestamp,
};
use throng_stats::{Recorder, Registry, SourceId};
use throng_vu::LogLevel;

use super::*;
use crate::link::KeptWindow;
use crate::observer::LogRecord;
use crate::worker::{SetupFailure, WorkerEvent};

fn id(run: &str) -> PartId {
    let assignment = AssignmentId { epoch: Epoch::FIRST, agent: AgentName::new("a").unwrap() };
    PartId { run: RunId::new(run).unwrap(), assignment }
}

fn order(run: &str, task: Task) -> Order {
    let PartId { run, assignment } = id(run);
    Order {
        run,
        assignment,
        archive: Digest([0; 32]),
        segment: "0:1".to_owned(),
        sequence: "0,1".to_owned(),
        task,
        included: 0,
        steering: Steering::default(),
        number: 0,
        began: None,
    }
}

fn orders(parts: Vec<Order>) -> Orders {
    Orders { parts, leave: false }
}

fn only(task: Task) -> Orders {
    orders(vec![order("r", task)])
}

fn run(setup_data: bool) -> Task {
    Task::Run { start: Timestamp(7_000), from_ms: 0, begun_before: Vec::new(), setup_data }
}

fn stop() -> Task {
    Task::Stop { reason: "enough".to_owned() }
}

fn worker(event: WorkerEvent) -> PartEvent {
    PartEvent::Worker(event)
}

fn begun(has_vu_init: bool) -> PartEvent {
    PartEvent::Begun { registry: Arc::new(Registry::new()), has_vu_init }
}

fn ready() -> PartEvent {
    worker(WorkerEvent::Ready(Ok(Standing::default())))
}

fn is_ready(needs_init: bool) -> Fact {
    Fact::Ready { standing: Standing::default(), needs_init }
}

fn done(last_window: u64) -> PartEvent {
    worker(WorkerEvent::Done { last_window, unstarted: Vec::new() })
}

fn window(number: u64) -> PartEvent {
    let window = Recorder::new(Arc::new(Registry::new()), SourceId(0)).take(Duration::from_secs(number));
    let (first, last) = (number, number);
    worker(WorkerEvent::Window(Box::new(AgentWindow {
        first,
        last,
        window,
        vus: Vec::new(),
        standing: Standing::default(),
    })))
}

fn says(fact: Fact) -> Vec<Deed> {
    vec![Deed::Say(id("r"), fact)]
}

fn is_done(last_window: u64) -> Vec<Deed> {
    says(Fact::Done { last_window, marked_failed: None })
}

/// Numbers of the windows among deeds.
fn windows(deeds: &[Deed]) -> Vec<u64> {
    let number = |deed: &Deed| match deed {
        Deed::SayWindow(_, KeptWindow { last, .. }) => Some(*last),
        _ => None,
    };
    deeds.iter().filter_map(number).collect()
}

/// Orders that change nothing any more give no deed, however often they come; what they don't show is said again.
#[track_caller]
fn settled(parts: &mut Parts, orders: &Orders) -> Vec<Deed> {
    let again = parts.obey(orders);
    assert!(again.iter().all(|deed| matches!(deed, Deed::Say(..))), "{again:?}");
    assert_eq!(parts.obey(orders), again);
    assert_eq!(parts.say_again(), again);
    again
}

/// Parts with one that has made its VUs.
fn prepared(has_vu_init: bool) -> Parts {
    let mut parts = Parts::new();
    let prepare = only(Task::Prepare);
    assert_eq!(parts.obey(&prepare), [Deed::Begin(Box::new(order("r", Task::Prepare)))]);
    assert_eq!(settled(&mut parts, &prepare), []);
    assert_eq!(parts.note(&id("r"), begun(has_vu_init)), []);
    assert_eq!(settled(&mut parts, &prepare), []);
    assert_eq!(parts.note(&id("r"), ready()), says(is_ready(has_vu_init)));
    assert_eq!(settled(&mut parts, &prepare), says(is_ready(has_vu_init)));
    parts
}

#[test]
fn a_part_goes_its_whole_way_and_each_deed_is_given_once() {
    let (mut parts, part) = (prepared(true), id("r"));
    let data = SetupData { run: Some("1".into()), scenarios: Vec::new() };

    let set_up = only(Task::Setup);
    assert_eq!(parts.obey(&set_up), [Deed::SetUp(part.clone())]);
    assert_eq!(settled(&mut parts, &set_up), []);
    let fact = Fact::SetupDone(Ok(data.clone().into()));
    assert_eq!(parts.note(&part, worker(WorkerEvent::SetupDone(Ok(data.clone())))), says(fact.clone()));
    assert_eq!(settled(&mut parts, &set_up), says(fact));

    let init = only(Task::InitVus { setup_data: true });
    assert_eq!(parts.obey(&init), [], "the data is yet to come");
    assert_eq!(parts.note_setup_data(&part, data.clone()), [Deed::InitVus(part.clone(), data.clone())]);
    assert_eq!(settled(&mut parts, &init), []);
    assert_eq!(parts.note(&part, worker(WorkerEvent::VusInitialised)), says(is_ready(false)));
    assert_eq!(settled(&mut parts, &init), says(is_ready(false)));

    let load = only(run(true));
    let start = Deed::Start {
        part: part.clone(),
        start: Timestamp(7_000),
        from_ms: 0,
        begun_before: Vec::new(),
        setup_data: data,
    };
    assert_eq!(parts.obey(&load), [start]);
    assert_eq!(settled(&mut parts, &load), []);
    assert_eq!(windows(&parts.note(&part, window(1))), [1]);
    assert_eq!(parts.note(&part, done(1)), is_done(1));
    assert_eq!(settled(&mut parts, &load), is_done(1));

    assert_eq!(settled(&mut parts, &only(Task::Hold)), []);
    let tear_down = only(Task::Teardown { cut: false });
    assert_eq!(parts.obey(&tear_down), [Deed::TearDown(part.clone())]);
    assert_eq!(settled(&mut parts, &tear_down), []);
    assert_eq!(windows(&parts.note(&part, window(2))), [2]);
    let fact = Fact::TeardownDone { failure: None, last_window: 2, marked_failed: None };
    let over = worker(WorkerEvent::TeardownDone { result: Ok(()), last_window: 2 });
    assert_eq!(parts.note(&part, over), says(fact.clone()));
    assert_eq!(settled(&mut parts, &tear_down), says(fact));

    let summarize = only(Task::Summarize);
    assert_eq!(settled(&mut parts, &summarize), [], "its data is yet to come");
    assert_eq!(parts.note_summary_data(&part, "{}".into()), [Deed::Summarize(part.clone(), "{}".into())]);
    assert_eq!(parts.note_summary_data(&part, "{}".into()), []);
    let over = worker(WorkerEvent::Summarized(Ok(None)));
    assert_eq!(parts.note(&part, over), says(Fact::Summarized(Ok(OwnSummary(None)))));

    assert_eq!(parts.obey(&orders(Vec::new())), [Deed::Release(part.clone())]);
    assert_eq!(parts.obey(&Orders { parts: Vec::new(), leave: true }), [Deed::Leave]);
    assert_eq!(parts.note(&part, window(3)), [], "nobody asks any more");
}

#[test]
fn orders_that_were_missed_are_made_up_for() {
    // The first that it hears is that it is to run.
    let (mut parts, part) = (Parts::new(), id("r"));
    let load = only(run(false));
    assert!(matches!(parts.obey(&load)[..], [Deed::Begin(_)]));
    assert_eq!(parts.note(&part, begun(false)), []);
    assert!(matches!(parts.note(&part, ready())[..], [Deed::Start { .. }]));
    assert_eq!(settled(&mut parts, &load), []);
}

#[test]
fn without_a_stream_work_goes_on_and_is_said_later() {
    let (mut parts, part, load) = (prepared(false), id("r"), only(run(false)));
    parts.obey(&load);
    assert_eq!(windows(&parts.note(&part, window(1))), [1]);
    parts.end_stream();
    for number in 2..=4 {
        assert_eq!(parts.note(&part, window(number)), []);
    }
    let log = LogRecord { level: LogLevel::Info, message: "lost".to_owned(), source: String::new() };
    assert_eq!(parts.note(&part, worker(WorkerEvent::Log(log))), []);
    assert_eq!(parts.note(&part, done(4)), []);
    assert_eq!(parts.say_again(), []);
    // The leader that is there now has the first in a checkpoint.
    let included = orders(vec![Order { included: 1, ..order("r", run(false)) }]);
    let deeds = parts.obey(&included);
    assert_eq!(windows(&deeds), [2, 3, 4]);
    assert_eq!(deeds[3..], is_done(4));
    assert_eq!(settled(&mut parts, &included), is_done(4));
    // Another stream, and nothing more in a checkpoint.
    parts.end_stream();
    assert_eq!(windows(&parts.obey(&included)), [2, 3, 4]);
}

#[test]
fn a_stop_cuts_what_goes_on_and_is_done_when_nothing_does() {
    let part = id("r");
    // Nothing has begun.
    let mut parts = Parts::new();
    assert_eq!(parts.obey(&only(stop())), is_done(0));
    // VUs are being made.
    let mut parts = Parts::new();
    parts.obey(&only(Task::Prepare));
    assert_eq!(parts.obey(&only(stop())), [Deed::Stop(part.clone())]);
    assert_eq!(settled(&mut parts, &only(stop())), []);
    assert_eq!(parts.note(&part, begun(false)), []);
    assert_eq!(parts.note(&part, ready()), is_done(0));
    // They are made.
    assert_eq!(prepared(false).obey(&only(stop())), is_done(0));
    // Setup goes on.
    let mut parts = prepared(false);
    parts.obey(&only(Task::Setup));
    assert_eq!(parts.obey(&only(stop())), [Deed::Stop(part.clone())]);
    let failure = SetupFailure { scenario: None, failure: CallFailure::Aborted };
    assert_eq!(parts.note(&part, worker(WorkerEvent::SetupDone(Err(failure)))), is_done(0));
    // The load does.
    let mut parts = prepared(false);
    parts.obey(&only(run(false)));
    assert_eq!(parts.obey(&only(stop())), [Deed::Stop(part.clone())]);
    assert_eq!(windows(&parts.note(&part, window(1))), [1]);
    assert_eq!(parts.note(&part, done(1)), is_done(1));
    assert_eq!(settled(&mut parts, &only(stop())), is_done(1));
}

#[test]
fn vus_are_made_ready_by_coordinators_that_do_not_order_it_too() {
    let (mut parts, part) = (prepared(true), id("r"));
    assert_eq!(parts.obey(&only(run(false))), [Deed::InitVus(part.clone(), SetupData::default())]);
    assert!(matches!(parts.note(&part, worker(WorkerEvent::VusInitialised))[..], [Deed::Start { .. }]));
}

#[test]
fn a_teardown_is_cut_once_and_what_came_of_it_is_said() {
    let (mut parts, part) = (prepared(false), id("r"));
    parts.obey(&only(run(false)));
    // What was said of the load doesn't count for teardown.
    parts.note(&part, worker(WorkerEvent::Abort("enough".to_owned())));
    parts.obey(&only(stop()));
    parts.note(&part, done(0));
    assert_eq!(parts.obey(&only(Task::Teardown { cut: false })), [Deed::TearDown(part.clone())]);
    let abort = worker(WorkerEvent::Abort("at last".to_owned()));
    assert_eq!(parts.note(&part, abort), says(Fact::Abort("at last".to_owned())));
    let cut = only(Task::Teardown { cut: true });
    assert_eq!(parts.obey(&cut)[0], Deed::Stop(part.clone()));
    assert_eq!(settled(&mut parts, &cut), says(Fact::Abort("at last".to_owned())));
    let over = worker(WorkerEvent::TeardownDone { result: Err(CallFailure::Aborted), last_window: 0 });
    let deeds = parts.note(&part, over);
    let [Deed::Say(_, Fact::TeardownDone { failure: Some(failure), .. })] = &deeds[..] else { panic!("{deeds:?}") };
    assert_eq!(failure.message, "it was aborted");
}

#[test]
fn a_failed_setup_says_whose_and_what_it_is() {
    let (mut parts, part) = (prepared(false), id("r"));
    parts.obey(&only(Task::Setup));
    let failure = CallFailure::Timeout(Duration::from_millis(500));
    let failed = WorkerEvent::SetupDone(Err(SetupFailure { scenario: Some("late".to_owned()), failure }));
    let message = "it took longer than 500ms, which setupTimeout sets".to_owned();
    let failure = Failure { kind: FailureKind::TimedOut, message, scenario: Some("late".to_owned()) };
    assert_eq!(parts.note(&part, worker(failed)), says(Fact::SetupDone(Err(failure))));
}

#[test]
fn an_abort_of_the_script_is_said_until_it_is_obeyed() {
    let (mut parts, part) = (prepared(false), id("r"));
    parts.obey(&only(run(false)));
    let abort = || worker(WorkerEvent::Abort("no more".to_owned()));
    assert_eq!(parts.note(&part, abort()), says(Fact::Abort("no more".to_owned())));
    assert_eq!(parts.note(&part, abort()), [], "once is enough");
    parts.end_stream();
    assert_eq!(settled(&mut parts, &only(run(false))), says(Fact::Abort("no more".to_owned())));
    assert_eq!(parts.obey(&only(stop())), [Deed::Stop(part.clone())]);
    parts.note(&part, worker(WorkerEvent::Fail("bad".to_owned())));
    let fact = Fact::Done { last_window: 0, marked_failed: Some("bad".to_owned()) };
    assert_eq!(parts.note(&part, done(0)), says(fact));
}

#[test]
fn a_part_that_fails_says_so_and_can_still_be_ended() {
    let (mut parts, part) = (Parts::new(), id("r"));
    parts.obey(&only(Task::Prepare));
    let failure = Failure::new(FailureKind::Archive, "no such archive");
    assert_eq!(parts.note(&part, PartEvent::NotBegun(failure.clone())), says(Fact::Failed(failure.clone())));
    assert_eq!(settled(&mut parts, &only(Task::Prepare)), says(Fact::Failed(failure)));
    assert_eq!(settled(&mut parts, &only(stop())), is_done(0));
    assert_eq!(parts.obey(&orders(Vec::new())), [Deed::Release(part.clone())]);
    // A shard's end is the part's.
    let mut parts = prepared(false);
    parts.obey(&only(run(false)));
    let deeds = parts.note(&part, worker(WorkerEvent::Lost));
    assert!(matches!(&deeds[..], [Deed::Say(_, Fact::Failed(failure))] if failure.message.contains("by itself")));
    let deeds = settled(&mut parts, &only(Task::Teardown { cut: false }));
    assert!(matches!(&deeds[..], [Deed::Say(_, Fact::TeardownDone { failure: Some(_), .. })]), "{deeds:?}");
}

#[test]
fn windows_that_another_process_gave_make_a_part_fail() {
    let mut parts = Parts::new();
    let deeds = parts.obey(&orders(vec![Order { included: 5, ..order("r", run(false)) }]));
    assert!(
        matches!(&deeds[..], [Deed::Say(_, Fact::Failed(failure))] if failure.message.contains("knows nothing of"))
    );
    // And a checkpoint with windows that were never said stops the load.
    let mut parts = prepared(false);
    parts.obey(&only(run(false)));
    let deeds = parts.note_committed(&id("r"), 3);
    assert!(matches!(&deeds[..], [Deed::Stop(_), Deed::Say(_, Fact::Failed(_))]), "{deeds:?}");
}

#[test]
fn windows_are_let_go_of_by_checkpoints() {
    let (mut parts, part) = (prepared(false), id("r"));
    parts.obey(&only(run(false)));
    let said: Vec<u64> = (1..=40).flat_map(|number| windows(&parts.note(&part, window(number)))).collect();
    assert_eq!(said, (1..=32).collect::<Vec<_>>(), "so many ahead of a checkpoint");
    assert_eq!(windows(&parts.note_committed(&part, 20)), (33..=40).collect::<Vec<_>>());
    assert_eq!(parts.note_committed(&part, 20), []);
}

#[test]
fn pauses_and_numbers_of_vus_are_told_when_they_change() {
    let mut parts = prepared(false);
    let steering = |paused, vus| {
        let scales = [(1, Scale { vus, max_vus: None })].into();
        Steering { paused, scales }
    };
    let with = |paused, vus| orders(vec![Order { steering: steering(paused, vus), ..order("r", Task::Prepare) }]);
    let control = |paused, vus| Deed::Control(id("r"), steering(paused, vus));
    let deeds = parts.obey(&with(true, Some(3)));
    assert_eq!(deeds[0], control(true, Some(3)));
    settled(&mut parts, &with(true, Some(3)));
    assert_eq!(parts.obey(&with(false, Some(3)))[0], control(false, Some(3)));
}

#[test]
fn several_parts_are_apart_and_there_is_a_limit() {
    let mut parts = Parts::new();
    let names: Vec<String> = (0..=PARTS_MAX).map(|n| format!("r{n}")).collect();
    let all = orders(names.iter().map(|name| order(name, Task::Prepare)).collect());
    let deeds = parts.obey(&all);
    let begun = deeds.iter().filter(|deed| matches!(deed, Deed::Begin(_))).count();
    let refused = deeds.iter().filter(|deed| matches!(deed, Deed::Say(_, Fact::Failed(_)))).count();
    assert_eq!((begun, refused, deeds.len()), (PARTS_MAX, 1, PARTS_MAX + 1));
    assert_eq!(parts.note(&id("r3"), PartEvent::Begun { registry: Arc::new(Registry::new()), has_vu_init: false }), []);
    assert_eq!(parts.note(&id("r3"), ready()).len(), 1);
    assert_eq!(parts.obey(&orders(vec![order("r3", Task::Prepare)])).len(), PARTS_MAX + 1, "others are let go of");
    assert_eq!(parts.ids().collect::<Vec<_>>(), [&id("r3")]);
}
