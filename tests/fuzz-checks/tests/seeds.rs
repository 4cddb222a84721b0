//! Every seed of every target, as the fuzzer would give it.
#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{fs, panic};

use throng_fuzz_checks::TARGETS;

/// Seeds of all targets: they are in the repository for ever.
const SEEDS_BYTES_MAX: u64 = 512 << 10;

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz")
}

fn names(directory: &Path) -> BTreeSet<PathBuf> {
    let entries = fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn seeds_hold() {
    let mut bytes_in_all = 0;
    for (target, check) in TARGETS {
        let seeds = names(&fuzz().join("seeds").join(target));
        assert!(!seeds.is_empty(), "{target} has no seeds");
        for seed in seeds {
            let bytes = fs::read(&seed).unwrap();
            bytes_in_all += bytes.len() as u64;
            let outcome = panic::catch_unwind(|| check(&bytes));
            assert!(outcome.is_ok(), "{target} fails with {}", seed.display());
        }
    }
    assert!(bytes_in_all <= SEEDS_BYTES_MAX, "{bytes_in_all} bytes of seeds; minimize them by `tools/fuzz`");
}

#[test]
fn every_target_has_a_program_and_every_program_a_target() {
    let stems = |directory: &str| -> BTreeSet<String> {
        let paths = names(&fuzz().join(directory));
        paths.iter().map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect()
    };
    let targets: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(stems("targets"), targets);
    assert_eq!(stems("seeds"), targets);
    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    for target in targets {
        assert!(manifest.contains(&format!("path = \"targets/{target}.rs\"")), "{target} isn't in the manifest");
    }
}
