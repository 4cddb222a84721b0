//! The server's WebSockets: what is agreed on, what is said, and the task of a connection.

mod chat;
mod serve;
mod upgrade;

pub(crate) use chat::Board;
pub(crate) use serve::serve;
pub(crate) use upgrade::Agreement;
