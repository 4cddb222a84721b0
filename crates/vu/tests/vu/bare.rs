//! TCP and UDP between a guest and its host.

use std::time::Duration;

use futures_lite::future::block_on;
use throng_vu::{Engine, EngineConfig, Failure, FaultKind, Script, Vu};

use crate::{
    fake_host::{FakeHost, Wait},
    guest::small_component,
};

const TALK: u32 = 0;
/// Runs that name a socket that isn't held, of all functions that may.
const OTHERS: std::ops::RangeInclusive<u32> = 1..=8;

fn vu(host: FakeHost) -> Vu<FakeHost> {
    let engine = Engine::new(EngineConfig::default()).unwrap();
    let script = Script::compile(&engine, &small_component(include_str!("bare.wat"))).unwrap();
    block_on(Vu::new(&script, host)).unwrap()
}

#[test]
fn what_is_said_and_heard_passes_whole_whether_the_host_waits_or_not() {
    for wait in [Wait::No, Wait::Once] {
        let mut vu = vu(FakeHost::new(wait));
        block_on(vu.run(TALK)).unwrap();
        let ns = |count| Some(Duration::from_nanos(count));
        assert_eq!(
            vu.host().journal.borrow().said,
            [
                r#"TcpSpec { address: "h:1", tls: true, timeout_ms: Some(1500), tags: 5 }"#.to_owned(),
                r#"UdpSpec { address: "h:1", timeout_ms: None, tags: 0 }"#.to_owned(),
                format!("tcp hello within {:?}", ns(2000)),
                format!("tcp receives 99 within {:?}", ns(3000)),
                "udp heard".to_owned(),
                "udp receives within None".to_owned(),
                "tcp far within None".to_owned(),
                format!("tcp ends within {:?}", ns(4000)),
                "tcp reset".to_owned(),
                "tcp dropped".to_owned(),
                "udp dropped".to_owned(),
            ]
        );
    }
}

#[test]
fn a_failure_is_the_guests_with_its_text() {
    let mut host = FakeHost::new(Wait::Once);
    host.failures.push_back(Some(Failure { code: 1212, message: "connection refused".to_owned() }));
    let mut vu = vu(host);
    block_on(vu.run(TALK)).unwrap();
    assert_eq!(vu.host().journal.borrow().said.last().unwrap(), "udp connection refused");
}

#[test]
fn a_number_that_is_not_held_traps() {
    for run in OTHERS {
        let fault = block_on(vu(FakeHost::new(Wait::No)).run(run)).unwrap_err();
        assert_eq!(fault.kind, FaultKind::Host, "{run}");
        assert!(fault.to_string().contains("no socket has the number 99"), "{run}: {fault}");
    }
}
