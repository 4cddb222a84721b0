use std::{
    future::{Future, poll_fn},
    pin::pin,
    time::Duration,
};

use wasmtime::{
    StoreContextMut,
    component::{ComponentType, Linker, LinkerInstance, Lower, Resource, ResourceType},
};

use super::{Data, interface};
use crate::{
    budget::SLICE_TICKS,
    host::Host,
    state::{ThreadBound, held},
    types::{Failure, RequestSpec},
};

/// Names the resource `request`; the host's value is in the VU's state.
enum RequestKind {}
/// Names the resource `response`.
enum ResponseKind {}

#[derive(ComponentType, Lower)]
#[component(record)]
struct WireReply {
    status: u16,
    #[component(name = "body-size")]
    body_size: u64,
    duration: u64,
    response: Resource<ResponseKind>,
}

/// Provides `http`, and `time.sleep`, which waits as `send` does.
pub(super) fn link<H: Host>(linker: &mut Linker<Data<H>>) -> wasmtime::Result<()> {
    let mut http = linker.instance(&interface("http"))?;
    link_requests(&mut http)?;
    link_responses(&mut http)?;
    linker
        .instance(&interface("time"))?
        .func_wrap_async("sleep", |store, (duration_ns,): (u64,)| Box::new(ThreadBound(sleep::<H>(store, duration_ns))))
}

fn link_requests<H: Host>(http: &mut LinkerInstance<'_, Data<H>>) -> wasmtime::Result<()> {
    http.resource("request", ResourceType::host::<RequestKind>(), |mut store, rep| {
        store.data_mut().0.requests.try_remove(rep as usize);
        Ok(())
    })?;
    http.func_wrap("[constructor]request", |mut store: StoreContextMut<'_, Data<H>>, (spec,): (RequestSpec,)| {
        let state = &mut store.data_mut().0;
        let request = state.host.prepare(spec);
        let rep = state.hold_request(request)?;
        Ok((Resource::<RequestKind>::new_own(rep),))
    })?;
    http.func_wrap_async("[method]request.send", |store, (request,): (Resource<RequestKind>,)| {
        Box::new(ThreadBound(send::<H>(store, request.rep(), None)))
    })?;
    http.func_wrap_async("[method]request.send-body", |store, (request, body): (Resource<RequestKind>, Vec<u8>)| {
        Box::new(ThreadBound(send::<H>(store, request.rep(), Some(body))))
    })
}

fn link_responses<H: Host>(http: &mut LinkerInstance<'_, Data<H>>) -> wasmtime::Result<()> {
    type Response = Resource<ResponseKind>;
    http.resource("response", ResourceType::host::<ResponseKind>(), |mut store, rep| {
        let state = &mut store.data_mut().0;
        if let Some(response) = state.responses.try_remove(rep as usize) {
            state.host.release(response);
        }
        Ok(())
    })?;
    http.func_wrap("[method]response.body", |mut store: StoreContextMut<'_, Data<H>>, (response,): (Response,)| {
        let state = &mut store.data_mut().0;
        let response = held(&state.responses, response.rep())?;
        Ok((state.host.body(response).to_vec(),))
    })?;
    http.func_wrap(
        "[method]response.header",
        |mut store: StoreContextMut<'_, Data<H>>, (response, name): (Response, String)| {
            let state = &mut store.data_mut().0;
            let response = held(&state.responses, response.rep())?;
            Ok((state.host.header(response, &name),))
        },
    )?;
    http.func_wrap("[method]response.headers", |mut store: StoreContextMut<'_, Data<H>>, (response,): (Response,)| {
        let state = &mut store.data_mut().0;
        let response = held(&state.responses, response.rep())?;
        Ok((state.host.headers(response),))
    })?;
    http.func_wrap("[method]response.timings", |mut store: StoreContextMut<'_, Data<H>>, (response,): (Response,)| {
        let state = &mut store.data_mut().0;
        let response = held(&state.responses, response.rep())?;
        Ok((state.host.timings(response),))
    })
}

async fn send<H: Host>(
    mut store: StoreContextMut<'_, Data<H>>,
    request: u32,
    body: Option<Vec<u8>>,
) -> wasmtime::Result<(Result<WireReply, Failure>,)> {
    let state = &mut store.data_mut().0;
    let request = held(&state.requests, request)?;
    let (outcome, waited) = watch(state.host.send(request, body)).await;
    let reply = match outcome {
        Ok(reply) => Ok(WireReply {
            status: reply.status,
            body_size: reply.body_size,
            duration: reply.duration_ns,
            response: Resource::new_own(state.hold_response(reply.response)?),
        }),
        Err(failure) => Err(failure),
    };
    if waited {
        restart_clock(&mut store);
    }
    Ok((reply,))
}

async fn sleep<H: Host>(mut store: StoreContextMut<'_, Data<H>>, duration_ns: u64) -> wasmtime::Result<()> {
    let host = &mut store.data_mut().0.host;
    let ((), waited) = watch(host.sleep(Duration::from_nanos(duration_ns))).await;
    if waited {
        restart_clock(&mut store);
    }
    Ok(())
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
fn restart_clock<H: Host>(store: &mut StoreContextMut<'_, Data<H>>) {
    store.data_mut().0.budget.refill();
    store.set_epoch_deadline(SLICE_TICKS);
}
