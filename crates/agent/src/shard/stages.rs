//! What a shard does before and after the load: setup, the init of its VUs, teardown, the script's summary.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use futures_lite::future::or;
use throng_vu::{Fault, LogLevel, Vu};

use super::ShardContext;
use crate::command::{Command, Stumble};
use crate::host::{Errands, Identity, VuHost};
use crate::inbox::Inbox;
use crate::scenario::Crew;
use crate::stop::{Listener, Stop};

/// VUs of a shard whose instances are made ready at a time, so that a target isn't stormed before the load.
const INITS_MAX: usize = 64;

/// Runs setup in a VU of its own, numbered 0: that of the run, or of the scenario of this index.
pub(super) async fn setup(
    context: &Rc<ShardContext>,
    inbox: &Inbox<Command>,
    scenario: Option<usize>,
) -> Result<Option<String>, Stumble> {
    let limit = context.settings.setup_timeout;
    let mut host = VuHost::new(context, Identity::default());
    let scenario = scenario.and_then(|index| context.scenarios.borrow().get(index).cloned());
    let function = scenario.as_ref().and_then(|scenario| scenario.setup);
    if let Some(scenario) = scenario {
        host.enter_for_setup(scenario);
    }
    host.enter_stage("::setup");
    stage(context, inbox, limit, host, async |vu| match function {
        Some(function) => vu.setup_scenario(function).await,
        None => vu.setup().await,
    })
    .await
}

pub(super) async fn teardown(context: &Rc<ShardContext>, inbox: &Inbox<Command>) -> Result<(), Stumble> {
    let limit = context.settings.teardown_timeout;
    let mut host = VuHost::new(context, Identity::default());
    host.enter_stage("::teardown");
    stage(context, inbox, limit, host, async |vu| vu.teardown().await).await
}

async fn stage<T>(
    context: &Rc<ShardContext>,
    inbox: &Inbox<Command>,
    limit: Duration,
    host: VuHost,
    call: impl AsyncFnOnce(&mut Vu<VuHost>) -> Result<T, Fault>,
) -> Result<T, Stumble> {
    let mut vu = Vu::new(&context.script, host).await.map_err(Stumble::Fault)?;
    let result = {
        let errand = vu.host().errand();
        let work = Errands::of(errand, async { call(&mut vu).await.map_err(Stumble::Fault) });
        let expire = async {
            context.shard.sleep(limit).await;
            Err(Stumble::Timeout(limit))
        };
        let stop = async {
            told_to_stop(context, inbox).await;
            Err(Stumble::Aborted)
        };
        or(work, or(expire, stop)).await
    };
    let sockets = vu.host().errand().sockets();
    if !sockets.is_empty() {
        Box::pin(sockets.farewell(&context.shard)).await;
    }
    vu.host_mut().record_bytes();
    result
}

/// Obeys commands until one says to stop.
async fn told_to_stop(context: &ShardContext, inbox: &Inbox<Command>) {
    loop {
        match inbox.share().receive().await {
            Command::Stop => return,
            Command::Control { scenario, vus } => context.control(scenario, vus),
            _ => {}
        }
    }
}

/// Makes the instances of all idle VUs ready for iterations, several at a time. Those that fail are tried again when a
/// scenario takes them.
pub(super) async fn init_vus(context: &Rc<ShardContext>, inbox: &Inbox<Command>) {
    let slots = context.pool.take_all();
    let (workers, slots) = (slots.len().min(INITS_MAX), Rc::new(RefCell::new(slots)));
    let (crew, stop) = (Crew::default(), Rc::new(Stop::default()));
    // Present until all have joined.
    let present = crew.join();
    for _ in 0..workers {
        let (member, context, slots) = (crew.join(), Rc::clone(context), Rc::clone(&slots));
        let mut listener = Listener::new(&stop);
        context.clone().shard.spawn(async move {
            loop {
                let Some(mut slot) = slots.borrow_mut().pop_front() else { break };
                if !slot.is_initialised() {
                    match listener.unless_stopped(slot.initialise(&context)).await {
                        Some(Ok(())) => {}
                        Some(Err(why)) => {
                            let text = format!("init of VU {} failed, and will be tried again: {why}", slot.number());
                            context.logs.report(LogLevel::Error, &text, "");
                            slot.drop_broken();
                        }
                        None => slot.drop_vu(),
                    }
                }
                context.pool.give_back(slot);
            }
            drop(member);
        });
    }
    drop(present);
    let mut gone = Listener::new(crew.gone());
    if gone.unless_stopped(told_to_stop(context, inbox)).await.is_some() {
        stop.raise();
        gone.unless_stopped(std::future::pending::<()>()).await;
    }
    context.pool.sort();
}

pub(super) async fn summarize(
    context: &Rc<ShardContext>,
    data: String,
) -> Result<Option<Vec<(String, String)>>, Stumble> {
    let host = VuHost::new(context, Identity::default());
    let mut vu = Vu::new(&context.script, host).await.map_err(Stumble::Fault)?;
    let errand = vu.host().errand();
    let limit = context.settings.summary_timeout;
    let work = async { Errands::of(errand, vu.summarize(data)).await.map_err(Stumble::Fault) };
    let expire = async {
        context.shard.sleep(limit).await;
        Err(Stumble::Timeout(limit))
    };
    or(work, expire).await
}
