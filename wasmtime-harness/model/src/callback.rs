//! The functions that a filter exports, with their arguments.

/// A call from the proxy into the filter.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Callback {
    /// Make a context; `parent` is 0 for a root.
    ContextCreate {
        /// The new context.
        context: u32,
        /// Its root.
        parent: u32,
    },
    /// The VM starts; answers 0 for failure.
    VmStart {
        /// A root context.
        context: u32,
        /// Bytes of the VM configuration.
        size: u32,
    },
    /// The plugin is configured; answers 0 for failure.
    Configure {
        /// A root context.
        context: u32,
        /// Bytes of the plugin configuration.
        size: u32,
    },
    /// Time passed.
    Tick {
        /// A root context.
        context: u32,
    },
    /// A queue got an item.
    QueueReady {
        /// A root context.
        context: u32,
        /// The queue's token.
        queue: u32,
    },
    /// Request headers are there; answers an action.
    RequestHeaders {
        /// A stream context.
        context: u32,
        /// How many there are.
        headers: u32,
        /// Whether the request ends with them.
        end_of_stream: bool,
    },
    /// A part of the request's body is there; answers an action.
    RequestBody {
        /// A stream context.
        context: u32,
        /// Bytes of the part.
        size: u32,
        /// Whether it is the last one.
        end_of_stream: bool,
    },
    /// Response headers are there; answers an action.
    ResponseHeaders {
        /// A stream context.
        context: u32,
        /// How many there are.
        headers: u32,
        /// Whether the response ends with them.
        end_of_stream: bool,
    },
    /// An HTTP call was answered.
    HttpCallResponse {
        /// The root context of the caller.
        context: u32,
        /// The call's token.
        token: u32,
        /// How many headers; 0 when the call was reset.
        headers: u32,
        /// Bytes of the body.
        body: u32,
        /// How many trailers.
        trailers: u32,
    },
    /// The context ends; answers 0 for "not yet".
    Done {
        /// Any context.
        context: u32,
    },
    /// The request is about to be logged.
    Log {
        /// A stream context.
        context: u32,
    },
    /// The context is gone.
    Delete {
        /// Any context.
        context: u32,
    },
}

impl Callback {
    /// The name of the exported function.
    #[must_use]
    pub fn export(&self) -> &'static str {
        match self {
            Self::ContextCreate { .. } => "proxy_on_context_create",
            Self::VmStart { .. } => "proxy_on_vm_start",
            Self::Configure { .. } => "proxy_on_configure",
            Self::Tick { .. } => "proxy_on_tick",
            Self::QueueReady { .. } => "proxy_on_queue_ready",
            Self::RequestHeaders { .. } => "proxy_on_request_headers",
            Self::RequestBody { .. } => "proxy_on_request_body",
            Self::ResponseHeaders { .. } => "proxy_on_response_headers",
            Self::HttpCallResponse { .. } => "proxy_on_http_call_response",
            Self::Done { .. } => "proxy_on_done",
            Self::Log { .. } => "proxy_on_log",
            Self::Delete { .. } => "proxy_on_delete",
        }
    }

    /// The arguments as the function takes them.
    #[must_use]
    pub fn arguments(&self) -> Vec<u32> {
        match *self {
            Self::ContextCreate { context, parent } => vec![context, parent],
            Self::VmStart { context, size } | Self::Configure { context, size } => {
                vec![context, size]
            }
            Self::QueueReady { context, queue } => vec![context, queue],
            Self::RequestHeaders { context, headers, end_of_stream }
            | Self::ResponseHeaders { context, headers, end_of_stream } => {
                vec![context, headers, u32::from(end_of_stream)]
            }
            Self::RequestBody { context, size, end_of_stream } => {
                vec![context, size, u32::from(end_of_stream)]
            }
            Self::HttpCallResponse { context, token, headers, body, trailers } => {
                vec![context, token, headers, body, trailers]
            }
            Self::Tick { context }
            | Self::Done { context }
            | Self::Log { context }
            | Self::Delete { context } => vec![context],
        }
    }

    /// The context that host calls made meanwhile speak for.
    #[must_use]
    pub fn context(&self) -> u32 {
        match *self {
            Self::ContextCreate { context, .. }
            | Self::VmStart { context, .. }
            | Self::Configure { context, .. }
            | Self::Tick { context }
            | Self::QueueReady { context, .. }
            | Self::RequestHeaders { context, .. }
            | Self::RequestBody { context, .. }
            | Self::ResponseHeaders { context, .. }
            | Self::HttpCallResponse { context, .. }
            | Self::Done { context }
            | Self::Log { context }
            | Self::Delete { context } => context,
        }
    }
}
