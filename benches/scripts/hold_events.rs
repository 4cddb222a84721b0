//! Connections that say nothing; `hold.rs` as an event-driven script.

use throng::prelude::*;

struct Hold;

#[handlers]
impl Handlers for Hold {
    fn begin(connection: Connection) -> Self {
        connection.connect(env("TARGET"));
        Self
    }
}
