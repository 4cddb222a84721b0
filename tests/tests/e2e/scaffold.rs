//! From nothing to a run: `throng new`, sources as scripts, the examples.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use throng_tests::{Target, Throng};

/// The first build on a machine compiles the SDK.
const BUILD_DEADLINE: Duration = Duration::from_secs(600);

#[test]
fn a_new_crate_runs_at_once() -> Result<()> {
    let (target, directory) = (Target::start()?, tempfile::tempdir()?);
    let path = directory.path().join("shop load");
    let made = Throng::command(["new".as_ref(), path.as_os_str()])?.finish()?.expect_code(0)?;
    assert!(made.stdout.contains("throng run"), "{}", made.stdout);
    let throng = Throng::run(&path)?.variable("TARGET", target.url("/")).args(["--vus", "2", "--iterations", "4"]);
    let finished = throng.start()?.wait(BUILD_DEADLINE)?.expect_code(0)?;
    assert_eq!(finished.summary()?.rate_counts("checks"), (4, 0));
    // What is there is not written over.
    assert!(Throng::command(["new".as_ref(), path.as_os_str()])?.finish()?.code != Some(0));
    Ok(())
}

#[test]
fn one_rust_file_is_built_and_run() -> Result<()> {
    let (target, directory) = (Target::start()?, tempfile::tempdir()?);
    let path = directory.path().join("load.rs");
    Throng::command(["new".as_ref(), path.as_os_str()])?.finish()?.expect_code(0)?;
    let throng = Throng::run(&path)?.variable("TARGET", target.url("/")).args(["--vus", "1", "--iterations", "2"]);
    let finished = throng.start()?.wait(BUILD_DEADLINE)?.expect_code(0)?;
    assert_eq!(finished.summary()?.count("http_reqs"), 2);
    assert_eq!(fs::read_dir(&directory)?.count(), 1, "nothing is left beside the source");
    Ok(())
}

#[test]
fn a_source_that_does_not_compile_is_told_in_the_compilers_words() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("wrong.rs");
    fs::write(&path, "use throng::prelude::*;\n#[scenario]\nfn default() { let x: u32 = \"three\"; }\n")?;
    let finished = Throng::run(&path)?.start()?.wait(BUILD_DEADLINE)?.expect_code(111)?;
    assert!(finished.stderr.contains("mismatched types"), "{}", finished.stderr);
    assert!(finished.stderr.contains("wrong.rs:3"), "{}", finished.stderr);
    Ok(())
}

#[test]
fn every_example_runs_against_the_target() -> Result<()> {
    let (target, echo) = Target::start_echo()?;
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sdk/examples");
    let mut count = 0;
    // One after the other: their thresholds are about time.
    for entry in fs::read_dir(&directory)? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let is_of_http = path.file_stem().is_none_or(|name| name != "echo");
        let at = if is_of_http { target.url("") } else { echo.to_string() };
        let throng = Throng::run(&path)?.arg("--quiet").variable("TARGET", at);
        let finished =
            throng.start()?.wait(BUILD_DEADLINE)?.expect_code(0).with_context(|| path.display().to_string())?;
        finished.summary()?.checks_passed().with_context(|| path.display().to_string())?;
        count += 1;
    }
    assert!(count >= 9, "examples are gone");
    Ok(())
}
