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
    fault::{Stop, cut},
    host::Host,
    state::{State, ThreadBound, held},
    types::{BodyPart, RequestBody, RequestSpec},
};

pub(super) type Store<'a, H> = StoreContextMut<'a, Data<H>>;

/// Provides `http`, `time.sleep` and `execution.next-iteration`.
pub(super) fn link<H: Host>(linker: &mut Linker<Data<H>>) -> wasmtime::Result<()> {
    let mut http = linker.instance(&interface("http"))?;
    link_requests(&mut http)?;
    link_exchanges(&mut http)?;
    link_responses(&mut http)?;
    link_jars(&mut http)?;
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
        Box::new(ThreadBound(send::<H>(store, request, done, Some(RequestBody::Bytes(body)))))
    })?;
    http.func_wrap_async("send-parts", |store, (request, done, body): (u32, u32, Vec<BodyPart>)| {
        Box::new(ThreadBound(send::<H>(store, request, done, Some(RequestBody::Parts(body)))))
    })
}

fn link_exchanges<H: Host>(http: &mut LinkerInstance<'_, Data<H>>) -> wasmtime::Result<()> {
    http.func_wrap("start", |mut store: Store<'_, H>, (request, body): (u32, Option<Vec<u8>>)| {
        Ok((start::<H>(&mut store, request, body.map(RequestBody::Bytes))?,))
    })?;
    http.func_wrap("start-parts", |mut store: Store<'_, H>, (request, body): (u32, Vec<BodyPart>)| {
        Ok((start::<H>(&mut store, request, Some(RequestBody::Parts(body)))?,))
    })?;
    http.func_wrap_async("read", |store, (exchange,): (u32,)| Box::new(ThreadBound(read::<H>(store, exchange))))?;
    http.func_wrap_async("wait-any", |store, (exchanges, limit_ns): (Vec<u32>, Option<u64>)| {
        Box::new(ThreadBound(wait_any::<H>(store, exchanges, limit_ns)))
    })?;
    http.func_wrap_async("finish", |store, (exchange,): (u32,)| Box::new(ThreadBound(finish::<H>(store, exchange))))?;
    http.func_wrap("cancel", |mut store: Store<'_, H>, (exchange,): (u32,)| {
        Ok(store.data_mut().0.host.cancel(exchange).map_err(Stop::Host)?)
    })
}

fn link_responses<H: Host>(http: &mut LinkerInstance<'_, Data<H>>) -> wasmtime::Result<()> {
    http.func_wrap("release", |mut store: Store<'_, H>, (response,): (u32,)| {
        Ok(store.data_mut().0.release_response(response)?)
    })?;
    tell(http, "failure-of", |host, response| host.failure(response))?;
    tell(http, "url", |host, response| host.url(response))?;
    tell(http, "redirects", |host, response| host.redirects(response))?;
    tell(http, "body-size", |host, response| host.body_size(response))?;
    tell(http, "duration", |host, response| host.duration_ns(response))?;
    tell(http, "body", |host, response| host.body(response).to_vec())?;
    tell(http, "headers", |host, response| host.headers(response))?;
    tell(http, "timings", |host, response| host.timings(response))?;
    http.func_wrap("header", |mut store: Store<'_, H>, (response, name): (u32, String)| {
        let State { host, responses, .. } = &mut store.data_mut().0;
        Ok((host.header(held(responses, response)?, &name),))
    })
}

/// Provides a function of a response alone.
fn tell<H: Host, T>(
    http: &mut LinkerInstance<'_, Data<H>>,
    name: &str,
    of: impl Fn(&mut H, &H::Response) -> T + Send + Sync + 'static,
) -> wasmtime::Result<()>
where
    T: ComponentType + Lower + Send + Sync + 'static,
{
    http.func_wrap(name, move |mut store: Store<'_, H>, (response,): (u32,)| {
        let State { host, responses, .. } = &mut store.data_mut().0;
        Ok((of(host, held(responses, response)?),))
    })
}

fn link_jars<H: Host>(http: &mut LinkerInstance<'_, Data<H>>) -> wasmtime::Result<()> {
    http.func_wrap("new-jar", |mut store: Store<'_, H>, (): ()| {
        Ok((store.data_mut().0.host.new_jar().map_err(Stop::Host)?,))
    })?;
    http.func_wrap("drop-jar", |mut store: Store<'_, H>, (jar,): (u32,)| {
        Ok(store.data_mut().0.host.drop_jar(jar).map_err(Stop::Host)?)
    })?;
    http.func_wrap("cookies", |mut store: Store<'_, H>, (jar, url): (u32, String)| {
        Ok((store.data_mut().0.host.cookies(jar, &url),))
    })?;
    http.func_wrap("set-cookie", |mut store: Store<'_, H>, (jar, url, cookie): (u32, String, String)| {
        Ok((store.data_mut().0.host.set_cookie(jar, &url, &cookie),))
    })?;
    http.func_wrap("delete-cookies", |mut store: Store<'_, H>, (jar, url, name): (u32, String, Option<String>)| {
        Ok((store.data_mut().0.host.delete_cookies(jar, &url, name.as_deref()),))
    })?;
    http.func_wrap("resolve-url", |store: Store<'_, H>, (base, reference): (String, String)| {
        Ok((store.data().0.host.resolve_url(&base, &reference),))
    })
}

/// The contract's `reply`: the number below, the status above.
fn reply<H: Host>(state: &mut State<H>, response: H::Response) -> Result<u64, Stop> {
    let status = state.host.status(&response);
    Ok(u64::from(state.hold_response(response)?) | u64::from(status) << 32)
}

async fn send<H: Host>(
    mut store: Store<'_, H>,
    request: u32,
    done: u32,
    body: Option<RequestBody>,
) -> wasmtime::Result<(u64,)> {
    let state = &mut store.data_mut().0;
    if done != 0 {
        state.release_response(done)?;
    }
    let request = held(&state.requests, request)?;
    let (response, waited) = watch(state.host.send(request, body)).await;
    let reply = reply(state, response.map_err(Stop::Host)?)?;
    if waited {
        restart_clock(&mut store);
    }
    Ok((reply,))
}

async fn wait_any<H: Host>(
    mut store: Store<'_, H>,
    exchanges: Vec<u32>,
    limit_ns: Option<u64>,
) -> wasmtime::Result<(Option<u32>,)> {
    let host = &mut store.data_mut().0.host;
    let (place, waited) = watch(host.wait_any(exchanges, limit_ns.map(Duration::from_nanos))).await;
    let place = place.map_err(Stop::Host)?;
    if waited {
        restart_clock(&mut store);
    }
    Ok((place,))
}

fn start<H: Host>(store: &mut Store<'_, H>, request: u32, body: Option<RequestBody>) -> Result<u32, Stop> {
    let state = &mut store.data_mut().0;
    let request = held(&state.requests, request)?;
    state.host.start(request, body).map_err(Stop::Host)
}

async fn read<H: Host>(mut store: Store<'_, H>, exchange: u32) -> wasmtime::Result<(Option<Vec<u8>>,)> {
    let host = &mut store.data_mut().0.host;
    let (bytes, waited) = watch(host.read(exchange)).await;
    let bytes = bytes.map_err(Stop::Host)?;
    if waited {
        restart_clock(&mut store);
    }
    Ok((bytes,))
}

async fn finish<H: Host>(mut store: Store<'_, H>, exchange: u32) -> wasmtime::Result<(u64,)> {
    let state = &mut store.data_mut().0;
    let (response, waited) = watch(state.host.finish(exchange)).await;
    let reply = reply(state, response.map_err(Stop::Host)?)?;
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
pub(super) async fn watch<F: Future>(future: F) -> (F::Output, bool) {
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
pub(super) fn restart_clock<H: Host>(store: &mut Store<'_, H>) {
    store.data_mut().0.budget.refill();
    store.set_epoch_deadline(SLICE_TICKS);
}
