//! One exchange: a connection from the pool or a new one, the request, the response.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::net::IpAddr;
use std::task::{Context, Poll};
use std::time::Duration;

use super::body::Body;
use super::body_pipe::BodyPipe;
use super::dial::open;
use super::error::ExchangeError;
use super::parser::{Fed as ResponseFed, Keep, Limits, ParseError, ResponseBuffer, ResponseParser};
use super::pool::Pool;
use super::request::{Outgoing, Request};
use crate::ring::SendBytes;
use crate::shard::Shard;
use crate::stream::{Meter, Received, Stream, StreamError, Traffic};
use crate::time::{Clock, Nanos};
use crate::tls::{TlsError, TlsInfo};

/// How long a body waits for the server's 100 (Continue), which servers need not send (RFC 9110 section 10.1.1). As curl
/// and Go's default client; k6 leaves Go's setting at 0 and never waits.
const CONTINUE_WAIT: Duration = Duration::from_secs(1);

/// Bytes of a body that are encrypted before those in front of them have gone. The file that they may come from is in
/// memory once for all; what is encrypted is a copy.
const ENCRYPTED_BYTES: usize = 256 << 10;

/// The parts of an exchange in nanoseconds, as k6 defines them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timings {
    /// From wanting a connection until the request is handed to the kernel.
    pub blocked_ns: u64,
    /// Looking up the name, the wait for a thread to do it included; 0 if there was nothing to look up.
    pub looking_up_ns: u64,
    /// TCP connect, the addresses that failed before included.
    pub connecting_ns: u64,
    /// TLS handshake; 0 in plain and on a re-used connection.
    pub tls_handshaking_ns: u64,
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
    /// Bytes written to sockets, TLS included.
    pub bytes_sent: u64,
    /// Bytes read from sockets, TLS included.
    pub bytes_received: u64,
    /// Whether a new connection was wanted, and whether it was made: TLS included, where that is asked for.
    pub connected: Option<bool>,
    /// The server's address, once there was a connection.
    pub peer: Option<IpAddr>,
    /// What the connection's TLS handshake came to; none in plain.
    pub tls: Option<TlsInfo>,
    /// Whether the connection had carried a request before.
    pub reused: bool,
    /// From the beginning to the end, whatever that was, in nanoseconds.
    pub elapsed_ns: u64,
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
pub fn exchange<'a>(
    shard: &'a Shard,
    pool: &'a RefCell<Pool>,
    request: &'a Request,
    payload: &'a Payload,
    options: ExchangeOptions<'a>,
) -> impl Future<Output = Exchanged> + 'a {
    // No async fn: the future of one holds its arguments twice.
    let task = Task { shard, request, payload, options, wanted: Clock::now() };
    async move {
        let (mut numbers, mut traffic) = (Exchange::default(), Traffic::default());
        let result = converse(&task, pool, &mut numbers, &mut traffic).await;
        task.count(&mut numbers, &mut traffic);
        numbers.elapsed_ns = task.shard.turn_time().since(task.wanted);
        Exchanged { result, numbers }
    }
}

/// What is to be done.
struct Task<'a> {
    shard: &'a Shard,
    request: &'a Request,
    payload: &'a Payload,
    options: ExchangeOptions<'a>,
    wanted: Nanos,
}

impl Task<'_> {
    /// Moves bytes to where they are told.
    fn count(&self, exchange: &mut Exchange, traffic: &mut Traffic) {
        let more = std::mem::take(traffic);
        exchange.bytes_sent += more.sent;
        exchange.bytes_received += more.received;
        if let Some(meter) = self.options.meter {
            meter.add(more);
        }
    }
}

async fn converse(
    task: &Task<'_>,
    pool: &RefCell<Pool>,
    exchange: &mut Exchange,
    traffic: &mut Traffic,
) -> Result<Box<ResponseBuffer>, ExchangeError> {
    // By reference: what is copied here would be held by the future twice.
    let (shard, request) = (task.shard, task.request);
    let deadline = task.wanted.after(task.options.timeout);
    let (vu, mut pooled) = {
        let mut pool = pool.borrow_mut();
        (pool.vu(), pool.take(&request.origin, traffic))
    };
    loop {
        exchange.reused = pooled.is_some();
        let mut stream = match pooled.take() {
            Some(stream) => stream,
            None => {
                let timings = &mut exchange.timings;
                exchange.connected = Some(false);
                // Boxed since it is rare: the future of an exchange is to stay small.
                let stream =
                    Box::pin(open(shard, vu, &request.origin, deadline, task.options.timeout, timings, traffic))
                        .await?;
                exchange.connected = Some(true);
                stream
            }
        };
        exchange.peer = stream.connection().peer().map(|peer| peer.ip());
        exchange.tls = stream.tls_info();
        let mut conversation = Conversation {
            shard,
            stream: &mut stream,
            parser: ResponseParser::new(request.to_head, task.options.body.keep(), task.options.limits),
            pipe: task.options.body.pipe(),
            wanted: task.wanted,
            deadline,
            first_at: None,
            leftover: false,
            held: None,
            paced: VecDeque::new(),
            began: None,
            into: None,
        };
        conversation.send(request.outgoing(task.payload), traffic)?;
        let result = poll_fn(|context| {
            let result = conversation.poll(context, exchange, traffic);
            // At each poll and not at the end: a response may take hours.
            task.count(exchange, traffic);
            result
        })
        .await;
        if result.is_err() {
            conversation.time_until_failure(exchange);
        }
        let (buffer, keep_alive) = (conversation.into.take(), conversation.parser.keep_alive());
        // A body that was held back to the end was announced all the same.
        let leftover = conversation.leftover || conversation.held.is_some() || !conversation.paced.is_empty();
        match result {
            Ok(()) => {
                if keep_alive && !leftover && !request.close {
                    pool.borrow_mut().put(&request.origin, stream);
                }
                return Ok(buffer.unwrap_or_default());
            }
            Err(failure) => {
                buffer.into_iter().for_each(|buffer| shard.give_buffer(buffer));
                match failure {
                    // Once more, on a new connection.
                    Failure::Stale(_) if exchange.reused && request.idempotent => {}
                    Failure::Timeout => return Err(ExchangeError::Timeout(task.options.timeout)),
                    Failure::Stale(error) | Failure::Final(error) => return Err(error),
                }
            }
        }
    }
}

/// What becomes of a response's body.
#[derive(Clone, Copy, Debug)]
pub enum ResponseBody<'a> {
    /// It is only counted.
    Count,
    /// It is kept, up to the limit.
    Keep,
    /// That of a successful response (2xx) goes to a reader, however long it is; that of another one is kept, since a
    /// redirect or a challenge is followed by a further response.
    Pipe(&'a BodyPipe),
}

impl<'a> ResponseBody<'a> {
    fn keep(self) -> Keep {
        match self {
            Self::Count => Keep::Nothing,
            Self::Keep => Keep::All,
            Self::Pipe(_) => Keep::UntilTaken,
        }
    }

    fn pipe(self) -> Option<&'a BodyPipe> {
        if let Self::Pipe(pipe) = self { Some(pipe) } else { None }
    }
}

/// What an exchange may take.
#[derive(Clone, Copy, Debug)]
pub struct ExchangeOptions<'a> {
    /// For all of it.
    pub timeout: Duration,
    /// What becomes of the body.
    pub body: ResponseBody<'a>,
    /// What the response may cost.
    pub limits: Limits,
    /// Where bytes are counted while they are sent and received, besides [`Exchange`], which tells them at the end.
    pub meter: Option<&'a Meter>,
}

enum Failure {
    /// The connection ended before any byte of a response.
    Stale(ExchangeError),
    Timeout,
    Final(ExchangeError),
}

struct Conversation<'a> {
    shard: &'a Shard,
    stream: &'a mut Stream,
    parser: ResponseParser,
    pipe: Option<&'a BodyPipe>,
    wanted: Nanos,
    deadline: Nanos,
    first_at: Option<Nanos>,
    leftover: bool,
    /// A body that waits for 100 (Continue), until an instant.
    held: Option<(Vec<SendBytes>, Nanos)>,
    /// The rest of a body that isn't all sent at once.
    paced: VecDeque<SendBytes>,
    /// When such a request's first bytes were sent.
    began: Option<Nanos>,
    /// Taken when the first byte arrives: buffers go from hand to hand while they are warm.
    into: Option<Box<ResponseBuffer>>,
}

/// What the bytes of one receive came to.
enum Fed {
    /// There were none: by TLS a piece of a record may arrive.
    Nothing,
    Part,
    Whole,
    Malformed(ParseError),
}

impl Conversation<'_> {
    fn send(&mut self, outgoing: Outgoing, traffic: &mut Traffic) -> Result<(), StreamError> {
        let Outgoing { first, rest, waits } = outgoing;
        traffic.sent += self.stream.send(first)? as u64;
        let mut wake_at = self.deadline;
        if waits {
            let until = Clock::now().after(CONTINUE_WAIT);
            wake_at = wake_at.min(until);
            self.held = Some((rest, until));
        } else {
            self.send_all(rest, traffic)?;
        }
        self.stream.connection().wake_at(Some(wake_at));
        Ok(())
    }

    fn send_all(&mut self, pieces: Vec<SendBytes>, traffic: &mut Traffic) -> Result<(), StreamError> {
        let bytes: usize = pieces.iter().map(|piece| piece.len()).sum();
        if self.stream.copies() && bytes > ENCRYPTED_BYTES {
            self.paced = pieces.into_iter().flat_map(in_parts).collect();
            return self.send_part(traffic);
        }
        for piece in pieces {
            traffic.sent += self.stream.send(piece)? as u64;
        }
        Ok(())
    }

    /// Sends the next part of a body that goes by parts.
    fn send_part(&mut self, traffic: &mut Traffic) -> Result<(), StreamError> {
        if let Some(part) = self.paced.pop_front() {
            traffic.sent += self.stream.send(part)? as u64;
        }
        Ok(())
    }

    /// Sends the parts whose turn has come: those before are with the kernel.
    fn go_on_sending(&mut self, context: &Context<'_>, traffic: &mut Traffic) -> Result<(), StreamError> {
        while !self.paced.is_empty() {
            match self.stream.connection().poll_flush(context) {
                Poll::Pending => break,
                Poll::Ready(Err(error)) => return Err(error.into()),
                Poll::Ready(Ok(())) => {
                    let first_at = self.stream.connection().sent_between().0;
                    self.began.get_or_insert(first_at);
                    self.send_part(traffic)?;
                }
            }
        }
        Ok(())
    }

    /// Sends the body that was held back, if it may go or nothing came. A final response without it ends its chance.
    fn let_go(&mut self, traffic: &mut Traffic) -> Result<(), StreamError> {
        let Some((_, until)) = &self.held else { return Ok(()) };
        if !self.parser.continued() && self.shard.turn_time() < *until {
            return Ok(());
        }
        if !self.parser.is_past_head() {
            let (pieces, _) = self.held.take().unwrap_or_default();
            self.began = Some(self.stream.connection().sent_between().0);
            // What counts is the first byte behind the body.
            self.first_at = None;
            self.send_all(pieces, traffic)?;
        }
        self.stream.connection().wake_at(Some(self.deadline));
        Ok(())
    }

    fn poll(
        &mut self,
        context: &mut Context<'_>,
        exchange: &mut Exchange,
        traffic: &mut Traffic,
    ) -> Poll<Result<(), Failure>> {
        loop {
            if self.pipe.is_some_and(BodyPipe::is_full) {
                return self.wait_for_reader(context);
            }
            let Self { shard, stream, parser, into, leftover, .. } = self;
            let mut fed = Fed::Nothing;
            let received = stream.poll_receive(context, traffic, |bytes| match fed {
                Fed::Nothing | Fed::Part => {
                    let into = into.get_or_insert_with(|| shard.take_buffer());
                    fed = match parser.feed(bytes, into) {
                        Ok(ResponseFed { complete: false, .. }) => Fed::Part,
                        Ok(ResponseFed { consumed, .. }) => {
                            *leftover = consumed < bytes.len();
                            Fed::Whole
                        }
                        Err(error) => Fed::Malformed(error),
                    };
                }
                Fed::Whole | Fed::Malformed(_) => *leftover = true,
            });
            let at = match received {
                Poll::Ready(Ok(Received::Bytes { at })) => at,
                Poll::Ready(Ok(Received::Ended { properly })) => return Poll::Ready(self.ended(properly, exchange)),
                Poll::Ready(Err(error)) => match fed {
                    // An error behind a whole response is the connection's, which is of no use then.
                    Fed::Whole => {
                        self.leftover = true;
                        self.shard.turn_time()
                    }
                    Fed::Nothing => return Poll::Ready(Err(self.broken(error.into()))),
                    Fed::Part | Fed::Malformed(_) => {
                        self.first_at.get_or_insert(self.shard.turn_time());
                        return Poll::Ready(Err(Failure::Final(error.into())));
                    }
                },
                Poll::Pending if self.shard.turn_time() >= self.deadline => {
                    return Poll::Ready(Err(Failure::Timeout));
                }
                Poll::Pending if self.held.is_some() => match self.let_go(traffic) {
                    Ok(()) => return Poll::Pending,
                    Err(error) => return Poll::Ready(Err(self.broken(error.into()))),
                },
                Poll::Pending if !self.paced.is_empty() => match self.go_on_sending(context, traffic) {
                    Ok(()) => return Poll::Pending,
                    Err(error) => return Poll::Ready(Err(self.broken(error.into()))),
                },
                Poll::Pending => return Poll::Pending,
            };
            let first_at = match fed {
                Fed::Nothing => continue,
                Fed::Malformed(error) => return Poll::Ready(Err(Failure::Final(error.into()))),
                Fed::Part | Fed::Whole => *self.first_at.get_or_insert(at),
            };
            self.pass_on();
            if let Fed::Whole = fed {
                self.time(first_at, at, exchange);
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// Gives what has arrived of a body to its reader.
    fn pass_on(&mut self) {
        if let (Some(pipe), Some(into)) = (self.pipe, &mut self.into)
            && self.parser.is_taken()
        {
            into.take_body(|bytes| pipe.put(bytes));
        }
    }

    /// The reader polls again when it has taken some; until then only the time limit matters.
    fn wait_for_reader(&self, context: &Context<'_>) -> Poll<Result<(), Failure>> {
        if self.shard.turn_time() >= self.deadline {
            return Poll::Ready(Err(Failure::Timeout));
        }
        self.stream.connection().watch(context);
        Poll::Pending
    }

    fn ended(&mut self, properly: bool, exchange: &mut Exchange) -> Result<(), Failure> {
        let Some(first_at) = self.first_at else {
            return Err(Failure::Stale(ParseError::Unanswered.into()));
        };
        let into = self.into.get_or_insert_default();
        self.parser.end(into).map_err(|error| Failure::Final(error.into()))?;
        if !properly {
            // The end was the body's, and anyone may have made it.
            return Err(Failure::Final(TlsError::Truncated.into()));
        }
        self.time(first_at, self.shard.turn_time(), exchange);
        Ok(())
    }

    fn broken(&self, error: ExchangeError) -> Failure {
        if self.first_at.is_none() { Failure::Stale(error) } else { Failure::Final(error) }
    }

    /// A request that was never answered has waited until now: leaving that out would make a stalled server look quick.
    fn time_until_failure(&self, exchange: &mut Exchange) {
        let now = self.shard.turn_time();
        self.time(self.first_at.unwrap_or(now), now, exchange);
    }

    fn time(&self, first_at: Nanos, last_at: Nanos, exchange: &mut Exchange) {
        let (from, to) = self.stream.connection().sent_between();
        let from = self.began.unwrap_or(from);
        let timings = &mut exchange.timings;
        timings.blocked_ns = from.since(self.wanted);
        // A response may begin before the request has ended.
        timings.sending_ns = to.min(first_at).since(from);
        timings.waiting_ns = first_at.since(to);
        timings.receiving_ns = last_at.since(first_at);
    }
}

fn in_parts(piece: SendBytes) -> Vec<SendBytes> {
    match piece {
        SendBytes::Range(bytes) => bytes.parts(ENCRYPTED_BYTES).map(SendBytes::Range).collect(),
        piece => vec![piece],
    }
}
