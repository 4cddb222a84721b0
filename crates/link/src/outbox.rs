//! What waits to be said to the leader.

use std::collections::{BTreeMap, VecDeque};

use throng_agent::LogRecord;
use throng_agent::link::PartId;
use throng_protocol::agent::join_request::Message;

use crate::to_group;

/// Messages of scripts that wait, of a part; further ones are counted and left out.
const LOGS_MAX: usize = 1_000;

/// What waits for the stream, in order. Windows and facts bound themselves: so many windows of a part are said before one is
/// in a checkpoint, and a fact is said once, and again only when nothing waits. Messages of scripts come last.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    messages: VecDeque<Message>,
    logs: BTreeMap<PartId, Logs>,
}

#[derive(Debug, Default)]
struct Logs {
    records: Vec<LogRecord>,
    left_out: u64,
}

impl Outbox {
    pub(crate) fn push(&mut self, message: Message) {
        self.messages.push_back(message);
    }

    pub(crate) fn log(&mut self, part: &PartId, record: LogRecord) {
        let logs = self.logs.entry(part.clone()).or_default();
        if logs.records.len() < LOGS_MAX { logs.records.push(record) } else { logs.left_out += 1 }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.messages.is_empty() && self.logs.is_empty()
    }

    /// Whether nothing waits that is said again.
    pub(crate) fn has_said_all(&self) -> bool {
        self.messages.is_empty()
    }

    pub(crate) fn pop(&mut self) -> Option<Message> {
        self.messages.pop_front().or_else(|| {
            let (part, logs) = self.logs.pop_first()?;
            Some(to_group::logs(&part, logs.records, logs.left_out))
        })
    }

    /// The stream is gone: what waits for it is said anew on the next one, messages of scripts aside.
    pub(crate) fn clear(&mut self) {
        self.messages.clear();
    }

    /// The parts that are still there.
    pub(crate) fn retain(&mut self, is_there: impl Fn(&PartId) -> bool) {
        self.logs.retain(|part, _| is_there(part));
    }
}

#[cfg(test)]
mod tests {
    use throng_control::{AgentName, AssignmentId, Epoch, RunId};
    use throng_vu::LogLevel;

    use super::*;

    #[test]
    fn messages_beyond_the_limit_are_counted_and_come_last() {
        let assignment = AssignmentId { epoch: Epoch(1), agent: AgentName::new("a").unwrap() };
        let part = PartId { run: RunId::new("r").unwrap(), assignment };
        let mut outbox = Outbox::default();
        for n in 0..LOGS_MAX + 7 {
            let record = LogRecord { level: LogLevel::Info, message: n.to_string(), source: String::new() };
            outbox.log(&part, record);
        }
        outbox.push(Message::Drain(throng_protocol::agent::Drain {}));
        assert!(matches!(outbox.pop(), Some(Message::Drain(_))));
        let Some(Message::Logs(logs)) = outbox.pop() else { panic!("no messages") };
        assert_eq!((logs.records.len(), logs.left_out), (LOGS_MAX, 7));
        assert!(outbox.is_empty());
    }
}
