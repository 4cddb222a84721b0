//! One exchange: a connection from the pool or a new one, the request, the response.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_lite::future::or;

use super::body::Body;
use super::error::ExchangeError;
use super::origin::Origin;
use super::parser::{Limits, ParseError, ResponseBuffer, ResponseParser};
use super::request::{Outgoing, Request};
use crate::ring::{Connection, SendBytes};
use crate::shard::Shard;
use crate::time::{Clock, Nanos};

/// Idle connections that a pool keeps, over all origins; the oldest go first.
const IDLE_MAX: usize = 16;

/// How long a body waits for the server's 100 (Continue), which servers need not send (RFC 9110 section 10.1.1). As curl
/// and Go's default client; k6 leaves Go's setting at 0 and never waits.
const CONTINUE_WAIT: Duration = Duration::from_secs(1);

/// The parts of an exchange in nanoseconds, as k6 defines them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timings {
    /// From wanting a connection until the request is handed to the kernel.
    pub blocked_ns: u64,
    /// Looking up the name.
    pub looking_up_ns: u64,
    /// TCP connect.
    pub connecting_ns: u64,
    /// Handing over the request.
    pub sending_ns: u64,
    /// From then to the first byte of the response.
    pub waiting_ns: u64,
    /// First byte to last.
    pub receiving_ns: u64,
}

impl Timings {
    /// k6's `http_req_duration`: sending, waiting and receiving.
    #[must_use]
    pub fn duration_ns(&self) -> u64 {
        self.sending_ns + self.waiting_ns + self.receiving_ns
    }
}

/// A completed exchange, or the numbers of a failed one so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exchange {
    /// How long each part took.
    pub timings: Timings,
    /// Bytes written to sockets.
    pub bytes_sent: u64,
    /// Bytes read from sockets.
    pub bytes_received: u64,
    /// Whether the connection had carried a request before.
    pub reused: bool,
    /// From the beginning to the end, whatever that was, in nanoseconds.
    pub elapsed_ns: u64,
}

/// Idle connections of one owner.
#[derive(Debug, Default)]
pub struct Pool {
    idle: Vec<(Rc<Origin>, Connection)>,
}

impl Pool {
    /// Takes an idle connection to `origin` that nothing speaks against.
    fn take(&mut self, origin: &Rc<Origin>) -> Option<Connection> {
        while let Some(index) = self.idle.iter().rposition(|(known, _)| Rc::ptr_eq(known, origin)) {
            let (_, connection) = self.idle.remove(index);
            // A peer that has closed meanwhile, or has sent what nobody asked for, can't be used.
            if connection.is_quiet() {
                return Some(connection);
            }
        }
        None
    }

    fn put(&mut self, origin: &Rc<Origin>, connection: Connection) {
        if self.idle.len() >= IDLE_MAX {
            self.idle.remove(0);
        }
        self.idle.push((Rc::clone(origin), connection));
    }

    /// Closes all idle connections.
    pub fn clear(&mut self) {
        self.idle.clear();
    }
}

/// What an exchange came to.
#[derive(Debug)]
pub struct Exchanged {
    /// The response, or why there is none. A buffer that isn't needed any more belongs back to [`Shard::give_buffer`].
    pub result: Result<Box<ResponseBuffer>, ExchangeError>,
    /// The numbers, also of a failed exchange.
    pub numbers: Exchange,
}

/// What one send adds to a prepared request.
#[derive(Debug, Default)]
pub struct Payload {
    /// Further header lines, each ended by CR LF; the caller answers for their syntax.
    pub header_lines: Vec<u8>,
    /// A body in place of the prepared one.
    pub body: Option<Body>,
}

/// Sends `request` with what `payload` adds, and reads the whole response.
///
/// The pool is borrowed only for the moments of taking and giving back, so that several exchanges of one owner can be
/// under way.
///
/// A re-used connection that breaks before any byte of the response is replaced by a new one, once, if the method is
/// idempotent (RFC 9110 section 9.2.2) or nothing was sent.
pub async fn exchange(
    shard: &Shard,
    pool: &RefCell<Pool>,
    request: &Request,
    payload: &Payload,
    options: ExchangeOptions,
) -> Exchanged {
    let mut numbers = Exchange::default();
    let wanted = Clock::now();
    let result = converse(shard, pool, request, payload, options, wanted, &mut numbers).await;
    numbers.elapsed_ns = shard.turn_time().since(wanted);
    Exchanged { result, numbers }
}

async fn converse(
    shard: &Shard,
    pool: &RefCell<Pool>,
    request: &Request,
    payload: &Payload,
    options: ExchangeOptions,
    wanted: Nanos,
    exchange: &mut Exchange,
) -> Result<Box<ResponseBuffer>, ExchangeError> {
    let deadline = wanted.after(options.timeout);
    let mut pooled = pool.borrow_mut().take(&request.origin);
    loop {
        exchange.reused = pooled.is_some();
        let connection = match pooled.take() {
            Some(connection) => connection,
            None => open(shard, request, deadline, options.timeout, exchange).await?,
        };
        let mut conversation = Conversation {
            connection: &connection,
            parser: ResponseParser::new(request.to_head, options.keep_body, options.limits),
            wanted,
            deadline,
            first_at: None,
            leftover: false,
            held: None,
            began: None,
            into: None,
        };
        conversation.send(request.outgoing(payload), exchange);
        let result = poll_fn(|context| conversation.poll(context, exchange)).await;
        if result.is_err() {
            conversation.time_until_failure(exchange);
        }
        let (buffer, keep_alive) = (conversation.into.take(), conversation.parser.keep_alive());
        // A body that was held back to the end was announced all the same.
        let leftover = conversation.leftover || conversation.held.is_some();
        match result {
            Ok(()) => {
                if keep_alive && !leftover && !request.close {
                    pool.borrow_mut().put(&request.origin, connection);
                }
                return Ok(buffer.unwrap_or_default());
            }
            Err(failure) => {
                buffer.into_iter().for_each(|buffer| shard.give_buffer(buffer));
                match failure {
                    // Once more, on a new connection.
                    Failure::Stale(_) if exchange.reused && request.idempotent => {}
                    Failure::Timeout => return Err(ExchangeError::Timeout(options.timeout)),
                    Failure::Stale(error) | Failure::Final(error) => return Err(error),
                }
            }
        }
    }
}

/// What an exchange may take.
#[derive(Clone, Copy, Debug)]
pub struct ExchangeOptions {
    /// For all of it.
    pub timeout: Duration,
    /// Whether the body is kept, or only counted.
    pub keep_body: bool,
    /// What the response may cost.
    pub limits: Limits,
}

async fn open(
    shard: &Shard,
    request: &Request,
    deadline: Nanos,
    timeout: Duration,
    exchange: &mut Exchange,
) -> Result<Connection, ExchangeError> {
    let dial = async {
        let started = Clock::now();
        let address = request.origin.address(shard).await?;
        let resolved = Clock::now();
        exchange.timings.looking_up_ns = resolved.since(started);
        let connection = shard.connect(address).await?;
        exchange.timings.connecting_ns = shard.turn_time().since(resolved);
        Ok(connection)
    };
    let expire = async {
        shard.sleep_until(deadline).await;
        Err(ExchangeError::DialTimeout(timeout))
    };
    or(dial, expire).await
}

enum Failure {
    /// The connection ended before any byte of a response.
    Stale(ExchangeError),
    Timeout,
    Final(ExchangeError),
}

struct Conversation<'a> {
    connection: &'a Connection,
    parser: ResponseParser,
    wanted: Nanos,
    deadline: Nanos,
    first_at: Option<Nanos>,
    leftover: bool,
    /// A body that waits for 100 (Continue), until an instant.
    held: Option<(Vec<SendBytes>, Nanos)>,
    /// When the head of such a request was sent.
    began: Option<Nanos>,
    /// Taken when the first byte arrives: buffers go from hand to hand while they are warm.
    into: Option<Box<ResponseBuffer>>,
}

impl Conversation<'_> {
    fn send(&mut self, outgoing: Outgoing, exchange: &mut Exchange) {
        let Outgoing { first, rest, waits } = outgoing;
        exchange.bytes_sent += first.len() as u64;
        self.connection.send(first);
        let mut wake_at = self.deadline;
        if waits {
            let until = Clock::now().after(CONTINUE_WAIT);
            wake_at = wake_at.min(until);
            self.held = Some((rest, until));
        } else {
            self.send_all(rest, exchange);
        }
        self.connection.wake_at(Some(wake_at));
    }

    fn send_all(&self, pieces: Vec<SendBytes>, exchange: &mut Exchange) {
        for piece in pieces {
            exchange.bytes_sent += piece.len() as u64;
            self.connection.send(piece);
        }
    }

    /// Sends the body that was held back, if it may go or nothing came. A final response without it ends its chance.
    fn let_go(&mut self, exchange: &mut Exchange) {
        let Some((_, until)) = &self.held else { return };
        if !self.parser.continued() && self.connection.shard().turn_time() < *until {
            return;
        }
        if !self.parser.is_past_head() {
            let (pieces, _) = self.held.take().unwrap_or_default();
            self.began = Some(self.connection.sent_between().0);
            // What counts is the first byte behind the body.
            self.first_at = None;
            self.send_all(pieces, exchange);
        }
        self.connection.wake_at(Some(self.deadline));
    }

    fn poll(&mut self, context: &mut Context<'_>, exchange: &mut Exchange) -> Poll<Result<(), Failure>> {
        let connection = self.connection;
        loop {
            let chunk = match connection.poll_receive(context) {
                Poll::Ready(Ok(Some(chunk))) => chunk,
                Poll::Ready(Ok(None)) => return Poll::Ready(self.ended(exchange)),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(self.broken(error))),
                Poll::Pending if connection.shard().turn_time() >= self.deadline => {
                    return Poll::Ready(Err(Failure::Timeout));
                }
                Poll::Pending if self.held.is_some() => {
                    self.let_go(exchange);
                    return Poll::Pending;
                }
                Poll::Pending => return Poll::Pending,
            };
            let first_at = *self.first_at.get_or_insert(chunk.at());
            exchange.bytes_received += chunk.len() as u64;
            let parser = &mut self.parser;
            let into = self.into.get_or_insert_with(|| connection.shard().take_buffer());
            let fed = chunk.read(|bytes| parser.feed(bytes, into)).map_err(|error| Failure::Final(error.into()))?;
            if fed.complete {
                self.leftover = fed.consumed < chunk.len();
                self.time(first_at, chunk.at(), exchange);
                return Poll::Ready(Ok(()));
            }
        }
    }

    fn ended(&mut self, exchange: &mut Exchange) -> Result<(), Failure> {
        let Some(first_at) = self.first_at else {
            return Err(Failure::Stale(ParseError::Unanswered.into()));
        };
        let into = self.into.get_or_insert_default();
        self.parser.end(into).map_err(|error| Failure::Final(error.into()))?;
        self.time(first_at, self.connection.shard().turn_time(), exchange);
        Ok(())
    }

    fn broken(&self, error: io::Error) -> Failure {
        let error = ExchangeError::Broken(error);
        if self.first_at.is_none() { Failure::Stale(error) } else { Failure::Final(error) }
    }

    /// A request that was never answered has waited until now: leaving that out would make a stalled server look quick.
    fn time_until_failure(&self, exchange: &mut Exchange) {
        let now = self.connection.shard().turn_time();
        self.time(self.first_at.unwrap_or(now), now, exchange);
    }

    fn time(&self, first_at: Nanos, last_at: Nanos, exchange: &mut Exchange) {
        let (from, to) = self.connection.sent_between();
        let from = self.began.unwrap_or(from);
        let timings = &mut exchange.timings;
        timings.blocked_ns = from.since(self.wanted);
        // A response may begin before the request has ended.
        timings.sending_ns = to.min(first_at).since(from);
        timings.waiting_ns = first_at.since(to);
        timings.receiving_ns = last_at.since(first_at);
    }
}
