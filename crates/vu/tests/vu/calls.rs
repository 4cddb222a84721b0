//! What passes between a guest and its host when all is well.

use std::{rc::Rc, time::Duration};

use futures_lite::future::{block_on, poll_once};
use throng_vu::{
    BodyPart, Coding, Credentials, Engine, EngineConfig, Failure, FaultKind, FileDeclaration, FileFormat, FileRange,
    LogLevel, MetricDefinition, MetricKind, RequestBody, RequestSpec, ResponseBody, Script, Vu,
};

use crate::{
    fake_host::{FakeHost, Wait},
    guest::{self, bare_guest, script},
};

fn vu(wait: Wait) -> Vu<FakeHost> {
    vu_with_iterations(wait, 1)
}

fn vu_with_iterations(wait: Wait, iterations: usize) -> Vu<FakeHost> {
    let engine = Engine::new(EngineConfig::default()).unwrap();
    block_on(Vu::new(&script(&engine), FakeHost::with_iterations(wait, iterations))).unwrap()
}

#[test]
fn a_request_is_prepared_once_and_sent_and_checked_in_each_iteration() {
    // Three runs of one iteration, and one run of three.
    for (wait, runs, iterations) in [(Wait::No, 3, 1), (Wait::Once, 3, 1), (Wait::No, 1, 3), (Wait::Once, 1, 3)] {
        let mut vu = vu_with_iterations(wait, iterations);
        for _ in 0..runs {
            block_on(vu.run(guest::ROUND_TRIP)).unwrap();
        }
        let journal = vu.host().journal.borrow();
        assert_eq!(journal.asked, runs * (iterations + 1));
        assert_eq!(journal.errors, []);
        assert_eq!(journal.sent, 3);
        assert_eq!(journal.checks, [(0, true); 3]);
        assert_eq!(journal.released, 3);
        let pair = ("x-kind".to_owned(), "TARGET".to_owned());
        assert_eq!(
            journal.prepared,
            [RequestSpec {
                method: "GET".to_owned(),
                url: "http://target/".to_owned(),
                headers: vec![pair.clone()],
                body: Some(b"no luck".to_vec()),
                timeout_ms: Some(1500),
                tags: 5,
                response_body: Some(ResponseBody::Discard),
                redirects_max: Some(4),
                compression: vec![Coding::Br, Coding::Zstd],
                digest: Some(Credentials { user: "GET".to_owned(), password: "a::b".to_owned() }),
                expected: vec![(200, 299)],
                jar: 3,
                cookies: vec![pair],
            }]
        );
    }
}

#[test]
fn one_run_has_as_many_iterations_as_the_host_wants() {
    let mut vu = vu_with_iterations(Wait::Once, 100_000);
    block_on(vu.run(guest::ROUND_TRIP)).unwrap();
    {
        let journal = vu.host().journal.borrow();
        assert_eq!((journal.asked, journal.sent, journal.released), (100_001, 100_000, 100_000));
        assert_eq!(journal.prepared.len(), 1);
    }
    vu.host_mut().iterations = 0;
    block_on(vu.run(guest::ROUND_TRIP)).unwrap();
    let journal = vu.host().journal.borrow();
    assert_eq!((journal.asked, journal.sent), (100_002, 100_000), "a run may have none");
}

#[test]
fn a_run_waits_for_the_host_between_iterations() {
    let mut vu = vu_with_iterations(Wait::No, 2);
    vu.host_mut().between.extend([Wait::Once, Wait::Gate, Wait::Once]);
    let journal = Rc::clone(&vu.host().journal);
    let mut run = Box::pin(vu.run(guest::ROUND_TRIP));
    for _ in 0..3 {
        assert_eq!(block_on(poll_once(&mut run)), None);
    }
    assert_eq!(journal.borrow().sent, 1);
    journal.borrow_mut().open = true;
    assert_eq!(block_on(run), Ok(()));
    assert_eq!(journal.borrow().sent, 2);
    assert_eq!(journal.borrow().waits_dropped, 0);
}

#[test]
fn an_error_of_an_iteration_reaches_the_host_and_the_run_goes_on() {
    let mut vu = vu_with_iterations(Wait::No, 3);
    block_on(vu.run(guest::ERROR)).unwrap();
    let error = "no luck".to_owned();
    let expected = [(1, error.clone()), (2, error.clone()), (3, error)];
    assert_eq!(vu.host().journal.borrow().errors, expected);
    assert!(vu.is_usable());
}

#[test]
fn a_script_may_end_its_run_by_itself() {
    let mut vu = vu_with_iterations(Wait::No, 10);
    block_on(vu.run(guest::END_THE_RUN)).unwrap();
    assert_eq!(vu.host().journal.borrow().asked, 3);
    assert!(vu.is_usable());
    block_on(vu.run(guest::NOTHING)).unwrap();
}

#[test]
fn a_response_gives_its_body_headers_and_timings() {
    block_on(vu(Wait::No).run(guest::LOOK_AT_RESPONSE)).unwrap();
}

fn given() -> RequestBody {
    RequestBody::Bytes(b"{\"vus\":3}".to_vec())
}

#[test]
fn a_body_may_be_in_parts_and_one_be_read_while_it_arrives() {
    for wait in [Wait::No, Wait::Once] {
        let mut vu = vu(wait);
        block_on(vu.run(guest::PARTS)).unwrap();
        let journal = vu.host().journal.borrow();
        let file = BodyPart::File(FileRange { file: 2, offset: 5, length: 7 });
        let both = vec![BodyPart::Bytes(b"{\"vus\":3}".to_vec()), file.clone()];
        assert_eq!(journal.bodies, [RequestBody::Parts(both), RequestBody::Parts(vec![file])]);
        assert_eq!(journal.released, 2);
    }
}

#[test]
fn a_body_may_be_given_when_sending() {
    let mut vu = vu(Wait::No);
    block_on(vu.run(guest::SEND_BODY)).unwrap();
    block_on(vu.run(guest::SEND_BODY)).unwrap();
    let journal = vu.host().journal.borrow();
    assert_eq!(journal.bodies, [given(), given()]);
    assert_eq!(journal.prepared.len(), 2, "the request was dropped each time");
}

#[test]
fn a_failed_request_is_an_error_for_the_guest_and_no_fault() {
    let mut vu = vu(Wait::No);
    vu.host_mut().failures.extend([None, Some(Failure { code: 1212, message: "refused".to_owned() })]);
    block_on(vu.run(guest::FAILURE)).unwrap();
}

#[test]
fn a_failure_ends_the_iteration_where_the_host_wants_it() {
    let mut vu = vu(Wait::Once);
    vu.host_mut().throws = true;
    vu.host_mut().failures.extend([None, Some(Failure { code: 1212, message: "refused".to_owned() })]);
    let fault = block_on(vu.run(guest::FAILURE)).unwrap_err();
    assert_eq!((fault.kind, fault.to_string()), (FaultKind::Host, "refused".to_owned()));
}

#[test]
fn exchanges_may_go_on_together_and_be_waited_for() {
    for wait in [Wait::No, Wait::Once] {
        let mut vu = vu(wait);
        block_on(vu.run(guest::TWO_EXCHANGES)).unwrap();
        let journal = vu.host().journal.borrow();
        assert_eq!(journal.bodies, [given()]);
        assert_eq!(journal.released, 1);
        assert_eq!(journal.said[1..], ["wait for [1, 2] Some(5ms)", "cancel 1", "wait for [] None"]);
    }
}

#[test]
fn jars_are_made_read_written_and_dropped_and_urls_resolved() {
    let mut vu = vu(Wait::No);
    block_on(vu.run(guest::JARS)).unwrap();
    assert_eq!(
        vu.host().journal.borrow().said,
        [
            "cookies 3 http://target/",
            "set 3 http://target/ x-kind",
            r#"delete 3 http://target/ Some("x-kind")"#,
            "delete 3 http://target/ None",
            "drop jar 3",
            "resolve x-kind against http://target/",
        ]
    );
}

#[test]
fn a_response_is_given_back_by_the_send_that_names_it() {
    for wait in [Wait::No, Wait::Once] {
        // Every second one by `send-body`.
        let mut vu = vu_with_iterations(wait, 6);
        block_on(vu.run(guest::GIVE_BACK_WHEN_SENDING)).unwrap();
        let journal = Rc::clone(&vu.host().journal);
        assert_eq!((journal.borrow().sent, journal.borrow().bodies.len()), (6, 3));
        assert_eq!(journal.borrow().released, 5, "the first named none, the last is held");
        drop(vu);
        assert_eq!(journal.borrow().released, 6);
    }
}

#[test]
fn a_response_is_given_back_before_the_wait() {
    let mut vu = vu(Wait::No);
    block_on(vu.run(guest::GIVE_BACK_WHEN_SENDING)).unwrap();
    vu.host_mut().wait = Wait::Gate;
    let journal = Rc::clone(&vu.host().journal);
    let mut run = Box::pin(vu.run(guest::GIVE_BACK_WHEN_SENDING));
    assert_eq!(block_on(poll_once(&mut run)), None);
    assert_eq!((journal.borrow().sent, journal.borrow().released), (1, 1));
}

#[test]
fn responses_that_a_guest_keeps_are_released_with_the_vu() {
    let mut vu = vu(Wait::No);
    for _ in 0..5 {
        block_on(vu.run(guest::KEEP_RESPONSE)).unwrap();
    }
    let journal = Rc::clone(&vu.host().journal);
    assert_eq!(journal.borrow().released, 0);
    drop(vu);
    assert_eq!(journal.borrow().released, 5);
}

#[test]
fn every_other_import_reaches_the_host() {
    let mut vu = vu(Wait::No);
    block_on(vu.run(guest::EVERYTHING_ELSE)).unwrap();
    let journal = vu.host().journal.borrow();
    assert_eq!(
        journal.said,
        [
            r#"intern [("x-kind", "TARGET")]"#,
            "register status is 200 0",
            "enter status is 200",
            "leave",
            "add 0 1.5 7",
            r#"tag x-kind Some("TARGET")"#,
            "tag x-kind None",
            "fail no luck",
        ]
    );
    assert_eq!(journal.checks, [(0, true), (0, false)]);
    assert_eq!(journal.messages, [(LogLevel::Warn, 7)]);
}

#[test]
fn files_are_read_through_the_host() {
    block_on(vu(Wait::No).run(guest::FILES)).unwrap();
}

#[test]
fn sleep_waits_as_long_as_the_host_says() {
    let mut vu = vu(Wait::Once);
    block_on(vu.run(guest::SLEEP)).unwrap();
    let journal = vu.host().journal.borrow();
    assert_eq!(journal.slept, [Duration::from_millis(5)]);
}

#[test]
fn long_messages_are_cut_to_16_kib() {
    let mut vu = vu(Wait::No);
    block_on(vu.run(guest::LONG_MESSAGE)).unwrap();
    let (level, bytes) = vu.host().journal.borrow().messages[0];
    assert_eq!(level, LogLevel::Info);
    assert_eq!(bytes, (16 << 10) + '…'.len_utf8());
}

#[test]
fn long_errors_are_cut_to_16_kib() {
    let mut vu = vu(Wait::No);
    block_on(vu.run(guest::LONG_ERROR)).unwrap();
    let journal = vu.host().journal.borrow();
    let [(1, error)] = &journal.errors[..] else { panic!("{} errors", journal.errors.len()) };
    assert_eq!(error.len(), (16 << 10) + '…'.len_utf8());
}

#[test]
fn the_other_exports_give_and_take_data() {
    let mut vu = vu(Wait::No);
    let description = block_on(vu.describe()).unwrap();
    assert_eq!(description.options, "{\"vus\":3}");
    assert_eq!(description.functions, ["default"]);
    assert_eq!(
        description.metrics,
        [MetricDefinition { name: "wait_time".to_owned(), kind: MetricKind::Trend, is_time: true }]
    );
    assert_eq!(description.files, [FileDeclaration { path: "TARGET".to_owned(), format: FileFormat::Csv }]);
    assert!(description.has_setup && !description.has_teardown && !description.has_summarize);
    let data = block_on(vu.setup()).unwrap();
    assert_eq!(data.as_deref(), Some("{\"vus\":3}"));
    assert_eq!((&description.scenario_setups[..], description.has_vu_init), (&["default".to_owned()][..], true));
    let own = block_on(vu.setup_scenario(0)).unwrap();
    assert_eq!(own.as_deref(), Some("{\"vus\":3}"));
    let fault = block_on(vu.setup_scenario(1)).unwrap_err();
    assert_eq!((fault.kind, fault.to_string()), (FaultKind::Script, "no luck".to_owned()));
    assert_eq!(block_on(vu.init()).unwrap_err().kind, FaultKind::Script);
    assert_eq!(block_on(vu.init()), Ok(()), "the instance is the same, and asked again");
    let fault = block_on(vu.teardown()).unwrap_err();
    assert_eq!((fault.kind, fault.to_string()), (FaultKind::Script, "no luck".to_owned()));
    assert!(vu.is_usable(), "an error of the script's own ends nothing");
    let summary = block_on(vu.summarize("{\"a\":1}".to_owned())).unwrap();
    let pair = ("x-kind".to_owned(), "{\"a\":1}".to_owned());
    assert_eq!(summary, Some(vec![pair]));
}

#[test]
fn all_exports_but_describe_and_run_may_be_missing() {
    let engine = Engine::new(EngineConfig::default()).unwrap();
    let script = Script::compile(&engine, &bare_guest()).unwrap();
    let mut vu = block_on(Vu::new(&script, FakeHost::new(Wait::No))).unwrap();
    block_on(vu.run(0)).unwrap();
    let description = block_on(vu.describe()).unwrap();
    assert!(description.scenario_setups.is_empty() && !description.has_vu_init);
    assert_eq!(block_on(vu.setup()), Ok(None));
    assert_eq!(block_on(vu.setup_scenario(0)), Ok(None));
    assert_eq!(block_on(vu.init()), Ok(()));
    assert_eq!(block_on(vu.teardown()), Ok(()));
    assert_eq!(block_on(vu.summarize(String::new())), Ok(None));
}
