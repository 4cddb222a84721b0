//! One request of a script on its way.

use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use throng_transport::http1::{
    Body, BodyPipe, Exchange, ExchangeOptions, Exchanged, Limits, Payload, ResponseBody, ResponseBuffer, Timings,
    exchange,
};
use throng_vu::LogLevel;
use throng_web::auth::{DigestChallenge, DigestRequest, DigestSession};
use throng_web::coding::{self, Coding};
use throng_web::redirect::{self, Decision};

use super::debug::Debug;
use super::prepared::{Encoded, Prepared, compressed};
use super::received::{Failed, Received, field, fields};
use super::samples::{self, record};
use super::session::{ExchangeLimits, Session};
use super::{CODE_DECOMPRESS, CODE_OTHER};
use crate::host::unix_ms;
use crate::samples::Who;
use crate::series::Place;
use crate::shard::ShardContext;

/// Bytes of a decompressed body: as much as one that comes uncompressed may have.
const DECOMPRESSED_BYTES_MAX: usize = 64 << 20;

/// A request with all that it takes to carry it out.
pub(crate) struct Journey {
    pub(crate) shard: Rc<ShardContext>,
    pub(crate) session: Rc<Session>,
    pub(crate) request: Rc<Prepared>,
    /// What this send adds.
    pub(crate) payload: Payload,
    /// Where the response's body goes, if the script takes it while it arrives.
    pub(crate) pipe: Option<Rc<BodyPipe>>,
    /// Where the VU stood when it asked.
    pub(crate) place: Rc<Place>,
    /// Who asks.
    pub(crate) who: Who,
}

/// How far a journey has come.
struct Progress {
    redirects: u32,
    /// What the exchanges so far took of the time limit.
    spent: Duration,
    /// Whether the server's challenge was answered: it is only once.
    authorized: bool,
}

impl Journey {
    /// Carries it out beside others of the same VU, as many at a time as the options allow.
    pub(crate) async fn run_among_others(self) -> Received {
        let http = &self.shard.settings.http;
        let limits = ExchangeLimits { all: http.batch, per_origin: http.batch_per_host };
        let session = Rc::clone(&self.session);
        let request = Rc::clone(&self.request);
        let _entered = match &request.encoded {
            Ok(encoded) => Some(session.enter(&encoded.origin, limits).await),
            Err(_) => None,
        };
        self.run().await
    }

    /// Carries it out.
    #[expect(clippy::manual_async_fn, reason = "the future of an async fn holds its arguments twice")]
    pub(crate) fn run(mut self) -> impl Future<Output = Received> {
        async move {
            let encoded = match &self.request.encoded {
                Ok(encoded) => encoded,
                Err((code, message)) => {
                    let failed = Failed { code: *code, message: message.clone() };
                    return self.failed(failed, &Exchange::default(), 0);
                }
            };
            if let Some(pace) = &self.shard.pace {
                pace.wait(&self.shard.shard).await;
            }
            let compression = &self.request.manner.compression;
            if !compression.is_empty() {
                let plain = self.payload.body.take();
                self.payload.body = plain.map(|body| compressed(compression, body.contiguous().into_owned()).into());
            }
            self.payload.header_lines = self.cookie_line(encoded);
            let Exchanged { result, numbers } = self.exchange(encoded, self.request.manner.timeout).await;
            let further = match result {
                // What nearly all responses are: nothing in them is to be acted upon.
                Ok(buffer) if !buffer.notable().any() => return self.arrived(buffer, &numbers, 0),
                result => Box::pin(self.go_on(Exchanged { result, numbers })),
            };
            further.await
        }
    }

    async fn exchange(&self, encoded: &Encoded, timeout: Duration) -> Exchanged {
        let body = match (&self.pipe, self.request.manner.response_body) {
            (Some(pipe), _) => ResponseBody::Pipe(pipe),
            (None, throng_vu::ResponseBody::Discard) => ResponseBody::Count,
            (None, _) => ResponseBody::Keep,
        };
        let meter = self.session.meter();
        let options = ExchangeOptions { timeout, body, limits: Limits::default(), meter: Some(&meter) };
        let (shard, pool) = (&self.shard.shard, &self.session.pool);
        let debug = self.shard.settings.http.debug.map(|detail| Debug::new(&self.shard.logs, detail, self.who.vu));
        if let Some(debug) = &debug {
            debug.request(&encoded.request, &self.payload);
        }
        let exchanged = exchange(shard, pool, &encoded.request, &self.payload, options).await;
        if let (Some(debug), Ok(response)) = (&debug, &exchanged.result) {
            debug.response(response);
        }
        self.session.count(&exchanged.numbers);
        exchanged
    }

    /// Does what the response asks for, and goes on until there is one that asks for nothing.
    async fn go_on(mut self, mut exchanged: Exchanged) -> Received {
        let initial = Rc::clone(&self.request);
        let mut progress = Progress { redirects: 0, spent: Duration::ZERO, authorized: false };
        loop {
            let Exchanged { result, numbers } = exchanged;
            let buffer = match result {
                Ok(buffer) => buffer,
                Err(error) => {
                    let failed = Failed { code: error.code(), message: error.to_string() };
                    return self.failed(failed, &numbers, progress.redirects);
                }
            };
            let request = Rc::clone(&self.request);
            let (Ok(encoded), Ok(first)) = (&request.encoded, &initial.encoded) else {
                return self.arrived(buffer, &numbers, progress.redirects);
            };
            self.keep_cookies(encoded, &buffer);
            progress.spent += Duration::from_nanos(numbers.elapsed_ns);
            if let Some(authorization) = self.answer(&progress, encoded, &buffer) {
                progress.authorized = true;
                self.passed(buffer, &numbers, true);
                self.payload.header_lines = self.cookie_line(encoded);
                self.payload.header_lines.extend_from_slice(authorization.as_bytes());
            } else {
                match self.leads_to(&progress, encoded, &buffer) {
                    Ok(Decision::Response) => return self.arrived(buffer, &numbers, progress.redirects),
                    Err(error) => {
                        let failed = Failed { code: CODE_OTHER, message: error.to_string() };
                        return self.spoiled(buffer, failed, &numbers, progress.redirects);
                    }
                    Ok(Decision::Follow(next)) => {
                        let body = self.payload.body.as_ref().map(Body::contiguous).or_else(|| encoded.request.body());
                        let next = request.redirected(&self.shard, encoded, next, first.url.url(), body.as_deref());
                        self.passed(buffer, &numbers, false);
                        self.request = Rc::new(next);
                        progress.redirects += 1;
                        self.payload = Payload::default();
                    }
                }
            }
            let request = Rc::clone(&self.request);
            let encoded = match &request.encoded {
                Ok(encoded) => encoded,
                Err((code, message)) => {
                    let failed = Failed { code: *code, message: message.clone() };
                    return self.failed(failed, &Exchange::default(), progress.redirects);
                }
            };
            if self.payload.header_lines.is_empty() {
                self.payload.header_lines = self.cookie_line(encoded);
            }
            let left = request.manner.timeout.saturating_sub(progress.spent);
            exchanged = self.exchange(encoded, left).await;
        }
    }

    /// The header `Cookie` of the next exchange, as a line, or nothing.
    fn cookie_line(&self, encoded: &Encoded) -> Vec<u8> {
        let manner = &self.request.manner;
        let mut cookies = self.session.cookies(manner.jar, &encoded.url, &manner.cookies);
        if cookies.is_empty() && manner.cookies.is_empty() && encoded.cookie_header.is_none() {
            return Vec::new();
        }
        cookies.splice(0..0, encoded.cookie_header.clone());
        cookies.extend(manner.cookies.iter().map(|(name, value)| format!("{name}={value}")));
        format!("Cookie: {}\r\n", cookies.join("; ").replace(char::is_control, "")).into_bytes()
    }

    fn keep_cookies(&self, encoded: &Encoded, buffer: &ResponseBuffer) {
        if !buffer.notable().set_cookie {
            return;
        }
        let now = unix_ms();
        for cookie in fields(buffer, "set-cookie") {
            // A cookie that the client doesn't accept is no fault of the request.
            let _ = self.session.with_jar(self.request.manner.jar, |jar| jar.store(encoded.url.url(), &cookie, now));
        }
    }

    /// The line that answers a server's digest challenge.
    fn answer(&self, progress: &Progress, encoded: &Encoded, buffer: &ResponseBuffer) -> Option<String> {
        let credentials = self.request.manner.digest.as_ref()?;
        if buffer.status() != 401 || progress.authorized || !buffer.notable().authenticate {
            return None;
        }
        let challenges = fields(buffer, "www-authenticate");
        let challenge = DigestChallenge::parse(challenges.iter().map(String::as_str)).ok()?;
        let credentials =
            throng_web::auth::Credentials { user: credentials.user.clone(), password: credentials.password.clone() };
        let body = self.payload.body.as_ref().map(Body::contiguous).or_else(|| encoded.request.body());
        let cnonce = format!("{:016x}", self.shard.nonce());
        let request = DigestRequest {
            method: &encoded.method,
            target: encoded.url.request_target(),
            body: body.as_deref().unwrap_or_default(),
            cnonce: &cnonce,
        };
        let value = DigestSession::new(challenge).authorization(&credentials, &request);
        Some(format!("Authorization: {value}\r\n"))
    }

    /// Where the response leads, within the limit of redirects.
    fn leads_to(
        &self,
        progress: &Progress,
        encoded: &Encoded,
        buffer: &ResponseBuffer,
    ) -> Result<Decision, redirect::RedirectError> {
        if !buffer.notable().location {
            return Ok(Decision::Response);
        }
        let location = field(buffer, "location");
        let decision = redirect::follow(buffer.status(), &encoded.method, location.as_deref(), encoded.url.url())?;
        let manner = &self.request.manner;
        if progress.redirects < manner.redirects_max || decision == Decision::Response {
            return Ok(decision);
        }
        if !manner.redirects_given {
            let message = format!(
                "stopped after {} redirects, at {}: that redirect is the response; limit the request's redirects, or \
                 set `maxRedirects`, for more or to silence this",
                progress.redirects,
                self.request.url()
            );
            self.shard.logs.report(LogLevel::Warn, &message, &format!("vu={}", self.who.vu));
        }
        Ok(Decision::Response)
    }

    fn record(&self, result: samples::Result<'_>, numbers: &Exchange) {
        record(&self.shard, &self.place, &self.request, result, numbers);
        if let Some(outlet) = &self.shard.samples {
            samples::send(outlet, self.who, &self.place, &self.request, result, numbers);
        }
    }

    /// Records an exchange that leads to another.
    fn passed(&self, buffer: Box<ResponseBuffer>, numbers: &Exchange, challenged: bool) {
        let status = buffer.status();
        // As in k6, a challenge that is answered is no failure.
        let expected = challenged || self.request.manner.expects(status);
        let result = samples::Result { status, code: code_of(status), error: "", expected };
        self.record(result, numbers);
        self.shard.shard.give_buffer(buffer);
    }

    /// The response, decompressed unless its body was taken as it came.
    fn arrived(self, mut buffer: Box<ResponseBuffer>, numbers: &Exchange, redirects: u32) -> Received {
        if let Some(pipe) = &self.pipe {
            // What came with another status than a success was kept until here.
            pipe.put(buffer.body());
            buffer.replace_body(Vec::new());
        } else if buffer.notable().content_encoding && !buffer.body().is_empty() {
            let encoding = fields(&buffer, "content-encoding").join(", ");
            let known = Coding::parse_list(&encoding).is_ok();
            match coding::decode(&encoding, buffer.body(), DECOMPRESSED_BYTES_MAX) {
                Ok(body) => buffer.replace_body(body),
                // As in k6, the body is left as it is.
                Err(_) if !known => {}
                Err(error) => {
                    let message = format!("the body ({encoding}) can't be decompressed: {error}");
                    return self.spoiled(buffer, Failed { code: CODE_DECOMPRESS, message }, numbers, redirects);
                }
            }
        }
        let status = buffer.status();
        let expected = self.request.manner.expects(status);
        let result = samples::Result { status, code: code_of(status), error: "", expected };
        self.record(result, numbers);
        self.received(Some(buffer), None, numbers, redirects)
    }

    /// A response that can't be used.
    fn spoiled(self, buffer: Box<ResponseBuffer>, failed: Failed, numbers: &Exchange, redirects: u32) -> Received {
        let (status, code) = (buffer.status(), failed.code);
        let result = samples::Result { status, code, error: &failed.message, expected: false };
        self.record(result, numbers);
        self.received(Some(buffer), Some(failed), numbers, redirects)
    }

    /// No response. What never got as far as an exchange isn't counted as a request.
    fn failed(self, failed: Failed, numbers: &Exchange, redirects: u32) -> Received {
        if self.request.encoded.is_ok() {
            let result = samples::Result { status: 0, code: failed.code, error: &failed.message, expected: false };
            self.record(result, numbers);
        }
        self.received(None, Some(failed), numbers, redirects)
    }

    fn received(
        self,
        buffer: Option<Box<ResponseBuffer>>,
        failed: Option<Failed>,
        numbers: &Exchange,
        redirects: u32,
    ) -> Received {
        let Exchange { timings, elapsed_ns, .. } = *numbers;
        let timings = if buffer.is_some() { timings } else { Timings::default() };
        Received { buffer, timings, elapsed_ns, request: self.request, redirects, failure: failed.map(Box::new) }
    }
}

/// k6's error code of a status.
fn code_of(status: u16) -> u16 {
    if status >= 400 { 1000 + status } else { 0 }
}
