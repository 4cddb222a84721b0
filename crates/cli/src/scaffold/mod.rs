//! Starts a script: `throng new`.
//!
//! A name or path becomes a crate that builds at once; a path that ends in `.rs` becomes that one file. Nothing that is
//! there is written over.

mod package_name;

use crate::build::{BuildError, unpack_sdk};
use package_name::package_name;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

const SCRIPT: &str = include_str!("templates/script.rs");
const MANIFEST: &str = include_str!("templates/Cargo.toml.txt");
const README: &str = include_str!("templates/README.md");
const GITIGNORE: &str = include_str!("templates/gitignore.txt");
const CARGO_CONFIG: &str = include_str!("templates/config.toml.txt");

/// Why nothing, or not all, was made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ScaffoldError {
    /// The path isn't free.
    #[error("{} exists and is not written over", .0.display())]
    Exists(PathBuf),
    /// A file can't be written.
    #[error("can't write {}", .path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The SDK, which the crate's configuration for editors names, can't be unpacked.
    #[error(transparent)]
    Sdk(#[from] BuildError),
}

/// Makes a script at a path: a crate, or one file if the path ends in `.rs`. Returns what `throng run` is to be given.
pub(crate) fn scaffold(path: &Path) -> Result<PathBuf, ScaffoldError> {
    if path.extension().is_some_and(|extension| extension == "rs") {
        write_new(path, &SCRIPT.replace("@PATH@", &path.display().to_string()))?;
    } else {
        write_crate(path)?;
    }
    Ok(path.to_owned())
}

fn write_crate(directory: &Path) -> Result<(), ScaffoldError> {
    let write_error = |source| ScaffoldError::Write { path: directory.to_owned(), source };
    match fs::read_dir(directory).map(|mut entries| entries.next().is_some()) {
        Ok(true) => return Err(ScaffoldError::Exists(directory.to_owned())),
        Ok(false) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => fs::create_dir_all(directory).map_err(write_error)?,
        Err(error) if error.kind() == ErrorKind::NotADirectory => {
            return Err(ScaffoldError::Exists(directory.to_owned()));
        }
        Err(error) => return Err(write_error(error)),
    }
    // A path such as `.` has no name of its own.
    let absolute = fs::canonicalize(directory).map_err(write_error)?;
    let name = package_name(&absolute.file_name().unwrap_or_default().to_string_lossy());
    let sdk = serde_json::Value::from(unpack_sdk()?.throng_crate().to_string_lossy()).to_string();
    for (file, template) in [
        ("Cargo.toml", MANIFEST),
        ("src/lib.rs", SCRIPT),
        ("README.md", README),
        (".gitignore", GITIGNORE),
        (".cargo/config.toml", CARGO_CONFIG),
    ] {
        let content = template.replace("@NAME@", &name).replace("@PATH@", ".").replace("@SDK@", &sdk);
        write_new(&directory.join(file), &content)?;
    }
    Ok(())
}

fn write_new(path: &Path, content: &str) -> Result<(), ScaffoldError> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(|source| ScaffoldError::Write { path: parent.to_owned(), source })?;
    }
    let written = OpenOptions::new().write(true).create_new(true).open(path);
    match written.and_then(|mut file| file.write_all(content.as_bytes())) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(ScaffoldError::Exists(path.to_owned())),
        Err(source) => Err(ScaffoldError::Write { path: path.to_owned(), source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_holds_something_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("notes"), "mine").unwrap();
        assert!(matches!(scaffold(directory.path()), Err(ScaffoldError::Exists(_))));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        let file = directory.path().join("notes");
        assert!(matches!(scaffold(&file), Err(ScaffoldError::Exists(_))));
        assert_eq!(fs::read_to_string(file).unwrap(), "mine");
    }

    #[test]
    fn one_file_is_made_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("deep/load.rs");
        assert_eq!(scaffold(&path).unwrap(), path);
        let content = fs::read_to_string(&path).unwrap();
        assert!(content.contains("deep/load.rs -e TARGET=") && content.contains("#[scenario]"));
        assert!(matches!(scaffold(&path), Err(ScaffoldError::Exists(_))));
    }

    #[test]
    fn a_crate_has_no_placeholder_left() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("shop");
        scaffold(&path).unwrap();
        for file in ["Cargo.toml", "src/lib.rs", "README.md", ".gitignore", ".cargo/config.toml"] {
            let content = fs::read_to_string(path.join(file)).unwrap();
            assert!(!["@NAME@", "@PATH@", "@SDK@"].iter().any(|placeholder| content.contains(placeholder)), "{file}");
        }
        assert!(fs::read_to_string(path.join("Cargo.toml")).unwrap().contains("name = \"shop\""));
    }
}
