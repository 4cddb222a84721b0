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

    const PROTO: &str = "throng/control/v1/control.proto";

    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (sources, generated) = (root.join("../../proto"), root.join("src/generated"));
    println!("cargo::rerun-if-changed={}", sources.display());
    let descriptors = protox::compile([PROTO], [&sources])?;
    tonic_prost_build::configure()
        // Channels are made by those who know where to.
        .build_transport(false)
        .out_dir(&generated)
        .compile_fds(descriptors)?;
    let digest = Sha256::digest(fs::read(sources.join(PROTO))?);
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    fs::write(generated.join("throng.control.v1.sha256"), digest + "\n")?;
    Ok(())
}
