//! Logging, time, contexts, header maps and replies.

use super::memory::{answer, give, nothing, read, size};

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_log(level: u32, text: *const u8, text_size: usize) -> u32 {
    // SAFETY: the filter passes pointers and sizes of its own memory, valid for this call.
    unsafe {
        let text = read(text, text_size);
        answer(|model| model.log(level, text), nothing)
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_get_log_level(level: *mut u32) -> u32 {
    // SAFETY: the filter passes pointers and sizes of its own memory, valid for this call.
    unsafe { answer(|model| model.get_log_level(), |level_found| level.write(level_found)) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_get_current_time_nanoseconds(time: *mut u64) -> u32 {
    // SAFETY: the filter passes pointers and sizes of its own memory, valid for this call.
    unsafe {
        answer(|model| model.get_current_time_nanoseconds(), |time_found| time.write(time_found))
    }
}

#[unsafe(no_mangle)]
extern "C" fn proxy_set_tick_period_milliseconds(period: u32) -> u32 {
    answer(|model| model.set_tick_period_milliseconds(period), nothing)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_set_effective_context(context: u32) -> u32 {
    answer(|model| model.set_effective_context(context), nothing)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_done() -> u32 {
    answer(|model| model.done(), nothing)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_call_foreign_function(
    name: *const u8,
    name_size: usize,
    arguments: *const u8,
    arguments_size: usize,
    result: *mut *mut u8,
    result_size: *mut usize,
) -> u32 {
    // SAFETY: the filter passes pointers and sizes of its own memory, valid for this call.
    unsafe {
        let name = read(name, name_size);
        let arguments = read(arguments, arguments_size);
        answer(
            |model| model.call_foreign_function(name, arguments),
            |result_found| give(&result_found, result, result_size),
        )
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_get_header_map_pairs(
    map: u32,
    pairs: *mut *mut u8,
    pairs_size: *mut usize,
) -> u32 {
    // SAFETY: the filter passes pointers and sizes of its own memory, valid for this call.
    unsafe {
        answer(
            |model| model.get_header_map_pairs(map),
            |pairs_found| give(&pairs_found, pairs, pairs_size),
        )
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_set_header_map_pairs(
    map: u32,
    pairs: *const u8,
    pairs_size: usize,
) -> u32 {
    // SAFETY: the filter passes pointers and sizes of its own memory, valid for this call.
    unsafe {
        let pairs = read(pairs, pairs_size);
        answer(|model| model.set_header_map_pairs(map, pairs), nothing)
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_get_header_map_value(
    map: u32,
    name: *const u8,
    name_size: usize,
    value: *mut *mut u8,
    value_size: *mut usize,
) -> u32 {
    // SAFETY: the filter passes pointers and sizes of its own memory, valid for this call.
    unsafe {
        let name = read(name, name_size);
        answer(
            |model| model.get_header_map_value(map, name),
            |value_found| give(&value_found, value, value_size),
        )
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_add_header_map_value(
    map: u32,
    name: *const u8,
    name_size: usize,
    value: *const u8,
    value_size: usize,
) -> u32 {
    // SAFETY: the filter passes pointers and sizes of its own memory, valid for this call.
    unsafe {
        let name = read(name, name_size);
        let value = read(value, value_size);
        answer(|model| model.add_header_map_value(map, name, value), nothing)
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_replace_header_map_value(
    map: u32,
    name: *const u8,
    name_size: usize,
    value: *const u8,
    value_size: usize,
) -> u32 {
    // SAFETY: the filter passes pointers and sizes of its own memory, valid for this call.
    unsafe {
        let name = read(name, name_size);
        let value = read(value, value_size);
        answer(|model| model.replace_header_map_value(map, name, value), nothing)
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_remove_header_map_value(
    map: u32,
    name: *const u8,
    name_size: usize,
) -> u32 {
    // SAFETY: the filter passes pointers and sizes of its own memory, valid for this call.
    unsafe {
        let name = read(name, name_size);
        answer(|model| model.remove_header_map_value(map, name), nothing)
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_get_header_map_size(map: u32, total: *mut usize) -> u32 {
    // SAFETY: the filter passes pointers and sizes of its own memory, valid for this call.
    unsafe {
        answer(|model| model.get_header_map_size(map), |total_found| total.write(size(total_found)))
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_send_local_response(
    status: u32,
    details: *const u8,
    details_size: usize,
    body: *const u8,
    body_size: usize,
    pairs: *const u8,
    pairs_size: usize,
    grpc_status: i32,
) -> u32 {
    // SAFETY: the filter passes pointers and sizes of its own memory, valid for this call.
    unsafe {
        let details = read(details, details_size);
        let body = read(body, body_size);
        let pairs = read(pairs, pairs_size);
        answer(
            |model| model.send_local_response(status, details, body, pairs, grpc_status),
            nothing,
        )
    }
}

#[unsafe(no_mangle)]
extern "C" fn proxy_continue_stream(kind: u32) -> u32 {
    answer(|model| model.continue_stream(kind), nothing)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_close_stream(kind: u32) -> u32 {
    answer(|model| model.close_stream(kind), nothing)
}
