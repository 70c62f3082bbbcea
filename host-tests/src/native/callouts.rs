//! Calls to other services.

use super::memory::{answer, give, nothing, read};

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_http_call(
    cluster: *const u8,
    cluster_size: usize,
    headers: *const u8,
    headers_size: usize,
    body: *const u8,
    body_size: usize,
    trailers: *const u8,
    trailers_size: usize,
    timeout: u32,
    token: *mut u32,
) -> u32 {
    // SAFETY: the filter passes pointers and sizes of its own memory, valid for this call.
    unsafe {
        let cluster = read(cluster, cluster_size);
        let headers = read(headers, headers_size);
        let body = read(body, body_size);
        let trailers = read(trailers, trailers_size);
        answer(
            |model| model.http_call(cluster, headers, body, trailers, timeout),
            |token_found| token.write(token_found),
        )
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_grpc_call(
    upstream: *const u8,
    upstream_size: usize,
    service: *const u8,
    service_size: usize,
    method: *const u8,
    method_size: usize,
    metadata: *const u8,
    metadata_size: usize,
    message: *const u8,
    message_size: usize,
    timeout: u32,
    token: *mut u32,
) -> u32 {
    // SAFETY: the filter passes pointers and sizes of its own memory, valid for this call.
    unsafe {
        let upstream = read(upstream, upstream_size);
        let service = read(service, service_size);
        let method = read(method, method_size);
        let metadata = read(metadata, metadata_size);
        let message = read(message, message_size);
        answer(
            |model| model.grpc_call(upstream, service, method, metadata, message, timeout),
            |token_found| token.write(token_found),
        )
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_grpc_stream(
    upstream: *const u8,
    upstream_size: usize,
    service: *const u8,
    service_size: usize,
    method: *const u8,
    method_size: usize,
    metadata: *const u8,
    metadata_size: usize,
    token: *mut u32,
) -> u32 {
    // SAFETY: the filter passes pointers and sizes of its own memory, valid for this call.
    unsafe {
        let upstream = read(upstream, upstream_size);
        let service = read(service, service_size);
        let method = read(method, method_size);
        let metadata = read(metadata, metadata_size);
        answer(
            |model| model.grpc_stream(upstream, service, method, metadata),
            |token_found| token.write(token_found),
        )
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_grpc_send(
    token: u32,
    message: *const u8,
    message_size: usize,
    end: bool,
) -> u32 {
    // SAFETY: the filter passes pointers and sizes of its own memory, valid for this call.
    unsafe {
        let message = read(message, message_size);
        answer(|model| model.grpc_send(token, message, end), nothing)
    }
}

#[unsafe(no_mangle)]
extern "C" fn proxy_grpc_cancel(token: u32) -> u32 {
    answer(|model| model.grpc_cancel(token), nothing)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_grpc_close(token: u32) -> u32 {
    answer(|model| model.grpc_close(token), nothing)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_get_status(
    code: *mut u32,
    message: *mut *mut u8,
    message_size: *mut usize,
) -> u32 {
    // SAFETY: the filter passes pointers and sizes of its own memory, valid for this call.
    unsafe {
        answer(
            |model| model.get_status(),
            |(code_found, message_found)| {
                code.write(code_found);
                give(&message_found, message, message_size)
            },
        )
    }
}
