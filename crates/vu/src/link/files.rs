//! The interface `files`.

use wasmtime::{StoreContextMut, component::Linker};

use super::{Data, interface};
use crate::{fault::Stop, host::Host};

type Store<'a, H> = StoreContextMut<'a, Data<H>>;

/// Provides `files`.
pub(super) fn link<H: Host>(linker: &mut Linker<Data<H>>) -> wasmtime::Result<()> {
    let mut files = linker.instance(&interface("files"))?;
    files.func_wrap("size", |store: Store<'_, H>, (file,): (u32,)| {
        Ok((store.data().0.host.file_size(file).map_err(Stop::Host)?,))
    })?;
    files.func_wrap("read", |store: Store<'_, H>, (file, offset, length): (u32, u64, u32)| {
        let part = store.data().0.host.read_file(file, offset, length).map_err(Stop::Host)?;
        Ok((part.to_vec(),))
    })?;
    files.func_wrap("rows", |store: Store<'_, H>, (file,): (u32,)| {
        Ok((store.data().0.host.file_rows(file).map_err(Stop::Host)?,))
    })?;
    files.func_wrap("header", |store: Store<'_, H>, (file,): (u32,)| {
        Ok((store.data().0.host.file_header(file).map_err(Stop::Host)?.to_vec(),))
    })?;
    files.func_wrap("row", |store: Store<'_, H>, (file, index): (u32, u64)| {
        let row = store.data().0.host.file_row(file, index).map_err(Stop::Host)?;
        Ok((row.to_vec(),))
    })
}
