//! HTTP/1.1, RFC 9112, as a client.
//!
//! [`ResponseParser`] turns bytes into a response and does no IO; [`exchange`] sends a [`Request`] on a pooled or a new
//! connection and feeds the parser. Bytes stay in the ring's buffers until the parser copies what is to be kept into
//! a [`ResponseBuffer`], whose memory its owner re-uses.

mod body;
mod body_pipe;
mod chunked;
mod client;
mod connect;
mod dial;
mod error;
mod framing;
mod head;
mod origin;
mod parser;
mod pool;
mod request;

pub use body::{Body, BodyPart};
pub use body_pipe::BodyPipe;
pub use chunked::ChunkError;
pub use client::{Exchange, ExchangeOptions, Exchanged, Payload, ResponseBody, Timings, exchange};
pub(crate) use dial::open;
pub use error::ExchangeError;
pub use framing::{FramingError, Notable};
pub use head::HeadError;
pub(crate) use head::is_token_byte;
pub use origin::Origin;
pub use parser::{Fed, Keep, Limits, ParseError, ResponseBuffer, ResponseParser};
pub use pool::Pool;
pub use request::{Request, RequestError, RequestHead};
