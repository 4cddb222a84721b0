//! What the user points at, and the crate that cargo is given for it.

use super::BuildError;
use super::cache::{Cache, write_if_changed};
use super::cargo::{self, Metadata};
use super::sdk::{Sdk, path_digest};
use super::toolchain::Toolchain;
use std::fs;
use std::path::{Path, PathBuf};

/// A script's source.
pub(super) enum Source {
    /// A crate with its manifest.
    Crate {
        /// Its `Cargo.toml`.
        manifest: PathBuf,
    },
    /// One file.
    File {
        /// Its absolute path.
        path: PathBuf,
        /// Its name without `.rs`.
        stem: String,
    },
}

/// What cargo is given.
pub(super) struct Package {
    /// What the component is called.
    pub(super) script_name: String,
    /// Its `Cargo.toml`.
    pub(super) manifest: PathBuf,
    /// What messages call it: the path given.
    pub(super) shown: String,
    /// Whether its dependency `throng` has to be directed to the unpacked SDK.
    pub(super) wants_sdk: bool,
}

impl Source {
    /// Tells what is at a path.
    pub(super) fn at(path: &Path) -> Result<Self, BuildError> {
        let Ok(absolute) = fs::canonicalize(path) else {
            return Err(BuildError::NoSuchPath(path.to_owned()));
        };
        let not_source = |reason: &str| BuildError::NotSource { path: path.to_owned(), reason: reason.to_owned() };
        if absolute.is_dir() {
            let manifest = absolute.join("Cargo.toml");
            if manifest.is_file() { Ok(Self::Crate { manifest }) } else { Err(not_source("it has no Cargo.toml")) }
        } else if absolute.file_name().is_some_and(|name| name == "Cargo.toml") {
            Ok(Self::Crate { manifest: absolute })
        } else if absolute.extension().is_some_and(|extension| extension == "rs") {
            let stem = absolute.file_stem().and_then(|stem| stem.to_str()).map(str::to_owned);
            let stem = stem.ok_or_else(|| not_source("its name isn't UTF-8"))?;
            Ok(Self::File { path: absolute, stem })
        } else {
            Err(not_source("it is a file of another kind"))
        }
    }

    /// Where commands run, so that a `rust-toolchain.toml` there has its effect.
    pub(super) fn directory(&self) -> &Path {
        let (Self::Crate { manifest: file } | Self::File { path: file, .. }) = self;
        file.parent().unwrap_or(file)
    }

    /// The crate to compile: the user's, or one made round a file. Writes the latter, so the cache has to be locked.
    pub(super) fn package(&self, cache: &Cache, sdk: &Sdk, toolchain: &Toolchain) -> Result<Package, BuildError> {
        match self {
            Self::Crate { manifest } => user_crate(manifest, &cargo::metadata(manifest, toolchain)?),
            Self::File { path, stem } => wrap(path, stem, cache, sdk),
        }
    }
}

fn user_crate(manifest: &Path, metadata: &Metadata) -> Result<Package, BuildError> {
    let directory = manifest.parent().unwrap_or(manifest);
    let Some(package) = metadata.packages.iter().find(|package| package.manifest_path == manifest) else {
        let reason = "its Cargo.toml is that of a workspace: give one of the member crates".to_owned();
        return Err(BuildError::NotSource { path: directory.to_owned(), reason });
    };
    let shown = directory.display().to_string();
    let not_script = |reason: &str| BuildError::NotScript { script: shown.clone(), reason: reason.to_owned() };
    let Some(throng) = package.dependencies.iter().find(|dependency| dependency.name == "throng") else {
        return Err(not_script("its Cargo.toml has no dependency `throng = \"0.1\"`"));
    };
    if !package.targets.iter().any(|target| target.kind.iter().any(|kind| kind.contains("lib"))) {
        return Err(not_script("a script is a library, and there is no src/lib.rs"));
    }
    Ok(Package {
        script_name: package.name.clone(),
        manifest: manifest.to_owned(),
        wants_sdk: throng.path.is_none(),
        shown,
    })
}

/// Makes a crate whose library is the file where it stands: messages name the user's path, and modules beside the file
/// are found.
fn wrap(path: &Path, stem: &str, cache: &Cache, sdk: &Sdk) -> Result<Package, BuildError> {
    let name = package_name(stem);
    let directory = cache.path("scripts").join(format!("{name}-{}", path_digest(path)));
    let manifest = directory.join("Cargo.toml");
    let content = toml(&name, path, &sdk.throng_crate())
        .ok_or_else(|| BuildError::NotSource { path: path.to_owned(), reason: "its path isn't UTF-8".to_owned() })?;
    write_if_changed(&manifest, &content)?;
    let lock = directory.join("Cargo.lock");
    if !lock.exists() {
        write_if_changed(&lock, &registry_packages(sdk.lock_file()))?;
    }
    Ok(Package { script_name: stem.to_owned(), manifest, shown: path.display().to_string(), wants_sdk: false })
}

/// The smallest script, which brings in all that other scripts need.
pub(super) fn smallest(cache: &Cache, sdk: &Sdk) -> Result<Package, BuildError> {
    let path = cache.path("smallest.rs");
    write_if_changed(&path, "//! Compiled first, so that the SDK is.\n\nuse throng as _;\n")?;
    wrap(&path, "smallest", cache, sdk)
}

/// A lock file without the packages of the workspace that it locked: only what comes from a registry has a source.
fn registry_packages(lock: &str) -> String {
    let mut parts = lock.split("[[package]]\n");
    let head = parts.next().unwrap_or_default();
    let packages = parts.filter(|package| package.contains("\nsource = "));
    packages.fold(head.to_owned(), |kept, package| kept + "[[package]]\n" + package)
}

/// A name that cargo accepts and that no dependency has.
fn package_name(stem: &str) -> String {
    let fits = |letter: char| if letter.is_ascii_alphanumeric() || letter == '_' { letter } else { '-' };
    format!("script-{}", stem.chars().map(fits).collect::<String>())
}

/// None when the path isn't UTF-8, which TOML can't hold.
fn toml(name: &str, path: &Path, throng: &Path) -> Option<String> {
    // JSON strings are TOML strings.
    let quote = |path: &Path| serde_json::to_string(path.to_str()?).ok();
    let (path, throng) = (quote(path)?, quote(throng)?);
    Some(format!(
        r#"# Made by throng for one file. Changes here are lost.
[package]
name = "{name}"
version = "0.0.0"
edition = "2024"
publish = false

[lib]
path = {path}
crate-type = ["cdylib"]

[dependencies]
serde = {{ version = "1", features = ["derive"] }}
serde_json = "1"
throng = {{ path = {throng} }}

[workspace]
"#
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(path: &Path) -> String {
        match Source::at(path) {
            Ok(_) => panic!("{} is no source", path.display()),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn crates_and_rust_files_are_sources_and_nothing_else_is() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::write(at("a.rs"), "").unwrap();
        fs::write(at("a.js"), "").unwrap();
        assert!(matches!(Source::at(&at("a.rs")), Ok(Source::File { stem, .. }) if stem == "a"));
        assert!(refusal(&at("a.js")).contains("neither a Rust crate nor a .rs file"));
        assert!(refusal(&at("b.rs")).contains("doesn't exist"));
        assert!(refusal(directory.path()).contains("no Cargo.toml"));
        fs::write(at("Cargo.toml"), "").unwrap();
        for path in [at("."), at("Cargo.toml")] {
            assert!(matches!(Source::at(&path), Ok(Source::Crate { manifest }) if manifest.ends_with("Cargo.toml")));
        }
    }

    #[test]
    fn any_file_name_makes_a_package_name_that_clashes_with_no_dependency() {
        assert_eq!(package_name("serde"), "script-serde");
        assert_eq!(package_name("2. löad test"), "script-2--l-ad-test");
    }

    #[test]
    fn the_lock_of_a_file_holds_only_packages_of_registries() {
        let lock = "version = 4\n\n[[package]]\nname = \"a\"\nsource = \"r\"\n\n[[package]]\nname = \"throng\"\n";
        assert_eq!(registry_packages(lock), "version = 4\n\n[[package]]\nname = \"a\"\nsource = \"r\"\n\n");
    }

    #[test]
    fn a_path_with_quotes_stays_one_string() {
        assert!(toml("a", Path::new("/x/\"y\\.rs"), Path::new("/sdk")).unwrap().contains(r#"path = "/x/\"y\\.rs""#));
    }
}
