//! The interfaces `tcp` and `udp`.

use std::time::Duration;

use wasmtime::component::Linker;

use super::http::{Store, restart_clock, watch};
use super::{Data, interface};
use crate::{
    fault::Stop,
    host::Host,
    state::ThreadBound,
    types::{Failure, TcpSpec, UdpSpec},
};

/// What a call comes to for the guest, unless it traps.
type Answer<T> = wasmtime::Result<(Result<T, Failure>,)>;

/// Provides `tcp` and `udp`.
pub(super) fn link<H: Host>(linker: &mut Linker<Data<H>>) -> wasmtime::Result<()> {
    link_tcp(linker)?;
    link_udp(linker)
}

fn link_tcp<H: Host>(linker: &mut Linker<Data<H>>) -> wasmtime::Result<()> {
    let mut tcp = linker.instance(&interface("tcp"))?;
    tcp.func_wrap_async("connect", |store, (spec,): (TcpSpec,)| Box::new(ThreadBound(connect_tcp::<H>(store, spec))))?;
    tcp.func_wrap_async("send", |store, (socket, bytes, limit_ns): (u32, Vec<u8>, Option<u64>)| {
        Box::new(ThreadBound(send_tcp::<H>(store, socket, bytes, limit_ns)))
    })?;
    tcp.func_wrap_async("receive", |store, (socket, bytes_max, limit_ns): (u32, u32, Option<u64>)| {
        Box::new(ThreadBound(receive_tcp::<H>(store, socket, bytes_max, limit_ns)))
    })?;
    tcp.func_wrap_async("end-sending", |store, (socket, limit_ns): (u32, Option<u64>)| {
        Box::new(ThreadBound(end_sending_tcp::<H>(store, socket, limit_ns)))
    })?;
    tcp.func_wrap("reset", |mut store: Store<'_, H>, (socket,): (u32,)| {
        Ok(store.data_mut().0.host.reset_tcp(socket).map_err(Stop::Host)?)
    })?;
    tcp.func_wrap("drop-socket", |mut store: Store<'_, H>, (socket,): (u32,)| {
        Ok(store.data_mut().0.host.drop_tcp(socket).map_err(Stop::Host)?)
    })
}

fn link_udp<H: Host>(linker: &mut Linker<Data<H>>) -> wasmtime::Result<()> {
    let mut udp = linker.instance(&interface("udp"))?;
    udp.func_wrap_async("connect", |store, (spec,): (UdpSpec,)| Box::new(ThreadBound(connect_udp::<H>(store, spec))))?;
    udp.func_wrap_async("send", |store, (socket, datagram): (u32, Vec<u8>)| {
        Box::new(ThreadBound(send_udp::<H>(store, socket, datagram)))
    })?;
    udp.func_wrap_async("receive", |store, (socket, limit_ns): (u32, Option<u64>)| {
        Box::new(ThreadBound(receive_udp::<H>(store, socket, limit_ns)))
    })?;
    udp.func_wrap("drop-socket", |mut store: Store<'_, H>, (socket,): (u32,)| {
        Ok(store.data_mut().0.host.drop_udp(socket).map_err(Stop::Host)?)
    })
}

/// Hands over what a call came to; after a wait the guest's time begins anew.
fn answer<T, H: Host>(
    store: &mut Store<'_, H>,
    (result, waited): (Result<Result<T, Failure>, String>, bool),
) -> Answer<T> {
    if waited {
        restart_clock(store);
    }
    Ok((result.map_err(Stop::Host)?,))
}

async fn connect_tcp<H: Host>(mut store: Store<'_, H>, spec: TcpSpec) -> Answer<u32> {
    let connected = watch(store.data_mut().0.host.connect_tcp(spec)).await;
    answer(&mut store, connected)
}

async fn send_tcp<H: Host>(mut store: Store<'_, H>, socket: u32, bytes: Vec<u8>, limit_ns: Option<u64>) -> Answer<()> {
    let limit = limit_ns.map(Duration::from_nanos);
    let sent = watch(store.data_mut().0.host.send_tcp(socket, bytes, limit)).await;
    answer(&mut store, sent)
}

async fn receive_tcp<H: Host>(
    mut store: Store<'_, H>,
    socket: u32,
    bytes_max: u32,
    limit_ns: Option<u64>,
) -> Answer<Option<Vec<u8>>> {
    let limit = limit_ns.map(Duration::from_nanos);
    let received = watch(store.data_mut().0.host.receive_tcp(socket, bytes_max, limit)).await;
    answer(&mut store, received)
}

async fn end_sending_tcp<H: Host>(mut store: Store<'_, H>, socket: u32, limit_ns: Option<u64>) -> Answer<()> {
    let limit = limit_ns.map(Duration::from_nanos);
    let ended = watch(store.data_mut().0.host.end_sending_tcp(socket, limit)).await;
    answer(&mut store, ended)
}

async fn connect_udp<H: Host>(mut store: Store<'_, H>, spec: UdpSpec) -> Answer<u32> {
    let connected = watch(store.data_mut().0.host.connect_udp(spec)).await;
    answer(&mut store, connected)
}

async fn send_udp<H: Host>(mut store: Store<'_, H>, socket: u32, datagram: Vec<u8>) -> Answer<()> {
    let sent = watch(store.data_mut().0.host.send_udp(socket, datagram)).await;
    answer(&mut store, sent)
}

async fn receive_udp<H: Host>(mut store: Store<'_, H>, socket: u32, limit_ns: Option<u64>) -> Answer<Option<Vec<u8>>> {
    let limit = limit_ns.map(Duration::from_nanos);
    let received = watch(store.data_mut().0.host.receive_udp(socket, limit)).await;
    answer(&mut store, received)
}
