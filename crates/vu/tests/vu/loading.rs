//! What is told about files that are no scripts, and the cache.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use futures_lite::future::block_on;
use throng_vu::{Engine, EngineConfig, LoadError, Script, Vu};

use crate::{
    fake_host::{FakeHost, Wait},
    guest::{self, WIT, component, guest},
};

fn load(bytes: &[u8]) -> Result<Script<FakeHost>, LoadError> {
    Script::compile(&Engine::new(EngineConfig::default()).unwrap(), bytes)
}

const EMPTY: &str = r#"(module
    (memory (export "memory") 1)
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable))"#;

#[test]
fn text_is_no_wasm() {
    for bytes in [&b""[..], b"export default function() {}", b"\0as"] {
        let error = load(bytes).unwrap_err();
        assert!(matches!(error, LoadError::NotWasm), "{error}");
        assert!(error.to_string().contains("throng build"));
    }
}

#[test]
fn a_core_module_is_told_from_a_component() {
    let error = load(&wat::parse_str("(module)").unwrap()).unwrap_err();
    assert!(matches!(error, LoadError::CoreModule), "{error}");
    assert!(error.to_string().contains("throng build"));
}

#[test]
fn an_unknown_version_of_the_format_is_told() {
    let error = load(b"\0asm\x0e\0\x01\0").unwrap_err();
    assert!(matches!(error, LoadError::UnknownFormat(_)), "{error}");
}

#[test]
fn a_truncated_component_is_corrupt_wherever_it_breaks_off() {
    let whole = guest();
    for cut in [6, 9, 100, whole.len() / 2, whole.len() - 1] {
        let error = load(&whole[..cut]).unwrap_err();
        assert!(matches!(error, LoadError::Corrupt(_) | LoadError::OtherWorld { .. }), "{cut}: {error}");
    }
    let error = load(&whole[..whole.len() / 2]).unwrap_err();
    assert!(matches!(error, LoadError::Corrupt(_)), "{error}");
}

#[test]
fn a_component_of_another_world_is_told_what_it_lacks() {
    let wit = "package a:b@1.0.0; world w { import wall: interface { now: func() -> u64; } }";
    let wat = r#"(module (import "wall" "now" (func (result i64))))"#;
    let error = load(&component(wit, wat)).unwrap_err();
    let text = error.to_string();
    let LoadError::OtherWorld { unknown_imports, missing_exports } = error else { panic!("{text}") };
    assert_eq!(unknown_imports, ["wall"]);
    assert_eq!(missing_exports, ["describe", "run or handle"]);
    assert!(text.contains("it imports wall, which throng doesn't provide"));
    assert!(text.contains("it doesn't export describe and run or handle"));
}

#[test]
fn another_version_of_the_contract_is_told() {
    let wit = WIT.replace("throng:script@0.1.0", "throng:script@0.2.0");
    let wat = include_str!("guest.wat").replace("@0.1.0", "@0.2.0");
    let error = load(&component(&wit, &wat)).unwrap_err();
    let text = error.to_string();
    let LoadError::OtherVersion { found, .. } = error else { panic!("{text}") };
    assert_eq!(found, "0.2.0");
    assert!(text.contains("this throng provides 0.1.0"), "{text}");
}

#[test]
fn a_later_patch_version_runs_if_it_asks_for_nothing_new() {
    let wit = WIT.replace("throng:script@0.1.0", "throng:script@0.1.5");
    let wat = include_str!("guest.wat").replace("@0.1.0", "@0.1.5");
    let script = load(&component(&wit, &wat)).unwrap();
    let mut vu = block_on(Vu::new(&script, FakeHost::new(Wait::No))).unwrap();
    block_on(vu.run(guest::ROUND_TRIP)).unwrap();

    let wit = wit.replace("seed: func(seed: u64);", "seed: func(seed: u64); more: func();");
    let wat = wat.replacen("(module", "(module (import \"throng:script/random@0.1.5\" \"more\" (func))", 1);
    let error = load(&component(&wit, &wat)).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, LoadError::OtherVersion { .. }), "{text}");
    assert!(text.contains("0.1.5") && text.contains("more"), "{text}");
}

#[test]
fn an_export_of_another_type_is_told() {
    let wit = "package a:b@1.0.0; world w { export describe: func(); \
               export run: func(function: u64); }";
    let wat = EMPTY.replace("(memory", r#"(func (export "describe")) (func (export "run") (param i64)) (memory"#);
    let error = load(&component(wit, &wat)).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, LoadError::WrongExport { .. }), "{text}");
    assert!(text.contains("`describe`"), "{text}");
}

fn cached(dir: &Path) -> Script<FakeHost> {
    let engine = Engine::new(EngineConfig { cache_dir: Some(dir.to_owned()), ..EngineConfig::default() }).unwrap();
    let script = Script::compile(&engine, &guest()).unwrap();
    let mut vu = block_on(Vu::new(&script, FakeHost::new(Wait::Once))).unwrap();
    block_on(vu.run(guest::ROUND_TRIP)).unwrap();
    script
}

fn only_file(dir: &Path) -> std::path::PathBuf {
    let mut entries = fs::read_dir(dir).unwrap();
    let path = entries.next().unwrap().unwrap().path();
    assert!(entries.next().is_none());
    path
}

#[test]
fn a_script_is_compiled_once_and_a_damaged_cache_is_mended() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("cache");
    cached(&dir);
    let path = only_file(&dir);
    let whole = fs::read(&path).unwrap();
    let inode = |path: &Path| std::os::unix::fs::MetadataExt::ino(&fs::metadata(path).unwrap());
    let first = inode(&path);
    cached(&dir);
    assert_eq!(inode(&path), first, "it was compiled again");

    let mut altered = whole.clone();
    let middle = altered.len() / 2;
    altered[middle] ^= 0xff;
    for damaged in [&altered[..], &whole[..middle], &[]] {
        fs::write(&path, damaged).unwrap();
        cached(&dir);
        assert_eq!(fs::read(only_file(&dir)).unwrap().len(), whole.len());
    }
}

#[test]
fn a_cache_that_can_not_be_written_only_costs_time() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    cached(&file);
    cached(&file.join("below"));
    let read_only = dir.path().join("read-only");
    fs::create_dir(&read_only).unwrap();
    fs::set_permissions(&read_only, fs::Permissions::from_mode(0o500)).unwrap();
    cached(&read_only);
}
