//! The server's WebSockets: what is agreed on and what is said. One task of a shard serves them in its hall; those by TLS,
//! and those whose clients lag, have a task each.

mod chat;
mod hall;
mod serve;
mod upgrade;

pub(crate) use chat::Board;
pub(crate) use hall::{Hall, attend};
pub(crate) use serve::serve;
pub(crate) use upgrade::Agreement;
