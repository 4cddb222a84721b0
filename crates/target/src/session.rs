//! One connection's conversation, without IO: bytes in, answers out, and what to do next.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use httparse::Header;

use crate::answer::{self, Fields, Manner};
use crate::counters::{Board, Counters};
use crate::date::DateCache;
use crate::echo;
use crate::refusal::Refusal;
use crate::request::{BODY_BYTES_MAX, BodyDecoder, Framing, HEAD_BYTES_MAX, Head, ends_head, parse_head};
use crate::route::Route;
use crate::routes::{self, Body, Content, Flow, Nonces, Peer, Reply, Request};
use crate::secret::Secret;
use crate::task::Task;
use crate::websocket::Agreement;

/// Longest body of `/bytes/{n}` that is written with its head; longer ones are streamed.
const INLINE_BYTES_MAX: u64 = 4096;
/// What bodies of `/bytes/{n}` consist of.
pub(crate) const FILLER: u8 = b'x';

/// What one shard's sessions share.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) board: Arc<Board>,
    pub(crate) secret: Arc<Secret>,
    pub(crate) nonces: Arc<Nonces>,
    pub(crate) shard: usize,
    pub(crate) date: DateCache,
    /// Names that this shard has given out.
    pub(crate) issued: Cell<u64>,
}

impl Desk {
    pub(crate) fn counters(&self) -> &Counters {
        self.board.shard(self.shard)
    }

    /// A number that nobody can guess.
    pub(crate) fn random(&self) -> u64 {
        self.issued.set(self.issued.get() + 1);
        self.secret.number((self.shard as u64) << 48 | self.issued.get())
    }

    /// A name that nobody had before and nobody can guess.
    pub(crate) fn fresh(&self) -> String {
        self.issued.set(self.issued.get() + 1);
        self.secret.mark("fresh", &format!("{}/{}", self.shard, self.issued.get()))
    }
}

/// What the connection's task does before it feeds again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Receive more.
    Receive,
    /// Let this time pass.
    Wait(Duration),
    /// Have the whole server be silent for this time.
    Silence(Duration),
    /// Have all WebSockets be reset.
    ResetWebsockets,
    /// Send so many bytes of [`FILLER`].
    Stream(u64),
    /// Go on at once, after the client has taken what it lags behind.
    Again,
    /// Go on so long after the body began, of which this is the first piece or not.
    Pace { since: Duration, first: bool },
    /// Go on as a WebSocket: [`Session::take_agreement`] says how.
    Upgrade,
    /// Break the connection off once the bytes so far are sent.
    Reset,
    /// End the connection, in order.
    Close,
}

/// The state of a conversation: small, since a server holds one for every connection.
#[derive(Debug, Default)]
pub(crate) struct Session {
    state: State,
    /// Bytes of an incomplete head that were looked at already.
    scanned: u32,
    peer: Peer,
    /// What the connection is to go on as.
    agreement: Option<Box<Agreement>>,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Head,
    Body(Box<(Exchange, BodyDecoder)>),
    /// The answer is due at the next feed.
    Due(Box<Exchange>),
    /// The answer's body is being made; whether the connection goes on after it.
    Flow(Box<Flow>, bool),
    Closing,
}

/// A request as far as its answer needs it.
#[derive(Debug)]
struct Exchange {
    route: Route,
    task: Task,
    manner: Manner,
    body: Body,
}

impl Session {
    pub(crate) fn new(peer: Peer) -> Self {
        Self { peer, ..Self::default() }
    }

    /// What was agreed on, once the connection is a WebSocket.
    pub(crate) fn take_agreement(&mut self) -> Option<Agreement> {
        self.agreement.take().map(|agreement| *agreement)
    }

    /// Whether nothing has begun that isn't over.
    pub(crate) fn is_idle(&self) -> bool {
        matches!(self.state, State::Head) && self.scanned == 0
    }

    /// Takes the bytes received and not consumed so far, appends answers to `out`, and says how many bytes it consumed
    /// and what is next. What it left comes again with the next feed.
    pub(crate) fn feed(&mut self, input: &[u8], desk: &Desk, out: &mut Vec<u8>) -> (usize, Next) {
        let mut consumed = 0;
        loop {
            let rest = &input[consumed..];
            let next = match std::mem::take(&mut self.state) {
                State::Closing => {
                    self.state = State::Closing;
                    Some(Next::Close)
                }
                State::Due(exchange) => self.answer(*exchange, desk, out),
                State::Flow(flow, goes_on) => self.flow(flow, goes_on, desk, out),
                State::Head | State::Body(_) if rest.is_empty() => Some(Next::Receive),
                State::Head => self.head(rest, desk, out, &mut consumed),
                State::Body(pending) => {
                    let (exchange, decoder) = *pending;
                    self.body(exchange, decoder, rest, desk, out, &mut consumed)
                }
            };
            if let Some(next) = next {
                return (consumed, next);
            }
        }
    }

    fn head(&mut self, rest: &[u8], desk: &Desk, out: &mut Vec<u8>, consumed: &mut usize) -> Option<Next> {
        // A head that comes in pieces is parsed when a piece may have ended it, so that dripping costs little.
        let scanned = self.scanned as usize;
        if scanned > 0 && rest.len() < HEAD_BYTES_MAX && !ends_head(&rest[scanned.saturating_sub(3)..]) {
            self.scanned = rest.len() as u32;
            return Some(Next::Receive);
        }
        let peer = self.peer;
        let parsed = parse_head(rest, |head, fields, length| {
            (Exchange::new(head, fields, peer), head.framing, head.expects_continue, length)
        });
        match parsed {
            Ok(None) => {
                self.scanned = rest.len() as u32;
                Some(Next::Receive)
            }
            Ok(Some((mut exchange, framing, expects_continue, length))) => {
                self.scanned = 0;
                *consumed += length;
                let rest = &rest[length..];
                if exchange.route == Route::Expect && framing != Framing::Length(0) {
                    // Whether the body comes can't be known, and so not where the next request begins.
                    exchange.manner.keep_alive = false;
                    return self.answer(exchange, desk, out);
                }
                let decoder = match BodyDecoder::new(framing, exchange.body_bytes_max()) {
                    Ok(decoder) => decoder,
                    Err(refusal) => {
                        self.refuse(&refusal, desk, out);
                        return None;
                    }
                };
                if expects_continue && rest.is_empty() && framing != Framing::Length(0) {
                    let interim = b"HTTP/1.1 100 Continue\r\n\r\n";
                    desk.counters().sent(interim.len());
                    out.extend_from_slice(interim);
                }
                self.body(exchange, decoder, rest, desk, out, consumed)
            }
            Err(refusal) => {
                self.refuse(&refusal, desk, out);
                None
            }
        }
    }

    fn body(
        &mut self,
        mut exchange: Exchange,
        mut decoder: BodyDecoder,
        rest: &[u8],
        desk: &Desk,
        out: &mut Vec<u8>,
        consumed: &mut usize,
    ) -> Option<Next> {
        match decoder.feed(rest, |data| exchange.body.push(data)) {
            Ok(taken) => *consumed += taken,
            Err(refusal) => {
                self.refuse(&refusal, desk, out);
                return None;
            }
        }
        if decoder.is_complete() {
            return self.answer(exchange, desk, out);
        }
        self.state = State::Body(Box::new((exchange, decoder)));
        Some(Next::Receive)
    }

    /// A request that broke the protocol: where the next one begins can't be known, so the connection ends.
    fn refuse(&mut self, refusal: &Refusal, desk: &Desk, out: &mut Vec<u8>) {
        let before = out.len();
        let manner = Manner { is_head: false, is_http_1_1: true, keep_alive: false };
        let text = format!("{refusal}\n");
        answer::write(out, refusal.status(), answer::TEXT, text.as_bytes(), manner, desk.date.text());
        desk.counters().bad_request(refusal.status());
        desk.counters().sent(out.len() - before);
        self.state = State::Closing;
    }

    fn answer(&mut self, mut exchange: Exchange, desk: &Desk, out: &mut Vec<u8>) -> Option<Next> {
        if let Some(wait) = exchange.wait() {
            self.state = State::Due(Box::new(exchange));
            return Some(wait);
        }
        let before = out.len();
        let (status, rest) = write(&mut exchange, desk, out);
        desk.counters().answered(exchange.route, status);
        desk.counters().sent(out.len() - before);
        let goes_on = exchange.manner.keep_alive;
        if !goes_on {
            self.state = State::Closing;
        }
        match rest {
            Rest::Nothing => None,
            Rest::Filler(bytes) => Some(Next::Stream(bytes)),
            Rest::Flow(flow) => {
                self.state = State::Flow(Box::new(flow), goes_on);
                None
            }
            Rest::Upgrade(agreement) => {
                self.agreement = Some(agreement);
                Some(Next::Upgrade)
            }
        }
    }

    fn flow(&mut self, mut flow: Box<Flow>, goes_on: bool, desk: &Desk, out: &mut Vec<u8>) -> Option<Next> {
        let before = out.len();
        let next = flow.next(out);
        desk.counters().sent(out.len() - before);
        self.state = match next {
            Some(_) => State::Flow(flow, goes_on),
            None if goes_on => State::Head,
            None => State::Closing,
        };
        next
    }
}

impl Exchange {
    fn new(head: &Head<'_>, fields: &[Header<'_>], peer: Peer) -> Self {
        let (route, parameter) = Route::of(head.path);
        let (task, body) = match route {
            Route::Root
            | Route::Delay
            | Route::Status
            | Route::Bytes
            | Route::Stall
            | Route::Stats
            | Route::Reset
            | Route::WsReset
            | Route::Other => (Task::of(route, head.method, parameter), Body::Dropped),
            Route::Echo => (echo::task(head, fields), Body::Kept(Vec::new())),
            Route::WsEcho | Route::WsBroadcast | Route::WsSilent | Route::WsClose => {
                let agreed = route.check_method(head.method).and_then(|()| Agreement::new(route, head, fields));
                (agreed.map_or_else(Task::Refuse, |agreement| Task::Upgrade(Box::new(agreement))), Body::Dropped)
            }
            _ => match route.check_method(head.method) {
                Ok(()) => {
                    let request = Request::new(route, head, fields, peer);
                    let body = Body::for_route(route, &request);
                    (Task::Serve(Box::new(request)), body)
                }
                Err(refusal) => (Task::Refuse(refusal), Body::Dropped),
            },
        };
        let manner =
            Manner { is_head: head.method == "HEAD", is_http_1_1: head.is_http_1_1, keep_alive: head.keep_alive };
        Self { route, task, manner, body }
    }

    /// Only what is held has a limit.
    fn body_bytes_max(&self) -> u64 {
        if matches!(self.body, Body::Summed(_)) { u64::MAX } else { BODY_BYTES_MAX }
    }

    /// What is to pass before the answer, the first time it is asked for.
    fn wait(&mut self) -> Option<Next> {
        let wait = match &mut self.task {
            Task::Delay(duration) => Next::Wait(*duration),
            Task::Stall(duration) => Next::Silence(*duration),
            Task::ResetWebsockets => Next::ResetWebsockets,
            Task::Serve(request) => return request.delay.take().map(Next::Wait),
            _ => return None,
        };
        self.task = Task::Greet;
        Some(wait)
    }
}

/// What a request for a WebSocket has to say: RFC 9110 section 15.5.22, RFC 6455 section 4.4.
const UPGRADE_FIELDS: &[u8] = b"\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13";

/// What follows an answer's head, or its whole.
enum Rest {
    Nothing,
    /// So many bytes of [`FILLER`].
    Filler(u64),
    Flow(Flow),
    /// Frames.
    Upgrade(Box<Agreement>),
}

/// Writes the answer, or its head if the body comes later; returns the status, and what comes.
fn write(exchange: &mut Exchange, desk: &Desk, out: &mut Vec<u8>) -> (u16, Rest) {
    let task = std::mem::replace(&mut exchange.task, Task::Greet);
    if let Task::Serve(request) = task {
        let body = std::mem::take(&mut exchange.body);
        let reply = routes::serve(exchange.route, &request, body, desk);
        return write_reply(reply, &mut exchange.manner, desk, out);
    }
    let (manner, body, date) = (exchange.manner, exchange.body.kept(), desk.date.text());
    let mut put = |status, fields, body: &[u8]| {
        answer::write(out, status, fields, body, manner, date);
        (status, Rest::Nothing)
    };
    match task {
        Task::Greet | Task::Delay(_) | Task::Stall(_) | Task::ResetWebsockets | Task::Serve(_) => {
            put(200, answer::TEXT, b"ok\n")
        }
        Task::Describe(description) => put(200, answer::JSON, &echo::describe(*description, body)),
        Task::Return { content_type, content_encoding } => {
            let more = content_encoding.map(|coding| [b"\r\nContent-Encoding: ", &*coding].concat());
            let more = more.as_deref().unwrap_or_default();
            put(200, Fields { content_type: content_type.as_deref(), allow: None, more }, body)
        }
        Task::Status(status) => put(status, answer::TEXT, format!("{status} {}\n", answer::reason(status)).as_bytes()),
        Task::Bytes(bytes) if bytes <= INLINE_BYTES_MAX => {
            put(200, answer::BINARY, &[FILLER; INLINE_BYTES_MAX as usize][..bytes as usize])
        }
        Task::Bytes(bytes) => {
            answer::write_head(out, 200, answer::BINARY, Some(bytes), manner, date);
            (200, if manner.is_head { Rest::Nothing } else { Rest::Filler(bytes) })
        }
        // The request that asks isn't counted yet: it finds what went before it.
        Task::Stats => put(200, answer::JSON, format!("{:#}\n", desk.board.to_json()).as_bytes()),
        Task::Reset => {
            desk.board.reset();
            put(200, answer::TEXT, b"ok\n")
        }
        Task::Upgrade(agreement) => {
            let fields = Fields { more: &agreement.fields, ..Fields::default() };
            answer::write_head(out, 101, fields, None, manner, date);
            (101, Rest::Upgrade(agreement))
        }
        Task::Refuse(refusal) => {
            let (mut allow, mut more) = (None, &b""[..]);
            match refusal {
                Refusal::MethodNotAllowed(methods) => allow = Some(methods),
                Refusal::UpgradeRequired => more = UPGRADE_FIELDS,
                _ => {}
            }
            put(refusal.status(), Fields { allow, more, ..answer::TEXT }, format!("{refusal}\n").as_bytes())
        }
    }
}

fn write_reply(reply: Reply, manner: &mut Manner, desk: &Desk, out: &mut Vec<u8>) -> (u16, Rest) {
    let Reply { status, content_type, mut fields, content, ends } = reply;
    manner.keep_alive &= !ends;
    match content {
        Content::Whole(body) => {
            let fields = Fields { more: &fields, ..Fields::of_type(content_type.as_bytes()) };
            answer::write(out, status, fields, &body, *manner, desk.date.text());
            (status, Rest::Nothing)
        }
        Content::Flow(flow) => {
            if flow.is_chunked {
                fields.extend_from_slice(b"\r\nTransfer-Encoding: chunked");
            }
            // Neither a length nor chunks: the body ends where the connection does.
            manner.keep_alive &= flow.is_chunked || flow.length.is_some();
            let fields = Fields { more: &fields, ..Fields::of_type(content_type.as_bytes()) };
            answer::write_head(out, status, fields, flow.length, *manner, desk.date.text());
            (status, if manner.is_head { Rest::Nothing } else { Rest::Flow(flow) })
        }
    }
}

#[cfg(test)]
mod tests;
