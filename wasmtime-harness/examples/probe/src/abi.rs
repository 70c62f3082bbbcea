//! The 39 host functions of ABI 0.2.1.

/// A number that no host function writes: it shows whether a result was written at all.
pub(crate) const UNTOUCHED: u32 = 0x5EA1_ED00;

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    pub(crate) fn proxy_log(level: u32, text: *const u8, text_size: usize) -> u32;
    pub(crate) fn proxy_get_log_level(level: *mut u32) -> u32;
    pub(crate) fn proxy_get_status(code: *mut u32, text: *mut usize, size: *mut usize) -> u32;
    pub(crate) fn proxy_get_property(
        path: *const u8,
        path_size: usize,
        value: *mut usize,
        value_size: *mut usize,
    ) -> u32;
    pub(crate) fn proxy_set_property(
        path: *const u8,
        path_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> u32;
    pub(crate) fn proxy_send_local_response(
        status: u32,
        details: *const u8,
        details_size: usize,
        body: *const u8,
        body_size: usize,
        headers: *const u8,
        headers_size: usize,
        grpc_status: i32,
    ) -> u32;
    pub(crate) fn proxy_continue_stream(kind: u32) -> u32;
    pub(crate) fn proxy_close_stream(kind: u32) -> u32;
    pub(crate) fn proxy_get_shared_data(
        key: *const u8,
        key_size: usize,
        value: *mut usize,
        value_size: *mut usize,
        cas: *mut u32,
    ) -> u32;
    pub(crate) fn proxy_set_shared_data(
        key: *const u8,
        key_size: usize,
        value: *const u8,
        value_size: usize,
        cas: u32,
    ) -> u32;
    pub(crate) fn proxy_register_shared_queue(
        name: *const u8,
        name_size: usize,
        token: *mut u32,
    ) -> u32;
    pub(crate) fn proxy_resolve_shared_queue(
        vm_id: *const u8,
        vm_id_size: usize,
        name: *const u8,
        name_size: usize,
        token: *mut u32,
    ) -> u32;
    pub(crate) fn proxy_enqueue_shared_queue(
        token: u32,
        value: *const u8,
        value_size: usize,
    ) -> u32;
    pub(crate) fn proxy_dequeue_shared_queue(
        token: u32,
        value: *mut usize,
        value_size: *mut usize,
    ) -> u32;
    pub(crate) fn proxy_get_header_map_value(
        map: u32,
        name: *const u8,
        name_size: usize,
        value: *mut usize,
        value_size: *mut usize,
    ) -> u32;
    pub(crate) fn proxy_add_header_map_value(
        map: u32,
        name: *const u8,
        name_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> u32;
    pub(crate) fn proxy_replace_header_map_value(
        map: u32,
        name: *const u8,
        name_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> u32;
    pub(crate) fn proxy_remove_header_map_value(map: u32, name: *const u8, name_size: usize)
    -> u32;
    pub(crate) fn proxy_get_header_map_pairs(
        map: u32,
        pairs: *mut usize,
        pairs_size: *mut usize,
    ) -> u32;
    pub(crate) fn proxy_set_header_map_pairs(map: u32, pairs: *const u8, pairs_size: usize) -> u32;
    pub(crate) fn proxy_get_header_map_size(map: u32, size: *mut u32) -> u32;
    pub(crate) fn proxy_get_buffer_status(buffer: u32, length: *mut u32, flags: *mut u32) -> u32;
    pub(crate) fn proxy_get_buffer_bytes(
        buffer: u32,
        start: u32,
        length: u32,
        bytes: *mut usize,
        size: *mut usize,
    ) -> u32;
    pub(crate) fn proxy_set_buffer_bytes(
        buffer: u32,
        start: u32,
        length: u32,
        bytes: *const u8,
        size: usize,
    ) -> u32;
    pub(crate) fn proxy_http_call(
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
    ) -> u32;
    pub(crate) fn proxy_grpc_call(
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
    ) -> u32;
    pub(crate) fn proxy_grpc_stream(
        upstream: *const u8,
        upstream_size: usize,
        service: *const u8,
        service_size: usize,
        method: *const u8,
        method_size: usize,
        metadata: *const u8,
        metadata_size: usize,
        token: *mut u32,
    ) -> u32;
    pub(crate) fn proxy_grpc_send(
        token: u32,
        message: *const u8,
        message_size: usize,
        end: u32,
    ) -> u32;
    pub(crate) fn proxy_grpc_cancel(token: u32) -> u32;
    pub(crate) fn proxy_grpc_close(token: u32) -> u32;
    pub(crate) fn proxy_set_tick_period_milliseconds(period: u32) -> u32;
    pub(crate) fn proxy_get_current_time_nanoseconds(time: *mut u64) -> u32;
    pub(crate) fn proxy_define_metric(
        kind: u32,
        name: *const u8,
        name_size: usize,
        metric: *mut u32,
    ) -> u32;
    pub(crate) fn proxy_increment_metric(metric: u32, offset: i64) -> u32;
    pub(crate) fn proxy_record_metric(metric: u32, value: u64) -> u32;
    pub(crate) fn proxy_get_metric(metric: u32, value: *mut u64) -> u32;
    pub(crate) fn proxy_set_effective_context(context: u32) -> u32;
    pub(crate) fn proxy_done() -> u32;
    pub(crate) fn proxy_call_foreign_function(
        name: *const u8,
        name_size: usize,
        arguments: *const u8,
        arguments_size: usize,
        result: *mut usize,
        result_size: *mut usize,
    ) -> u32;
}
