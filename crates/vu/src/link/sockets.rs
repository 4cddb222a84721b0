//! The interface `websocket`.

use std::time::Duration;

use wasmtime::component::{Linker, LinkerInstance};

use super::http::{Store, restart_clock, watch};
use super::{Data, interface};
use crate::{
    fault::Stop,
    host::Host,
    state::ThreadBound,
    types::{CloseFrame, SocketEnd, SocketFailure, SocketMessage, SocketSpec},
};

/// Provides `websocket`.
pub(super) fn link<H: Host>(linker: &mut Linker<Data<H>>) -> wasmtime::Result<()> {
    let mut sockets = linker.instance(&interface("websocket"))?;
    link_waiting(&mut sockets)?;
    link_others(&mut sockets)
}

/// What may wait.
fn link_waiting<H: Host>(sockets: &mut LinkerInstance<'_, Data<H>>) -> wasmtime::Result<()> {
    sockets.func_wrap_async("open", |store, (spec,): (SocketSpec,)| Box::new(ThreadBound(open::<H>(store, spec))))?;
    sockets.func_wrap_async("send", |store, (socket, message): (u32, SocketMessage)| {
        Box::new(ThreadBound(send::<H>(store, socket, message)))
    })?;
    sockets.func_wrap_async("receive", |store, (socket, limit_ns): (u32, Option<u64>)| {
        Box::new(ThreadBound(receive::<H>(store, socket, limit_ns)))
    })?;
    sockets.func_wrap_async("receive-any", |store, (sockets, limit_ns): (Vec<u32>, Option<u64>)| {
        Box::new(ThreadBound(receive_any::<H>(store, sockets, limit_ns)))
    })?;
    sockets.func_wrap_async("close", |store, (socket, code, reason, limit_ns): (u32, Option<u16>, String, u64)| {
        let close = code.map(|code| CloseFrame { code, reason });
        Box::new(ThreadBound(close_socket::<H>(store, socket, close, limit_ns)))
    })
}

fn link_others<H: Host>(sockets: &mut LinkerInstance<'_, Data<H>>) -> wasmtime::Result<()> {
    sockets.func_wrap("ping", |mut store: Store<'_, H>, (socket, payload): (u32, Vec<u8>)| {
        Ok((store.data_mut().0.host.ping(socket, payload).map_err(Stop::Host)?,))
    })?;
    sockets.func_wrap("state-of", |store: Store<'_, H>, (socket,): (u32,)| {
        Ok((store.data().0.host.socket_state(socket).map_err(Stop::Host)?,))
    })?;
    sockets.func_wrap("subprotocol", |store: Store<'_, H>, (socket,): (u32,)| {
        Ok((store.data().0.host.subprotocol(socket).map_err(Stop::Host)?,))
    })?;
    sockets.func_wrap("is-compressed", |store: Store<'_, H>, (socket,): (u32,)| {
        Ok((store.data().0.host.is_compressed(socket).map_err(Stop::Host)?,))
    })?;
    sockets.func_wrap("headers", |store: Store<'_, H>, (socket,): (u32,)| {
        Ok((store.data().0.host.socket_headers(socket).map_err(Stop::Host)?,))
    })?;
    sockets.func_wrap("drop-socket", |mut store: Store<'_, H>, (socket,): (u32,)| {
        Ok(store.data_mut().0.host.drop_socket(socket).map_err(Stop::Host)?)
    })
}

async fn open<H: Host>(mut store: Store<'_, H>, spec: SocketSpec) -> wasmtime::Result<(Result<u32, SocketFailure>,)> {
    let (opened, waited) = watch(store.data_mut().0.host.open_socket(spec)).await;
    if waited {
        restart_clock(&mut store);
    }
    Ok((opened.map_err(Stop::Host)?,))
}

async fn send<H: Host>(
    mut store: Store<'_, H>,
    socket: u32,
    message: SocketMessage,
) -> wasmtime::Result<(Result<(), SocketEnd>,)> {
    let (sent, waited) = watch(store.data_mut().0.host.send_message(socket, message)).await;
    if waited {
        restart_clock(&mut store);
    }
    Ok((sent.map_err(Stop::Host)?,))
}

async fn receive<H: Host>(
    mut store: Store<'_, H>,
    socket: u32,
    limit_ns: Option<u64>,
) -> wasmtime::Result<(Result<Option<SocketMessage>, SocketEnd>,)> {
    let limit = limit_ns.map(Duration::from_nanos);
    let (received, waited) = watch(store.data_mut().0.host.receive_message(socket, limit)).await;
    if waited {
        restart_clock(&mut store);
    }
    Ok((received.map_err(Stop::Host)?,))
}

async fn receive_any<H: Host>(
    mut store: Store<'_, H>,
    sockets: Vec<u32>,
    limit_ns: Option<u64>,
) -> wasmtime::Result<(Option<u32>,)> {
    let limit = limit_ns.map(Duration::from_nanos);
    let (place, waited) = watch(store.data_mut().0.host.receive_any(sockets, limit)).await;
    if waited {
        restart_clock(&mut store);
    }
    Ok((place.map_err(Stop::Host)?,))
}

async fn close_socket<H: Host>(
    mut store: Store<'_, H>,
    socket: u32,
    close: Option<CloseFrame>,
    limit_ns: u64,
) -> wasmtime::Result<(Result<Option<SocketEnd>, String>,)> {
    let limit = Duration::from_nanos(limit_ns);
    let (ended, waited) = watch(store.data_mut().0.host.close_socket(socket, close, limit)).await;
    if waited {
        restart_clock(&mut store);
    }
    Ok((ended.map_err(Stop::Host)?,))
}
