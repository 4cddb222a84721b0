//! Archives: a test as one file, which runs without anything beside it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tempfile::TempDir;
use throng_tests::{Finished, Throng, without_io_uring};

use crate::SCRIPTS;
use crate::data::Test;
use crate::inspect::{CERT, KEY};

/// An archive alone in its directory.
struct Packed {
    _directory: TempDir,
    path: PathBuf,
    digest: String,
}

/// Packs a script with these arguments.
fn pack(script: &Path, arguments: &[&str]) -> Result<Packed> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("test.tar");
    let command = ["archive".as_ref(), script.as_os_str(), "-O".as_ref(), path.as_os_str()];
    let finished = Throng::command(command)?.args(arguments).finish()?.expect_code(0)?;
    Ok(Packed { _directory: directory, path, digest: finished.stdout.trim_end().to_owned() })
}

fn run(packed: &Packed, arguments: &[&str]) -> Result<Finished> {
    Throng::run(&packed.path)?.args(arguments).finish()?.expect_code(0)
}

fn metadata(packed: &Packed) -> Result<Value> {
    let output = Command::new("tar").arg("xOf").arg(&packed.path).arg("metadata.json").output()?;
    serde_json::from_slice(&output.stdout).context("metadata.json")
}

#[test]
fn an_archive_runs_without_the_files_it_was_made_of() -> Result<()> {
    let test = Test::usual()?;
    let options = json!({ "scenarios": {
        "load": { "executor": "per-vu-iterations", "vus": 1, "iterations": 3, "exec": "all" }
    } });
    let packed = pack(&test.script, &["-e", &format!("OPTIONS={options}")])?;
    test.directory.close()?;
    let finished = run(&packed, &[])?;
    assert_eq!(finished.summary()?.rate_counts("checks"), (6, 0), "{}", finished.stderr);
    assert_eq!(finished.stderr_lines("[3, 0, 42]").count(), 3);
    Ok(())
}

#[test]
fn the_same_test_is_the_same_archive_and_its_name_is_its_digest() -> Result<()> {
    let (first, second) = (Test::usual()?, Test::usual()?);
    let (first, second) = (pack(&first.script, &["--vus", "3"])?, pack(&second.script, &["--vus", "3"])?);
    assert_eq!(fs::read(&first.path)?, fs::read(&second.path)?, "made in two directories");
    let output = Command::new("sha256sum").arg(&first.path).output()?;
    assert_eq!(String::from_utf8_lossy(&output.stdout).split(' ').next(), Some(first.digest.as_str()));
    assert_ne!(pack(&first.path, &["--vus", "4"])?.digest, first.digest);
    assert_eq!(pack(&first.path, &[])?.digest, first.digest, "an archive packed again");

    let list = Command::new("tar").arg("tvf").arg(&first.path).output()?;
    let list = String::from_utf8_lossy(&list.stdout).into_owned();
    let names: Vec<_> = list.lines().filter_map(|line| line.split_whitespace().last()).collect();
    assert_eq!(names, ["metadata.json", "script.wasm", "files/000-lists.json", "files/001-users.csv"], "{list}");
    assert!(list.lines().all(|line| line.starts_with("-rw-r--r-- 0/0 ") && line.contains(" 1970-01-01 ")), "{list}");
    let metadata = metadata(&first)?;
    assert_eq!(metadata["script"]["name"], "data");
    assert_eq!(metadata["files"][0]["path"], "../common/lists.json");
    assert_eq!(metadata["files"].as_array().map(Vec::len), Some(2), "users.csv is declared in two formats");
    Ok(())
}

#[test]
fn options_of_all_layers_are_packed_and_flags_go_above_them() -> Result<()> {
    let config = tempfile::tempdir()?;
    let config = config.path().join("config.json");
    fs::create_dir_all(config.parent().context("a directory")?)?;
    fs::write(&config, json!({ "userAgent": "from the file", "vus": 7 }).to_string())?;
    let script = SCRIPTS.component("plain")?;
    let options =
        json!({ "scenarios": { "s": { "executor": "constant-vus", "duration": "9s" } }, "tags": { "a": "1" } });
    let variable = format!("OPTIONS={options}");
    let flags = ["-e", &variable, "-c", &config.to_string_lossy(), "-u", "2", "-i", "6", "--no-setup"];
    let packed = pack(&script, &flags)?;
    let wanted =
        json!({ "userAgent": "from the file", "vus": 2, "iterations": 6, "tags": { "a": "1" }, "noSetup": true });
    assert_eq!(metadata(&packed)?["options"], wanted);

    // The packed options stand for the script's, whatever that would say now.
    let (url, now) = ("TARGET=http://127.0.0.1:9", "OPTIONS={\"iterations\": 99}");
    for (arguments, iterations) in
        [(&["-e", url][..], 6), (&["-e", url, "-e", now], 6), (&["-e", url, "-u", "1", "-i", "3"], 3)]
    {
        assert_eq!(run(&packed, arguments)?.summary()?.count("iterations"), iterations, "{arguments:?}");
    }
    Ok(())
}

#[test]
fn an_archive_resolves_to_the_same_options_with_their_keys_and_without_io_uring() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let (ca, out) = (directory.path().join("ca.pem"), directory.path().join("test.tar"));
    fs::write(&ca, CERT)?;
    let options = json!({
        "scenarios": { "s": { "executor": "constant-vus", "duration": "9s" } }, "thresholds": { "checks": ["rate==1"] },
        "tlsAuth": [{ "cert": CERT, "key": KEY, "domains": ["a.example"] }],
        "dns": { "ttl": "7s", "policy": "any" }, "throng": { "seed": 5 },
    });
    let variable = format!("OPTIONS={options}");
    let flags = ["-e", &variable, "--dns", "select=first", "--tls-ca", &ca.to_string_lossy(), "-w", "--rps", "7"];
    let inspect = |test: &Path, flags: &[&str]| -> Result<Value> {
        let throng = Throng::command(["inspect".as_ref(), test.as_os_str()])?.args(flags);
        Ok(serde_json::from_str(&throng.finish()?.expect_code(0)?.stdout)?)
    };
    let script = SCRIPTS.component("plain")?;
    let archive = ["archive".as_ref(), script.as_os_str(), "-O".as_ref(), out.as_os_str()];
    let throng = Throng::command(archive)?.args(flags).with(|command| without_io_uring(command, libc::EPERM as u16));
    let digest = throng.finish()?.expect_code(0)?.stdout.trim_end().to_owned();
    let packed = Packed { _directory: directory, path: out, digest };
    let (of_script, of_archive) = (inspect(&script, &flags)?, inspect(&packed.path, &[])?);
    assert_eq!(of_archive, of_script);
    assert_eq!(of_archive["dns"], json!({ "ttl": "7s", "select": "first", "policy": "any" }));
    assert_eq!(of_archive["tlsAuth"][0]["key"], "(not shown)");
    let kept = &metadata(&packed)?["options"];
    assert_eq!((&kept["tlsAuth"][0]["key"], &kept["throng"]["tlsCaCertificates"]), (&json!(KEY), &json!([CERT])));
    let without = pack(&packed.path, &["--no-thresholds"])?;
    assert_eq!(metadata(&without)?["options"].get("thresholds"), None);
    Ok(())
}

#[test]
fn variables_are_packed_unless_they_are_left_out_and_can_be_given_anew() -> Result<()> {
    let script = SCRIPTS.component("plain")?;
    let options = json!({ "scenarios": { "s": { "executor": "per-vu-iterations", "exec": "tell" } } });
    let options = format!("OPTIONS={options}");
    let arguments = ["-e", &options, "-e", "WHO=packed"];
    let (kept, left_out) =
        (pack(&script, &arguments)?, pack(&script, &[&arguments[..], &["--exclude-env-vars"]].concat())?);
    assert_eq!(metadata(&kept)?["env"]["WHO"], "packed");
    assert_eq!(metadata(&left_out)?["env"], json!({}));
    for (packed, arguments, wanted) in [
        (&kept, &[][..], "told WHO=packed"),
        (&kept, &["-e", "WHO=given"], "told WHO=given"),
        (&left_out, &[], "told WHO=system"),
        (&left_out, &["--include-system-env-vars=false"], "told WHO=nobody"),
    ] {
        let throng = Throng::run(&packed.path)?.args(arguments).with(|command| {
            command.env("WHO", "system");
        });
        let finished = throng.finish()?.expect_code(0)?;
        assert_eq!(finished.stderr_lines(wanted).count(), 1, "{wanted}: {}", finished.stderr);
    }
    Ok(())
}

#[test]
fn archives_that_were_changed_are_refused_with_the_reason() -> Result<()> {
    let test = Test::usual()?;
    let packed = pack(&test.script, &[])?;
    let whole = fs::read(&packed.path)?;
    let at = |needle: &[u8]| whole.windows(needle.len()).rposition(|part| part == needle).context("not there");
    let with = |at: usize, byte: u8| {
        let mut bytes = whole.clone();
        bytes[at] = byte;
        bytes
    };
    let mut gzip = Command::new("gzip");
    let gzip = gzip.arg("-k").arg(&packed.path).status().map(|_| fs::read(packed.path.with_extension("tar.gz")))??;
    let (row, name) = (at(b"ann,31")?, at(b"files/001-users.csv")?);
    for (bytes, wanted) in [
        (gzip, "the archive is compressed with gzip; decompress it first"),
        (with(row, b'b'), "files/001-users.csv in the archive has another digest than its metadata says"),
        (with(name, b'g'), "no tar header at byte "),
        (whole[..whole.len() - 600].to_vec(), "it breaks off at byte "),
        (whole[..whole.len() / 2].to_vec(), "the file breaks off, or the size is a lie"),
        ([&whole[..], b"more"].concat(), "something follows its end"),
        (whole[whole.len() - 1024..].to_vec(), "entry 1 is to be metadata.json, and is missing"),
    ] {
        let path = packed.path.with_file_name("changed.tar");
        fs::write(&path, bytes)?;
        let finished = Throng::run(&path)?.finish()?.expect_code(107)?;
        assert_eq!(finished.stdout, "");
        assert!(finished.stderr.contains(wanted), "no {wanted:?} in {}", finished.stderr);
        assert_eq!(finished.stderr.lines().count(), 1, "{}", finished.stderr);
    }
    Ok(())
}

#[test]
fn a_test_that_could_not_run_is_not_packed() -> Result<()> {
    let test = Test::usual()?;
    fs::remove_file(test.directory.path().join("common/lists.json"))?;
    let out = test.directory.path().join("test.tar");
    let archive =
        |script: &Path| Throng::command(["archive".as_ref(), script.as_os_str(), "-O".as_ref(), out.as_os_str()]);
    let finished = archive(&test.script)?.finish()?.expect_code(107)?;
    assert!(finished.stderr.contains("../common/lists.json: it can't be read"), "{}", finished.stderr);
    let finished = archive(&SCRIPTS.component("plain")?)?.args(["-e", "OPTIONS={\"vsu\": 1}"]).finish()?;
    let finished = finished.expect_code(104)?;
    assert!(finished.stderr.contains("there is no `vsu`"), "{}", finished.stderr);
    assert_eq!(finished.stdout, "");
    let left: Vec<_> = fs::read_dir(&test.directory)?.flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
    Ok(())
}
