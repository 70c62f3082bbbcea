//! Buffers, properties, shared data, queues and metrics.

use super::memory::{answer, give, nothing, number, read, size};

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_get_buffer_bytes(
    buffer: u32,
    start: usize,
    length: usize,
    data: *mut *mut u8,
    data_size: *mut usize,
) -> u32 {
    // SAFETY: the filter passes pointers and sizes of its own memory, valid for this call.
    unsafe {
        answer(
            |model| model.get_buffer_bytes(buffer, number(start), number(length)),
            |data_found| give(&data_found, data, data_size),
        )
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_get_buffer_status(
    buffer: u32,
    length: *mut usize,
    flags: *mut u32,
) -> u32 {
    // SAFETY: the filter passes pointers and sizes of its own memory, valid for this call.
    unsafe {
        answer(
            |model| model.get_buffer_status(buffer),
            |(length_found, flags_found)| {
                length.write(size(length_found));
                flags.write(flags_found)
            },
        )
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_set_buffer_bytes(
    buffer: u32,
    start: usize,
    length: usize,
    data: *const u8,
    data_size: usize,
) -> u32 {
    // SAFETY: the filter passes pointers and sizes of its own memory, valid for this call.
    unsafe {
        let data = read(data, data_size);
        answer(|model| model.set_buffer_bytes(buffer, number(start), number(length), data), nothing)
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_get_property(
    path: *const u8,
    path_size: usize,
    value: *mut *mut u8,
    value_size: *mut usize,
) -> u32 {
    // SAFETY: the filter passes pointers and sizes of its own memory, valid for this call.
    unsafe {
        let path = read(path, path_size);
        answer(
            |model| model.get_property(path),
            |value_found| give(&value_found, value, value_size),
        )
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_set_property(
    path: *const u8,
    path_size: usize,
    value: *const u8,
    value_size: usize,
) -> u32 {
    // SAFETY: the filter passes pointers and sizes of its own memory, valid for this call.
    unsafe {
        let path = read(path, path_size);
        let value = read(value, value_size);
        answer(|model| model.set_property(path, value), nothing)
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_get_shared_data(
    key: *const u8,
    key_size: usize,
    value: *mut *mut u8,
    value_size: *mut usize,
    cas: *mut u32,
) -> u32 {
    // SAFETY: the filter passes pointers and sizes of its own memory, valid for this call.
    unsafe {
        let key = read(key, key_size);
        answer(
            |model| model.get_shared_data(key),
            |(value_found, cas_found)| {
                give(&value_found, value, value_size)?;
                cas.write(cas_found);
                Ok(())
            },
        )
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_set_shared_data(
    key: *const u8,
    key_size: usize,
    value: *const u8,
    value_size: usize,
    cas: u32,
) -> u32 {
    // SAFETY: the filter passes pointers and sizes of its own memory, valid for this call.
    unsafe {
        let key = read(key, key_size);
        let value = read(value, value_size);
        answer(|model| model.set_shared_data(key, value, cas), nothing)
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_register_shared_queue(
    name: *const u8,
    name_size: usize,
    queue: *mut u32,
) -> u32 {
    // SAFETY: the filter passes pointers and sizes of its own memory, valid for this call.
    unsafe {
        let name = read(name, name_size);
        answer(|model| model.register_shared_queue(name), |queue_found| queue.write(queue_found))
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_resolve_shared_queue(
    vm_id: *const u8,
    vm_id_size: usize,
    name: *const u8,
    name_size: usize,
    queue: *mut u32,
) -> u32 {
    // SAFETY: the filter passes pointers and sizes of its own memory, valid for this call.
    unsafe {
        let vm_id = read(vm_id, vm_id_size);
        let name = read(name, name_size);
        answer(
            |model| model.resolve_shared_queue(vm_id, name),
            |queue_found| queue.write(queue_found),
        )
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_enqueue_shared_queue(
    queue: u32,
    value: *const u8,
    value_size: usize,
) -> u32 {
    // SAFETY: the filter passes pointers and sizes of its own memory, valid for this call.
    unsafe {
        let value = read(value, value_size);
        answer(|model| model.enqueue_shared_queue(queue, value), nothing)
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_dequeue_shared_queue(
    queue: u32,
    value: *mut *mut u8,
    value_size: *mut usize,
) -> u32 {
    // SAFETY: the filter passes pointers and sizes of its own memory, valid for this call.
    unsafe {
        answer(
            |model| model.dequeue_shared_queue(queue),
            |value_found| give(&value_found, value, value_size),
        )
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_define_metric(
    kind: u32,
    name: *const u8,
    name_size: usize,
    metric: *mut u32,
) -> u32 {
    // SAFETY: the filter passes pointers and sizes of its own memory, valid for this call.
    unsafe {
        let name = read(name, name_size);
        answer(|model| model.define_metric(kind, name), |metric_found| metric.write(metric_found))
    }
}

#[unsafe(no_mangle)]
extern "C" fn proxy_increment_metric(metric: u32, offset: i64) -> u32 {
    answer(|model| model.increment_metric(metric, offset), nothing)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_record_metric(metric: u32, value: u64) -> u32 {
    answer(|model| model.record_metric(metric, value), nothing)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_get_metric(metric: u32, value: *mut u64) -> u32 {
    // SAFETY: the filter passes pointers and sizes of its own memory, valid for this call.
    unsafe { answer(|model| model.get_metric(metric), |value_found| value.write(value_found)) }
}
