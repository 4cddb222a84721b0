//! Which layer wins.

use std::collections::BTreeMap;

use super::*;

fn resolved(typed: &[&str], variables: &[(&str, &str)], script: Value) -> Resolved {
    resolve(&layers(&parsed(typed).unwrap(), &environment(variables), script)).unwrap()
}

fn options(typed: &[&str], variables: &[(&str, &str)], script: Value) -> Options {
    resolved(typed, variables, script).options
}

fn agent(options: &Options) -> &str {
    options.http.user_agent.as_deref().unwrap_or_default()
}

#[test]
fn each_layer_goes_before_those_below_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("options.toml");
    fs::write(&path, "userAgent = \"file\"\nrps = 7").unwrap();
    let path = path.to_str().unwrap();
    let (script, none) = (json!({"userAgent": "script"}), json!({}));
    let (k6, own) = (("K6_USER_AGENT", "k6"), ("THRONG_USER_AGENT", "own"));
    let config = ["-c", path];
    let flags = ["-c", path, "--user-agent", "flag"];
    for (typed, variables, script, winner) in [
        (&config[..], vec![], &none, "file"),
        (&config, vec![], &script, "script"),
        (&config, vec![k6], &script, "k6"),
        (&config, vec![k6, own], &script, "own"),
        (&flags, vec![k6, own], &script, "flag"),
    ] {
        let options = options(typed, &variables, script.clone());
        assert_eq!(agent(&options), winner);
        assert_eq!(options.http.requests_per_second.map(u32::from), Some(7));
    }
    assert_eq!(agent(&options(&[], &[("K6_CONFIG", path)], none.clone())), "file");
    assert_eq!(agent(&options(&[], &[("K6_CONFIG", "/nowhere"), ("THRONG_CONFIG", path)], none)), "file");
}

#[test]
fn origins_name_the_flag_and_the_variable() {
    let typed = ["-u", "3", "--no-summary"];
    let variables = [("K6_DURATION", "5s"), ("THRONG_SEED", "1"), ("K6_VUS", "9"), ("K6_RPS", "")];
    let found = resolved(&typed, &variables, json!({"iterations": 5, "userAgent": "x"})).origins;
    let expected = [
        ("duration", "K6_DURATION"),
        ("summaryMode", "--no-summary"),
        ("throng.seed", "THRONG_SEED"),
        ("userAgent", "script"),
        ("vus", "--vus"),
    ];
    let expected: BTreeMap<_, _> = expected.into_iter().map(|(key, at)| (key.to_owned(), at.to_owned())).collect();
    assert_eq!(found, expected);
}

#[test]
fn load_of_a_layer_clears_that_of_lower_ones() {
    let model = |typed: &[&str], variables: &[(&str, &str)]| {
        let script = json!({"scenarios": {"s": {"executor": "constant-vus", "duration": "9s"}}});
        options(typed, variables, script).scenarios.remove(0).model.executor_name()
    };
    assert_eq!(model(&[], &[]), "constant-vus");
    assert_eq!(model(&[], &[("K6_ITERATIONS", "5")]), "shared-iterations");
    assert_eq!(model(&[], &[("K6_ITERATIONS", "5"), ("THRONG_DURATION", "5s")]), "constant-vus");
    assert_eq!(model(&["-s", "5s:5", "--stage", "5s:0"], &[("K6_ITERATIONS", "5")]), "ramping-vus");
}

#[test]
fn every_wrong_layer_is_told_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("options.toml");
    fs::write(&path, "vus = = 1").unwrap();
    let path = path.to_str().unwrap();
    let args = parsed(&["-c", path, "--vus", "x", "-e", "=", "--tag", "y"]).unwrap();
    let variables = environment(&[("K6_RPS", "x"), ("THRONG_RPS", "y"), ("K6_NO_THRESHOLDS", "z")]);
    let errors = resolve(&layers(&args, &variables, json!({"vuss": 1}))).unwrap_err().0;
    let origins: Vec<_> = errors.iter().map(|error| error.origin.as_str()).collect();
    assert_eq!(
        origins,
        [path, "script", "K6_RPS", "THRONG_RPS", "--tag", "-e =", "K6_NO_THRESHOLDS", "--vus"],
        "{errors:#?}"
    );
}

#[test]
fn the_users_own_file_is_json_or_toml_and_not_both() {
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path().to_str().unwrap();
    let vus =
        |variables: &[(&str, &str)]| of_file(None, &environment(variables)).map(|layer| layer.value["vus"].clone());
    let own = directory.path().join(".config/throng");
    fs::create_dir_all(&own).unwrap();
    assert_eq!(vus(&[("HOME", home)]), None);
    fs::write(own.join("config.toml"), "vus = 3").unwrap();
    assert_eq!(vus(&[("HOME", home)]), Some(json!(3)));
    let config = format!("{home}/.config");
    assert_eq!(vus(&[("HOME", "/nowhere"), ("XDG_CONFIG_HOME", &config)]), Some(json!(3)));
    fs::write(own.join("config.json"), "{\"vus\": 4}").unwrap();
    let layer = of_file(None, &environment(&[("HOME", home)])).unwrap();
    assert!(layer.faults[0].message.contains("config.toml is there too; keep one of them"), "{:?}", layer.faults);
}

#[test]
fn a_variable_that_is_nearly_ours_is_told() {
    let names = ["THRONG_DURATON", "THRONG_DURATION", "THRONG_TEST_REQUESTS", "K6_DURATON", "THRONG_CONFIGS"];
    let variables: Vec<_> = names.iter().map(|name| (*name, "1")).collect();
    let told = environment(&variables).misspelt();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains("THRONG_CONFIGS is of no effect") && told[0].ends_with("did you mean THRONG_CONFIG?"));
    assert!(told[1].contains("THRONG_DURATON is of no effect") && told[1].ends_with("did you mean THRONG_DURATION?"));
}

#[test]
fn settings_are_flags_then_our_variables_then_k6s() {
    let both = [("K6_NO_THRESHOLDS", "1"), ("THRONG_NO_THRESHOLDS", "0")];
    let switch = |flag: Option<&str>, variables: &[(&str, &str)]| {
        let mut faults = Vec::new();
        let value = Setting::NO_THRESHOLDS.switch(flag, &environment(variables), &mut faults);
        assert!(faults.is_empty(), "{faults:?}");
        value
    };
    assert_eq!(switch(None, &[]), None);
    assert_eq!(switch(None, &both[..1]), Some(true));
    assert_eq!(switch(None, &both), Some(false));
    assert_eq!(switch(Some("true"), &both), Some(true));
    let file = |flag: Option<&str>, variables: &[(&str, &str)]| {
        Setting::TLS_KEY_LOG.file(flag.map(PathBuf::from).as_ref(), &environment(variables))
    };
    assert_eq!(file(None, &[("SSLKEYLOGFILE", "")]), None);
    assert_eq!(file(None, &[("SSLKEYLOGFILE", "a")]), Some(("a".into(), "SSLKEYLOGFILE")));
    assert_eq!(file(Some("b"), &[("SSLKEYLOGFILE", "a")]), Some(("b".into(), "--tls-key-log")));
}

#[test]
fn values_of_variables_are_read_as_k6_reads_them() {
    let options = options(
        &[],
        &[
            ("K6_STAGES", "5s:10,1m:0"),
            ("K6_TAGS", "a:b,c=d"),
            ("K6_HOSTS", "example.com=192.0.2.1:8080"),
            ("K6_THRESHOLDS", "{\"http_reqs\": [\"count>1\"]}"),
            ("K6_BLACKLIST_IPS", "10.0.0.0/8, 192.0.2.1"),
            ("K6_NO_COOKIES_RESET", "t"),
            ("K6_SETUP_TIMEOUT", "5000"),
            ("K6_OUT", "csv=a.csv,json=b.json"),
        ],
        json!({}),
    );
    assert_eq!(options.scenarios[0].model.vus(), 10);
    assert_eq!(options.tags.into_iter().collect::<Vec<_>>(), [("a".into(), "b".into()), ("c".into(), "d".into())]);
    assert_eq!(options.rules.hosts[0].to_port, Some(8080));
    assert_eq!(options.thresholds.iter().count(), 1);
    assert_eq!(options.rules.blocked_networks.len(), 2);
    assert!(options.http.no_cookies_reset);
    assert_eq!(options.setup_timeout.as_secs(), 5);
    assert_eq!(options.outputs, ["csv=a.csv", "json=b.json"]);
}
