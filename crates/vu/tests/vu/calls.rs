//! What passes between a guest and its host when all is well.

use std::{rc::Rc, time::Duration};

use futures_lite::future::block_on;
use throng_vu::{Engine, EngineConfig, Failure, LogLevel, MetricDefinition, MetricKind, RequestSpec, Script, Vu};

use crate::{
    fake_host::{FakeHost, Wait},
    guest::{self, bare_guest, script},
};

fn vu(wait: Wait) -> Vu<FakeHost> {
    let engine = Engine::new(EngineConfig::default()).unwrap();
    block_on(Vu::new(&script(&engine), FakeHost::new(wait))).unwrap()
}

#[test]
fn a_request_is_prepared_once_and_sent_and_checked_in_each_iteration() {
    for wait in [Wait::No, Wait::Once] {
        let mut vu = vu(wait);
        for _ in 0..3 {
            block_on(vu.run(guest::ROUND_TRIP)).unwrap();
        }
        let journal = vu.host().journal.borrow();
        assert_eq!(journal.sent, 3);
        assert_eq!(journal.checks, [(0, true); 3]);
        assert_eq!(journal.released, 3);
        let pair = ("x-kind".to_owned(), "TARGET".to_owned());
        assert_eq!(
            journal.prepared,
            [RequestSpec {
                method: "GET".to_owned(),
                url: "http://target/".to_owned(),
                headers: vec![pair],
                body: Some(b"no luck".to_vec()),
                timeout_ms: Some(1500),
                tags: 5,
                discard_body: Some(true),
            }]
        );
    }
}

#[test]
fn a_response_gives_its_body_headers_and_timings() {
    block_on(vu(Wait::No).run(guest::LOOK_AT_RESPONSE)).unwrap();
}

#[test]
fn a_body_may_be_given_when_sending() {
    let mut vu = vu(Wait::No);
    block_on(vu.run(guest::SEND_BODY)).unwrap();
    block_on(vu.run(guest::SEND_BODY)).unwrap();
    let journal = vu.host().journal.borrow();
    assert_eq!(journal.bodies, [b"{\"vus\":3}", b"{\"vus\":3}"]);
    assert_eq!(journal.prepared.len(), 2, "the request was dropped each time");
}

#[test]
fn a_failed_request_is_an_error_for_the_guest_and_no_fault() {
    let mut vu = vu(Wait::No);
    vu.host_mut().failures.extend([None, Some(Failure { code: 1212, message: "refused".to_owned(), duration_ns: 9 })]);
    block_on(vu.run(guest::FAILURE)).unwrap();
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
fn the_other_exports_give_and_take_data() {
    let mut vu = vu(Wait::No);
    let description = block_on(vu.describe()).unwrap();
    assert_eq!(description.options, "{\"vus\":3}");
    assert_eq!(description.functions, ["default"]);
    assert_eq!(
        description.metrics,
        [MetricDefinition { name: "wait_time".to_owned(), kind: MetricKind::Trend, is_time: true }]
    );
    assert!(description.has_setup && !description.has_teardown && !description.has_summarize);
    let data = block_on(vu.setup()).unwrap();
    assert_eq!(data.as_deref(), Some("{\"vus\":3}"));
    let error = block_on(vu.teardown()).unwrap_err();
    assert_eq!(error.message, "no luck");
    let summary = block_on(vu.summarize("{\"a\":1}".to_owned())).unwrap();
    let pair = ("x-kind".to_owned(), "{\"a\":1}".to_owned());
    assert_eq!(summary, Some(vec![pair]));
}

#[test]
fn setup_teardown_and_summarize_may_be_missing() {
    let engine = Engine::new(EngineConfig::default()).unwrap();
    let script = Script::compile(&engine, &bare_guest()).unwrap();
    let mut vu = block_on(Vu::new(&script, FakeHost::new(Wait::No))).unwrap();
    block_on(vu.run(0)).unwrap();
    assert_eq!(block_on(vu.setup()), Ok(None));
    assert_eq!(block_on(vu.teardown()), Ok(()));
    assert_eq!(block_on(vu.summarize(String::new())), Ok(None));
}
