//! Sockets and timers of one shard: an io_uring of our own, driven by one task of a glommio executor.
//!
//! A [`Shard`] is one thread: a glommio executor that runs the tasks, and a ring that carries the sockets. The driver
//! task is the only place where the thread waits: it submits what the tasks queued, reaps completions, wakes tasks,
//! lets every runnable task run once, and blocks in the ring when none is left. The nearest timer bounds that wait, and
//! other threads end it through an eventfd ([`Remote`]). So glommio itself never parks.
//!
//! Sockets are direct descriptors: made and bound by socket2, put into the ring's file table, the descriptor closed at
//! once. Receiving is multishot into shared buffers, so an idle [`Connection`] or [`DatagramSocket`] holds none. Source ports are chosen
//! explicitly by [`source`], since the kernel's own choice gets dear when half of a range is in use.
//!
//! A [`Stream`] is a connection in plain or by [`tls`]. [`http1`] is the HTTP/1.1 client over it, with a parser that
//! does no IO, and [`websocket`] what follows an upgrade; [`connect_stream`] and [`connect_datagrams`] are for those who
//! speak something else.
//!
//! Not here: HTTP/2, and anything that knows of virtual users, metrics or scripts.

mod dial;
pub mod http1;
pub mod machine;
mod names;
mod records;
mod ring;
mod shard;
pub mod source;
mod stream;
mod time;
pub mod tls;
pub mod websocket;

pub use dial::{DialNumbers, connect_datagrams, connect_stream};
pub use names::{LookUpFailure, NameError, NameOptions, NamePolicy, NameRules, NameSelect, Names, NoRules, Resolver};
pub use records::Records;
pub use ring::{
    Chunk, Connection, ConnectionSet, DATAGRAM_BYTES_MAX, Datagram, DatagramSocket, DialError, Happened, Listener,
    RingError, SendBytes, SetEvent, SetKey, SharedBytes,
};
pub use shard::{Remote, Shard, ShardConfig, ShardCounts, ShardError, ShardThread, Sleep};
pub use stream::{Meter, Received, Stream, StreamError, Traffic};
pub use time::{Clock, Nanos};
