//! Header maps, local replies and the fate of a stream.

use wasmtime::{Caller, Linker};

use crate::{memory::answer, vm::State};

pub(super) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.func_wrap(
        "env",
        "proxy_get_header_map_pairs",
        |caller: Caller<'_, State>, map: u32, pairs: u32, pairs_size: u32| {
            answer(caller, "proxy_get_header_map_pairs", |filter| {
                let found = filter.model().get_header_map_pairs(map)?;
                filter.give(&found, pairs, pairs_size)
            })
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_set_header_map_pairs",
        |caller: Caller<'_, State>, map: u32, pairs: u32, pairs_size: u32| {
            answer(caller, "proxy_set_header_map_pairs", |filter| {
                let pairs = filter.read(pairs, pairs_size)?;
                filter.model().set_header_map_pairs(map, &pairs)
            })
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_get_header_map_value",
        |caller: Caller<'_, State>,
         map: u32,
         name: u32,
         name_size: u32,
         value: u32,
         value_size: u32| {
            answer(caller, "proxy_get_header_map_value", |filter| {
                let name = filter.read(name, name_size)?;
                let found = filter.model().get_header_map_value(map, &name)?;
                filter.give(&found, value, value_size)
            })
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_add_header_map_value",
        |caller: Caller<'_, State>,
         map: u32,
         name: u32,
         name_size: u32,
         value: u32,
         value_size: u32| {
            answer(caller, "proxy_add_header_map_value", |filter| {
                let name = filter.read(name, name_size)?;
                let value = filter.read(value, value_size)?;
                filter.model().add_header_map_value(map, &name, &value)
            })
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_replace_header_map_value",
        |caller: Caller<'_, State>,
         map: u32,
         name: u32,
         name_size: u32,
         value: u32,
         value_size: u32| {
            answer(caller, "proxy_replace_header_map_value", |filter| {
                let name = filter.read(name, name_size)?;
                let value = filter.read(value, value_size)?;
                filter.model().replace_header_map_value(map, &name, &value)
            })
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_remove_header_map_value",
        |caller: Caller<'_, State>, map: u32, name: u32, name_size: u32| {
            answer(caller, "proxy_remove_header_map_value", |filter| {
                let name = filter.read(name, name_size)?;
                filter.model().remove_header_map_value(map, &name)
            })
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_get_header_map_size",
        |caller: Caller<'_, State>, map: u32, size: u32| {
            answer(caller, "proxy_get_header_map_size", |filter| {
                let found = filter.model().get_header_map_size(map)?;
                filter.write_u32(size, found)
            })
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_send_local_response",
        |caller: Caller<'_, State>,
         status: u32,
         details: u32,
         details_size: u32,
         body: u32,
         body_size: u32,
         pairs: u32,
         pairs_size: u32,
         grpc_status: i32| {
            answer(caller, "proxy_send_local_response", |filter| {
                let details = filter.read(details, details_size)?;
                let body = filter.read(body, body_size)?;
                let pairs = filter.read(pairs, pairs_size)?;
                filter.model().send_local_response(status, &details, &body, &pairs, grpc_status)
            })
        },
    )?;
    linker.func_wrap("env", "proxy_continue_stream", |caller: Caller<'_, State>, kind: u32| {
        answer(caller, "proxy_continue_stream", |filter| filter.model().continue_stream(kind))
    })?;
    linker.func_wrap("env", "proxy_close_stream", |caller: Caller<'_, State>, kind: u32| {
        answer(caller, "proxy_close_stream", |filter| filter.model().close_stream(kind))
    })?;
    Ok(())
}
