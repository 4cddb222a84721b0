//! The interface `http`, and the other calls that wait.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    time::Duration,
};

use wasmtime::{
    StoreContextMut,
    component::{ComponentType, Linker, LinkerInstance, Lower, WasmList},
};

use super::{Data, interface, run::record_checks};
use crate::{
    budget::SLICE_TICKS,
    fault::cut,
    host::Host,
    state::{ThreadBound, held},
    types::{Failure, RequestSpec},
};

type Store<'a, H> = StoreContextMut<'a, Data<H>>;

#[derive(ComponentType, Lower)]
#[component(record)]
struct WireReply {
    status: u16,
    #[component(name = "body-size")]
    body_size: u64,
    duration: u64,
    response: u32,
}

/// Provides `http`, `time.sleep` and `execution.next-iteration`.
pub(super) fn link<H: Host>(linker: &mut Linker<Data<H>>) -> wasmtime::Result<()> {
    let mut http = linker.instance(&interface("http"))?;
    link_requests(&mut http)?;
    link_responses(&mut http)?;
    linker.instance(&interface("time"))?.func_wrap_async("sleep", |store, (duration_ns,): (u64,)| {
        Box::new(ThreadBound(sleep::<H>(store, duration_ns)))
    })?;
    linker.instance(&interface("execution"))?.func_wrap_async(
        "next-iteration",
        |store, (outcome, checks): (Result<(), String>, WasmList<u32>)| {
            Box::new(ThreadBound(next_iteration::<H>(store, outcome, checks)))
        },
    )
}

fn link_requests<H: Host>(http: &mut LinkerInstance<'_, Data<H>>) -> wasmtime::Result<()> {
    http.func_wrap("prepare", |mut store: Store<'_, H>, (spec,): (RequestSpec,)| {
        let state = &mut store.data_mut().0;
        let request = state.host.prepare(spec);
        Ok((state.hold_request(request)?,))
    })?;
    http.func_wrap("forget", |mut store: Store<'_, H>, (request,): (u32,)| {
        Ok(store.data_mut().0.forget_request(request)?)
    })?;
    http.func_wrap_async("send", |store, (request, done): (u32, u32)| {
        Box::new(ThreadBound(send::<H>(store, request, done, None)))
    })?;
    http.func_wrap_async("send-body", |store, (request, done, body): (u32, u32, Vec<u8>)| {
        Box::new(ThreadBound(send::<H>(store, request, done, Some(body))))
    })
}

fn link_responses<H: Host>(http: &mut LinkerInstance<'_, Data<H>>) -> wasmtime::Result<()> {
    http.func_wrap("release", |mut store: Store<'_, H>, (response,): (u32,)| {
        Ok(store.data_mut().0.release_response(response)?)
    })?;
    http.func_wrap("body", |mut store: Store<'_, H>, (response,): (u32,)| {
        let state = &mut store.data_mut().0;
        let response = held(&state.responses, response)?;
        Ok((state.host.body(response).to_vec(),))
    })?;
    http.func_wrap("header", |mut store: Store<'_, H>, (response, name): (u32, String)| {
        let state = &mut store.data_mut().0;
        let response = held(&state.responses, response)?;
        Ok((state.host.header(response, &name),))
    })?;
    http.func_wrap("headers", |mut store: Store<'_, H>, (response,): (u32,)| {
        let state = &mut store.data_mut().0;
        let response = held(&state.responses, response)?;
        Ok((state.host.headers(response),))
    })?;
    http.func_wrap("timings", |mut store: Store<'_, H>, (response,): (u32,)| {
        let state = &mut store.data_mut().0;
        let response = held(&state.responses, response)?;
        Ok((state.host.timings(response),))
    })
}

async fn send<H: Host>(
    mut store: Store<'_, H>,
    request: u32,
    done: u32,
    body: Option<Vec<u8>>,
) -> wasmtime::Result<(Result<WireReply, Failure>,)> {
    let state = &mut store.data_mut().0;
    if done != 0 {
        state.release_response(done)?;
    }
    let request = held(&state.requests, request)?;
    let (outcome, waited) = watch(state.host.send(request, body)).await;
    let reply = match outcome {
        Ok(reply) => Ok(WireReply {
            status: reply.status,
            body_size: reply.body_size,
            duration: reply.duration_ns,
            response: state.hold_response(reply.response)?,
        }),
        Err(failure) => Err(failure),
    };
    if waited {
        restart_clock(&mut store);
    }
    Ok((reply,))
}

async fn sleep<H: Host>(mut store: Store<'_, H>, duration_ns: u64) -> wasmtime::Result<()> {
    let host = &mut store.data_mut().0.host;
    let ((), waited) = watch(host.sleep(Duration::from_nanos(duration_ns))).await;
    if waited {
        restart_clock(&mut store);
    }
    Ok(())
}

/// An iteration's time begins anew whether it was waited for or not: the limit is for a guest that comes to no end, not
/// for one with many short iterations. The slice goes on, so that a guest that never waits gives others a turn.
async fn next_iteration<H: Host>(
    mut store: Store<'_, H>,
    outcome: Result<(), String>,
    checks: WasmList<u32>,
) -> wasmtime::Result<(bool,)> {
    record_checks(&mut store, &checks)?;
    let state = &mut store.data_mut().0;
    let (goes_on, waited) = watch(state.host.next_iteration(outcome.map_err(cut))).await;
    state.begin();
    if waited {
        restart_clock(&mut store);
    }
    Ok((goes_on,))
}

/// Awaits a future and tells whether it had to wait.
async fn watch<F: Future>(future: F) -> (F::Output, bool) {
    let mut future = pin!(future);
    let mut waited = false;
    let output = poll_fn(|cx| {
        let poll = future.as_mut().poll(cx);
        waited |= poll.is_pending();
        poll
    })
    .await;
    (output, waited)
}

/// Begins the guest's time anew after a wait, so that the ticks that passed
/// meanwhile neither interrupt it nor count against it.
fn restart_clock<H: Host>(store: &mut Store<'_, H>) {
    store.data_mut().0.budget.refill();
    store.set_epoch_deadline(SLICE_TICKS);
}
