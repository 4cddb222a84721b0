//! What a path given to `run`, `inspect` or `archive` stands for: a script's source, a component, or an archive.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use throng_agent::Test;
use throng_archive::{ARCHIVE_BYTES_MAX, Archive, Bytes, FileSource};

use crate::args::Global;
use crate::build;
use crate::exit::{Exit, Failure};
use crate::printing;

/// The bytes that every WebAssembly binary begins with.
const WASM_MAGIC: &[u8] = b"\0asm";

/// Loads the test at a path; compiles it first where that is its source.
pub(crate) fn load(path: &Path, global: &Global) -> Result<Test, Failure> {
    let is_source = path.is_dir() || path.extension().is_some_and(|extension| extension == "rs" || extension == "toml");
    if is_source {
        let mut log = |line: &str| printing::note(line, global);
        let built = build::compile(path, &mut log)?;
        return Ok(Test {
            name: built.name,
            component: built.bytes.into(),
            options: None,
            env: BTreeMap::new(),
            files: FileSource::Directory(if path.is_dir() { path.to_owned() } else { parent(path) }),
        });
    }
    let bytes = read(path)
        .with_context(|| format!("the script {} can't be read", path.display()))
        .map_err(|error| Failure::new(Exit::ScriptFailed, error))?;
    if bytes.starts_with(WASM_MAGIC) {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let files = FileSource::Directory(parent(path));
        return Ok(Test { name, component: bytes, options: None, env: BTreeMap::new(), files });
    }
    if throng_archive::looks_like(&bytes) || path.extension().is_some_and(|extension| extension == "tar") {
        return unpack(path, bytes);
    }
    let error = anyhow!(
        "{} is neither a component nor a script's source nor an archive: give a .wasm file made by `throng build`, a \
         .rs file, a crate's directory, or a .tar file made by `throng archive`",
        path.display()
    );
    Err(Failure::new(Exit::ScriptFailed, error))
}

fn unpack(path: &Path, bytes: Bytes) -> Result<Test, Failure> {
    let archive = Archive::read(bytes)
        .with_context(|| format!("{} can't be used", path.display()))
        .map_err(|error| Failure::new(Exit::ScriptFailed, error))?;
    Ok(Test::from(&archive))
}

/// The directory of a file, also where the path is its name alone.
fn parent(path: &Path) -> PathBuf {
    path.parent().map(Path::to_owned).unwrap_or_default()
}

/// A file's bytes, which are at most as many as an archive may have.
fn read(path: &Path) -> io::Result<Bytes> {
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    let mut bytes = Vec::with_capacity(usize::try_from(size.min(ARCHIVE_BYTES_MAX)).unwrap_or(0));
    // One more is enough to tell.
    file.take(ARCHIVE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > ARCHIVE_BYTES_MAX {
        return Err(io::Error::other(format!("it has more than {ARCHIVE_BYTES_MAX} bytes, the most of an archive")));
    }
    Ok(bytes.into())
}
