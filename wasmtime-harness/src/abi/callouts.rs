//! Calls to other services.

use wasmtime::{Caller, Linker};

use crate::{memory::answer, vm::State};

pub(super) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.func_wrap(
        "env",
        "proxy_http_call",
        |caller: Caller<'_, State>,
         cluster: u32,
         cluster_size: u32,
         headers: u32,
         headers_size: u32,
         body: u32,
         body_size: u32,
         trailers: u32,
         trailers_size: u32,
         timeout: u32,
         token: u32| {
            answer(caller, "proxy_http_call", |filter| {
                let cluster = filter.read(cluster, cluster_size)?;
                let headers = filter.read(headers, headers_size)?;
                let body = filter.read(body, body_size)?;
                let trailers = filter.read(trailers, trailers_size)?;
                // As in proxy-wasm-cpp-host: nothing is sent whose token cannot be written.
                filter.write_u32(token, 0)?;
                let found =
                    filter.model().http_call(&cluster, &headers, &body, &trailers, timeout)?;
                filter.write_u32(token, found)
            })
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_grpc_call",
        |caller: Caller<'_, State>,
         upstream: u32,
         upstream_size: u32,
         service: u32,
         service_size: u32,
         method: u32,
         method_size: u32,
         metadata: u32,
         metadata_size: u32,
         message: u32,
         message_size: u32,
         timeout: u32,
         token: u32| {
            answer(caller, "proxy_grpc_call", |filter| {
                let upstream = filter.read(upstream, upstream_size)?;
                let service = filter.read(service, service_size)?;
                let method = filter.read(method, method_size)?;
                let metadata = filter.read(metadata, metadata_size)?;
                let message = filter.read(message, message_size)?;
                let found = filter
                    .model()
                    .grpc_call(&upstream, &service, &method, &metadata, &message, timeout)?;
                filter.write_u32(token, found)
            })
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_grpc_stream",
        |caller: Caller<'_, State>,
         upstream: u32,
         upstream_size: u32,
         service: u32,
         service_size: u32,
         method: u32,
         method_size: u32,
         metadata: u32,
         metadata_size: u32,
         token: u32| {
            answer(caller, "proxy_grpc_stream", |filter| {
                let upstream = filter.read(upstream, upstream_size)?;
                let service = filter.read(service, service_size)?;
                let method = filter.read(method, method_size)?;
                let metadata = filter.read(metadata, metadata_size)?;
                let found = filter.model().grpc_stream(&upstream, &service, &method, &metadata)?;
                filter.write_u32(token, found)
            })
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_grpc_send",
        |caller: Caller<'_, State>, token: u32, message: u32, message_size: u32, end: u32| {
            answer(caller, "proxy_grpc_send", |filter| {
                let message = filter.read(message, message_size)?;
                filter.model().grpc_send(token, &message, end != 0)
            })
        },
    )?;
    linker.func_wrap("env", "proxy_grpc_cancel", |caller: Caller<'_, State>, token: u32| {
        answer(caller, "proxy_grpc_cancel", |filter| filter.model().grpc_cancel(token))
    })?;
    linker.func_wrap("env", "proxy_grpc_close", |caller: Caller<'_, State>, token: u32| {
        answer(caller, "proxy_grpc_close", |filter| filter.model().grpc_close(token))
    })?;
    linker.func_wrap(
        "env",
        "proxy_get_status",
        |caller: Caller<'_, State>, code: u32, message: u32, message_size: u32| {
            answer(caller, "proxy_get_status", |filter| {
                let (code_found, message_found) = filter.model().get_status()?;
                filter.write_u32(code, code_found)?;
                filter.give(&message_found, message, message_size)
            })
        },
    )?;
    Ok(())
}
