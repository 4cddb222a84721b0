//! With the feature `generate`, makes `src/generated` from `proto/`; without it, which is how everybody builds, nothing.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    #[cfg(feature = "generate")]
    generate()?;
    Ok(())
}

#[cfg(feature = "generate")]
fn generate() -> Result<(), Box<dyn Error>> {
    use std::fs;
    use std::path::Path;

    use sha2::{Digest, Sha256};

    /// Names of files below `proto/throng`, which are those of packages too.
    const SERVICES: [&str; 5] = ["agent", "cluster", "control", "raft", "run"];

    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (sources, generated) = (root.join("../../proto"), root.join("src/generated"));
    let out = std::path::PathBuf::from(std::env::var("OUT_DIR")?);
    println!("cargo::rerun-if-changed={}", sources.display());
    for service in SERVICES {
        let proto = format!("throng/{service}/v1/{service}.proto");
        let descriptors = protox::compile([&proto], [&sources])?;
        let mut builder = tonic_prost_build::configure();
        if service != "control" {
            // Messages of control that others use are those of its own module.
            builder = builder.extern_path(".throng.control.v1", "crate::control");
        }
        builder
            // Channels are made by those who know where to.
            .build_transport(false)
            // Parts of files and of the log are handed on without a copy.
            .bytes(".throng.agent.v1")
            .bytes(".throng.cluster.v1")
            .bytes(".throng.raft.v1")
            .bytes(".throng.run.v1")
            .out_dir(&out)
            .compile_fds(descriptors)?;
        // What a package imports is made too, without what is said of it where it is at home.
        let name = format!("throng.{service}.v1.rs");
        fs::copy(out.join(&name), generated.join(&name))?;
        let digest = Sha256::digest(fs::read(sources.join(&proto))?);
        let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        fs::write(generated.join(format!("throng.{service}.v1.sha256")), digest + "\n")?;
    }
    Ok(())
}
