//! Files that are no script: exit code 107 and a message that says what they are.

use std::fs;

use anyhow::Result;
use throng_tests::Throng;

use crate::SCRIPTS;

/// Runs a file with these bytes, and returns the one line of its refusal.
fn refusal(name: &str, bytes: &[u8]) -> Result<String> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join(name);
    fs::write(&path, bytes)?;
    let finished = Throng::run(&path)?.finish()?.expect_code(107)?;
    assert_eq!(finished.stdout, "", "a run that can't begin has no summary");
    let message = finished.stderr.trim_end().to_owned();
    assert!(message.starts_with("ERRO ") && message.lines().count() == 1, "{message}");
    Ok(message)
}

/// A component with these exports, all of them functions without parameters and results.
fn component(exports: &[&str]) -> Result<Vec<u8>> {
    let exports: String = exports.iter().map(|name| format!(r#"(export "{name}" (func $f))"#)).collect();
    let text = format!(
        r#"(component
            (core module $m (func (export "f")))
            (core instance $i (instantiate $m))
            (func $f (canon lift (core func $i "f")))
            {exports})"#
    );
    Ok(wat::parse_str(text)?)
}

#[test]
fn a_component_of_another_world_is_told_by_what_it_lacks() -> Result<()> {
    let message = refusal("other.wasm", &component(&["greet"])?)?;
    assert!(message.contains("not a throng script: it doesn't export describe and run or handle"), "{message}");
    Ok(())
}

#[test]
fn a_component_that_wants_more_than_throng_gives_is_told_by_what_it_imports() -> Result<()> {
    let bytes = wat::parse_str(r#"(component (import "wasi:sockets/tcp@0.2.0" (instance)))"#)?;
    let message = refusal("wasi.wasm", &bytes)?;
    assert!(message.contains("it imports wasi:sockets/tcp@0.2.0, which throng doesn't provide"), "{message}");
    Ok(())
}

#[test]
fn exports_of_the_wrong_type_are_told_by_name() -> Result<()> {
    let message = refusal("wrong.wasm", &component(&["describe", "run"])?)?;
    assert!(message.contains("export `describe` isn't what throng:script"), "{message}");
    Ok(())
}

#[test]
fn a_script_of_another_version_of_the_contract_is_told_by_both_versions() -> Result<()> {
    let bytes = wat::parse_str(r#"(component (import "throng:script/time@9.1.0" (instance)))"#)?;
    let message = refusal("future.wasm", &bytes)?;
    assert!(message.contains("version 9.1.0") && message.contains("build it again"), "{message}");
    Ok(())
}

#[test]
fn a_truncated_script_is_refused_wherever_it_breaks_off() -> Result<()> {
    let whole = fs::read(SCRIPTS.component("plain")?)?;
    for length in [9, 1_000, whole.len() / 2, whole.len() - 1] {
        let message = refusal("cut.wasm", &whole[..length])?;
        assert!(message.contains("truncated") || message.contains("not a throng script"), "{length}: {message}");
    }
    Ok(())
}

#[test]
fn a_core_module_is_told_from_a_component() -> Result<()> {
    let message = refusal("core.wasm", &wat::parse_str("(module)")?)?;
    assert!(message.contains("a core WebAssembly module, not a component"), "{message}");
    Ok(())
}

#[test]
fn text_and_nothing_at_all_are_no_scripts() -> Result<()> {
    for (name, bytes) in [("script.js", "export default function () {}"), ("empty.wasm", ""), ("short.wasm", "\0as")] {
        let message = refusal(name, bytes.as_bytes())?;
        assert!(message.contains("neither a component nor a script's source"), "{message}");
    }
    Ok(())
}

#[test]
fn a_file_that_is_not_there_is_told_by_its_name() -> Result<()> {
    let finished = Throng::run("nowhere.wasm".as_ref())?.finish()?.expect_code(107)?;
    assert!(finished.stderr.contains("the script nowhere.wasm can't be read: No such file"), "{}", finished.stderr);
    Ok(())
}
