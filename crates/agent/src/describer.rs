//! Asking a script what it consists of, before anything runs.

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::{Future, ready};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_lite::future::block_on;
use throng_transport::Clock;
use throng_vu::{
    Description, Failure, Fault, Host, InstanceInfo, LogLevel, RequestBody, RequestSpec, ScenarioInfo, Script,
    SocketHost, TcpHost, Timings, UdpHost, Vu, VuInfo,
};

use crate::host::{Environment, Random, resolve_url, unix_ms};
use crate::observer::LogRecord;

/// Messages that a script may leave while it describes itself; further ones are counted.
const MESSAGES_MAX: usize = 1000;
/// What a script is told that wants to reach the network.
const NO_NETWORK: &str = "requests and cookies have their time in setup and in scenarios, not where options are read";
/// What a script is told that wants to read a data file. Its files are known only by what it says now.
const NO_FILES: &str = "there are no data files yet: options can't depend on them";

/// Makes one instance, asks it, and drops it. Returns what the script logged too.
pub(crate) fn describe(
    script: &Script<Describer>,
    env: Arc<Environment>,
) -> (Result<Description, Fault>, Vec<LogRecord>) {
    let messages = Rc::new(RefCell::new(Messages::default()));
    let host = Describer { env, random: Random::new(0), messages: Rc::clone(&messages) };
    let result = block_on(async {
        let mut vu = Vu::new(script, host).await?;
        vu.describe().await
    });
    (result, messages.take().into_records())
}

#[derive(Debug, Default)]
struct Messages {
    records: Vec<LogRecord>,
    left_out: usize,
}

impl Messages {
    fn into_records(mut self) -> Vec<LogRecord> {
        if self.left_out > 0 {
            let message = format!("{} messages of the script were left out: more than {MESSAGES_MAX}", self.left_out);
            self.records.push(LogRecord { level: LogLevel::Warn, message, source: String::new() });
        }
        self.records
    }
}

/// The host of an instance that only says what the script consists of: it has variables, time, random numbers and
/// messages. There is no network and no data file yet, and nothing is measured.
pub(crate) struct Describer {
    env: Arc<Environment>,
    random: Random,
    messages: Rc<RefCell<Messages>>,
}

impl SocketHost for Describer {}

impl TcpHost for Describer {}

impl UdpHost for Describer {}

impl Host for Describer {
    type Request = ();
    type Response = Infallible;

    fn prepare(&mut self, _spec: RequestSpec) {}

    fn send(&mut self, (): &(), _body: Option<RequestBody>) -> impl Future<Output = Result<Infallible, String>> {
        ready(Err(NO_NETWORK.to_owned()))
    }

    fn start(&mut self, (): &(), _body: Option<RequestBody>) -> Result<u32, String> {
        Err(NO_NETWORK.to_owned())
    }

    fn wait_any(
        &mut self,
        _exchanges: Vec<u32>,
        _limit: Option<Duration>,
    ) -> impl Future<Output = Result<Option<u32>, String>> {
        ready(Ok(None))
    }

    fn read(&mut self, _exchange: u32) -> impl Future<Output = Result<Option<Vec<u8>>, String>> {
        ready(Err(NO_NETWORK.to_owned()))
    }

    fn finish(&mut self, _exchange: u32) -> impl Future<Output = Result<Infallible, String>> {
        ready(Err(NO_NETWORK.to_owned()))
    }

    fn cancel(&mut self, _exchange: u32) -> Result<(), String> {
        Err(NO_NETWORK.to_owned())
    }

    fn status(&self, response: &Infallible) -> u16 {
        match *response {}
    }

    fn failure(&self, response: &Infallible) -> Option<Failure> {
        match *response {}
    }

    fn url(&self, response: &Infallible) -> String {
        match *response {}
    }

    fn redirects(&self, response: &Infallible) -> u32 {
        match *response {}
    }

    fn body_size(&self, response: &Infallible) -> u64 {
        match *response {}
    }

    fn duration_ns(&self, response: &Infallible) -> u64 {
        match *response {}
    }

    fn body<'a>(&'a mut self, response: &'a Infallible) -> &'a [u8] {
        match *response {}
    }

    fn header(&mut self, response: &Infallible, _name: &str) -> Option<String> {
        match *response {}
    }

    fn headers(&mut self, response: &Infallible) -> Vec<(String, String)> {
        match *response {}
    }

    fn timings(&mut self, response: &Infallible) -> Timings {
        match *response {}
    }

    fn release(&mut self, response: Infallible) {
        match response {}
    }

    fn new_jar(&mut self) -> Result<u32, String> {
        Err(NO_NETWORK.to_owned())
    }

    fn drop_jar(&mut self, _jar: u32) -> Result<(), String> {
        Err(NO_NETWORK.to_owned())
    }

    fn cookies(&mut self, _jar: u32, _url: &str) -> Result<Vec<(String, String)>, String> {
        Err(NO_NETWORK.to_owned())
    }

    fn set_cookie(&mut self, _jar: u32, _url: &str, _cookie: &str) -> Result<(), String> {
        Err(NO_NETWORK.to_owned())
    }

    fn delete_cookies(&mut self, _jar: u32, _url: &str, _name: Option<&str>) -> Result<(), String> {
        Err(NO_NETWORK.to_owned())
    }

    fn resolve_url(&self, base: &str, reference: &str) -> Result<String, String> {
        resolve_url(base, reference)
    }

    fn next_iteration(&mut self, _outcome: Result<(), String>) -> impl Future<Output = bool> {
        ready(false)
    }

    /// Nothing is waited for.
    fn sleep(&mut self, _duration: Duration) -> impl Future<Output = ()> {
        ready(())
    }

    fn intern_tags(&mut self, _pairs: Vec<(String, String)>) -> Result<u32, String> {
        Ok(0)
    }

    fn register_check(&mut self, _name: String, _tags: u32) -> Result<u32, String> {
        Ok(0)
    }

    fn record_check(&mut self, _check: u32, _passed: bool) -> Result<(), String> {
        Ok(())
    }

    fn enter_group(&mut self, _name: String) -> Result<(), String> {
        Ok(())
    }

    fn leave_group(&mut self) {}

    fn add_metric(&mut self, _metric: u32, _value: f64, _tags: u32) -> Result<(), String> {
        Ok(())
    }

    fn file_size(&self, _file: u32) -> Result<u64, String> {
        Err(NO_FILES.to_owned())
    }

    fn read_file(&self, _file: u32, _offset: u64, _length: u32) -> Result<&[u8], String> {
        Err(NO_FILES.to_owned())
    }

    fn file_rows(&self, _file: u32) -> Result<u64, String> {
        Err(NO_FILES.to_owned())
    }

    fn file_header(&self, _file: u32) -> Result<&[String], String> {
        Err(NO_FILES.to_owned())
    }

    fn file_row(&self, _file: u32, _index: u64) -> Result<&[u8], String> {
        Err(NO_FILES.to_owned())
    }

    fn vu_info(&self) -> VuInfo {
        VuInfo::default()
    }

    fn scenario_info(&self) -> Option<ScenarioInfo> {
        None
    }

    fn instance_info(&self) -> InstanceInfo {
        InstanceInfo::default()
    }

    fn set_tag(&mut self, _key: String, _value: Option<String>) {}

    /// The call ends by itself.
    fn abort(&mut self, _message: &str) {}

    fn fail(&mut self, _message: String) {}

    fn env(&self, name: &str) -> Option<String> {
        self.env.get(name).cloned()
    }

    fn setup_data(&self) -> Option<String> {
        None
    }

    fn run_setup_data(&self) -> Option<String> {
        None
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
        let mut messages = self.messages.borrow_mut();
        if messages.records.len() < MESSAGES_MAX {
            messages.records.push(LogRecord { level, message: message.to_owned(), source: String::new() });
        } else {
            messages.left_out += 1;
        }
    }
}
