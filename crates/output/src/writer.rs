//! The thread of one output.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::encode::{Encoder, RunHead};
use crate::queue::{Counts, Lane, Message};
use crate::sink::Sink;
use crate::spec::{Destination, Format};

/// What a writer tells while it works.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// Why it stopped writing.
    failure: Mutex<Option<String>>,
    ended: AtomicBool,
}

impl State {
    pub(crate) fn failure(&self) -> Option<String> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn fail(&self, error: &io::Error) {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }
}

/// A writer as its thread has it.
struct Writer {
    encoder: Encoder,
    /// None once it has failed: what comes then is taken and lost, so that the queue stays short.
    sink: Option<Sink>,
    counts: Arc<Counts>,
    state: Arc<State>,
    buffer: Vec<u8>,
}

/// A writer as others have it.
#[derive(Debug)]
pub(crate) struct WriterLink {
    pub(crate) lane: Lane,
    pub(crate) state: Arc<State>,
    /// Says how opening the destination went.
    pub(crate) opened: Receiver<io::Result<()>>,
}

/// Starts a thread that opens the destination, which may take as long as a pipe has no reader, and writes to it.
pub(crate) fn start(format: Format, destination: Destination, run: &Arc<RunHead>) -> io::Result<WriterLink> {
    let (lane, messages) = Lane::new();
    let (opening, opened) = sync_channel(1);
    let state = Arc::<State>::default();
    let (counts, thread_state, run) = (Arc::clone(lane.counts()), Arc::clone(&state), Arc::clone(run));
    thread::Builder::new().name("throng-output".to_owned()).spawn(move || {
        let ended = Ended(Arc::clone(&thread_state));
        if let Some(mut writer) = open(format, &destination, &run, (counts, thread_state), &opening) {
            writer.run(&messages);
        }
        drop(ended);
    })?;
    Ok(WriterLink { lane, state, opened })
}

fn open(
    format: Format,
    destination: &Destination,
    run: &Arc<RunHead>,
    (counts, state): (Arc<Counts>, Arc<State>),
    opening: &SyncSender<io::Result<()>>,
) -> Option<Writer> {
    let opened = Sink::open(destination).and_then(|sink| Ok((sink, Encoder::new(&format, run)?)));
    match opened {
        Ok((sink, (encoder, head))) => {
            // Who doesn't wait for it any more has given up the run.
            let _ = opening.send(Ok(()));
            let mut writer = Writer { encoder, sink: Some(sink), counts, state, buffer: head };
            writer.write();
            Some(writer)
        }
        Err(error) => {
            let _ = opening.send(Err(error));
            None
        }
    }
}

impl Writer {
    fn run(&mut self, messages: &Receiver<Message>) {
        while let Ok(message) = messages.recv() {
            if matches!(message, Message::End) {
                break;
            }
            if self.sink.is_none() {
                continue;
            }
            self.buffer.clear();
            if let Err(error) = self.encoder.encode(&message, &mut self.buffer) {
                self.fail(&error);
            } else if self.write()
                && let Message::Batch(batch) = &message
            {
                self.counts.add_written(batch.len() as u64);
            }
        }
        if let Some(Err(error)) = self.sink.take().map(Sink::finish) {
            self.state.fail(&error);
        }
    }

    fn write(&mut self) -> bool {
        let Some(sink) = &mut self.sink else { return false };
        match sink.write(&self.buffer) {
            Ok(()) => true,
            Err(error) => {
                self.fail(&error);
                false
            }
        }
    }

    fn fail(&mut self, error: &io::Error) {
        self.state.fail(error);
        self.sink = None;
    }
}

/// Says that the thread has ended, however it did.
struct Ended(Arc<State>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.ended.store(true, Ordering::Release);
    }
}
