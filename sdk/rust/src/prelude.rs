//! What a script usually needs: `use throng::prelude::*;`.

pub use crate::Tags;
pub use crate::checks::check_tagged;
pub use crate::environment::{env, env_or};
pub use crate::events::{self, Connection, Handlers};
pub use crate::group::group;
pub use crate::options::{Options, Scenario};
pub use crate::summary::Summary;
pub use crate::time::sleep;
pub use crate::{check, metrics, tags};
pub use crate::{data, execution, http, log, random, tcp, time, udp, websocket};
pub use crate::{handlers, options, scenario, setup, summary, teardown, vu_init};
pub use serde_json::{Value, json};
pub use std::time::Duration;
