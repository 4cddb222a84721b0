//! The interface `connections` of event-driven scripts.

use wasmtime::{
    StoreContextMut,
    component::{Linker, LinkerInstance, WasmList, WasmStr},
};

use super::{Data, interface};
use crate::{
    connections::{Connections, HandshakeOptions, Outgoing},
    fault::{Stop, cut},
    host::Host,
};

type Store<'a, H> = StoreContextMut<'a, Data<H>>;

/// What a script is told that calls these functions where there are no connections.
const ELSEWHERE: &str = "there are no connections here: these functions are for the handlers of an event-driven script";

pub(super) fn link<H: Host>(linker: &mut Linker<Data<H>>) -> wasmtime::Result<()> {
    let mut connections = linker.instance(&interface("connections"))?;
    link_handshakes(&mut connections)?;
    link_messages(&mut connections)?;
    link_timers(&mut connections)
}

/// Runs a host's method; its error traps.
fn ask<H: Host, T>(
    store: &mut Store<'_, H>,
    method: impl FnOnce(&mut dyn Connections) -> Result<T, String>,
) -> wasmtime::Result<T> {
    let connections = store.data_mut().0.host.connections().ok_or_else(|| Stop::Host(ELSEWHERE.to_owned()))?;
    Ok(method(connections).map_err(Stop::Host)?)
}

fn link_handshakes<H: Host>(connections: &mut LinkerInstance<'_, Data<H>>) -> wasmtime::Result<()> {
    connections.func_wrap("prepare", |mut store: Store<'_, H>, (options,): (HandshakeOptions,)| {
        Ok((ask(&mut store, |connections| Ok(connections.prepare(options)))?,))
    })?;
    connections.func_wrap("forget", |mut store: Store<'_, H>, (handshake,): (u32,)| {
        ask(&mut store, |connections| connections.forget(handshake))
    })?;
    connections.func_wrap("connect", |mut store: Store<'_, H>, (connection, handshake): (u32, u32)| {
        ask(&mut store, |connections| connections.connect(connection, handshake))
    })?;
    connections.func_wrap("identity-of", |mut store: Store<'_, H>, (connection,): (u32,)| {
        Ok((ask(&mut store, |connections| connections.identity_of(connection))?,))
    })?;
    connections.func_wrap("fail", |mut store: Store<'_, H>, (connection, message): (u32, String)| {
        ask(&mut store, |connections| connections.fail(connection, cut(message)))
    })
}

fn link_messages<H: Host>(connections: &mut LinkerInstance<'_, Data<H>>) -> wasmtime::Result<()> {
    connections.func_wrap("send-text", |mut store: Store<'_, H>, (connection, text): (u32, WasmStr)| {
        // What is sent lies in the guest's memory, which the store owns, as it does the host: it is copied once, to
        // where the next one goes too.
        let mut scratch = std::mem::take(&mut store.data_mut().0.scratch);
        scratch.extend_from_slice(text.to_str(&store)?.as_bytes());
        let message = std::str::from_utf8(&scratch)?;
        let sent = ask(&mut store, |connections| connections.send(connection, Outgoing::Text(message)));
        store.data_mut().0.keep_scratch(scratch);
        Ok((sent?,))
    })?;
    connections.func_wrap("send-binary", |mut store: Store<'_, H>, (connection, bytes): (u32, WasmList<u8>)| {
        let mut scratch = std::mem::take(&mut store.data_mut().0.scratch);
        scratch.extend_from_slice(bytes.as_le_slice(&store));
        let sent = ask(&mut store, |connections| connections.send(connection, Outgoing::Binary(&scratch)));
        store.data_mut().0.keep_scratch(scratch);
        Ok((sent?,))
    })?;
    connections.func_wrap("ping", |mut store: Store<'_, H>, (connection,): (u32,)| {
        ask(&mut store, |connections| connections.ping(connection))
    })?;
    connections.func_wrap("close", |mut store: Store<'_, H>, (connection, code, reason): (u32, u16, String)| {
        ask(&mut store, |connections| connections.close(connection, code, &reason))
    })
}

fn link_timers<H: Host>(connections: &mut LinkerInstance<'_, Data<H>>) -> wasmtime::Result<()> {
    connections.func_wrap("set-timer", |mut store: Store<'_, H>, (connection, timer, after_ns): (u32, u32, u64)| {
        ask(&mut store, |connections| connections.set_timer(connection, timer, after_ns))
    })?;
    connections.func_wrap("cancel-timer", |mut store: Store<'_, H>, (connection, timer): (u32, u32)| {
        ask(&mut store, |connections| connections.cancel_timer(connection, timer))
    })
}
