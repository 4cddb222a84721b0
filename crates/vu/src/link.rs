//! The imports of a script: `wit/` over [`Host`].

mod bare_sockets;
mod connections;
mod files;
mod http;
mod run;
mod sockets;

use wasmtime::component::Linker;

use crate::{
    engine::Engine,
    host::Host,
    load::CONTRACT_VERSION,
    state::{State, ThreadBound},
};

/// The data of a VU's store.
type Data<H> = ThreadBound<State<H>>;

/// A linker that provides every interface of the contract.
pub(crate) fn linker<H: Host>(engine: &Engine) -> wasmtime::Result<Linker<Data<H>>> {
    let mut linker = Linker::new(engine.wasmtime());
    http::link(&mut linker)?;
    sockets::link(&mut linker)?;
    bare_sockets::link(&mut linker)?;
    run::link(&mut linker)?;
    files::link(&mut linker)?;
    connections::link(&mut linker)?;
    Ok(linker)
}

fn interface(name: &str) -> String {
    format!("throng:script/{name}@{CONTRACT_VERSION}")
}
