//! The threads of the process that blocking look-ups run on.

use std::collections::VecDeque;
use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Look-ups of the process at once, each on a thread.
const THREADS_MAX: usize = 8;
/// Look-ups of the process that wait for a thread; a further one fails at once.
pub(super) const WAITING_MAX: usize = 4096;
/// A thread that has had nothing to do for this long ends.
const IDLE_MAX: Duration = Duration::from_secs(10);

/// All shards share them: the resolver they ask is the same.
pub(super) static THREADS: Threads = Threads::new(THREADS_MAX, WAITING_MAX);

type Job = Box<dyn FnOnce() + Send>;

/// A bounded number of threads that start when they are needed, and a bounded queue before them.
pub(super) struct Threads {
    threads_max: usize,
    waiting_max: usize,
    state: Mutex<State>,
    queued: Condvar,
}

struct State {
    queue: VecDeque<Job>,
    threads: usize,
    idle: usize,
}

/// Why a job was not taken.
#[derive(Debug)]
pub(super) enum Refused {
    /// The queue is full.
    Full,
    /// There is no thread, and none could be started.
    NoThread(io::Error),
}

impl Threads {
    const fn new(threads_max: usize, waiting_max: usize) -> Self {
        let state = State { queue: VecDeque::new(), threads: 0, idle: 0 };
        Self { threads_max, waiting_max, state: Mutex::new(state), queued: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `job`, after those that wait already.
    pub(super) fn run(&'static self, job: impl FnOnce() + Send + 'static) -> Result<(), Refused> {
        let mut state = self.state();
        if state.queue.len() >= self.waiting_max {
            return Err(Refused::Full);
        }
        // Those that are idle may have been called already and not have come yet.
        if state.queue.len() >= state.idle && state.threads < self.threads_max {
            let started = thread::Builder::new().name("throng-resolve".into()).spawn(|| self.work());
            match started {
                Ok(_) => state.threads += 1,
                Err(error) if state.threads == 0 => return Err(Refused::NoThread(error)),
                // It waits for one of those that there are.
                Err(_) => {}
            }
        }
        state.queue.push_back(Box::new(job));
        drop(state);
        self.queued.notify_one();
        Ok(())
    }

    fn work(&self) {
        loop {
            let mut state = self.state();
            state.idle += 1;
            let nothing = |state: &mut State| state.queue.is_empty();
            let waited = self.queued.wait_timeout_while(state, IDLE_MAX, nothing);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            state.idle -= 1;
            let Some(job) = state.queue.pop_front() else {
                // Before anybody else looks: nothing may be queued for a thread that has gone.
                state.threads -= 1;
                return;
            };
            drop(state);
            job();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn jobs_wait_for_a_thread_in_order_and_a_full_queue_refuses() {
        static TWO: Threads = Threads::new(2, 3);
        let (sender, receiver) = mpsc::channel();
        let (gate, opened) = mpsc::channel::<()>();
        let opened = std::sync::Arc::new(Mutex::new(opened));
        let job = |number: u32| {
            let (sender, opened) = (sender.clone(), std::sync::Arc::clone(&opened));
            move || {
                sender.send(number).unwrap();
                let _ = opened.lock().unwrap().recv();
            }
        };
        // Two run, and of these the second waits for the gate's lock.
        TWO.run(job(0)).unwrap();
        TWO.run(job(1)).unwrap();
        let mut running: Vec<u32> = receiver.iter().take(2).collect();
        running.sort_unstable();
        assert_eq!(running, [0, 1]);
        for number in 2..5 {
            TWO.run(job(number)).unwrap();
        }
        assert!(matches!(TWO.run(job(5)), Err(Refused::Full)));
        assert!(receiver.try_recv().is_err(), "a third ran beside them");
        drop(gate);
        let mut rest: Vec<u32> = receiver.iter().take(3).collect();
        rest.sort_unstable();
        assert_eq!(rest, [2, 3, 4]);
        assert_eq!(TWO.state().threads, 2);
    }
}
