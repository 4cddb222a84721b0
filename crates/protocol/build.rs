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
    const SERVICES: [&str; 4] = ["agent", "cluster", "control", "raft"];

    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (sources, generated) = (root.join("../../proto"), root.join("src/generated"));
    println!("cargo::rerun-if-changed={}", sources.display());
    for service in SERVICES {
        let proto = format!("throng/{service}/v1/{service}.proto");
        let descriptors = protox::compile([&proto], [&sources])?;
        tonic_prost_build::configure()
            // Channels are made by those who know where to.
            .build_transport(false)
            // Parts of files and of the log are handed on without a copy.
            .bytes(".throng.agent.v1")
            .bytes(".throng.cluster.v1")
            .bytes(".throng.raft.v1")
            .out_dir(&generated)
            .compile_fds(descriptors)?;
        let digest = Sha256::digest(fs::read(sources.join(&proto))?);
        let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        fs::write(generated.join(format!("throng.{service}.v1.sha256")), digest + "\n")?;
    }
    Ok(())
}
