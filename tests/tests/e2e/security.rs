//! Who is who in a group: certificates, roles, tokens, and what is refused without them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use throng_tests::{Certs, Finished, Group, Target, Throng, until, with_clock_ahead};

use crate::SCRIPTS;

const PATIENCE: Duration = Duration::from_secs(30);
const DAY_S: i64 = 86_400;

/// Each text is in what a process said.
fn says(finished: &Finished, texts: &[&str]) -> Result<()> {
    let said = format!("{}{}", finished.stdout, finished.stderr);
    for text in texts {
        ensure!(said.contains(text), "{text:?} isn't in: {said}");
    }
    Ok(())
}

/// `throng cluster status` of the group by these arguments.
fn status(group: &Group, arguments: Vec<String>) -> Result<Throng> {
    Ok(Throng::command(["cluster", "status", "--cluster", &group.address(1)])?.args(arguments))
}

#[test]
fn certificates_are_made_for_their_owner_shown_and_never_written_over() -> Result<()> {
    let certs = Certs::new()?;
    let issued = certs.command(["issue", "--role", "agent", "--name", "eu-1", "--days", "7"])?.finish()?;
    let issued = issued.expect_code(0)?;
    says(&issued, &["agent-eu-1.pem\n", "agent-eu-1.key\n"])?;
    for name in ["ca.pem", "ca.key", "agent-eu-1.pem", "agent-eu-1.key"] {
        let mode = fs::metadata(certs.file(name))?.permissions().mode();
        ensure!(mode & 0o777 == 0o600, "{name} has the mode {mode:o}");
    }
    let show = |name: &str| Throng::command(["certs", "show"])?.arg(certs.file(name)).finish();
    let days = ["6 days left", "7 days left"];
    let shown = show("agent-eu-1.pem")?.expect_code(0)?;
    says(&shown, &["role    agent", "name    eu-1", "issuer  ", "sha256  "])?;
    ensure!(days.iter().any(|text| shown.stdout.contains(text)), "{}", shown.stdout);
    says(&show("ca.pem")?.expect_code(0)?, &["role    authority", "O=throng"])?;
    says(&show("ca.key")?.expect_code(104)?, &["ca.key holds no certificate"])?;
    certs.issue("peer", "n1", &["10.0.0.1", "n1.example"], 7)?;
    says(&show("peer-n1.pem")?.expect_code(0)?, &["role    peer", "hosts   10.0.0.1, n1.example"])?;
    // What is there stays.
    let key = fs::read(certs.file("agent-eu-1.key"))?;
    says(&certs.command(["init"])?.finish()?.expect_code(104)?, &["is there already"])?;
    let again = certs.command(["issue", "--role", "agent", "--name", "eu-1"])?.finish()?.expect_code(104)?;
    says(&again, &["agent-eu-1", "is there already"])?;
    ensure!(fs::read(certs.file("agent-eu-1.key"))? == key, "the key was written over");
    let wrong: [(&[&str], &str); 6] = [
        (&["--role", "root", "--name", "a"], "write peer, agent or client"),
        (&["--role", "agent", "--name", "a b"], "--name"),
        (&["--role", "peer", "--name", "n"], "--host"),
        (&["--role", "agent", "--name", "a", "--host", "h"], "only peers"),
        (&["--role", "peer", "--name", "n", "--host", "h:7701"], "neither a name nor an address"),
        (&["--role", "client", "--name", "c", "--days", "0"], "--days"),
    ];
    for (arguments, text) in wrong {
        says(&certs.command(["issue"])?.args(arguments).finish()?.expect_code(104)?, &[text])?;
    }
    let nowhere = Throng::command(["certs", "issue", "--role", "client", "--name", "ci"])?.finish()?;
    says(&nowhere.expect_code(104)?, &["throng certs init"])?;
    Ok(())
}

#[test]
fn a_group_with_certificates_serves_clients_that_have_one() -> Result<()> {
    let mut group = Group::secured(3)?;
    let digest = group.upload("by a client with a certificate")?;
    for id in 1..=3 {
        group.has_archive(id, &digest)?;
    }
    // Followers pass on what is for the leader, and the group outlives it.
    let leader = group.leader()?;
    let killed = group.kill(leader)?;
    group.upload("after the leader")?;
    println!("kill -9 of the leader until the next acknowledged write, with TLS: {:?}", killed.elapsed());
    group.boot(leader)?;
    group.caught_up()?;
    // By the environment as well.
    let certs = group.certs()?;
    let names = ["THRONG_CLUSTER_CA", "THRONG_CLUSTER_CERT", "THRONG_CLUSTER_KEY"];
    let files = ["ca.pem", "client-tests.pem", "client-tests.key"].map(|name| certs.file(name));
    let by_environment = status(&group, Vec::new())?.with(|command| {
        command.envs(names.into_iter().zip(files));
    });
    by_environment.finish()?.expect_code(0)?;
    // A coordinator may ask too.
    status(&group, certs.arguments("peer", "n2"))?.finish()?.expect_code(0)?;
    Ok(())
}

#[test]
fn a_wrong_role_is_told_to_both_sides() -> Result<()> {
    let mut group = Group::secured(1)?;
    let agent = group.certs()?.of("agent", "eu-1")?;
    says(
        &status(&group, agent.clone())?.finish()?.expect_code(115)?,
        &["agent eu-1", "for the role client", "certs issue"],
    )?;
    group.process(1)?.stderr_line("a caller is refused: agent eu-1 may not call", PATIENCE)?;
    let client = group.certs()?.of("client", "ci")?;
    let join = ["agent", "--join", &group.address(1)];
    let refused = Throng::command(join)?.args(client).finish()?.expect_code(115)?;
    says(&refused, &["client ci may not call", "for the role agent", "--role agent"])?;
    group.process(1)?.stderr_line("a caller is refused: client ci may not call", PATIENCE)?;
    // A coordinator is told before it speaks with anybody.
    let listen = ["coordinator", "--id", "1", "--listen", "127.0.0.1:0", "--data-dir", "data"];
    let refused = Throng::command(listen)?.args(agent).finish()?.expect_code(104)?;
    says(&refused, &["agent-eu-1.pem is the certificate of agent eu-1", "--role peer"])?;
    Ok(())
}

#[test]
fn a_certificate_of_another_authority_is_told_to_both_sides() -> Result<()> {
    let mut group = Group::secured(1)?;
    let others = Certs::new()?;
    let client = others.of("client", "ci")?;
    let refused = status(&group, client.clone())?.finish()?.expect_code(115)?;
    says(&refused, &[&group.address(1), "peer n1", "isn't the authority of --cluster-ca", "one `throng certs init`"])?;
    group.process(1)?.stderr_line("a caller refuses this side's certificate", PATIENCE)?;
    // One who knows the group's authority, and is by another one.
    let mixed = others.file("mixed.pem");
    fs::write(&mixed, [fs::read(group.certs()?.file("ca.pem"))?, fs::read(others.file("ca.pem"))?].concat())?;
    let mut arguments = client;
    arguments[1] = mixed.display().to_string();
    let refused = status(&group, arguments)?.finish()?.expect_code(115)?;
    says(&refused, &["refuses this side's certificate", "client-ci.pem", "another authority"])?;
    group.process(1)?.stderr_line("the certificate of a caller (client ci) is by", PATIENCE)?;
    // An agent gives up at once, and a coordinator isn't taken for one of the group.
    let agent = others.of("agent", "eu-1")?;
    let join = ["agent", "--join", &group.address(1)];
    says(&Throng::command(join)?.args(agent).finish()?.expect_code(115)?, &["isn't the authority of --cluster-ca"])?;
    let stranger = group.address(2);
    others.issue("peer", "n2", &[stranger.split(':').next().unwrap_or_default()], 7)?;
    let peers = format!("1={},2={stranger}", group.address(1));
    let arguments = ["coordinator", "--id", "2", "--listen", &stranger, "--peers", &peers, "--data-dir", "data"];
    let refused = Throng::command(arguments)?.args(others.arguments("peer", "n2")).finish()?.expect_code(115)?;
    says(&refused, &["there is no way to node 1", "isn't the authority of --cluster-ca"])?;
    Ok(())
}

#[test]
fn an_expired_certificate_is_told_to_both_sides() -> Result<()> {
    let mut group = Group::secured(1)?;
    let certs = group.certs()?;
    certs.issue("client", "old", &[], 1)?;
    certs.issue("agent", "old", &[], 1)?;
    certs.issue("peer", "old", &["127.0.0.1"], 1)?;
    let (client, agent) = (certs.arguments("client", "old"), certs.arguments("agent", "old"));
    let peer = certs.arguments("peer", "old");
    // Whose own it is looks first, by its own clock.
    let mut late = status(&group, client.clone())?;
    let mut shifted = Ok(());
    late = late.with(|command| shifted = with_clock_ahead(command, 2 * DAY_S));
    shifted?;
    says(&late.finish()?.expect_code(104)?, &["client-old.pem", "has expired", "certs issue"])?;
    // By the coordinator's clock it has expired, and by the client's it hasn't.
    let process = group.take(1)?;
    process.signal(nix::sys::signal::Signal::SIGTERM)?;
    process.wait(PATIENCE)?.expect_code(0)?;
    let command = group.command(1, &group.address(1), &group.peers(), &group.data(1))?;
    let mut shifted = Ok(());
    let command = command.with(|command| shifted = with_clock_ahead(command, 2 * DAY_S));
    shifted?;
    let mut ahead = command.start()?;
    ahead.stdout_line("listening on ", PATIENCE)?;
    let refused = status(&group, client)?.finish()?.expect_code(115)?;
    says(&refused, &["refuses this side's certificate", "client-old.pem", "expired", "compare the clocks"])?;
    ahead.stderr_line("the certificate of a caller (client old) has expired: it was valid until", PATIENCE)?;
    let refused = Throng::command(["agent", "--join", &group.address(1)])?.args(agent).finish()?.expect_code(115)?;
    says(&refused, &["refuses this side's certificate", "agent-old.pem", "expired"])?;
    ahead.stderr_line("the certificate of a caller (agent old) has expired", PATIENCE)?;
    // The other way round it is the coordinator's own that the client finds expired.
    let alone = ["coordinator", "--id", "1", "--listen", "127.0.0.1:0", "--data-dir", "data"];
    let mut old = Throng::command(alone)?.args(peer).start()?;
    let address = old.stdout_line("listening on ", PATIENCE)?.trim_start_matches("listening on ").to_owned();
    let asking =
        Throng::command(["cluster", "status", "--cluster", &address])?.args(group.certs()?.of("client", "tests")?);
    let mut shifted = Ok(());
    let asking = asking.with(|command| shifted = with_clock_ahead(command, 2 * DAY_S));
    shifted?;
    says(&asking.finish()?.expect_code(115)?, &["peer old", "has expired: it was valid until"])?;
    old.stderr_line("a caller refuses this side's certificate", PATIENCE)?;
    Ok(())
}

#[test]
fn a_clock_that_is_ten_minutes_off_is_no_fault_of_a_certificate() -> Result<()> {
    let group = Group::secured(1)?;
    // It was issued just now, and a clock that is slow is before that.
    group.certs()?.issue("client", "fresh", &[], 1)?;
    for seconds in [-600, 600] {
        let mut shifted = Ok(());
        let asking = status(&group, group.certs()?.arguments("client", "fresh"))?;
        let asking = asking.with(|command| shifted = with_clock_ahead(command, seconds));
        shifted?;
        asking.finish()?.expect_code(0)?;
    }
    Ok(())
}

#[test]
fn a_token_is_as_good_as_a_clients_certificate() -> Result<()> {
    let certs = Certs::new()?;
    certs.issue("peer", "n1", &["127.0.0.1"], 7)?;
    let tokens = certs.file("tokens");
    fs::write(&tokens, "# ci\nci-0123456789abcdef\n")?;
    let tokens = tokens.display().to_string();
    let alone = ["coordinator", "--id", "1", "--listen", "127.0.0.1:0", "--data-dir", "data"];
    let with_tokens = |flags: &[&str]| {
        Ok::<_, anyhow::Error>(Throng::command(alone)?.args(flags).args(["--client-token-file", &tokens]))
    };
    let mut process = with_tokens(&[])?.args(certs.arguments("peer", "n1")).start()?;
    let address = process.stdout_line("listening on ", PATIENCE)?.trim_start_matches("listening on ").to_owned();
    let authority = certs.file("ca.pem").display().to_string();
    let ask = |flags: &[&str]| {
        Throng::command(["cluster", "status", "--cluster", &address, "--cluster-ca", &authority])?.args(flags).finish()
    };
    until("it leads", PATIENCE, || Ok((ask(&["--token", "ci-0123456789abcdef"])?.code == Some(0)).then_some(())))?;
    let by_environment = Throng::command(["cluster", "status", "--cluster", &address, "--cluster-ca", &authority])?;
    let by_environment = by_environment.with(|command| {
        command.env("THRONG_TOKEN", "ci-0123456789abcdef");
    });
    by_environment.finish()?.expect_code(0)?;
    says(&ask(&["--token", "ci-0123456789abcdeg"])?.expect_code(115)?, &["isn't one of --client-token-file"])?;
    process.stderr_line("a caller is refused: the client's token isn't one of", PATIENCE)?;
    says(&ask(&[])?.expect_code(115)?, &["a client needs a certificate", "THRONG_TOKEN"])?;
    // It is for clients alone, and for TLS alone.
    says(&ask(&["--token", "short"])?.expect_code(104)?, &["16 to 256"])?;
    let plain = Throng::command(["cluster", "status", "--cluster", &address, "--token", "ci-0123456789abcdef"])?;
    says(&plain.finish()?.expect_code(104)?, &["by TLS alone", "--insecure"])?;
    says(&with_tokens(&[])?.finish()?.expect_code(104)?, &["by TLS alone", "--insecure"])?;
    // Whoever insists has them asked for without.
    let mut open = with_tokens(&["--insecure"])?.start()?;
    let address = open.stdout_line("listening on ", PATIENCE)?.trim_start_matches("listening on ").to_owned();
    let ask = |flags: &[&str]| Throng::command(["cluster", "status", "--cluster", &address])?.args(flags).finish();
    until("it leads", PATIENCE, || {
        Ok((ask(&["--insecure", "--token", "ci-0123456789abcdef"])?.code == Some(0)).then_some(()))
    })?;
    says(&ask(&[])?.expect_code(115)?, &["a client needs a certificate"])?;
    Ok(())
}

#[test]
fn one_side_without_certificates_is_told_what_is_missing() -> Result<()> {
    let mut secured = Group::secured(1)?;
    says(
        &status(&secured, Vec::new())?.finish()?.expect_code(115)?,
        &["takes nobody without certificates", "--cluster-cert"],
    )?;
    secured.process(1)?.stderr_line("somebody without certificates connects", PATIENCE)?;
    let join = ["agent", "--join", &secured.address(1)];
    says(&Throng::command(join)?.finish()?.expect_code(115)?, &["takes nobody without certificates"])?;
    let plain = Group::start(1)?;
    let client = secured.certs()?.of("client", "ci")?;
    says(&status(&plain, client)?.finish()?.expect_code(115)?, &["doesn't speak throng's TLS"])?;
    let agent = secured.certs()?.of("agent", "eu-1")?;
    let join = ["agent", "--join", &plain.address(1)];
    says(&Throng::command(join)?.args(agent).finish()?.expect_code(115)?, &["doesn't speak throng's TLS"])?;
    let mut half = secured.certs()?.of("client", "ci")?;
    half.truncate(4);
    says(&status(&secured, half)?.finish()?.expect_code(104)?, &["--cluster-cert without --cluster-key"])?;
    Ok(())
}

#[test]
fn without_certificates_nothing_leaves_the_machine_unless_it_is_insisted_on() -> Result<()> {
    // Nobody has this address: TEST-NET-1 of RFC 5737.
    const ELSEWHERE: &str = "192.0.2.1:7701";
    let asked = Throng::command(["cluster", "status", "--cluster", ELSEWHERE])?.finish()?.expect_code(104)?;
    says(&asked, &[ELSEWHERE, "another machine", "--cluster-ca", "--insecure"])?;
    let joined = Throng::command(["agent", "--join", ELSEWHERE])?.finish()?.expect_code(104)?;
    says(&joined, &[ELSEWHERE, "another machine", "--insecure"])?;
    let listen = ["coordinator", "--id", "1", "--listen", "0.0.0.0:0", "--data-dir", "data"];
    says(&Throng::command(listen)?.finish()?.expect_code(104)?, &["0.0.0.0", "--cluster-ca", "--insecure"])?;
    // Insisted on, it is done loudly.
    let mut open = Throng::command(listen)?.arg("--insecure").start()?;
    open.stdout_line("listening on ", PATIENCE)?;
    open.stderr_line("nobody is asked who they are (--insecure)", PATIENCE)?;
    let join = ["agent", "--join", "127.0.0.1:9", "--insecure", "--give-up-after", "100ms"];
    says(&Throng::command(join)?.finish()?.expect_code(114)?, &["WARN", "(--insecure)"])?;
    // With certificates it is listened on, since whoever comes has to have one.
    let certs = Certs::new()?;
    certs.issue("peer", "n1", &["127.0.0.1"], 7)?;
    let mut closed = Throng::command(listen)?.args(certs.arguments("peer", "n1")).start()?;
    closed.stdout_line("listening on ", PATIENCE)?;
    Ok(())
}

/// Flags of throng that stand in a file, with what follows them up to the next space.
fn flags(text: &str) -> Vec<&str> {
    let words = text.split(|character: char| character.is_whitespace() || character == '=' || character == '`');
    let is_flag = |word: &&str| {
        word.strip_prefix("--").is_some_and(|name| name.starts_with(|one: char| one.is_ascii_lowercase()))
    };
    words.map(|word| word.trim_end_matches([',', '.', ':'])).filter(is_flag).collect()
}

#[test]
fn units_and_manifests_use_flags_that_there_are() -> Result<()> {
    let tools = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tools");
    for (file, command) in [
        ("systemd/throng-coordinator.service", "coordinator"),
        ("systemd/coordinator.env", "coordinator"),
        ("systemd/throng-agent.service", "agent"),
        ("systemd/agent.env", "agent"),
        ("kubernetes/coordinators.yaml", "coordinator"),
        ("kubernetes/agents.yaml", "agent"),
    ] {
        let mut known = Throng::command([command, "--help"])?.finish()?.expect_code(0)?.stdout;
        known += &Throng::command(["certs", "issue", "--help"])?.finish()?.expect_code(0)?.stdout;
        let text = fs::read_to_string(tools.join(file))?;
        // Those of other programs, in comments.
        let others = ["--system", "--home-dir", "--shell", "--signal", "--from-file", "--help"];
        let used: Vec<&str> = flags(&text).into_iter().filter(|flag| !others.contains(flag)).collect();
        ensure!(!used.is_empty(), "{file} has no flags");
        for flag in used {
            ensure!(known.contains(flag), "{file} has {flag}, and throng {command} hasn't");
        }
    }
    Ok(())
}

#[test]
fn an_agent_has_the_name_of_its_certificate() -> Result<()> {
    let mut group = Group::secured(1)?;
    let certificate = group.certs()?.of("agent", "eu")?;
    let join = ["agent", "--join", &group.address(1)];
    let mut by_certificate = Throng::command(join)?.args(&certificate).start()?;
    by_certificate.stdout_line("agent eu joined the group", PATIENCE)?;
    let mut below = Throng::command(join)?.args(&certificate).args(["--name", "eu.2"]).start()?;
    below.stdout_line("agent eu.2 joined the group", PATIENCE)?;
    let refused = Throng::command(join)?.args(&certificate).args(["--name", "us"]).finish()?.expect_code(115)?;
    says(&refused, &["certificate of agent eu", "--role agent --name us"])?;
    group.process(1)?.stderr_line("an agent is refused: the certificate of agent eu", PATIENCE)?;
    // Two processes of one name are one too many, with certificates as well.
    let twice = Throng::command(join)?.args(&certificate).finish()?.expect_code(115)?;
    says(&twice, &["another name"])?;
    Ok(())
}

/// A few iterations of a function.
fn few(function: &str, more: Value) -> Value {
    let scenario = json!({ "executor": "shared-iterations", "vus": 1, "iterations": 2, "exec": function });
    let mut options = json!({ "scenarios": { "all": scenario } });
    for (name, value) in more.as_object().into_iter().flatten() {
        options[name] = value.clone();
    }
    options
}

#[test]
fn runs_connect_only_to_where_the_cluster_and_the_agent_allow_it() -> Result<()> {
    let (mut group, target) = (Group::prepare_secured(1)?, Target::start()?);
    let command = group.command(1, &group.address(1), &group.peers(), &group.data(1))?;
    group.boot_by(1, command.args(["--allowed-targets", "127.0.0.1,allowed.test"]))?;
    group.leader()?;
    let address = group.address(1);
    let agent = |name: &str, more: &[&str]| -> Result<_> {
        let join = ["agent", "--join", &address, "--shards", "1", "--tag", &format!("who={name}")];
        let mut process = Throng::command(join)?.args(group.certs()?.of("agent", name)?).args(more).start()?;
        process.stdout_line("joined the group", PATIENCE)?;
        Ok(process)
    };
    let _wide = agent("wide", &[])?;
    let _narrow = agent("narrow", &["--allowed-targets", "127.0.0.9,*.test"])?;
    let script = SCRIPTS.component("plain")?;
    let run = |function: &str, url: &str, more: Value| -> Result<Finished> {
        let run = Throng::run(&script)?.args(["--cluster", &address]).args(group.certs()?.of("client", "tests")?);
        let run = run.options(&few(function, more)).variable("TARGET", url).variable("EXPECTED_ERROR", "1112");
        run.finish()?.expect_code(0)
    };
    let by = |name: &str| json!({ "throng": { "agents": format!("who={name}") } });
    let fine = run("default", &target.url("/"), by("wide"))?;
    assert_eq!((target.served()?, fine.summary()?.checks_passed()?), (2, 2));
    let refused = run("unreachable", "http://127.0.0.2:9/", by("wide"))?;
    says(&refused, &["127.0.0.2 isn't among the targets that the cluster allows: 127.0.0.1, allowed.test"])?;
    assert_eq!(refused.summary()?.checks_passed()?, 2);
    // What the test itself leads somewhere isn't allowed by its name.
    let mut led = by("wide");
    led["hosts"] = json!({ "allowed.test": "127.0.0.3" });
    let refused = run("unreachable", "http://allowed.test:9/", led)?;
    assert_eq!(refused.summary()?.checks_passed()?, 2);
    says(&refused, &["127.0.0.3 isn't among the targets that the cluster allows"])?;
    // An agent allows less, and never more.
    let refused = run("unreachable", &target.url("/"), by("narrow"))?;
    says(&refused, &["127.0.0.1 isn't among the targets that this agent allows: 127.0.0.9, *.test"])?;
    let refused = run("unreachable", "http://127.0.0.9:9/", by("narrow"))?;
    says(&refused, &["127.0.0.9 isn't among the targets that the cluster allows"])?;
    assert_eq!(target.served()?, 2);
    let wrong = Throng::command(["agent", "--join", &address, "--allowed-targets", "http://a"])?;
    says(&wrong.finish()?.expect_code(104)?, &["--allowed-targets", "neither a host name"])?;
    Ok(())
}
