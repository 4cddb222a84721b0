//! A script by hand, whose iterations sleep for 10 ms.

use std::path::PathBuf;

use serde_json::Value;
use throng_agent::{LogRecord, Observer, Progress, RunConfig};
use throng_archive::FileSource;
use throng_plan::{Layer, Plan};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{Resolve, SourceMap, WorldId};

const WIT: &str = include_str!("../../../../wit/script.wit");
const GUEST: &str = r#"(module
    (import "throng:script/execution@0.1.0" "next-iteration"
        (func $next_iteration (param i32 i32 i32 i32 i32) (result i32)))
    (import "throng:script/time@0.1.0" "sleep" (func $sleep (param i64)))
    (memory (export "memory") 1)
    (data (i32.const 512) "default")
    (data (i32.const 528) "\00\02\00\00\07\00\00\00")
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
    (func (export "describe") (result i32)
        (i32.store (i32.const 72) (i32.const 528))
        (i32.store (i32.const 76) (i32.const 1))
        (i32.const 64))
    (func (export "run") (param i32)
        (loop $again
            (if (call $next_iteration (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
                (then (call $sleep (i64.const 10000000)) (br $again))))))"#;

/// An event-driven script, from a module of that text.
#[allow(dead_code, reason = "one of the two test programs has none")]
pub(crate) fn event_component(wat: &str) -> Vec<u8> {
    let mut contract = SourceMap::new();
    contract.push_str("script.wit", WIT);
    contract.push_str("events.wit", include_str!("../../../../wit/events.wit"));
    let mut resolve = Resolve::default();
    let package = resolve.push_group(contract.parse().map_err(|(_, error)| error).unwrap()).unwrap();
    let world = resolve.select_world(&[package], Some("events")).unwrap();
    encode(&resolve, world, wat)
}

/// A script without hooks.
fn component() -> Vec<u8> {
    let is_required = |item: &str| ["describe", "run"].iter().any(|name| item.contains(&format!("export {name}:")));
    let items = WIT.split_inclusive(";\n").filter(|item| !item.contains("export ") || is_required(item));
    let wit: String = items.collect();
    let mut resolve = Resolve::default();
    let package = resolve.push_str("script.wit", &wit).unwrap();
    let world = resolve.select_world(&[package], None).unwrap();
    encode(&resolve, world, GUEST)
}

fn encode(resolve: &Resolve, world: WorldId, wat: &str) -> Vec<u8> {
    let mut module = wat::parse_str(wat).unwrap();
    embed_component_metadata(&mut module, resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().validate(true).module(&module).unwrap().encode().unwrap()
}

/// Whom nothing is told.
pub(crate) struct Silent;

impl Observer for Silent {
    fn planned(&mut self, _: &Plan) {}
    fn progress(&mut self, _: &Progress) {}
    fn log(&mut self, _: LogRecord) {}
}

/// A test of that script with these options.
pub(crate) fn config(options: Value) -> RunConfig {
    RunConfig {
        test: "test".into(),
        component: component().into(),
        files: FileSource::Directory(PathBuf::new()),
        options: None,
        layers_below: Vec::new(),
        layers_above: vec![Layer::new("test", options)],
        env: Default::default(),
        tls_key_log: None,
        sources: Default::default(),
        cache_dir: None,
        version: "0".into(),
        machine_summary: false,
        csv: Default::default(),
        no_thresholds: false,
        allowances: Vec::new(),
    }
}
