//! The SDK's files. A test below holds the list to the directories.

macro_rules! files {
    ($($path:literal)*) => {
        &[$(($path, include_str!(concat!("../../../../", $path)))),*]
    };
}

/// Paths below the repository's root, with their contents.
pub(super) const FILES: &[(&str, &str)] = files! {
    "sdk/Cargo.lock"
    "sdk/Cargo.toml"
    "sdk/examples/Cargo.toml"
    "sdk/examples/chat.rs"
    "sdk/examples/custom_metrics.rs"
    "sdk/examples/data_driven.rs"
    "sdk/examples/digest_auth.rs"
    "sdk/examples/echo.rs"
    "sdk/examples/json_api.rs"
    "sdk/examples/login.rs"
    "sdk/examples/many_sockets.rs"
    "sdk/examples/orders.json"
    "sdk/examples/page_assets.rs"
    "sdk/examples/quickstart.rs"
    "sdk/examples/scenario_setup.rs"
    "sdk/examples/setup_teardown.rs"
    "sdk/examples/soak.rs"
    "sdk/examples/upload.rs"
    "sdk/examples/users.csv"
    "sdk/macros/Cargo.toml"
    "sdk/macros/src/entry.rs"
    "sdk/macros/src/lib.rs"
    "sdk/macros/src/signature.rs"
    "sdk/rust/Cargo.toml"
    "sdk/rust/src/allocator/global.rs"
    "sdk/rust/src/allocator/mod.rs"
    "sdk/rust/src/allocator/size_class.rs"
    "sdk/rust/src/allocator/tests.rs"
    "sdk/rust/src/bindings.rs"
    "sdk/rust/src/checks.rs"
    "sdk/rust/src/data/csv.rs"
    "sdk/rust/src/data/declaration.rs"
    "sdk/rust/src/data/file.rs"
    "sdk/rust/src/data/json.rs"
    "sdk/rust/src/data/mod.rs"
    "sdk/rust/src/data/record.rs"
    "sdk/rust/src/data/record/tests.rs"
    "sdk/rust/src/data/rows.rs"
    "sdk/rust/src/entry.rs"
    "sdk/rust/src/environment.rs"
    "sdk/rust/src/event_bindings.rs"
    "sdk/rust/src/events/connection.rs"
    "sdk/rust/src/events/dispatch.rs"
    "sdk/rust/src/events/handshake.rs"
    "sdk/rust/src/events/mod.rs"
    "sdk/rust/src/execution.rs"
    "sdk/rust/src/group.rs"
    "sdk/rust/src/http/base64.rs"
    "sdk/rust/src/http/body.rs"
    "sdk/rust/src/http/cache.rs"
    "sdk/rust/src/http/exchange.rs"
    "sdk/rust/src/http/expected.rs"
    "sdk/rust/src/http/handle.rs"
    "sdk/rust/src/http/html/form.rs"
    "sdk/rust/src/http/html/mod.rs"
    "sdk/rust/src/http/html/page.rs"
    "sdk/rust/src/http/html/tests.rs"
    "sdk/rust/src/http/jar.rs"
    "sdk/rust/src/http/method.rs"
    "sdk/rust/src/http/mod.rs"
    "sdk/rust/src/http/multipart.rs"
    "sdk/rust/src/http/prepared.rs"
    "sdk/rust/src/http/request.rs"
    "sdk/rust/src/http/response.rs"
    "sdk/rust/src/lib.rs"
    "sdk/rust/src/log.rs"
    "sdk/rust/src/metrics/definition.rs"
    "sdk/rust/src/metrics/mod.rs"
    "sdk/rust/src/metrics/value.rs"
    "sdk/rust/src/network_error.rs"
    "sdk/rust/src/options/duration.rs"
    "sdk/rust/src/options/mod.rs"
    "sdk/rust/src/options/scenario.rs"
    "sdk/rust/src/panic_hook.rs"
    "sdk/rust/src/prelude.rs"
    "sdk/rust/src/random.rs"
    "sdk/rust/src/registry.rs"
    "sdk/rust/src/setup_data.rs"
    "sdk/rust/src/summary.rs"
    "sdk/rust/src/tags.rs"
    "sdk/rust/src/tcp/connect.rs"
    "sdk/rust/src/tcp/mod.rs"
    "sdk/rust/src/tcp/reading.rs"
    "sdk/rust/src/tcp/socket.rs"
    "sdk/rust/src/text.rs"
    "sdk/rust/src/time.rs"
    "sdk/rust/src/udp/connect.rs"
    "sdk/rust/src/udp/mod.rs"
    "sdk/rust/src/udp/socket.rs"
    "sdk/rust/src/websocket/connect.rs"
    "sdk/rust/src/websocket/error.rs"
    "sdk/rust/src/websocket/message.rs"
    "sdk/rust/src/websocket/mod.rs"
    "sdk/rust/src/websocket/socket.rs"
    "wit/events.wit"
    "wit/script.wit"
};

/// `sdk/Cargo.lock`
pub(super) const LOCK_FILE: &str = include_str!("../../../../sdk/Cargo.lock");

#[cfg(test)]
mod tests {
    use super::FILES;
    use std::fs;
    use std::path::{Path, PathBuf};

    /// What isn't needed for compiling a script.
    const LEFT_OUT: [&str; 3] = ["sdk/clippy.toml", "sdk/rustfmt.toml", "sdk/target"];

    #[test]
    fn every_file_of_the_sdk_is_embedded() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut found = Vec::new();
        collect(&root, "sdk", &mut found);
        collect(&root, "wit", &mut found);
        let mut embedded: Vec<_> = FILES.iter().map(|(path, _)| (*path).to_owned()).collect();
        found.sort();
        embedded.sort();
        assert_eq!(embedded, found);
    }

    fn collect(root: &Path, below: &str, found: &mut Vec<String>) {
        let mut entries: Vec<PathBuf> =
            fs::read_dir(root.join(below)).unwrap().map(|entry| entry.unwrap().path()).collect();
        entries.sort();
        for entry in entries {
            let path = format!("{below}/{}", entry.file_name().unwrap().to_str().unwrap());
            if LEFT_OUT.contains(&path.as_str()) || path.ends_with(".wasm") {
                continue;
            }
            if entry.is_dir() { collect(root, &path, found) } else { found.push(path) }
        }
    }
}
