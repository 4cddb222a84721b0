//! What a node tells its operator.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The same text is told again after so long.
const AGAIN_AFTER: Duration = Duration::from_secs(10);
/// Texts that are remembered for that.
const REMEMBERED_MAX: usize = 64;

/// Where notices go. What happens again and again is told now and then.
#[derive(Clone)]
pub(crate) struct Notices {
    tell: Arc<dyn Fn(&str) + Send + Sync>,
    told: Arc<Mutex<BTreeMap<String, Instant>>>,
}

impl Notices {
    pub(crate) fn new(tell: Arc<dyn Fn(&str) + Send + Sync>) -> Self {
        Self { tell, told: Arc::default() }
    }

    /// Tells it, unless it has just been told.
    pub(crate) fn tell(&self, text: impl Into<String>) {
        let (text, now) = (text.into(), Instant::now());
        {
            let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
            told.retain(|_, at| now.duration_since(*at) < AGAIN_AFTER);
            if told.contains_key(&text) || told.len() >= REMEMBERED_MAX {
                return;
            }
            told.insert(text.clone(), now);
        }
        (self.tell)(&text);
    }
}
