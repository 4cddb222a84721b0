//! The cases of `tools/compare-k6`, as far as that needs no k6: each is read as it says.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use throng_tests::{Scripts, Throng};

/// The least number of options that are compared with k6.
const CASES_MIN: usize = 25;
/// The exit code of invalid options.
const INVALID: u64 = 104;

static SCRIPTS: Scripts = Scripts::new(concat!(env!("CARGO_MANIFEST_DIR"), "/k6"), env!("CARGO_TARGET_TMPDIR"));

struct Case {
    name: String,
    options: PathBuf,
    expected: Value,
}

fn cases() -> Result<Vec<Case>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("k6/cases");
    let mut cases = Vec::new();
    for entry in fs::read_dir(&directory).context("no cases")? {
        let path = entry?.path();
        let name = path.file_name().context("no name")?.to_string_lossy().into_owned();
        let expected = fs::read_to_string(path.join("expected.json")).with_context(|| name.clone())?;
        let expected = serde_json::from_str(&expected).with_context(|| name.clone())?;
        cases.push(Case { name, options: path.join("options.json"), expected });
    }
    Ok(cases)
}

#[test]
fn the_options_that_are_compared_with_k6_are_accepted_or_refused_as_they_say() -> Result<()> {
    let script = SCRIPTS.component("script")?;
    let mut executors = BTreeSet::new();
    let cases = cases()?;
    ensure!(cases.len() >= CASES_MIN, "{} cases", cases.len());
    for Case { name, options, expected } in cases {
        ensure!(expected["shows"].is_string() && expected["figures"].is_object(), "{name}: {expected}");
        let exit_code = &expected["figures"]["exit_code"];
        // What k6 takes and throng doesn't has both codes.
        let invalid = *exit_code == INVALID || exit_code["throng"] == INVALID;
        let inspect = Throng::command(["inspect".as_ref(), script.as_os_str()])?.arg("--config").arg(options);
        let code = if invalid { INVALID as i32 } else { 0 };
        let inspected = inspect.finish()?.expect_code(code).with_context(|| name.clone())?;
        if !invalid {
            let printed: Value = serde_json::from_str(&inspected.stdout).context(name)?;
            let scenarios = printed["scenarios"].as_object().context("no scenarios")?;
            executors.extend(scenarios.values().filter_map(|scenario| Some(scenario["executor"].as_str()?.to_owned())));
        }
    }
    let all = [
        "constant-arrival-rate",
        "constant-vus",
        "per-vu-iterations",
        "ramping-arrival-rate",
        "ramping-vus",
        "shared-iterations",
    ];
    assert_eq!(executors.iter().map(String::as_str).collect::<Vec<_>>(), all);
    Ok(())
}
