//! A script, as a component.

use std::fs;
use std::path::Path;

use anyhow::{Context, anyhow};

use crate::args::Global;
use crate::build;
use crate::exit::{Exit, Failure};
use crate::printing;

/// The bytes that every WebAssembly binary begins with.
const WASM_MAGIC: &[u8] = b"\0asm";

/// Reads a component, or builds one from source first.
pub(crate) fn component(script: &Path, global: &Global) -> Result<Vec<u8>, Failure> {
    let is_source =
        script.is_dir() || script.extension().is_some_and(|extension| extension == "rs" || extension == "toml");
    if is_source {
        let mut log = |line: &str| printing::note(line, global);
        return Ok(build::compile(script, &mut log)?.bytes);
    }
    let bytes = fs::read(script)
        .with_context(|| format!("the script {} can't be read", script.display()))
        .map_err(|error| Failure::new(Exit::ScriptFailed, error))?;
    if !bytes.starts_with(WASM_MAGIC) {
        let error = anyhow!(
            "{} is neither a component nor a script's source: give a .wasm file made by `throng build`, a .rs file or \
             a crate's directory",
            script.display()
        );
        return Err(Failure::new(Exit::ScriptFailed, error));
    }
    Ok(bytes)
}
