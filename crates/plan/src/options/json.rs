//! Options as JSON, in the shape in which they are read.

use std::num::NonZeroU32;
use std::time::Duration;

use serde_json::{Map, Value, json};
use throng_stats::Thresholds;

use super::{ClientCertificate, DnsOptions, HttpOptions, Options, Rules, ThrongOptions, TlsOptions, models};
use crate::load_model::LoadModel;
use crate::scenario::Scenario;
use crate::system_tags::SystemTag;
use crate::{duration, size};

impl Options {
    /// The options in k6's shape, with every key: null where nothing is set. Short forms have become `scenarios`, so
    /// they are null. Reading it as the only layer gives the same options. It holds private keys as they were given.
    pub fn to_json(&self) -> Value {
        let mut object = Map::new();
        let mut put = |members: Value| {
            if let Value::Object(members) = members {
                object.extend(members);
            }
        };
        put(json!({"vus": null, "duration": null, "iterations": null, "stages": null}));
        put(json!({
            "scenarios": keyed(self.scenarios.iter().map(|scenario| (scenario.name.clone(), scenario_json(scenario)))),
            "thresholds": thresholds(&self.thresholds),
            "noSetup": self.no_setup,
            "noTeardown": self.no_teardown,
            "setupTimeout": time(self.setup_timeout),
            "teardownTimeout": time(self.teardown_timeout),
            "minIterationDuration": time(self.min_iteration_duration),
        }));
        put(http(&self.http));
        put(tls(&self.tls));
        put(rules(&self.rules));
        put(json!({"dns": dns(self.dns)}));
        let system_tags = SystemTag::ALL.into_iter().filter(|tag| self.system_tags.contains(*tag));
        put(json!({
            "tags": self.tags,
            "systemTags": system_tags.map(SystemTag::as_str).collect::<Vec<_>>(),
            "summaryTrendStats": self.summary_trend_stats.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "executionSegment": self.given_part.segment.map(|segment| segment.to_string()),
            "executionSegmentSequence": self.given_part.sequence.as_ref().map(ToString::to_string),
            "paused": self.paused,
            "linger": self.linger,
            "summaryMode": self.summary_mode.as_str(),
            "handleSummaryTimeout": time(self.handle_summary_timeout),
            "out": self.outputs,
            "summaryTimeUnit": self.summary_time_unit.map(|unit| unit.as_str()),
            "throng": throng(&self.throng, &self.tls),
        }));
        Value::Object(object)
    }
}

fn keyed(members: impl Iterator<Item = (String, Value)>) -> Value {
    Value::Object(members.collect())
}

fn time(duration: Duration) -> String {
    duration::format(duration)
}

fn scenario_json(scenario: &Scenario) -> Value {
    let mut value = json!({
        "executor": scenario.model.executor_name(),
        "startTime": time(scenario.start),
        "gracefulStop": time(scenario.graceful_stop),
        "exec": scenario.exec,
        "env": scenario.env,
        "tags": scenario.tags,
    });
    if let Some(setup) = &scenario.setup {
        value["setup"] = json!(setup);
    }
    match &scenario.model {
        LoadModel::ConstantVus { vus, duration } => {
            value["vus"] = json!(vus);
            value["duration"] = json!(time(*duration));
        }
        LoadModel::SharedIterations { vus, iterations, max_duration }
        | LoadModel::PerVuIterations { vus, iterations, max_duration } => {
            value["vus"] = json!(vus);
            value["iterations"] = json!(iterations);
            value["maxDuration"] = json!(time(*max_duration));
        }
        other => models::write(other, &mut value),
    }
    value
}

fn thresholds(thresholds: &Thresholds) -> Value {
    let lists = thresholds.iter().map(|(selector, list)| {
        let list = list.iter().map(super::thresholds::write);
        (selector.to_string(), list.collect())
    });
    keyed(lists)
}

fn http(http: &HttpOptions) -> Value {
    let limit = |limit: Option<NonZeroU32>| limit.map_or(0, NonZeroU32::get);
    json!({
        "rps": limit(http.requests_per_second),
        "userAgent": http.user_agent,
        "maxRedirects": http.max_redirects,
        "batch": limit(http.batch),
        "batchPerHost": limit(http.batch_per_host),
        "httpDebug": http.debug.map(|debug| debug.as_str()),
        "throw": http.throw,
        "discardResponseBodies": http.discard_response_bodies,
        "noConnectionReuse": http.no_connection_reuse,
        "noVUConnectionReuse": http.no_vu_connection_reuse,
        "noCookiesReset": http.no_cookies_reset,
    })
}

fn tls(tls: &TlsOptions) -> Value {
    let suites = tls.cipher_suites.as_ref();
    json!({
        "insecureSkipTLSVerify": tls.insecure_skip_verify,
        "tlsCipherSuites": suites.map(|suites| suites.iter().map(|suite| suite.name()).collect::<Vec<_>>()),
        "tlsVersion": {"min": tls.min.as_str(), "max": tls.max.as_str()},
        "tlsAuth": tls.client_certificates.iter().map(client_certificate).collect::<Value>(),
    })
}

fn client_certificate(one: &ClientCertificate) -> Value {
    json!({
        "cert": one.certificate,
        "key": one.key.0,
        "password": one.password.as_ref().map(|password| &password.0),
        "domains": one.domains.iter().map(|domain| domain.as_str()).collect::<Vec<_>>(),
    })
}

fn rules(rules: &Rules) -> Value {
    let hosts = rules.hosts.iter().map(|host| {
        let from = host.port.map_or_else(|| host.pattern.to_string(), |port| format!("{}:{port}", host.pattern));
        let to = match host.to_port {
            Some(port) => std::net::SocketAddr::new(host.to, port).to_string(),
            None => host.to.to_string(),
        };
        (from, json!(to))
    });
    json!({
        "hosts": keyed(hosts),
        "blacklistIPs": rules.blocked_networks.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "blockHostnames": rules.blocked_hostnames.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

fn dns(dns: DnsOptions) -> Value {
    json!({
        "ttl": dns.ttl.map_or_else(|| "inf".to_owned(), time),
        "select": dns.select.as_str(),
        "policy": dns.policy.as_str(),
    })
}

fn throng(own: &ThrongOptions, tls: &TlsOptions) -> Value {
    let agents: Vec<_> = own.agents.iter().map(ToString::to_string).collect();
    json!({
        "memoryLimit": size::format(own.memory_limit_bytes),
        "guestTimeLimit": time(own.guest_time_limit),
        "deadPeerTimeout": time(own.dead_peer_timeout),
        "seed": own.seed,
        "tlsCaCertificates": tls.ca_certificates,
        "agents": (!own.agents.is_empty()).then(|| agents.join(",")),
        "onAgentLoss": own.on_agent_loss.as_str(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Layer, fields, resolve};
    use super::*;

    const CERT: &str = "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n";
    const KEY: &str = "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n";

    fn options(value: Value) -> Options {
        resolve(&[Layer::new("script", value)]).unwrap().options
    }

    #[test]
    fn what_is_written_is_read_back() {
        let all = json!({
            "scenarios": {
                "a": {"executor": "constant-vus", "vus": 3, "duration": "1m30s", "startTime": "5s", "env": {"A": "b"}},
                "b": {"executor": "per-vu-iterations", "vus": 2, "iterations": 7, "maxDuration": "2s", "tags": {"x": "y"}},
                "c": {"executor": "shared-iterations", "iterations": 7, "exec": "f", "setup": "s",
                    "gracefulStop": "0s"},
                "d": {"executor": "ramping-vus", "startVUs": 0, "stages": [{"duration": "0s", "target": 5}],
                    "gracefulRampDown": "0s"},
                "e": {"executor": "constant-arrival-rate", "rate": 5, "timeUnit": "1m", "duration": "1h",
                    "preAllocatedVUs": 0, "maxVUs": 9},
                "f": {"executor": "ramping-arrival-rate", "startRate": 3, "preAllocatedVUs": 2,
                    "stages": [{"duration": "1.5s", "target": 5}, {"duration": "1s", "target": 0}]},
                "g": {"executor": "externally-controlled", "vus": 2, "maxVUs": 9, "duration": 0},
                "h": {"executor": "externally-controlled", "vus": 0, "maxVUs": 1, "duration": "10s"},
            },
            "thresholds": {
                "http_req_duration{a:b}": ["p(95) < 200", {"threshold": "avg<1", "abortOnFail": true}],
                "checks": [
                    {"threshold": "rate>0.5", "abortOnFail": true, "delayAbortEval": "10s"},
                    {"threshold": "rate>0.9", "window": "90s", "requireSamples": true},
                ],
            },
            "tags": {"env": "test"}, "userAgent": "ua", "rps": 5, "batch": 0, "batchPerHost": 1, "maxRedirects": 0,
            "httpDebug": "full", "throw": true, "noCookiesReset": true, "summaryTimeUnit": "us",
            "minIterationDuration": "1.5s", "noSetup": true, "systemTags": ["vu", "status"],
            "summaryTrendStats": ["p(99.9)"], "insecureSkipTLSVerify": true,
            "tlsCipherSuites": ["TLS_AES_128_GCM_SHA256"], "tlsVersion": "tls1.3",
            "tlsAuth": [{"cert": CERT, "key": KEY, "password": "p", "domains": ["*.a.example"]}],
            "executionSegment": "25%:1/2", "executionSegmentSequence": "0,0.25,1/2,1", "paused": true, "linger": true,
            "summaryMode": "full", "handleSummaryTimeout": "5s", "out": ["json=a.json", "csv"],
            "hosts": {"*.a.example:80": "[::1]:8080", "b": "192.0.2.1"}, "blacklistIPs": ["10.0.0.0/8"],
            "blockHostnames": ["*"], "dns": "ttl=inf,select=first,policy=any",
            "throng": {"memoryLimit": "1GiB", "seed": 5, "guestTimeLimit": "1s", "deadPeerTimeout": "3s",
                "tlsCaCertificates": [CERT],
                "agents": "zone=eu+disk=fast:2@3,all@capacity", "onAgentLoss": "reassign"},
        });
        let short_stages = json!({"vus": 0, "stages": [{"duration": "5s", "target": 3}, {"target": 1}]});
        for value in [json!({}), json!({"vus": 3, "duration": "5s"}), short_stages, all] {
            let first = options(value);
            let mut second = options(first.to_json());
            // Defaults are given by a layer now.
            second.scenarios_origin.clone_from(&first.scenarios_origin);
            second.thresholds_origin.clone_from(&first.thresholds_origin);
            assert_eq!(second, first);
            assert_eq!(second.to_json(), first.to_json());
        }
    }

    #[test]
    fn every_option_is_written() {
        let written = options(json!({})).to_json();
        for key in fields::TOP.into_iter().chain([fields::OWN]) {
            assert!(written.get(key).is_some(), "{key} isn't written");
        }
        assert_eq!(written.as_object().unwrap().len(), fields::TOP.len() + 1);
        for key in fields::THRONG {
            assert!(written["throng"].get(key).is_some(), "throng.{key} isn't written");
        }
    }
}
