//! `throng archive`.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::Path;

use anyhow::Context;
use throng_archive::{Archive, Digest};

use super::options;
use crate::args::{ArchiveArgs, Global};
use crate::exit::{Exit, Failure};
use crate::layers::Environment;
use crate::load;
use crate::printing::{self, Printer};

pub(crate) fn run(args: &ArchiveArgs, global: &Global) -> Result<Exit, Failure> {
    let script = &args.script.script;
    let test = load::load(script, global)?;
    let name = test.name.clone();
    let environment = Environment::of_process();
    let config = options::run_config(test, (&args.script, &args.options), (&environment, false), global);
    let mut inspection = throng_agent::inspect(&config, &mut Printer::new(global, script))
        .map_err(|error| Failure::of_test(error, script))?;
    // Where it is run and what becomes of its results isn't part of the test.
    for key in ["out", "linger"] {
        inspection.options.remove(key);
    }
    let env = if args.exclude_env_vars { BTreeMap::new() } else { config.env };
    let files = inspection.files.by_path();
    let count = files.len();
    let versions = (env!("CARGO_PKG_VERSION"), throng_vu::CONTRACT_VERSION);
    let archive = Archive::new(versions, (&name, config.component), inspection.options, env, files)
        .map_err(|error| Failure::new(Exit::ScriptFailed, error))?;
    let out = &args.archive_out;
    let digest = write(&archive, out)
        .with_context(|| format!("the archive can't be written to {}", out.display()))
        .map_err(|error| Failure::new(Exit::Other, error))?;
    let plural = if count == 1 { "" } else { "s" };
    printing::note(&format!("packed {name} with {count} data file{plural} into {}", out.display()), global);
    printing::line(&digest.to_string());
    Ok(Exit::Success)
}

/// The file appears whole or not at all.
fn write(archive: &Archive, path: &Path) -> io::Result<Digest> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = path.with_file_name(name);
    let written = File::create(&temporary).and_then(|file| archive.write(BufWriter::new(file)));
    let moved = written.and_then(|digest| fs::rename(&temporary, path).map(|()| digest));
    if moved.is_err() {
        // Nothing is left to do where removing fails too; the error to tell is the first one.
        let _ = fs::remove_file(&temporary);
    }
    moved
}
