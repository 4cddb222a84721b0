//! Look-ups under way: one per name, on another thread, for all who want it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::poll_fn;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};

use futures_lite::future::or;

use super::answer::{Answer, settle};
use super::error::NameError;
use super::resolver::{LookUpFailure, Resolver};
use super::threads::{Refused, THREADS};
use super::{Inner, Names};
use crate::shard::Shard;
use crate::time::Nanos;

/// A shard's look-ups under way, by name. Those that wait for a thread are bounded by the process's queue.
#[derive(Debug, Default)]
pub(super) struct LookUps(RefCell<HashMap<String, Rc<Question>>>);

/// It goes on whoever gives up, and its answer is kept.
#[derive(Debug)]
struct Question {
    host: String,
    answer: RefCell<Option<Answer>>,
    waiting: RefCell<Vec<Waker>>,
}

thread_local! {
    /// Questions of this thread's shard, by number: the answer comes from another thread and can't carry an `Rc`.
    static QUESTIONS: RefCell<slab::Slab<(Rc<Inner>, Rc<Question>)>> = const { RefCell::new(slab::Slab::new()) };
}

impl Names {
    /// Asks for `host`, or waits for who has asked already.
    pub(super) async fn look_up(&self, shard: &Shard, host: &str, deadline: Nanos) -> Answer {
        let under_way = self.0.look_ups.0.borrow().get(host).cloned();
        let question = match under_way {
            Some(question) => question,
            None => self.ask(shard, host)?,
        };
        let give_up = async {
            shard.sleep_until(deadline).await;
            Err(NameError::TimedOut { host: host.to_owned() })
        };
        or(question.answered(), give_up).await
    }

    fn ask(&self, shard: &Shard, host: &str) -> Result<Rc<Question>, NameError> {
        let question =
            Rc::new(Question { host: host.to_owned(), answer: RefCell::default(), waiting: RefCell::default() });
        let entry = (Rc::clone(&self.0), Rc::clone(&question));
        let number = QUESTIONS.with_borrow_mut(|questions| questions.insert(entry));
        let (remote, resolver, name) = (shard.remote(), Arc::clone(&self.0.resolver), host.to_owned());
        let asked = THREADS.run(move || {
            let answer = answer(&*resolver, &name);
            remote.run(move |shard| {
                let (names, question) = QUESTIONS.with_borrow_mut(|questions| questions.remove(number));
                names.answered(&question, answer, shard.turn_time());
            });
        });
        if let Err(refused) = asked {
            QUESTIONS.with_borrow_mut(|questions| questions.remove(number));
            let host = host.to_owned();
            return Err(match refused {
                Refused::Full => NameError::TooMany { host },
                Refused::NoThread(error) => {
                    NameError::Failed { host, message: format!("no thread could be started: {error}") }
                }
            });
        }
        shard.count_look_up();
        self.0.look_ups.0.borrow_mut().insert(host.to_owned(), Rc::clone(&question));
        Ok(question)
    }
}

/// Nobody would ever be told of a panic there.
fn answer(resolver: &dyn Resolver, host: &str) -> Result<Vec<IpAddr>, LookUpFailure> {
    let answer = catch_unwind(AssertUnwindSafe(|| resolver.look_up(host)));
    answer.unwrap_or_else(|_| Err(LookUpFailure::Other("the resolver panicked".into())))
}

impl Inner {
    fn answered(&self, question: &Question, looked_up: Result<Vec<IpAddr>, LookUpFailure>, now: Nanos) {
        let mut cache = self.cache.borrow_mut();
        let answer = settle(&question.host, looked_up, cache.policy(), &*self.rules);
        cache.put(&question.host, &answer, now);
        drop(cache);
        self.look_ups.0.borrow_mut().remove(&question.host);
        question.answer.replace(Some(answer));
        for waker in question.waiting.take() {
            waker.wake();
        }
    }
}

impl Question {
    async fn answered(&self) -> Answer {
        let mut waits = false;
        poll_fn(|context| {
            if let Some(answer) = &*self.answer.borrow() {
                return Poll::Ready(answer.clone());
            }
            // The waker of a task stays the same: once is enough, however often this is polled.
            if !std::mem::replace(&mut waits, true) {
                self.waiting.borrow_mut().push(context.waker().clone());
            }
            Poll::Pending
        })
        .await
    }
}
