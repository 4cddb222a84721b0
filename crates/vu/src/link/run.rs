use wasmtime::{
    StoreContextMut,
    component::{Linker, WasmList},
};

use super::{Data, interface};
use crate::{
    fault::{Stop, cut},
    host::Host,
    types::LogLevel,
};

type Store<'a, H> = StoreContextMut<'a, Data<H>>;

/// Provides every interface but `http` and `files`, and of `time` and `execution` what never waits.
pub(super) fn link<H: Host>(linker: &mut Linker<Data<H>>) -> wasmtime::Result<()> {
    link_samples(linker)?;
    link_execution(linker)?;
    link_control(linker)?;
    link_clock_and_chance(linker)?;
    link_log(linker)
}

/// `tags`, `checks`, `groups` and `metrics`.
fn link_samples<H: Host>(linker: &mut Linker<Data<H>>) -> wasmtime::Result<()> {
    linker
        .instance(&interface("tags"))?
        .func_wrap("intern", |mut store: Store<'_, H>, (pairs,): (Vec<(String, String)>,)| {
            Ok((store.data_mut().0.host.intern_tags(pairs),))
        })?;

    let mut checks = linker.instance(&interface("checks"))?;
    checks.func_wrap("register", |mut store: Store<'_, H>, (name, tags): (String, u32)| {
        Ok((store.data_mut().0.host.register_check(name, tags),))
    })?;
    checks.func_wrap("record", |mut store: Store<'_, H>, (outcomes,): (WasmList<u32>,)| {
        record_checks(&mut store, &outcomes)
    })?;

    let mut groups = linker.instance(&interface("groups"))?;
    groups.func_wrap("enter", |mut store: Store<'_, H>, (name,): (String,)| {
        Ok((store.data_mut().0.host.enter_group(name),))
    })?;
    groups.func_wrap("leave", |mut store: Store<'_, H>, (): ()| {
        store.data_mut().0.host.leave_group();
        Ok(())
    })?;

    linker.instance(&interface("metrics"))?.func_wrap(
        "add",
        |mut store: Store<'_, H>, (metric, value, tags): (u32, f64, u32)| {
            let host = &mut store.data_mut().0.host;
            Ok(host.add_metric(metric, value, tags).map_err(Stop::Host)?)
        },
    )
}

/// Counts outcomes of checks; each is twice the check's number, and one more when it passed.
///
/// The list is looked up again for each, since it lies in the store that the host is in: mostly there is one.
pub(super) fn record_checks<H: Host>(store: &mut Store<'_, H>, outcomes: &WasmList<u32>) -> wasmtime::Result<()> {
    for index in 0..outcomes.len() {
        let Some(outcome) = outcomes.as_le_slice(&*store).get(index).copied().map(u32::from_le) else { break };
        let host = &mut store.data_mut().0.host;
        host.record_check(outcome >> 1, outcome & 1 == 1).map_err(Stop::Host)?;
    }
    Ok(())
}

/// The part of `execution` that tells.
fn link_execution<H: Host>(linker: &mut Linker<Data<H>>) -> wasmtime::Result<()> {
    let mut execution = linker.instance(&interface("execution"))?;
    execution.func_wrap("vu", |store: Store<'_, H>, (): ()| Ok((store.data().0.host.vu_info(),)))?;
    execution.func_wrap("scenario", |store: Store<'_, H>, (): ()| Ok((store.data().0.host.scenario_info(),)))?;
    execution.func_wrap("instance", |store: Store<'_, H>, (): ()| Ok((store.data().0.host.instance_info(),)))?;
    execution.func_wrap("env", |store: Store<'_, H>, (name,): (String,)| Ok((store.data().0.host.env(&name),)))?;
    execution.func_wrap("setup-data", |store: Store<'_, H>, (): ()| Ok((store.data().0.host.setup_data(),)))?;
    execution.func_wrap("run-setup-data", |store: Store<'_, H>, (): ()| Ok((store.data().0.host.run_setup_data(),)))
}

/// The part of `execution` that changes something.
fn link_control<H: Host>(linker: &mut Linker<Data<H>>) -> wasmtime::Result<()> {
    let mut execution = linker.instance(&interface("execution"))?;
    execution.func_wrap("set-tag", |mut store: Store<'_, H>, (key, value): (String, Option<String>)| {
        store.data_mut().0.host.set_tag(key, value);
        Ok(())
    })?;
    execution.func_wrap("abort", |mut store: Store<'_, H>, (message,): (String,)| -> wasmtime::Result<()> {
        let message = cut(message);
        store.data_mut().0.host.abort(&message);
        Err(Stop::Aborted(message).into())
    })?;
    execution.func_wrap("fail", |mut store: Store<'_, H>, (message,): (String,)| {
        store.data_mut().0.host.fail(cut(message));
        Ok(())
    })
}

/// `time` but for `sleep`, and `random`.
fn link_clock_and_chance<H: Host>(linker: &mut Linker<Data<H>>) -> wasmtime::Result<()> {
    let mut time = linker.instance(&interface("time"))?;
    time.func_wrap("now", |store: Store<'_, H>, (): ()| Ok((store.data().0.host.now_ns(),)))?;
    time.func_wrap("unix-ms", |store: Store<'_, H>, (): ()| Ok((store.data().0.host.unix_ms(),)))?;

    let mut random = linker.instance(&interface("random"))?;
    random.func_wrap("next", |mut store: Store<'_, H>, (): ()| Ok((store.data_mut().0.host.random_next(),)))?;
    random.func_wrap("seed", |mut store: Store<'_, H>, (seed,): (u64,)| {
        store.data_mut().0.host.random_seed(seed);
        Ok(())
    })
}

fn link_log<H: Host>(linker: &mut Linker<Data<H>>) -> wasmtime::Result<()> {
    let mut log = linker.instance(&interface("log"))?;
    log.func_wrap("write", |mut store: Store<'_, H>, (level, message): (LogLevel, String)| {
        store.data_mut().0.host.log(level, &cut(message));
        Ok(())
    })?;
    log.func_wrap("panic", |mut store: Store<'_, H>, (message,): (String,)| {
        store.data_mut().0.panic_message = Some(cut(message));
        Ok(())
    })
}
