//! What connections are made, to where, and how.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};
use tempfile::TempDir;
use throng_tests::{Finished, Process, Target, Throng};

use crate::requests::{passed, throng};

#[test]
fn connections_are_used_again_as_far_as_the_options_allow() -> Result<()> {
    for (options, connections) in
        [(json!({}), 1), (json!({ "noVUConnectionReuse": true }), 3), (json!({ "noConnectionReuse": true }), 6)]
    {
        let target = Target::start()?;
        passed(throng(&target.url(""), "plain", 3, options.clone())?.variable("REQUESTS", "2").finish()?)?;
        assert_eq!((target.served()?, target.connections()?), (6, connections), "{options}");
    }
    Ok(())
}

#[test]
fn hosts_are_found_and_refused_as_the_options_say() -> Result<()> {
    let target = Target::start()?;
    let (address, port) = (target.address(), target.address().port());
    let options = json!({
        "hosts": {
            "shop.test": address.to_string(),
            "*.shop.test": "127.0.0.1",
            "port.test:81": address.to_string(),
            "bad.shop.test": "127.0.0.1:1",
        },
        "blockHostnames": ["blocked.test", "*.blocked.shop.test"],
        "blacklistIPs": ["127.0.0.8/30", "::1/128"],
    });
    let urls = [
        "http://shop.test/=0".to_owned(),
        format!("http://www.shop.test:{port}/=0"),
        "http://port.test:81/=0".to_owned(),
        "http://bad.shop.test/=1212".to_owned(),
        "http://blocked.test/=1111".to_owned(),
        "http://a.blocked.shop.test/=1111".to_owned(),
        format!("http://127.0.0.9:{port}/=1110"),
        format!("http://[::1]:{port}/=1110"),
        format!("http://127.0.0.1:{port}/=0"),
    ];
    let throng = throng(&target.url(""), "codes", 1, options)?.variable("URLS", urls.join(" "));
    let (summary, _) = passed(throng.finish()?)?;
    assert_eq!((target.served()?, summary.rate_counts("http_req_failed").1), (4, 4));
    Ok(())
}

#[test]
fn names_are_looked_up_by_the_policy() -> Result<()> {
    let target = Target::start()?;
    let port = target.address().port();
    for select in ["first", "random", "roundRobin"] {
        let options = json!({ "dns": { "policy": "onlyIPv4", "select": select, "ttl": "0" } });
        let throng = throng(&target.url(""), "codes", 2, options)?.arg("--no-connection-reuse");
        let (summary, _) = passed(throng.variable("URLS", format!("http://localhost:{port}/=0")).finish()?)?;
        // With a ttl of 0 each connection looks it up.
        assert!(summary.value("http_req_looking_up", "min")? > 0.0);
    }
    Ok(())
}

/// A target by TLS, and the file with its certificate.
pub(crate) fn tls_target(arguments: &[&str]) -> Result<(Target, TempDir)> {
    let directory = tempfile::tempdir()?;
    let certificate = directory.path().join("target.pem");
    let target = Target::start_tls(
        ["--tls-cert-out".as_ref(), certificate.as_os_str()].into_iter().chain(arguments.iter().map(AsRef::as_ref)),
    )?;
    Ok((target, directory))
}

fn trusting(throng: Throng, directory: &TempDir) -> Throng {
    throng.arg("--tls-ca").arg(directory.path().join("target.pem"))
}

#[test]
fn a_server_is_trusted_by_its_authority_or_not_at_all() -> Result<()> {
    let (target, directory) = tls_target(&[])?;
    passed(trusting(throng(&target.url(""), "plain", 1, json!({}))?, &directory).finish()?)?;
    passed(throng(&target.url(""), "plain", 1, json!({ "insecureSkipTLSVerify": true }))?.finish()?)?;
    let (_, finished) = passed(throng(&target.url(""), "failing", 1, json!({}))?.finish()?)?;
    assert!(
        finished.stderr.contains("(1310)") && finished.stderr.contains("insecureSkipTLSVerify"),
        "{}",
        finished.stderr
    );
    Ok(())
}

#[test]
fn samples_carry_the_tls_version() -> Result<()> {
    let (target, directory) = tls_target(&[])?;
    for (options, version) in [(json!({}), "tls1.3"), (json!({ "tlsVersion": "tls1.2" }), "tls1.2")] {
        let metric = format!("http_reqs{{tls_version:{version}}}");
        let mut options: Value = options;
        options["thresholds"] = json!({ metric: ["count==1"] });
        passed(trusting(throng(&target.url(""), "plain", 1, options)?, &directory).finish()?)?;
    }
    Ok(())
}

#[test]
fn only_the_first_request_of_a_connection_has_a_handshake() -> Result<()> {
    let (target, directory) = tls_target(&[])?;
    let (summary, _) = passed(trusting(throng(&target.url(""), "handshakes", 1, json!({}))?, &directory).finish()?)?;
    assert!(summary.value("http_req_tls_handshaking", "max")? > 0.0);
    assert_eq!(summary.value("http_req_tls_handshaking", "min")?, 0.0);
    Ok(())
}

#[test]
fn secrets_of_sessions_are_written_on_demand() -> Result<()> {
    let (target, directory) = tls_target(&[])?;
    let ask = |throng: Throng| -> Result<Finished> { Ok(passed(trusting(throng, &directory).finish()?)?.1) };
    let by_variable = directory.path().join("variable.log");
    ask(throng(&target.url(""), "plain", 1, json!({}))?.with(|command| {
        command.env("SSLKEYLOGFILE", &by_variable);
    }))?;
    let by_flag = ask(throng(&target.url(""), "plain", 1, json!({}))?.args(["--tls-key-log", "flag.log"]))?;
    for log in [fs::read_to_string(&by_variable)?, by_flag.file("flag.log")?] {
        assert!(log.lines().any(|line| line.starts_with("CLIENT_TRAFFIC_SECRET_0 ")), "{log}");
    }
    Ok(())
}

/// Has openssl make files in a directory.
fn openssl(directory: &Path, arguments: &str) -> Result<()> {
    let mut command = Command::new("openssl");
    command.current_dir(directory).args(arguments.split(' '));
    Process::start(command)?.wait(Duration::from_secs(60))?.expect_code(0).map(drop)
}

/// A client's certificate by its own authority, and its key.
fn client(directory: &Path) -> Result<(String, String)> {
    openssl(
        directory,
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=ann -addext \
         basicConstraints=critical,CA:FALSE -keyout key.pem -out client.pem",
    )?;
    let read = |name: &str| fs::read_to_string(directory.join(name));
    Ok((read("client.pem")?, read("key.pem")?))
}

#[test]
fn a_client_shows_its_certificate() -> Result<()> {
    let made = tempfile::tempdir()?;
    let (certificate, key) = client(made.path())?;
    let authority = made.path().join("client.pem");
    let (target, directory) = tls_target(&["--tls-client-ca", authority.to_str().unwrap_or_default()])?;
    let auth = |domains: &[&str]| json!({ "tlsAuth": [{ "cert": certificate, "key": key, "domains": domains }] });
    for options in [auth(&["127.0.0.1"]), json!({ "tlsAuth": [{ "cert": certificate, "key": key }] })] {
        passed(trusting(throng(&target.url(""), "plain", 1, options)?, &directory).finish()?)?;
    }
    for options in [json!({}), auth(&["elsewhere.test"])] {
        let (_, finished) = passed(trusting(throng(&target.url(""), "failing", 1, options)?, &directory).finish()?)?;
        assert!(finished.stderr.contains("failed with "), "{}", finished.stderr);
    }
    Ok(())
}

#[test]
fn an_encrypted_key_is_refused_with_the_remedy() -> Result<()> {
    let made = tempfile::tempdir()?;
    let (certificate, _) = client(made.path())?;
    openssl(made.path(), "pkey -in key.pem -aes256 -passout pass:secret -out encrypted.pem")?;
    let key = fs::read_to_string(made.path().join("encrypted.pem"))?;
    let auth = json!({ "tlsAuth": [{ "cert": certificate, "key": key, "password": "secret" }] });
    let finished = throng("https://127.0.0.1:1", "plain", 1, auth)?.finish()?.expect_code(104)?;
    assert!(finished.stderr.contains("openssl pkey -in key.pem -out"), "{}", finished.stderr);
    Ok(())
}
