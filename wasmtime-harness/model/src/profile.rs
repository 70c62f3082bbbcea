//! What known hosts do differently, as data.

mod kinds;
mod known;
mod table;

pub use kinds::{
    Absent, Addresses, Authority, Bodies, Cas, ContextIds, Denial, EndOfStream, EndOrder,
    FailedCall, HeaderNames, Known, LineBreaks, MapSize, OverRead, PropertyValues, Readable,
    RecordedCounter, Repeated, Settable, Time, TrapCosts, UnknownUpstream, Which,
};

use crate::status::{Refusal, Status};

/// Makes the struct and, from the same lines, the rows of the table of its fields.
macro_rules! profile {
    (
        $(#[$about:meta])*
        pub struct $name:ident {
            $(
                $(#[doc = $doc:literal])*
                pub $field:ident: $kind:ty,
            )*
        }
    ) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub struct $name {
            $(
                $(#[doc = $doc])*
                pub $field: $kind,
            )*
        }

        impl $name {
            /// The fields in order.
            fn fields(&self) -> Vec<table::Field> {
                vec![$(table::Field {
                    name: stringify!($field),
                    about: concat!($($doc, "\n"),*),
                    value: table::Value::shown(&self.$field),
                }),*]
            }
        }
    };
}

profile! {
    /// How a host behaves where hosts differ: fields and nothing else, so that a host of one's own
    /// is [`Profile::ENVOY_1_40`] with some fields changed.
    ///
    /// Each field names its source. `hosts` is the project's notes on hosts: (X) was seen in an
    /// experiment, (S) was read in the host's source, (D) in its documents. `spec` is the text of
    /// the proxy-wasm specification, `abi-versions/v0.2.1/README.md`; `ngx` is the source of
    /// Kong/ngx_wasm_module, (S) all of it, with the name of the file. What `hostile` does is what
    /// no source rules out.
    pub struct Profile {
        /// The name that a command line or a scenario gives it.
        pub name: &'static str,

        /// How contexts get their ids. Hosts 7.3 (X); spec: "unique", no more.
        pub context_ids: ContextIds,
        /// The order at the end of a stream. Hosts 8.5 (X); spec: `proxy_on_log` "after `true` was
        /// returned from `proxy_on_done`"; ngx `ngx_proxy_wasm.c`, `ngx_proxy_wasm_on_log`.
        pub end_order: EndOrder,
        /// Whether `proxy_set_effective_context` has an effect; without one it answers OK to
        /// anything, and an answer to a call speaks for the context that made it. Spec; ngx
        /// `ngx_proxy_wasm_host.c`, `ngx_http_proxy_wasm_dispatch.c`.
        pub effective_context: bool,
        /// Whether `proxy_set_effective_context` takes 0, which ends the effect of an earlier call. Probe
        /// `effective` (X); spec: "context that doesn't exist" is BAD_ARGUMENT.
        pub effective_vm_context: bool,
        /// Callbacks that the host never makes. Ngx `docs/PROXY_WASM.md` (D); spec: all are made.
        pub silent_callbacks: &'static [&'static str],
        /// Functions of the ABI that the host has and that do not work, and how they say so: see
        /// `unimplemented_call`. Ngx `ngx_proxy_wasm_host.c`; spec: "all functions exposed by the
        /// host are required".
        pub unimplemented: &'static [&'static str],
        /// How a call of such a function ends. Ngx `ngx_wavm_host.c`.
        pub unimplemented_call: Denial,
        /// Functions of the ABI that the host does not have: a module that imports one is not
        /// loaded. Ngx `ngx_proxy_wasm_host.c`.
        pub missing: &'static [&'static str],
        /// Functions that the host has with so many parameters, and not as the ABI has them: a module
        /// that imports one as the ABI has it is not loaded. Hosts 7.3 (X).
        pub retyped: &'static [(&'static str, usize)],
        /// What a trap costs: a fleet without a policy of its own follows it. Hosts 4, 7.3 (X); spec:
        /// "create a new instance of a WasmVM".
        pub trap_costs: TrapCosts,
        /// The status of the empty reply to a request whose filter has trapped. Hosts 4, 7.3 (X);
        /// spec: "returning errors to clients".
        pub trap_status: u32,

        /// How the names of headers arrive, pseudo headers apart. Hosts 2.3, 7.3 (X); spec: silent.
        pub header_names: HeaderNames,
        /// What `:authority` says. Hosts 7.3 (X); ngx `ngx_proxy_wasm_maps.c`.
        pub authority: Authority,
        /// Pseudo headers of a request that can be written, with an OK, and stay as they are. Ngx
        /// `ngx_proxy_wasm_maps.c`.
        pub fixed_headers: &'static [&'static str],
        /// Pseudo headers that a request has beside those that were sent. Spec: names those that a
        /// call needs and no others.
        pub extra_headers: &'static [(&'static str, &'static str)],
        /// Headers of a request whose values arrive as one, with a comma between them, and to whose
        /// value another is added in the same way. Hosts 2.3 (X), probe `headers-inline` (X).
        pub joined_headers: &'static [&'static str],
        /// Headers of a response to whose value another is added with a comma between them. Probe
        /// `headers-inline` (X).
        pub joined_response_headers: &'static [&'static str],
        /// Whether `host` is another name of `:authority` in the map of a request. Probe
        /// `headers-write` (X).
        pub host_is_authority: bool,
        /// Headers that a request may have once: the host answers 400 by itself to a second one.
        /// Hosts 7.3 (X).
        pub single_headers: &'static [&'static str],
        /// Which of several values of a header a filter gets that asks for one. Hosts 2.3, 8.6 (S);
        /// spec: silent.
        pub header_value: Which,
        /// What asking for a header answers that is not there. Hosts 8.3 (S); spec.
        pub absent_header: Status,
        /// Whether the callbacks for headers tell that a message ends with them. Hosts 7.3 (X); ngx
        /// `ngx_http_proxy_wasm.c`.
        pub end_of_stream: EndOfStream,
        /// Whether the callbacks for headers count pseudo headers too. Hosts 8.5 (S); spec: "all
        /// `num_headers` headers"; ngx `ngx_http_wasm_headers_request.c`.
        pub pseudo_headers_count: bool,
        /// Whether the response's headers can be read and written while the request is under way.
        /// Hosts 8.5 (S); ngx `ngx_proxy_wasm_maps.c`; spec: from `proxy_on_response_headers` on.
        pub early_response_headers: bool,
        /// What a value of a map answers that is not there in this phase. Hosts 8.3 (S); ngx
        /// `ngx_proxy_wasm_host.c`; spec: "restricted to specific callbacks".
        pub absent_map_value: Denial,
        /// The same while a request is logged. Hosts 8.3 (S).
        pub absent_map_value_in_log: Denial,
        /// What all pairs of a map answer that is not there; "OK" is an empty map. Hosts 8.3 (S); ngx.
        pub absent_map_pairs: Option<Denial>,
        /// What writing to a map answers that cannot be written now. Hosts 8.3 (S); ngx: "can only
        /// set request headers before response is produced".
        pub absent_map_write: Denial,
        /// What `proxy_get_header_map_size` counts. Hosts 8.3 (S); spec: "size of all key-value pairs",
        /// `return_serialized_pairs_size`.
        pub map_size: MapSize,
        /// The most pairs that a map has for a filter; the rest is not shown, without a word. Hosts
        /// 2.3 (S); ngx `ngx_http_wasm.h`, `NGX_HTTP_WASM_MAX_REQ_HEADERS`.
        pub pairs_given: usize,
        /// The most pairs that the host reads in one list. Hosts 8.4 (S).
        pub pairs_read: usize,
        /// The most bytes that the host reads as one list of pairs. Hosts 8.4 (S).
        pub pairs_bytes: usize,
        /// What a list of pairs does that is beyond those limits, or malformed; "OK" reads it as an
        /// empty list. Hosts 2.3 (X).
        pub bad_pairs: Option<Denial>,
        /// The bytes of an empty map. Hosts 8.4 (S); spec: "either as an empty value, or as a single
        /// `0x00` byte".
        pub empty_map: &'static [u8],

        /// How the bodies of requests reach a filter. Ngx `ngx_http_proxy_wasm.c`; spec: "for each
        /// chunk".
        pub bodies: Bodies,
        /// What a buffer answers that is not there in this phase. Hosts 8.3 (S); ngx: "can only get
        /// request body during"; spec: NOT_FOUND.
        pub absent_buffer: Denial,
        /// Buffers that are there and empty where others are absent; they cannot be written then. Probe
        /// `buffers` (X): Envoy keeps one object for all of them.
        pub empty_buffers: &'static [u32],
        /// What reading a buffer from behind its end does. Hosts 8.3 (S); spec: BAD_ARGUMENT "in case
        /// of buffer overflow due to invalid `start`".
        pub over_read: OverRead,
        /// Whether reading a buffer begins where the filter says. Spec; ngx
        /// `ngx_proxy_wasm_host.c` looks at `start` and reads from the beginning.
        pub buffer_start: bool,
        /// Whether bytes in the middle of a buffer can be replaced; it is BAD_ARGUMENT otherwise.
        /// Hosts 8.3 (S); spec: "inject and replace".
        pub inner_splice: bool,
        /// When the configuration of the plugin can be read. Hosts 8.5 (S); spec: "in
        /// `proxy_on_configure`"; ngx `ngx_proxy_wasm_host.c`.
        pub configuration: Readable,

        /// The statuses that a local reply may have; others are BAD_ARGUMENT. Hosts 2.5 (X): Envoy
        /// takes any; ngx `ngx_http_wasm_local_response.c`.
        pub reply_statuses: (u32, u32),
        /// What a second reply to the same request does; "OK" is accepted and ignored. Hosts 8.5 (X);
        /// ngx: "local response already stashed".
        pub second_reply: Option<Denial>,
        /// What several headers of one name in a reply become. Hosts 2.5, 7.3 (X).
        pub repeated_reply_headers: Repeated,
        /// What line breaks in the values of a reply's headers become. Hosts 2.5, 7.3 (X); spec:
        /// silent.
        pub reply_line_breaks: LineBreaks,
        /// What is put behind the body of a reply. Ngx `ngx_http_wasm_local_response.c`.
        pub reply_ending: &'static [u8],
        /// Whether a reply to a gRPC request is made one of gRPC. Hosts 2.5 (X); ngx: no such thing.
        pub grpc_replies: bool,

        /// Which properties exist. Hosts 1.2 (X); ngx `docs/PROXY_WASM.md` (D); spec: "Well-known
        /// properties", "implementation-dependent".
        pub properties: Known,
        /// What a property is that does not exist. Hosts 2.1 (X); spec.
        pub absent_property: Absent,
        /// Properties that have others below them whatever a request has: the first two everywhere, the
        /// rest in a stream. Probe `properties` (X).
        pub parent_properties: &'static [&'static str],
        /// What the parent of properties answers. Hosts 2.1 (X); ngx
        /// `ngx_proxy_wasm_properties.c`; spec: SERIALIZATION_FAILURE.
        pub parent_property: Status,
        /// How the values of properties are encoded that are no texts. Hosts 2.1 (X), 7.3 (D).
        pub property_values: PropertyValues,
        /// How properties show an address. Hosts 2.2, 7.3 (X); spec: the port is a property of its own.
        pub addresses: Addresses,
        /// What a property of more than one part answers outside of a request; "OK" is as in one. Ngx
        /// `ngx_proxy_wasm_properties.c`: "cannot get scoped properties outside of a request".
        pub root_properties: Option<Denial>,
        /// What `xds.node.user_agent_name` says, which Envoy sets by itself; "none" if there is no such
        /// property. Probe `properties` (X).
        pub user_agent_name: Option<&'static str>,
        /// What `plugin_name` and its like answer outside of a request; "OK" is as in one. Hosts 7.3
        /// (X).
        pub root_plugin_properties: Option<Denial>,
        /// Which properties can be set. Hosts 2.6, 7.3 (X); spec: NOT_FOUND "when there was no
        /// property found".
        pub settable: Settable,

        /// Which foreign functions exist, of those that a scenario defines. Hosts 2.6 (X), (S); ngx
        /// `docs/PROXY_WASM.md` (D).
        pub foreign_functions: Known,
        /// What calling another one does. Hosts 7.3 (X); spec: NOT_FOUND.
        pub unknown_foreign_function: Denial,

        /// What defining a metric does where the settings declare no zone for metrics; "OK" needs
        /// none. Hosts 7.3 (X).
        pub metrics_without_zone: Option<Denial>,
        /// What a metric answers that was never defined. Hosts 8.3 (S); spec: NOT_FOUND; ngx: "metric
        /// not found".
        pub unknown_metric: Denial,
        /// What a metric does that is asked for what its kind has not. Hosts 8.3 (S); spec:
        /// BAD_ARGUMENT; ngx: "metric not a counter".
        pub metric_misuse: Denial,
        /// What recording a value in a counter does. Hosts 8.3 (S); spec: "Sets metric"; ngx: "metric
        /// is a counter".
        pub recorded_counter: RecordedCounter,
        /// Whether a gauge can be moved; it is misuse otherwise. Hosts 8.3 (S); spec: "Changes metric
        /// `metric_id` by the `delta`"; ngx: "metric not a counter".
        pub gauges_move: bool,

        /// What a shared key, or a queue, does whose zone the settings do not declare: of a key, what
        /// stands before its first `/`, or `*`. "OK" needs none. Hosts 7.3 (X); ngx
        /// `ngx_wa_shm_kv.c`.
        pub shared_without_zone: Option<Denial>,
        /// What a queue answers that does not exist. Hosts 8.3 (S); spec: NOT_FOUND; ngx: "could not
        /// find queue".
        pub unknown_queue: Denial,
        /// When a compare-and-swap number lets a shared value be set. Hosts 3.4 (S); spec: a non-zero
        /// one "must match"; ngx `ngx_wa_shm_kv.c`.
        pub cas: Cas,
        /// Whether somebody else changes each shared value before it is read. Hosts 3.4 (S): any
        /// module with the same `vm_id` can.
        pub shared_data_changes: bool,

        /// What a call to an upstream does that the host does not know. Hosts 3.3, 7.3 (X); spec:
        /// BAD_ARGUMENT.
        pub unknown_upstream: UnknownUpstream,
        /// What a call without `:method`, `:path` or `:authority` answers. Hosts 8.3 (S); spec; ngx
        /// `ngx_proxy_wasm_host.c`.
        pub incomplete_call: Status,
        /// What a call does elsewhere than in `proxy_on_request_headers`, `proxy_on_request_body`,
        /// `proxy_on_tick`, `proxy_on_http_call_response` and `proxy_on_foreign_function`; "OK" is as
        /// there. Hosts 3.3 (X); ngx: "can only send HTTP dispatch during".
        pub call_elsewhere: Option<Denial>,
        /// How a call ends that runs out of time, or whose service cannot be connected to. Hosts 3.3
        /// (X); spec: "If `num_headers` is `0`, then the HTTP call failed"; ngx
        /// `docs/PROXY_WASM.md` (D).
        pub failed_call: FailedCall,
        /// Whether answers are delivered that come after the call has ended, the end of its time or a
        /// second answer. Hosts 3.3 (X); no host is known that does.
        pub late_answers: bool,

        /// How time passes within a callback. Hosts 3.1 (X); spec: "frozen at the context creation",
        /// "consumers shouldn't assume that time changes during callbacks".
        pub time: Time,
        /// What asking for ticks does in the context of a request, or a second time; "OK" sets the
        /// period anew. Ngx: "can only set tick_period in root context", "tick_period already set".
        pub tick_again: Option<Denial>,
        /// The most random bytes that `random_get` gives at once; more are refused. Hosts 8.3 (S); ngx
        /// `ngx_wasi_preview1_host.c`; spec: INVAL "when the requested `buffer_size` is too large".
        pub random_most: u32,
    }
}

impl Profile {
    /// All known hosts, the usual one first.
    pub const ALL: [Self; 4] = [Self::ENVOY_1_40, Self::NGX_WASM, Self::SPEC_STRICT, Self::HOSTILE];

    /// The profile of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.name == name)
    }

    /// All fields of several profiles side by side, as a table in Markdown.
    #[must_use]
    pub fn table(profiles: &[Self]) -> String {
        table::markdown(profiles)
    }

    /// Whether the host may have a property of this name, with dots between its parts.
    #[must_use]
    pub fn has_property(&self, name: &str) -> bool {
        self.properties.allows(name)
    }

    /// What speaks against a call of this function before its arguments are looked at.
    pub(crate) fn call(&self, function: &str) -> Option<Refusal> {
        let why = || format!("{function} is not implemented");
        self.unimplemented.contains(&function).then(|| self.unimplemented_call.of(why()))
    }
}

impl Default for Profile {
    fn default() -> Self {
        Self::ENVOY_1_40
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calls::HOST_FUNCTIONS;

    #[test]
    fn a_profile_is_found_by_its_name_alone() {
        for profile in Profile::ALL {
            assert_eq!(Profile::named(profile.name), Some(profile));
        }
        assert_eq!(Profile::named("envoy"), None);
    }

    #[test]
    fn functions_that_a_profile_names_are_in_the_abi() {
        for profile in Profile::ALL {
            let retyped = profile.retyped.iter().map(|(name, _)| name);
            for name in profile.unimplemented.iter().chain(profile.missing).chain(retyped) {
                assert!(HOST_FUNCTIONS.contains(name), "{}: {name}", profile.name);
            }
        }
    }
}
