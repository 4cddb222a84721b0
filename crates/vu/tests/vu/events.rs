//! Event-driven scripts: what handlers are told, what they can ask for, and what ends them.

use std::{cell::RefCell, future::Future, pin::pin, rc::Rc, task::Poll, time::Duration};

use futures_lite::future::{block_on, poll_once};
use throng_vu::{
    ConnectionIdentity, Connections, Engine, EngineConfig, EventBatch, EventInstance, EventInstances, Fault, FaultKind,
    HandshakeOptions, Happening, Outgoing, Script, SendError, Vu,
};

use crate::{
    fake_host::{FakeHost, Wait},
    guest::{event_component, guest},
};

const GUEST: &str = include_str!("events.wat");

// What `events.wat` does on a timer of this number.
const TRAP: u32 = 1;
const ENDLESS_LOOP: u32 = 2;
const SLEEP: u32 = 3;
const PANIC: u32 = 4;
const PING: u32 = 5;
const FORGET_UNKNOWN: u32 = 6;
const COMPUTE: u32 = 7;
const COUNT_CALLS: u32 = 8;

/// Connections that write down what they are asked. Number 7 isn't open, number 8 is full, number 99 isn't held.
struct FakeConnections(Rc<RefCell<Vec<String>>>);

impl FakeConnections {
    fn say(&self, connection: u32, text: String) -> Result<(), String> {
        if connection == 99 {
            return Err("there is no connection 99".to_owned());
        }
        self.0.borrow_mut().push(format!("{connection} {text}"));
        Ok(())
    }
}

impl Connections for FakeConnections {
    fn prepare(&mut self, options: HandshakeOptions) -> Result<u32, String> {
        let HandshakeOptions { url, headers, subprotocols, timeout_ms, deflate, tags } = options;
        self.0.borrow_mut().push(format!(
            "prepare {url} {headers:?} {subprotocols:?} {timeout_ms:?} {:?} {tags}",
            deflate.map(|offer| (
                offer.client_no_context_takeover,
                offer.client_max_window_bits,
                offer.server_max_window_bits
            ))
        ));
        Ok(41)
    }

    fn forget(&mut self, handshake: u32) -> Result<(), String> {
        Err(format!("no handshake has the number {handshake}"))
    }

    fn connect(&mut self, connection: u32, handshake: u32) -> Result<(), String> {
        self.say(connection, format!("connect {handshake}"))
    }

    fn send(&mut self, connection: u32, message: Outgoing<'_>) -> Result<Result<(), SendError>, String> {
        match connection {
            7 => return Ok(Err(SendError::NotOpen)),
            8 => return Ok(Err(SendError::Full)),
            _ => {}
        }
        self.say(connection, format!("send {message:?}")).map(Ok)
    }

    fn ping(&mut self, connection: u32) -> Result<(), String> {
        self.say(connection, "ping".to_owned())
    }

    fn close(&mut self, connection: u32, code: u16, reason: &str) -> Result<(), String> {
        self.say(connection, format!("close {code} {reason}"))
    }

    fn fail(&mut self, connection: u32, message: String) -> Result<(), String> {
        self.say(connection, format!("fail {message}"))
    }

    fn set_timer(&mut self, connection: u32, timer: u32, after_ns: u64) -> Result<(), String> {
        self.say(connection, format!("set {timer} {after_ns}"))
    }

    fn cancel_timer(&mut self, connection: u32, timer: u32) -> Result<(), String> {
        self.say(connection, format!("cancel {timer}"))
    }

    fn identity_of(&mut self, connection: u32) -> Result<ConnectionIdentity, String> {
        Ok(ConnectionIdentity { vu: 100 + u64::from(connection), iteration: 5, ..ConnectionIdentity::default() })
    }
}

fn script(engine: &Engine) -> Script<FakeHost> {
    Script::compile(engine, &event_component(GUEST)).unwrap()
}

fn make(script: &Script<FakeHost>, host: FakeHost) -> Result<EventInstance<FakeHost>, Fault> {
    block_on(EventInstances::new(script)?.make(host))
}

/// An instance, and what its connections are asked.
fn instance(engine: &Engine) -> (EventInstance<FakeHost>, Rc<RefCell<Vec<String>>>) {
    let said = Rc::<RefCell<Vec<String>>>::default();
    let connections = FakeConnections(Rc::clone(&said));
    // Whatever waits would wait for ever.
    let mut host = FakeHost::new(Wait::Gate);
    host.connections = Some(Box::new(connections));
    (make(&script(engine), host).unwrap(), said)
}

fn engine() -> Engine {
    let limit = Duration::from_millis(50);
    Engine::new(EngineConfig { guest_time_limit: limit, ..EngineConfig::default() }).unwrap()
}

fn handle(instance: &mut EventInstance<FakeHost>, events: &[(u32, Happening<'_>)]) -> Result<(), Fault> {
    let mut batch = EventBatch::default();
    for (at, (connection, what)) in events.iter().enumerate() {
        batch.push(*connection, at as u64, *what);
    }
    assert_eq!(batch.len(), events.len());
    let result = block_on(instance.handle(0, &mut batch));
    assert!(batch.is_empty() && batch.data_bytes() == 0);
    result
}

#[test]
fn a_batch_of_events_reaches_the_handlers_in_order_each_with_its_own_bytes() {
    let (mut instance, said) = instance(&engine());
    let close = Happening::Close { code: 1000, reason: "bye", by_server: true };
    handle(
        &mut instance,
        &[
            (0, Happening::Begin),
            (3, Happening::Begin),
            (0, Happening::Open { subprotocol: "chat" }),
            (0, Happening::Text("héllo")),
            (3, Happening::Text("")),
            (0, Happening::Binary(&[1, 2, 255])),
            (3, Happening::Pong { after_ns: 1 << 40 }),
            (0, Happening::Stop),
            (3, Happening::Error("broke")),
            (0, close),
            (5, Happening::Text("after a close")),
        ],
    )
    .unwrap();
    assert_eq!(
        said.take(),
        [
            "prepare ws://target/ [] [\"chat\"] Some(500) Some((true, 12, None)) 0",
            "0 connect 41",
            "0 set 100 5",
            "3 connect 41",
            "3 set 103 5",
            "0 send Text(\"héllo\")",
            "3 send Text(\"\")",
            "0 send Binary([1, 2, 255])",
            "3 set 9 1099511627776",
            "0 close 4000 enough",
            "0 fail bye",
            "5 send Text(\"after a close\")",
        ]
    );
    handle(&mut instance, &[(1, Happening::Timer(PING)), (1, Happening::Timer(COUNT_CALLS))]).unwrap();
    assert_eq!(said.take(), ["1 ping", "1 cancel 9", "1 fail no"], "the guest remembers: it was its second call");
}

#[test]
fn what_cant_be_sent_is_an_answer_and_no_fault() {
    let (mut instance, said) = instance(&engine());
    handle(&mut instance, &[(7, Happening::Text("a")), (8, Happening::Text("b"))]).unwrap();
    assert_eq!(said.take(), ["7 fail no luck", "8 fail no luck"]);
    assert!(instance.is_usable());
}

#[test]
fn a_fault_of_a_handler_ends_the_instance() {
    for (timer, kind, text) in [
        (TRAP, FaultKind::Trap, "unreachable"),
        (PANIC, FaultKind::Panic, "no luck"),
        (FORGET_UNKNOWN, FaultKind::Host, "no handshake has the number 77"),
        (SLEEP, FaultKind::Host, "handlers may not"),
    ] {
        let (mut instance, _said) = instance(&engine());
        let fault = handle(&mut instance, &[(0, Happening::Timer(timer))]).unwrap_err();
        assert_eq!(fault.kind, kind, "{fault}");
        assert!(fault.message.contains(text), "{fault}");
        assert!(!instance.is_usable());
        assert_eq!(handle(&mut instance, &[(0, Happening::Begin)]).unwrap_err().kind, FaultKind::Host);
    }
    let (mut instance, _said) = instance(&engine());
    let fault = handle(&mut instance, &[(99, Happening::Stop)]).unwrap_err();
    assert_eq!(fault, Fault { kind: FaultKind::Host, message: "there is no connection 99".to_owned() });
}

#[test]
fn a_handler_that_computes_lets_others_have_a_turn_and_is_ended_at_the_limit() {
    let engine = engine();
    let _ticker = engine.ticker().unwrap();
    let (mut instance, _said) = instance(&engine);
    let mut batch = EventBatch::default();
    batch.push(0, 0, Happening::Timer(ENDLESS_LOOP));
    let fault = block_on(async {
        let mut call = pin!(instance.handle(0, &mut batch));
        let mut turns = 0;
        std::future::poll_fn(|context| {
            turns += 1;
            call.as_mut().poll(context)
        })
        .await
        .map_err(|fault| (fault, turns))
    });
    let (fault, turns) = fault.unwrap_err();
    assert_eq!(fault.kind, FaultKind::TimeLimit, "{fault}");
    assert!(turns > 1);
}

#[test]
fn a_handler_may_compute_within_the_limit() {
    let engine = Engine::new(EngineConfig::default()).unwrap();
    let _ticker = engine.ticker().unwrap();
    let (mut instance, _said) = instance(&engine);
    handle(&mut instance, &[(0, Happening::Timer(COMPUTE))]).unwrap();
    assert!(instance.is_usable());
}

#[test]
fn a_call_that_is_dropped_ends_the_instance() {
    let engine = engine();
    let _ticker = engine.ticker().unwrap();
    let (mut instance, _said) = instance(&engine);
    let mut batch = EventBatch::default();
    batch.push(0, 0, Happening::Timer(ENDLESS_LOOP));
    assert_eq!(block_on(poll_once(instance.handle(0, &mut batch))), None);
    assert!(!instance.is_usable());
}

#[test]
fn instances_of_one_maker_share_a_stack_and_are_called_one_at_a_time() {
    // With the usual limit: what computes ends by itself here, however busy the machine is.
    let engine = Engine::new(EngineConfig::default()).unwrap();
    let _ticker = engine.ticker().unwrap();
    let script = script(&engine);
    let maker = EventInstances::new(&script).unwrap();
    let make = || {
        let mut host = FakeHost::new(Wait::No);
        host.connections = Some(Box::new(FakeConnections(Rc::default())));
        block_on(maker.make(host)).unwrap()
    };
    let before = engine.arena_usage().slots_used;
    let mut instances: Vec<_> = (0..3).map(|_| make()).collect();
    // A memory each, and no stack.
    assert_eq!(engine.arena_usage().slots_used, before + 3);
    for _ in 0..2 {
        for instance in &mut instances {
            handle(instance, &[(0, Happening::Begin), (0, Happening::Timer(COMPUTE))]).unwrap();
        }
    }
    let [first, second, third] = instances.get_disjoint_mut([0, 1, 2]).unwrap();
    let mut batch = EventBatch::default();
    batch.push(0, 0, Happening::Timer(ENDLESS_LOOP));
    {
        let mut call = pin!(first.handle(0, &mut batch));
        assert_eq!(block_on(poll_once(call.as_mut())), None);
        let fault = handle(second, &[(0, Happening::Begin)]).unwrap_err();
        assert!(fault.message.contains("one at a time"), "{fault}");
        let fault = block_on(maker.make(FakeHost::new(Wait::No))).unwrap_err();
        assert!(fault.message.contains("one at a time"), "{fault}");
    }
    assert!(!first.is_usable());
    handle(second, &[(0, Happening::Begin)]).unwrap();
    let fault = handle(third, &[(0, Happening::Timer(TRAP))]).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Trap);
    handle(second, &[(0, Happening::Begin)]).unwrap();
}

#[test]
fn a_thousand_events_of_one_batch_take_one_call() {
    let (mut instance, said) = instance(&engine());
    let events: Vec<_> = (0..1000).map(|n| (n % 5, Happening::Binary(&[7; 20]))).collect();
    handle(&mut instance, &events).unwrap();
    assert_eq!(said.take().len(), 1000);
    handle(&mut instance, &[(0, Happening::Timer(COUNT_CALLS))]).unwrap();
    assert_eq!(said.take(), ["0 fail no"]);
}

#[test]
fn a_script_is_of_one_kind_and_says_which() {
    let engine = engine();
    let events = script(&engine);
    assert!(events.is_event_driven());
    let mut vu = block_on(Vu::new(&events, FakeHost::new(Wait::No))).unwrap();
    let description = block_on(vu.describe()).unwrap();
    assert!(description.functions.is_empty() && !description.has_setup);
    let fault = block_on(vu.run(0)).unwrap_err();
    assert!(fault.message.contains("event-driven"), "{fault}");

    let other = Script::<FakeHost>::compile(&engine, &guest()).unwrap();
    assert!(!other.is_event_driven());
    let fault = make(&other, FakeHost::new(Wait::No)).unwrap_err();
    assert!(fault.message.contains("isn't event-driven"), "{fault}");
}

#[test]
fn where_there_are_no_connections_their_functions_trap() {
    let host = FakeHost::new(Wait::No);
    let mut instance = make(&script(&engine()), host).unwrap();
    let fault = handle(&mut instance, &[(0, Happening::Begin)]).unwrap_err();
    assert!(fault.message.contains("there are no connections here"), "{fault}");
}

#[test]
fn a_call_is_pending_only_where_its_slice_ends() {
    let (mut instance, _said) = instance(&engine());
    let mut batch = EventBatch::default();
    batch.push(0, 0, Happening::Begin);
    let mut call = pin!(instance.handle(0, &mut batch));
    let polled = block_on(std::future::poll_fn(|context| Poll::Ready(call.as_mut().poll(context))));
    assert!(polled.is_ready());
}
