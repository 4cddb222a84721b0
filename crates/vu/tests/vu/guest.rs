//! Components made of modules by hand, as `throng build` makes them of Rust.

use throng_vu::{Engine, Script};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{Resolve, SourceMap, WorldId};

use crate::fake_host::FakeHost;

/// The contract.
pub(crate) const WIT: &str = include_str!("../../../../wit/script.wit");
/// Its second world.
const EVENTS_WIT: &str = include_str!("../../../../wit/events.wit");
const GUEST: &str = include_str!("guest.wat");

// The behaviours of `guest.wat`.
pub(crate) const NOTHING: u32 = 0;
pub(crate) const ROUND_TRIP: u32 = 1;
pub(crate) const TRAP: u32 = 2;
pub(crate) const ENDLESS_LOOP: u32 = 3;
pub(crate) const ENDLESS_RECURSION: u32 = 4;
pub(crate) const ALLOCATE_PAST_LIMIT: u32 = 5;
pub(crate) const ABORT: u32 = 6;
pub(crate) const ERROR: u32 = 7;
pub(crate) const PANIC: u32 = 8;
pub(crate) const MOVE_MEMORY: u32 = 9;
pub(crate) const SLEEP: u32 = 10;
pub(crate) const LONG_MESSAGE: u32 = 12;
pub(crate) const UNKNOWN_CHECK: u32 = 13;
pub(crate) const COPE_WITHOUT_MEMORY: u32 = 14;
pub(crate) const COMPUTE_WITH_WAITS: u32 = 15;
pub(crate) const COMPUTE: u32 = 16;
pub(crate) const LOOK_AT_RESPONSE: u32 = 17;
pub(crate) const KEEP_RESPONSE: u32 = 18;
pub(crate) const SEND_BODY: u32 = 19;
pub(crate) const FAILURE: u32 = 20;
pub(crate) const EVERYTHING_ELSE: u32 = 21;
pub(crate) const UNKNOWN_METRIC: u32 = 22;
pub(crate) const TEXT_PAST_THE_END: u32 = 23;
pub(crate) const HOLD_REQUESTS: u32 = 24;
pub(crate) const GIVE_BACK_WHEN_SENDING: u32 = 25;
pub(crate) const END_THE_RUN: u32 = 26;
pub(crate) const COMPUTE_BRIEFLY: u32 = 27;
pub(crate) const LOOP_LATER: u32 = 28;
pub(crate) const TRAP_AFTER_COPING: u32 = 29;
pub(crate) const LONG_ERROR: u32 = 30;
pub(crate) const TWO_EXCHANGES: u32 = 31;
pub(crate) const JARS: u32 = 32;
pub(crate) const PARTS: u32 = 33;
pub(crate) const FILES: u32 = 900;
pub(crate) const UNKNOWN_FILE: u32 = 901;
pub(crate) const UNKNOWN_ROW: u32 = 902;

/// What `guest.wat` can do with the number of a request or response.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Use {
    Send,
    SendBody,
    Done,
    DoneWithBody,
    Forget,
    Release,
    Body,
    Header,
    Headers,
    Timings,
    Start,
    Failure,
    Url,
    Redirects,
    BodySize,
    Duration,
    Finish,
    Cancel,
}

impl Use {
    /// Those that name a request or response.
    pub(crate) const OF_HELD: [Use; 16] = [
        Use::Send,
        Use::SendBody,
        Use::Done,
        Use::DoneWithBody,
        Use::Forget,
        Use::Release,
        Use::Body,
        Use::Header,
        Use::Headers,
        Use::Timings,
        Use::Start,
        Use::Failure,
        Use::Url,
        Use::Redirects,
        Use::BodySize,
        Use::Duration,
    ];

    /// The behaviour that does it with this number, below 1,000.
    pub(crate) fn of(self, number: u32) -> u32 {
        1000 * (self as u32 + 1) + number
    }
}

/// A component of a world of this text, from a module of that text.
pub(crate) fn component(wit: &str, wat: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let package = resolve.push_str("script.wit", wit).unwrap();
    let world = resolve.select_world(&[package], None).unwrap();
    encode(&resolve, world, wat)
}

fn encode(resolve: &Resolve, world: WorldId, wat: &str) -> Vec<u8> {
    let mut module = wat::parse_str(wat).unwrap();
    embed_component_metadata(&mut module, resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().validate(true).module(&module).unwrap().encode().unwrap()
}

/// A component of the world `events`, from a module of that text.
pub(crate) fn event_component(wat: &str) -> Vec<u8> {
    let mut sources = SourceMap::new();
    sources.push_str("script.wit", WIT);
    sources.push_str("events.wit", EVENTS_WIT);
    let mut resolve = Resolve::default();
    let package = resolve.push_group(sources.parse().map_err(|(_, error)| error).unwrap()).unwrap();
    encode(&resolve, resolve.select_world(&[package], Some("events")).unwrap(), wat)
}

/// `guest.wat` as a component.
pub(crate) fn guest() -> Vec<u8> {
    component(WIT, GUEST)
}

/// A script with `describe` and `run` alone, which imports nothing and has no
/// iterations.
pub(crate) fn bare_guest() -> Vec<u8> {
    small_component(
        r#"(module
            (memory (export "memory") 1)
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
            (func (export "describe") (result i32) (i32.const 64))
            (func (export "run") (param i32)))"#,
    )
}

/// A component of a module that exports `describe` and `run` alone.
pub(crate) fn small_component(wat: &str) -> Vec<u8> {
    let mut wit = String::new();
    for item in WIT.split_inclusive(";\n") {
        let is_required = ["describe", "run"].iter().any(|name| item.contains(&format!("export {name}:")));
        if is_required || !item.contains("export ") {
            wit.push_str(item);
        }
    }
    component(&wit, wat)
}

/// `guest.wat`, compiled.
pub(crate) fn script(engine: &Engine) -> Script<FakeHost> {
    Script::compile(engine, &guest()).unwrap()
}
