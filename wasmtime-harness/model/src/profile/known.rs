//! The hosts that are known.

use super::{
    Absent, Addresses, Authority, Bodies, Cas, ContextIds, Denial, EndOfStream, EndOrder,
    FailedCall, HeaderNames, Known, LineBreaks, MapSize, OverRead, Profile, PropertyValues,
    Readable, RecordedCounter, Repeated, Settable, Time, TrapCosts, UnknownUpstream, Which,
};
use crate::{
    pairs::{PAIRS_MAX_BYTES, PAIRS_MAX_COUNT},
    status::Status,
};

const NOT_FOUND: Denial = Denial::Status(Status::NOT_FOUND);
const BAD_ARGUMENT: Denial = Denial::Status(Status::BAD_ARGUMENT);
/// A status that no ABI has named so far.
const UNHEARD_OF: Status = Status(77);

/// Properties of older versions of Envoy, which have the prefix `xds` now (hosts 1.2).
const MOVED_PROPERTIES: &[&str] = &[
    "cluster_metadata",
    "cluster_name",
    "listener_direction",
    "listener_metadata",
    "metadata",
    "node",
    "route_metadata",
    "route_name",
    "upstream_host_metadata",
];

/// What `docs/PROXY_WASM.md` of ngx_wasm_module marks as supported.
const NGX_PROPERTIES: &[&str] = &[
    "connection.id",
    "connection.mtls",
    "connection.requested_server_name",
    "connection.subject_local_certificate",
    "connection.tls_version",
    "destination.address",
    "destination.port",
    "ngx",
    "plugin_name",
    "plugin_root_id",
    "request.duration",
    "request.headers",
    "request.host",
    "request.id",
    "request.is_subrequest",
    "request.method",
    "request.path",
    "request.protocol",
    "request.query",
    "request.referer",
    "request.scheme",
    "request.size",
    "request.time",
    "request.total_size",
    "request.url_path",
    "request.useragent",
    "response.code",
    "response.headers",
    "response.size",
    "response.total_size",
    "source.address",
    "source.port",
    "upstream.address",
    "upstream.port",
    "wasmx",
    "worker_id",
];

/// "Well-known properties" of the specification.
const SPEC_PROPERTIES: &[&str] = &[
    "connection.dns_san_local_certificate",
    "connection.dns_san_peer_certificate",
    "connection.id",
    "connection.mtls",
    "connection.requested_server_name",
    "connection.sha256_peer_certificate_digest",
    "connection.subject_local_certificate",
    "connection.subject_peer_certificate",
    "connection.tls_version",
    "connection.uri_san_local_certificate",
    "connection.uri_san_peer_certificate",
    "destination.address",
    "destination.port",
    "plugin_name",
    "plugin_root_id",
    "plugin_vm_id",
    "request.duration",
    "request.protocol",
    "request.size",
    "request.time",
    "request.total_size",
    "response.size",
    "response.total_size",
    "source.address",
    "source.port",
    "upstream.address",
    "upstream.dns_san_local_certificate",
    "upstream.dns_san_peer_certificate",
    "upstream.local_address",
    "upstream.local_port",
    "upstream.port",
    "upstream.sha256_peer_certificate_digest",
    "upstream.subject_local_certificate",
    "upstream.subject_peer_certificate",
    "upstream.tls_version",
    "upstream.uri_san_local_certificate",
    "upstream.uri_san_peer_certificate",
];

impl Profile {
    /// Envoy 1.40, which the model follows wherever nothing else is said.
    pub const ENVOY_1_40: Self = Self {
        name: "envoy-1.40",

        context_ids: ContextIds::Counted,
        end_order: EndOrder::LogFirst,
        effective_context: true,
        silent_callbacks: &[],
        unimplemented: &[],
        unimplemented_call: Denial::Status(Status::UNIMPLEMENTED),
        missing: &[],
        retyped: &[],
        trap_costs: TrapCosts::Vm,
        trap_status: 503,

        header_names: HeaderNames::Lower,
        authority: Authority::Sent,
        fixed_headers: &[],
        extra_headers: &[],
        joined_headers: &["authorization"],
        single_headers: &[],
        header_value: Which::First,
        absent_header: Status::NOT_FOUND,
        end_of_stream: EndOfStream::Told,
        pseudo_headers_count: true,
        early_response_headers: false,
        absent_map_value: BAD_ARGUMENT,
        absent_map_value_in_log: NOT_FOUND,
        absent_map_pairs: None,
        absent_map_write: BAD_ARGUMENT,
        map_size: MapSize::Contents,
        pairs_given: usize::MAX,
        pairs_read: PAIRS_MAX_COUNT,
        pairs_bytes: PAIRS_MAX_BYTES,
        bad_pairs: None,
        empty_map: b"",

        bodies: Bodies::Parts,
        absent_buffer: NOT_FOUND,
        over_read: OverRead::Empty,
        buffer_start: true,
        inner_splice: false,
        configuration: Readable::Configuring,

        reply_statuses: (0, u32::MAX),
        second_reply: None,
        repeated_reply_headers: Repeated::Kept,
        reply_line_breaks: LineBreaks::Raw,
        reply_ending: b"",
        grpc_replies: true,

        properties: Known::AllBut(MOVED_PROPERTIES),
        absent_property: Absent::NotFound,
        parent_property: Status::SERIALIZATION_FAILURE,
        property_values: PropertyValues::Binary,
        addresses: Addresses::WithPort,
        root_properties: None,
        root_plugin_properties: None,
        settable: Settable::Any,

        foreign_functions: Known::AllBut(&["resolve_lua"]),
        unknown_foreign_function: NOT_FOUND,

        metrics_without_zone: None,
        unknown_metric: NOT_FOUND,
        metric_misuse: BAD_ARGUMENT,
        recorded_counter: RecordedCounter::Added,
        gauges_move: true,

        shared_without_zone: None,
        unknown_queue: NOT_FOUND,
        cas: Cas::NewKeysFree,
        shared_data_changes: false,

        unknown_upstream: UnknownUpstream::BadArgument,
        incomplete_call: Status::BAD_ARGUMENT,
        call_elsewhere: None,
        failed_call: FailedCall::Response,
        late_answers: false,

        time: Time::Flows,
        tick_again: None,
        random_most: 64 * 1024,
    };

    /// nginx with Kong/ngx_wasm_module.
    pub const NGX_WASM: Self = Self {
        name: "ngx_wasm",

        context_ids: ContextIds::Random,
        end_order: EndOrder::DoneFirst,
        effective_context: false,
        silent_callbacks: &[
            "proxy_on_downstream_connection_close",
            "proxy_on_downstream_data",
            "proxy_on_grpc_close",
            "proxy_on_grpc_receive",
            "proxy_on_grpc_receive_initial_metadata",
            "proxy_on_grpc_receive_trailing_metadata",
            "proxy_on_new_connection",
            "proxy_on_queue_ready",
            "proxy_on_request_metadata",
            "proxy_on_request_trailers",
            "proxy_on_response_metadata",
            "proxy_on_response_trailers",
            "proxy_on_upstream_connection_close",
            "proxy_on_upstream_data",
        ],
        unimplemented: &[
            "proxy_close_stream",
            "proxy_done",
            "proxy_get_log_level",
            "proxy_get_status",
            "proxy_grpc_call",
            "proxy_grpc_cancel",
            "proxy_grpc_close",
            "proxy_grpc_send",
            "proxy_grpc_stream",
            "proxy_resolve_shared_queue",
        ],
        unimplemented_call: Denial::Trap,
        missing: &["proxy_get_buffer_status", "proxy_get_header_map_size"],
        retyped: &[("proxy_get_log_level", 2)],
        trap_costs: TrapCosts::Request,
        trap_status: 500,

        header_names: HeaderNames::Kept,
        authority: Authority::ServerName,
        fixed_headers: &[":authority", ":scheme"],
        joined_headers: &[],
        single_headers: &["authorization"],
        end_of_stream: EndOfStream::Never,
        pseudo_headers_count: false,
        early_response_headers: true,
        absent_map_value: NOT_FOUND,
        absent_map_pairs: Some(BAD_ARGUMENT),
        absent_map_write: Denial::Trap,
        pairs_given: 100,
        pairs_read: usize::MAX,
        pairs_bytes: usize::MAX,

        bodies: Bodies::Whole,
        absent_buffer: Denial::Trap,
        buffer_start: false,
        inner_splice: true,
        configuration: Readable::Always,

        reply_statuses: (100, 999),
        second_reply: Some(Denial::Trap),
        repeated_reply_headers: Repeated::Last,
        reply_line_breaks: LineBreaks::PercentEncoded,
        reply_ending: b"\n",
        grpc_replies: false,

        properties: Known::Only(NGX_PROPERTIES),
        parent_property: Status::NOT_FOUND,
        property_values: PropertyValues::Text,
        addresses: Addresses::WithoutPort,
        root_properties: Some(Denial::Status(Status::INTERNAL_FAILURE)),
        root_plugin_properties: Some(Denial::Exit),
        settable: Settable::Under(&["ngx", "wasmx"]),

        foreign_functions: Known::Only(&["resolve_lua"]),
        unknown_foreign_function: Denial::Trap,

        metrics_without_zone: Some(Denial::Exit),
        unknown_metric: Denial::Trap,
        metric_misuse: Denial::Trap,
        recorded_counter: RecordedCounter::Misuse,
        gauges_move: false,

        shared_without_zone: Some(Denial::Trap),
        unknown_queue: Denial::Trap,
        cas: Cas::Exact,

        unknown_upstream: UnknownUpstream::FailsLater,
        incomplete_call: Status::INTERNAL_FAILURE,
        call_elsewhere: Some(Denial::Trap),
        failed_call: FailedCall::NoHeaders,

        tick_again: Some(Denial::Trap),
        random_most: u32::MAX,
        ..Self::ENVOY_1_40
    };

    /// Exactly what the specification of ABI 0.2.1 says, and nothing that it does not promise.
    pub const SPEC_STRICT: Self = Self {
        name: "spec-strict",

        end_order: EndOrder::DoneFirst,
        trap_costs: TrapCosts::Request,

        header_names: HeaderNames::Kept,
        joined_headers: &[],
        absent_map_value_in_log: BAD_ARGUMENT,
        absent_map_pairs: Some(BAD_ARGUMENT),
        map_size: MapSize::Serialized,
        pairs_read: usize::MAX,
        pairs_bytes: usize::MAX,
        empty_map: b"\0",

        over_read: OverRead::BadArgument,
        inner_splice: true,

        properties: Known::Only(SPEC_PROPERTIES),
        addresses: Addresses::WithoutPort,
        settable: Settable::Existing,

        foreign_functions: Known::AllBut(&[]),
        recorded_counter: RecordedCounter::Set,
        cas: Cas::ZeroFree,
        failed_call: FailedCall::NoHeaders,
        time: Time::Stands,
        ..Self::ENVOY_1_40
    };

    /// A host that does whatever an author may not rely on, all at once.
    pub const HOSTILE: Self = Self {
        name: "hostile",

        context_ids: ContextIds::Random,
        end_order: EndOrder::DoneFirst,
        effective_context: false,
        unimplemented: &[
            "proxy_call_foreign_function",
            "proxy_define_metric",
            "proxy_dequeue_shared_queue",
            "proxy_enqueue_shared_queue",
            "proxy_get_log_level",
            "proxy_get_metric",
            "proxy_get_status",
            "proxy_increment_metric",
            "proxy_record_metric",
            "proxy_register_shared_queue",
            "proxy_resolve_shared_queue",
            "proxy_set_property",
        ],
        unimplemented_call: Denial::Status(Status::INTERNAL_FAILURE),

        header_names: HeaderNames::Odd,
        extra_headers: &[(":hostile", "1")],
        joined_headers: &[],
        header_value: Which::Last,
        absent_header: UNHEARD_OF,
        end_of_stream: EndOfStream::Never,
        early_response_headers: true,
        absent_map_value: Denial::Status(UNHEARD_OF),
        absent_map_value_in_log: Denial::Status(UNHEARD_OF),
        absent_map_pairs: Some(Denial::Status(UNHEARD_OF)),
        absent_map_write: Denial::Status(UNHEARD_OF),
        pairs_given: 100,
        pairs_read: 64,
        pairs_bytes: 16 * 1024,
        bad_pairs: Some(Denial::Status(UNHEARD_OF)),
        empty_map: b"\0",

        absent_buffer: Denial::Status(UNHEARD_OF),
        over_read: OverRead::BadArgument,

        reply_statuses: (200, 599),
        second_reply: Some(Denial::Trap),
        repeated_reply_headers: Repeated::Last,
        reply_line_breaks: LineBreaks::Refused,

        properties: Known::Only(&[]),
        absent_property: Absent::Empty,
        addresses: Addresses::WithoutPort,

        foreign_functions: Known::Only(&[]),
        cas: Cas::Exact,
        shared_data_changes: true,

        unknown_upstream: UnknownUpstream::FailsLater,
        incomplete_call: UNHEARD_OF,
        failed_call: FailedCall::NoHeaders,
        late_answers: true,

        time: Time::GoesBack,
        random_most: 256,
        ..Self::ENVOY_1_40
    };
}
