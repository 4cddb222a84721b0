use std::io;

use throng_transport::machine::{Conntrack, InterfaceAddress, Limit};

use super::*;

/// A machine without any shortage.
fn good() -> Observed {
    let address = |interface: &str, address: &str| InterfaceAddress {
        interface: interface.to_owned(),
        address: address.parse().unwrap(),
    };
    let unlimited = Limit { soft: u64::MAX, hard: u64::MAX };
    let facts = Facts {
        kernel: "6.18.44-cloud".to_owned(),
        io_uring_disabled: Some(0),
        is_root: false,
        locked_memory: unlimited,
        open_files: Limit { soft: 1024, hard: 1 << 20 },
        cores: 4,
        cores_online: 4,
        cores_by_quota: 4,
        memory_available: Some(8 << 30),
        max_map_count: Some(65_530),
        local_ports: Some((32_768, 60_999)),
        tcp_tw_reuse: Some(1),
        somaxconn: Some(4096),
        conntrack: None,
        addresses: vec![address("lo", "127.0.0.1"), address("eth0", "192.0.2.5"), address("eth0", "fe80::1")],
        clock_source: Some("tsc".to_owned()),
        clock_sources: vec!["tsc".to_owned()],
        huge_pages: Some("madvise".to_owned()),
        probes_by_ring: true,
    };
    Observed {
        facts,
        missing_operations: Ok(Vec::new()),
        shards: Ok(4),
        toolchain: Ok("rustc 1.95.0".to_owned()),
        sources: Default::default(),
        target: None,
    }
}

/// The only finding of a changed machine that isn't ok.
fn shortage(change: impl FnOnce(&mut Observed)) -> Finding {
    let mut observed = good();
    change(&mut observed);
    let mut found = judge(&observed).into_iter().filter(|finding| finding.status != Status::Ok);
    let first = found.next().expect("everything is ok");
    assert_eq!(found.next(), None);
    first
}

#[test]
fn a_good_machine_has_no_shortage() {
    let findings = judge(&good());
    assert!(findings.iter().all(|finding| finding.status == Status::Ok), "{findings:?}");
    assert!(findings.len() >= 15);
    let text = findings.iter().find(|finding| finding.name == "sockets").unwrap().to_string();
    assert!(text.starts_with("ok       sockets           16,777,216 (4,194,304 on each of 4 cores"), "{text}");
    assert_eq!(verdict(true, 262_144, Some(5)), "\nA run would work here: 262,144 sockets at once, about 5 idle VUs.");
}

#[test]
fn each_shortage_is_one_note_with_what_it_costs_and_a_remedy() {
    type Change = fn(&mut Observed);
    let cases: [(Change, &str, &str, &str); 12] = [
        (|o| o.facts.locked_memory.soft = 4 << 20, "locked memory", "as much again", "prlimit --pid $$ --memlock"),
        (|o| o.facts.open_files.hard = 64, "sockets", "1215", "--nofile=65536:65536"),
        (|o| o.facts.cores_online = 8, "cores", "aren't used", "taskset -c 0-7"),
        (|o| o.facts.cores_by_quota = 1, "cores", "halted", "--cpus=4"),
        (|o| o.facts.memory_available = Some(100 << 20), "memory", "compiling", "--memory"),
        (|o| o.facts.max_map_count = Some(1000), "memory mappings", "arenas", "vm.max_map_count=65530"),
        (|o| o.facts.huge_pages = Some("always".into()), "huge pages", "2 MiB", "echo madvise | sudo tee"),
        (|o| o.facts.probes_by_ring = false, "silent peers", "20,000 connections", "Linux 6.7"),
        (|o| o.facts.clock_source = Some("hpet".into()), "clock", "system call", "echo tsc | sudo tee"),
        (|o| o.facts.tcp_tw_reuse = Some(2), "tcp_tw_reuse", "1,075 new connections", "net.ipv4.tcp_tw_reuse=1"),
        (|o| o.facts.somaxconn = Some(128), "somaxconn", "throng target", "net.core.somaxconn=4096"),
        (
            |o| o.facts.conntrack = Some(Conntrack { used: 8, max: 1000 }),
            "conntrack",
            "dropped",
            "nf_conntrack_max=524296",
        ),
    ];
    for (change, name, cost, remedy) in cases {
        let finding = shortage(change);
        assert_eq!((finding.name, finding.status), (name, Status::Note));
        assert!(finding.cost.as_ref().is_some_and(|text| text.contains(cost)), "{finding:?}");
        assert!(finding.remedy.as_ref().is_some_and(|text| text.contains(remedy)), "{finding:?}");
    }
}

#[test]
fn connections_to_one_destination_are_bounded_by_ports_memory_or_sockets() {
    let facts = good().facts;
    let mut sources = SourceAddresses::default();
    let told = |sources: &SourceAddresses| capacity::connections_finding(&facts, sources, &[], None).found;
    assert!(
        told(&sources).starts_with("64,512 to one address and port of a target, bounded by source"),
        "{}",
        told(&sources)
    );
    sources.add("10.0.0.0/30").unwrap();
    sources.ports = (2000, 2999);
    assert!(told(&sources).starts_with("2,000 to one"), "{}", told(&sources));
    sources.add("2001:db8::/64").unwrap();
    assert!(told(&sources).contains("bounded by memory"), "{}", told(&sources));
}

#[test]
fn source_addresses_that_can_not_be_used_are_a_problem() {
    let problem = shortage(|observed| {
        observed.sources.0.add("192.0.2.9").unwrap();
        observed.sources.1 = check_sources(&observed.sources.0);
    });
    assert_eq!((problem.name, problem.status), ("connections", Status::Problem));
    assert!(problem.remedy.unwrap().contains("ip address add 192.0.2.9/32 dev eth0"));
}

#[test]
fn without_what_a_run_needs_there_is_a_problem() {
    let old = shortage(|observed| observed.facts.kernel = "5.15.0-91-generic".to_owned());
    assert_eq!((old.name, old.status), ("kernel", Status::Problem));
    let lacking = shortage(|observed| observed.missing_operations = Ok(vec!["shutdown"]));
    assert_eq!((lacking.name, lacking.found.as_str()), ("io_uring", "it lacks shutdown"));
    for (disabled, remedy) in [(Some(0), "seccomp"), (None, "seccomp"), (Some(1), "sysctl"), (Some(2), "sysctl")] {
        let forbidden = shortage(|observed| {
            observed.facts.io_uring_disabled = disabled;
            let error = io::Error::from_raw_os_error(1);
            observed.missing_operations = Err(RingError::Unavailable(error));
        });
        assert_eq!((forbidden.name, forbidden.status), ("io_uring", Status::Problem));
        assert!(forbidden.remedy.unwrap().contains(remedy), "{disabled:?}");
    }
}

#[test]
fn too_little_locked_memory_is_told_with_what_is_needed() {
    let mut observed = good();
    observed.facts.locked_memory = Limit { soft: 65_536, hard: 65_536 };
    observed.shards = Err(ShardError::LockedMemory { limit_bytes: 65_536 });
    let findings = judge(&observed);
    let problems: Vec<_> = findings.iter().filter(|finding| finding.status == Status::Problem).collect();
    assert_eq!(problems.iter().map(|finding| finding.name).collect::<Vec<_>>(), ["locked memory", "shards"]);
    assert_eq!(problems[0].found, "64 KiB; rings and buffers need about 3,600 KiB (900 on each of 4 cores)");
}

#[test]
fn a_compiler_that_is_missing_is_a_note_with_its_remedies() {
    let reason =
        "no Rust compiler is installed\n\nAny one of these makes it complete:\n  with rustup: a\n  on Debian: b";
    let finding = shortage(|observed| observed.toolchain = Err(reason.to_owned()));
    let expected = "note     building scripts  no Rust compiler is installed\n                           costs: only \
                    components (.wasm) can be run here; build scripts elsewhere\n                           lift it: \
                    with rustup: a\n                             on Debian: b";
    assert_eq!(finding.to_string(), expected);
}

#[test]
fn addresses_within_this_machine_are_not_counted() {
    let finding = network::addresses(&good().facts);
    assert_eq!(finding.found, "IPv4: 192.0.2.5 (eth0); IPv6: none beyond this machine");
}

#[test]
fn connections_to_a_target_are_what_its_ports_leave() {
    let facts = good().facts;
    let mut sources = SourceAddresses::default();
    sources.add("10.0.0.0/30").unwrap();
    sources.ports = (2000, 2999);
    let asked = |held| Some(("192.0.2.1:80".parse().unwrap(), held));
    let found = |sources: &SourceAddresses, held| {
        let asked: Option<capacity::Asked> = asked(held);
        capacity::connections_finding(&facts, sources, &[], asked.as_ref())
    };
    let some = found(&sources, Ok(Held { open: 1200, resting: 300 }));
    assert_eq!(some.status, Status::Ok);
    let arithmetic = "500 more to 192.0.2.1:80, bounded by source addresses and ports (2 x 1,000 = 2,000; 1,200 in use, 300 \
                      resting in TIME_WAIT)";
    assert!(some.found.starts_with(arithmetic), "{}", some.found);
    let none = found(&sources, Ok(Held { open: 2000, resting: 0 }));
    assert!(none.status == Status::Note && none.cost.unwrap().contains("1214"));
    let unknown = found(&sources, Err(io::Error::from(io::ErrorKind::PermissionDenied)));
    assert!(unknown.status == Status::Note && unknown.found.starts_with("2,000 more"), "{unknown:?}");
    // IPv6 addresses are no sources to it.
    sources.add("2001:db8::/64").unwrap();
    assert!(found(&sources, Ok(Held::default())).found.starts_with("2,000 more"));
}
