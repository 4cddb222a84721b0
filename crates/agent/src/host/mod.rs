//! What a script's calls do: the host of one virtual user.

mod bare_sockets;
mod errand;
mod identity;
mod names;
mod random;
mod sockets;
mod stage;

use std::collections::BTreeMap;
use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_lite::future::or;
use throng_output::Sample;
use throng_stats::{MetricId, TagSet, builtin};
use throng_transport::http1::{Body, BodyPart, BodyPipe, Payload};
use throng_transport::{Clock, Nanos, SharedBytes, Traffic};
use throng_vu::{
    Connections, Failure, FileRange, Host, InstanceInfo, LogLevel, RequestBody, RequestSpec, ResponseBody,
    ScenarioInfo, Timings, VuInfo,
};
use throng_web::url::HttpUrl;

pub(crate) use errand::{Errand, Errands};
pub(crate) use identity::Identity;
pub(crate) use names::Names;
pub(crate) use random::Random;

use crate::http::{Journey, Prepared, Received, Session};
use crate::samples::Samples;
use crate::scenario::{Iteration, Reins, ScenarioShare, Seat};
use crate::series::Place;
use crate::shard::ShardContext;

/// Most groups that may be open at once.
const GROUPS_OPEN_MAX: usize = 32;

/// The host of one virtual user: its identity, its connections, and where it stands.
pub(crate) struct VuHost {
    pub(crate) shard: Rc<ShardContext>,
    pub(crate) identity: Identity,
    pub(crate) scenario: Option<Rc<ScenarioShare>>,
    /// Where the scenario's driver says what the VU is to do, if it does.
    pub(crate) seat: Option<Rc<Seat>>,
    pub(super) place: Rc<Place>,
    pub(super) vu_tags: TagSet,
    groups: Vec<OpenGroup>,
    /// The group of setup and the like, which those that the script opens are below.
    stage: Option<&'static str>,
    tag_sets: Vec<TagSet>,
    pub(super) session: Rc<Session>,
    pub(super) errand: Rc<Errand>,
    /// The iteration that the script is in.
    pub(crate) iteration: Option<Iteration>,
    random: Random,
    pub(crate) aborted: bool,
    /// Of an event-driven instance: its connections.
    pub(crate) reins: Option<Reins>,
}

struct OpenGroup {
    path: String,
    began: Nanos,
    /// The place outside of it.
    outer: Rc<Place>,
}

impl VuHost {
    pub(crate) fn new(shard: &Rc<ShardContext>, identity: Identity) -> Self {
        let seed = shard.settings.seed ^ identity.id_in_test.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let session = Rc::<Session>::default();
        // The source address that sticks to a VU goes by its number, as with k6; those of setup and teardown is 0.
        session.pool.borrow_mut().set_vu(identity.id_in_instance.saturating_sub(1));
        Self {
            place: shard.series.place(&shard.settings.tags),
            shard: Rc::clone(shard),
            identity,
            scenario: None,
            seat: None,
            vu_tags: TagSet::empty(),
            groups: Vec::new(),
            stage: None,
            tag_sets: vec![TagSet::empty()],
            session,
            errand: Rc::new(Errand::new(seed.rotate_left(32))),
            iteration: None,
            random: Random::new(seed),
            aborted: false,
            reins: None,
        }
    }

    /// Puts the VU into a scenario.
    pub(crate) fn enter(&mut self, scenario: &Rc<ScenarioShare>) {
        self.scenario = Some(Rc::clone(scenario));
        self.session.count_by(scenario.meter());
        self.settle();
    }

    /// What runs this VU's exchanges; see [`Errands`].
    pub(crate) fn errand(&self) -> Rc<Errand> {
        Rc::clone(&self.errand)
    }

    /// Makes the VU ready for the next iteration: what it left open is closed.
    pub(crate) fn tidy(&mut self) {
        if !self.groups.is_empty() {
            self.groups.clear();
            self.settle();
        }
        self.errand.cancel_all();
        let http = &self.shard.settings.http;
        if !http.no_cookies_reset {
            self.session.forget_cookies();
        }
        if http.no_vu_connection_reuse {
            self.session.pool.borrow_mut().clear();
        }
    }

    /// Works out the place anew.
    fn settle(&mut self) {
        let base = self.scenario.as_ref().map_or(&self.shard.settings.tags, |scenario| &scenario.tags);
        let mut tags = base.merged(&self.vu_tags);
        if let Some(group) = self.group() {
            tags = tags.with("group", group);
        }
        self.place = self.shard.series.place(&tags);
    }

    pub(crate) fn tag_set(&self, number: u32) -> Result<&TagSet, String> {
        self.tag_sets.get(number as usize).ok_or_else(|| format!("there is no tag set {number}"))
    }

    /// Takes the bytes that this VU's exchanges carried since the last call, for outputs: sent, received.
    pub(crate) fn take_bytes(&self) -> (u64, u64) {
        self.session.take_bytes()
    }

    /// Hands the bytes of this VU's exchanges to the outputs, as k6 does at the end of an iteration.
    pub(crate) fn sample_bytes(&mut self) {
        let (sent, received) = self.session.take_bytes();
        self.sample(|host, samples| {
            let bytes = [(builtin::DATA_SENT, sent), (builtin::DATA_RECEIVED, received)];
            let bytes = bytes.map(|(metric, bytes)| Sample { metric, value: bytes as f64 });
            samples.add(Clock::now(), host.identity.who(), &host.place, &TagSet::empty(), &bytes);
        });
    }

    /// The same, and adds the bytes of this VU's connections to the metrics, where no scenario does.
    pub(crate) fn record_bytes(&mut self) {
        self.sample_bytes();
        let Traffic { sent, received } = self.session.meter().take();
        for (metric, bytes) in [(builtin::DATA_SENT, sent), (builtin::DATA_RECEIVED, received)] {
            if bytes > 0 {
                let series = self.shard.series.of(metric, &self.place, &TagSet::empty());
                self.shard.series.recorder.borrow_mut().increment(series, bytes);
            }
        }
    }

    /// Takes samples for the outputs, if any takes them.
    #[inline]
    pub(crate) fn sample(&self, take: impl FnOnce(&Self, &Samples)) {
        if let Some(samples) = &self.shard.samples {
            take(self, samples);
        }
    }

    /// The place outside of all groups.
    pub(crate) fn ground(&self) -> &Place {
        self.groups.first().map_or(&self.place, |group| &group.outer)
    }

    fn journey(&self, request: &Rc<Prepared>, body: Option<Body>, pipe: Option<Rc<BodyPipe>>) -> Journey {
        Journey {
            shard: Rc::clone(&self.shard),
            session: Rc::clone(&self.session),
            request: Rc::clone(request),
            payload: Payload { body, ..Payload::default() },
            pipe,
            place: Rc::clone(&self.place),
            who: self.identity.who(),
        }
    }

    /// A body as it is sent; an error for a part of a file that isn't there.
    fn outgoing(&self, body: RequestBody) -> Result<Body, String> {
        let parts = match body {
            RequestBody::Bytes(bytes) => return Ok(bytes.into()),
            RequestBody::Parts(parts) => parts,
        };
        let parts = parts.into_iter().map(|part| match part {
            throng_vu::BodyPart::Bytes(bytes) => Ok(BodyPart::Owned(bytes)),
            throng_vu::BodyPart::File(range) => self.file_part(range),
        });
        parts.collect::<Result<_, String>>().map(Body::new)
    }

    fn file_part(&self, FileRange { file, offset, length }: FileRange) -> Result<BodyPart, String> {
        let bytes = self.shard.settings.files.part(file, offset, length)?;
        let range = 0..bytes.len();
        let shared = SharedBytes::new(Arc::new(bytes), range);
        Ok(shared.map_or_else(|| BodyPart::Owned(Vec::new()), BodyPart::Shared))
    }

    /// With the option `throw` a failure ends the iteration.
    fn checked(&self, received: Box<Received>) -> Result<Box<Received>, String> {
        match &received.failure {
            Some(failed) if self.shard.settings.http.throw => {
                Err(format!("{} failed: {} ({})", received.request.url(), failed.message, failed.code))
            }
            _ => Ok(received),
        }
    }

    fn source(&self) -> String {
        match &self.scenario {
            Some(scenario) => format!("scenario={} vu={}", scenario.name, self.identity.id_in_test),
            None => String::new(),
        }
    }
}

impl Host for VuHost {
    type Request = Rc<Prepared>;
    type Response = Box<Received>;

    fn prepare(&mut self, spec: RequestSpec) -> Rc<Prepared> {
        let tags = self.tag_set(spec.tags).cloned();
        self.shard.prepared_requests.prepare(&self.shard, spec, tags)
    }

    fn send(
        &mut self,
        request: &Rc<Prepared>,
        body: Option<RequestBody>,
    ) -> impl Future<Output = Result<Box<Received>, String>> {
        let left = if request.manner.response_body == ResponseBody::Stream {
            Err("a request whose response's body is streamed can't be sent: start it, and read".to_owned())
        } else {
            let body = body.map(|body| self.outgoing(body)).transpose();
            body.map(|body| self.errand.leave(self.journey(request, body, None)))
        };
        async {
            left?;
            let received = self.errand.done().await;
            self.checked(received)
        }
    }

    fn start(&mut self, request: &Rc<Prepared>, body: Option<RequestBody>) -> Result<u32, String> {
        let body = body.map(|body| self.outgoing(body)).transpose()?;
        let pipe = (request.manner.response_body == ResponseBody::Stream).then(Rc::<BodyPipe>::default);
        let journey = self.journey(request, body, pipe.clone());
        self.errand.start(Box::pin(journey.run_among_others()), pipe)
    }

    async fn wait_any(&mut self, exchanges: Vec<u32>, limit: Option<Duration>) -> Result<Option<u32>, String> {
        if exchanges.is_empty() {
            return Ok(None);
        }
        let ended = async { self.errand.wait_any(&exchanges).await.map(Some) };
        match limit {
            None => ended.await,
            Some(limit) => {
                let expire = async {
                    self.shard.shard.sleep(limit).await;
                    Ok(None)
                };
                or(ended, expire).await
            }
        }
    }

    async fn read(&mut self, exchange: u32) -> Result<Option<Vec<u8>>, String> {
        self.errand.read(exchange).await
    }

    async fn finish(&mut self, exchange: u32) -> Result<Box<Received>, String> {
        let received = self.errand.finish(exchange).await?;
        self.checked(received)
    }

    fn cancel(&mut self, exchange: u32) -> Result<(), String> {
        self.errand.cancel(exchange)
    }

    fn status(&self, response: &Box<Received>) -> u16 {
        response.status()
    }

    fn failure(&self, response: &Box<Received>) -> Option<Failure> {
        let failed = response.failure.as_ref()?;
        Some(Failure { code: failed.code, message: failed.message.clone() })
    }

    fn url(&self, response: &Box<Received>) -> String {
        response.request.url().to_owned()
    }

    fn redirects(&self, response: &Box<Received>) -> u32 {
        response.redirects
    }

    fn body_size(&self, response: &Box<Received>) -> u64 {
        response.body_bytes()
    }

    fn duration_ns(&self, response: &Box<Received>) -> u64 {
        response.duration_ns()
    }

    fn body<'a>(&'a mut self, response: &'a Box<Received>) -> &'a [u8] {
        response.body()
    }

    fn header(&mut self, response: &Box<Received>, name: &str) -> Option<String> {
        response.header(name)
    }

    fn headers(&mut self, response: &Box<Received>) -> Vec<(String, String)> {
        response.headers()
    }

    fn timings(&mut self, response: &Box<Received>) -> Timings {
        let timings = &response.timings;
        Timings {
            blocked_ns: timings.blocked_ns,
            looking_up_ns: timings.looking_up_ns,
            connecting_ns: timings.connecting_ns,
            tls_handshaking_ns: timings.tls_handshaking_ns,
            sending_ns: timings.sending_ns,
            waiting_ns: timings.waiting_ns,
            receiving_ns: timings.receiving_ns,
        }
    }

    fn release(&mut self, response: Box<Received>) {
        if let Some(buffer) = response.buffer {
            self.shard.shard.give_buffer(buffer);
        }
    }

    fn new_jar(&mut self) -> Result<u32, String> {
        self.session.new_jar()
    }

    fn drop_jar(&mut self, jar: u32) -> Result<(), String> {
        self.session.drop_jar(jar)
    }

    fn cookies(&mut self, jar: u32, url: &str) -> Result<Vec<(String, String)>, String> {
        let url = parse_url(url)?;
        self.session.with_jar(jar, |jar| {
            let matching = jar.matching(url.url(), unix_ms());
            matching.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
        })
    }

    fn set_cookie(&mut self, jar: u32, url: &str, cookie: &str) -> Result<(), String> {
        let url = parse_url(url)?;
        let stored = self.session.with_jar(jar, |jar| jar.store(url.url(), cookie, unix_ms()))?;
        stored.map_err(|error| format!("invalid cookie {cookie:?}: {error}"))
    }

    fn delete_cookies(&mut self, jar: u32, url: &str, name: Option<&str>) -> Result<(), String> {
        let url = parse_url(url)?;
        self.session.with_jar(jar, |jar| match name {
            Some(name) => jar.delete(url.url(), name),
            None => jar.clear(url.url()),
        })
    }

    fn resolve_url(&self, base: &str, reference: &str) -> Result<String, String> {
        resolve_url(base, reference)
    }

    fn next_iteration(&mut self, outcome: Result<(), String>) -> impl Future<Output = bool> {
        crate::scenario::next_iteration(self, outcome)
    }

    fn sleep(&mut self, duration: Duration) -> impl Future<Output = ()> {
        self.shard.shard.sleep(duration)
    }

    fn intern_tags(&mut self, pairs: Vec<(String, String)>) -> Result<u32, String> {
        const TAG_SETS_MAX: usize = 65_536;
        if pairs.iter().any(|(key, _)| key.is_empty()) {
            return Err("a tag's key is empty".into());
        }
        let tags = TagSet::from_pairs(pairs);
        if let Some(known) = self.tag_sets.iter().position(|set| *set == tags) {
            return Ok(known as u32);
        }
        if self.tag_sets.len() >= TAG_SETS_MAX {
            return Err(format!("this VU has interned {TAG_SETS_MAX} sets of tags: use fewer different values"));
        }
        self.tag_sets.push(tags);
        Ok(self.tag_sets.len() as u32 - 1)
    }

    fn register_check(&mut self, name: String, tags: u32) -> Result<u32, String> {
        let tags = self.tag_set(tags)?.with("check", &name);
        self.shard.checks.borrow_mut().register(name, tags)
    }

    fn record_check(&mut self, check: u32, passed: bool) -> Result<(), String> {
        let series = self.shard.checks.borrow_mut().series(check, &self.place, &self.shard.series)?;
        self.shard.series.recorder.borrow_mut().rate(series, passed);
        self.sample(|host, samples| {
            let checks = host.shard.checks.borrow();
            let Some(own) = checks.tags(check) else { return };
            let sample = Sample { metric: builtin::CHECKS, value: f64::from(u8::from(passed)) };
            samples.add(Clock::now(), host.identity.who(), &host.place, own, &[sample]);
        });
        Ok(())
    }

    fn enter_group(&mut self, name: String) -> Result<(), String> {
        if name.contains("::") {
            return Err(format!("the group's name {name:?} contains \"::\", which separates groups in a path"));
        }
        if self.groups.len() >= GROUPS_OPEN_MAX {
            return Err(format!("{GROUPS_OPEN_MAX} groups are open: leave one before entering {name:?}"));
        }
        let outer = self.group().unwrap_or_default();
        let path = format!("{outer}::{name}");
        self.groups.push(OpenGroup { path, began: Clock::now(), outer: Rc::clone(&self.place) });
        self.settle();
        Ok(())
    }

    fn leave_group(&mut self) {
        let Some(group) = self.groups.pop() else { return };
        let series = self.shard.series.of(builtin::GROUP_DURATION, &self.place, &TagSet::empty());
        let now = Clock::now();
        let took_ns = now.since(group.began);
        self.shard.series.recorder.borrow_mut().record_ns(series, took_ns);
        self.sample(|host, samples| {
            let sample = Sample { metric: builtin::GROUP_DURATION, value: took_ns as f64 / 1e6 };
            samples.add(now, host.identity.who(), &host.place, &TagSet::empty(), &[sample]);
        });
        self.place = group.outer;
    }

    fn add_metric(&mut self, metric: u32, value: f64, tags: u32) -> Result<(), String> {
        let id: MetricId = *self.shard.settings.metrics.get(metric as usize).ok_or_else(|| {
            format!("there is no metric {metric}: the script describes {}", self.shard.settings.metrics.len())
        })?;
        if !value.is_finite() {
            // As in k6.
            if self.shard.settings.http.throw {
                return Err(format!("a sample of metric {metric} is {value}: only finite numbers can be added up"));
            }
            self.log(LogLevel::Warn, &format!("a sample of metric {metric} is {value} and was left out"));
            return Ok(());
        }
        let series = self.shard.series.of(id, &self.place, self.tag_set(tags)?);
        self.shard.series.recorder.borrow_mut().add(series, value);
        self.sample(|host, samples| {
            let own = host.tag_set(tags).cloned().unwrap_or_default();
            samples.add(Clock::now(), host.identity.who(), &host.place, &own, &[Sample { metric: id, value }]);
        });
        Ok(())
    }

    fn file_size(&self, file: u32) -> Result<u64, String> {
        self.shard.settings.files.size(file)
    }

    fn read_file(&self, file: u32, offset: u64, length: u32) -> Result<&[u8], String> {
        self.shard.settings.files.read(file, offset, length)
    }

    fn file_rows(&self, file: u32) -> Result<u64, String> {
        self.shard.settings.files.rows(file)
    }

    fn file_header(&self, file: u32) -> Result<&[String], String> {
        self.shard.settings.files.header(file)
    }

    fn file_row(&self, file: u32, index: u64) -> Result<&[u8], String> {
        self.shard.settings.files.row(file, index)
    }

    fn vu_info(&self) -> VuInfo {
        VuInfo {
            id_in_instance: self.identity.id_in_instance,
            id_in_test: self.identity.id_in_test,
            iteration_in_instance: self.identity.iterations_begun.saturating_sub(1),
            iteration_in_scenario: self.identity.iterations_in_scenario.saturating_sub(1),
        }
    }

    fn scenario_info(&self) -> Option<ScenarioInfo> {
        let scenario = self.scenario.as_ref()?;
        Some(ScenarioInfo {
            name: scenario.name.clone(),
            executor: scenario.executor.to_owned(),
            start_time_ms: scenario.started_unix_ms.get(),
            progress: scenario.progress(),
            iteration_in_instance: self.identity.iteration_in_instance,
            iteration_in_test: self.identity.iteration_in_test,
        })
    }

    fn instance_info(&self) -> InstanceInfo {
        self.shard.instance_info()
    }

    fn set_tag(&mut self, key: String, value: Option<String>) {
        self.vu_tags = match value {
            Some(value) => self.vu_tags.with(&key, &value),
            None => TagSet::from_pairs(self.vu_tags.iter().filter(|(known, _)| *known != key)),
        };
        self.settle();
    }

    fn abort(&mut self, message: &str) {
        self.aborted = true;
        self.shard.report_abort(message);
    }

    fn fail(&mut self, message: String) {
        self.log(LogLevel::Error, &format!("the test was marked as failed: {message}"));
        self.shard.report_fail(message);
    }

    fn env(&self, name: &str) -> Option<String> {
        let own = self.scenario.as_ref().and_then(|scenario| scenario.env.get(name));
        own.or_else(|| self.shard.settings.env.get(name)).cloned()
    }

    fn setup_data(&self) -> Option<String> {
        self.data_of(self.scenario.as_ref().map(|scenario| scenario.index))
    }

    fn run_setup_data(&self) -> Option<String> {
        self.data_of(None)
    }

    fn connections(&mut self) -> Option<&mut (dyn Connections + '_)> {
        if self.reins.is_some() { Some(self) } else { None }
    }

    fn now_ns(&self) -> u64 {
        Clock::now().0
    }

    fn unix_ms(&self) -> u64 {
        unix_ms()
    }

    fn random_next(&mut self) -> u64 {
        self.random.next()
    }

    fn random_seed(&mut self, seed: u64) {
        self.random = Random::new(seed);
    }

    fn log(&mut self, level: LogLevel, message: &str) {
        if self.shard.logs.admits() {
            self.shard.logs.send(level, message.to_owned(), self.source());
        }
    }
}

fn parse_url(text: &str) -> Result<HttpUrl, String> {
    HttpUrl::parse(text).map_err(|error| format!("invalid URL {text:?}: {error}"))
}

/// Where a reference in the document at `base` leads.
pub(crate) fn resolve_url(base: &str, reference: &str) -> Result<String, String> {
    let resolved = parse_url(base)?.join(reference);
    resolved.map(|url| url.url().to_string()).map_err(|error| format!("invalid URL {reference:?}: {error}"))
}

/// Milliseconds since 1970.
pub(crate) fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Variables for scripts.
pub(crate) type Environment = BTreeMap<String, String>;
