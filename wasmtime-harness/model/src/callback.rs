//! The functions that a filter exports, with their arguments.

/// Makes the enum and, from the same lines, what a binding needs to know of each function.
macro_rules! callbacks {
    (
        $(
            $(#[$about:meta])*
            $export:ident => $name:ident {
                $(
                    $(#[$about_argument:meta])*
                    $argument:ident: $kind:ty,
                )*
            }
        )*
    ) => {
        /// A call from the proxy into the filter.
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub enum Callback {
            $(
                $(#[$about])*
                $name {
                    $(
                        $(#[$about_argument])*
                        $argument: $kind,
                    )*
                },
            )*
        }

        impl Callback {
            /// The names of all exported functions that a proxy may call.
            pub const EXPORTS: &'static [&'static str] = &[$(stringify!($export)),*];

            /// The name of the exported function.
            #[must_use]
            pub fn export(&self) -> &'static str {
                match self {
                    $(Self::$name { .. } => stringify!($export),)*
                }
            }

            /// The arguments as the function takes them.
            #[must_use]
            pub fn arguments(&self) -> Vec<u32> {
                match *self {
                    $(Self::$name { $($argument),* } => vec![$(u32::from($argument)),*],)*
                }
            }

            /// Whether every host lets a filter call other services meanwhile.
    pub(crate) fn may_call_out(&self) -> bool {
        matches!(
            self,
            Self::RequestHeaders { .. }
                | Self::RequestBody { .. }
                | Self::Tick { .. }
                | Self::HttpCallResponse { .. }
                | Self::ForeignFunction { .. }
        )
    }

    /// The context that host calls made meanwhile speak for.
            #[must_use]
            pub fn context(&self) -> u32 {
                match *self {
                    $(Self::$name { context, .. } => context,)*
                }
            }
        }
    };
}

callbacks! {
    /// Make a context; `parent` is 0 for a root.
    proxy_on_context_create => ContextCreate {
        /// The new context.
        context: u32,
        /// Its root.
        parent: u32,
    }
    /// The VM starts; answers 0 for failure.
    proxy_on_vm_start => VmStart {
        /// A root context.
        context: u32,
        /// Bytes of the VM configuration.
        size: u32,
    }
    /// The plugin is configured; answers 0 for failure.
    proxy_on_configure => Configure {
        /// A root context.
        context: u32,
        /// Bytes of the plugin configuration.
        size: u32,
    }
    /// Time passed.
    proxy_on_tick => Tick {
        /// A root context.
        context: u32,
    }
    /// A queue got an item.
    proxy_on_queue_ready => QueueReady {
        /// A root context.
        context: u32,
        /// The queue's token.
        queue: u32,
    }
    /// A foreign function of the proxy calls back.
    proxy_on_foreign_function => ForeignFunction {
        /// Any context.
        context: u32,
        /// The function's number.
        function: u32,
        /// Bytes of its arguments, in the buffer of call data.
        size: u32,
    }
    /// A TCP connection is there; answers an action.
    proxy_on_new_connection => NewConnection {
        /// A connection's context.
        context: u32,
    }
    /// Bytes came from the client; answers an action.
    proxy_on_downstream_data => DownstreamData {
        /// A connection's context.
        context: u32,
        /// Bytes that wait, those that the filter held back before included.
        size: u32,
        /// Whether the client sends no more.
        end_of_stream: bool,
    }
    /// The client's connection is closed.
    proxy_on_downstream_connection_close => DownstreamClose {
        /// A connection's context.
        context: u32,
        /// Who closed it: 0 unknown, 1 the proxy, 2 the client.
        peer: u32,
    }
    /// Bytes came from the upstream; answers an action.
    proxy_on_upstream_data => UpstreamData {
        /// A connection's context.
        context: u32,
        /// Bytes that wait, those that the filter held back before included.
        size: u32,
        /// Whether the upstream sends no more.
        end_of_stream: bool,
    }
    /// The upstream's connection is closed.
    proxy_on_upstream_connection_close => UpstreamClose {
        /// A connection's context.
        context: u32,
        /// Who closed it: 0 unknown, 1 the proxy, 2 the upstream.
        peer: u32,
    }
    /// Request headers are there; answers an action.
    proxy_on_request_headers => RequestHeaders {
        /// A stream context.
        context: u32,
        /// How many there are.
        headers: u32,
        /// Whether the request ends with them.
        end_of_stream: bool,
    }
    /// A part of the request's body is there; answers an action.
    proxy_on_request_body => RequestBody {
        /// A stream context.
        context: u32,
        /// Bytes that the filter may read: of the part, or of all so far if it keeps them.
        size: u32,
        /// Whether it is the last one.
        end_of_stream: bool,
    }
    /// Request trailers are there; answers an action.
    proxy_on_request_trailers => RequestTrailers {
        /// A stream context.
        context: u32,
        /// How many there are.
        trailers: u32,
    }
    /// A frame of HTTP/2 metadata came with the request; whatever it answers, the request goes on.
    proxy_on_request_metadata => RequestMetadata {
        /// A stream context.
        context: u32,
        /// How many pairs it has.
        elements: u32,
    }
    /// Response headers are there; answers an action.
    proxy_on_response_headers => ResponseHeaders {
        /// A stream context.
        context: u32,
        /// How many there are.
        headers: u32,
        /// Whether the response ends with them.
        end_of_stream: bool,
    }
    /// A part of the response's body is there; answers an action.
    proxy_on_response_body => ResponseBody {
        /// A stream context.
        context: u32,
        /// Bytes that the filter may read: of the part, or of all so far if it keeps them.
        size: u32,
        /// Whether it is the last one.
        end_of_stream: bool,
    }
    /// Response trailers are there; answers an action.
    proxy_on_response_trailers => ResponseTrailers {
        /// A stream context.
        context: u32,
        /// How many there are.
        trailers: u32,
    }
    /// A frame of HTTP/2 metadata came with the response; whatever it answers, the response goes on.
    proxy_on_response_metadata => ResponseMetadata {
        /// A stream context.
        context: u32,
        /// How many pairs it has.
        elements: u32,
    }
    /// An HTTP call was answered.
    proxy_on_http_call_response => HttpCallResponse {
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
    }
    /// The metadata that begins an answer to a gRPC call or stream.
    proxy_on_grpc_receive_initial_metadata => GrpcInitialMetadata {
        /// The root context of the caller.
        context: u32,
        /// The token of the call or stream.
        token: u32,
        /// How many pairs it has.
        elements: u32,
    }
    /// A gRPC call or stream was sent a message.
    proxy_on_grpc_receive => GrpcMessage {
        /// The root context of the caller.
        context: u32,
        /// The token of the call or stream.
        token: u32,
        /// Bytes of the message.
        size: u32,
    }
    /// The metadata that ends an answer to a gRPC call or stream.
    proxy_on_grpc_receive_trailing_metadata => GrpcTrailingMetadata {
        /// The root context of the caller.
        context: u32,
        /// The token of the call or stream.
        token: u32,
        /// How many pairs it has.
        elements: u32,
    }
    /// A gRPC call or stream was closed by the other side.
    proxy_on_grpc_close => GrpcClose {
        /// The root context of the caller.
        context: u32,
        /// The token of the call or stream.
        token: u32,
        /// The gRPC status.
        status: u32,
    }
    /// The context ends; answers 0 for "not yet".
    proxy_on_done => Done {
        /// Any context.
        context: u32,
    }
    /// The request is about to be logged.
    proxy_on_log => Log {
        /// A stream context.
        context: u32,
    }
    /// The context is gone.
    proxy_on_delete => Delete {
        /// Any context.
        context: u32,
    }
}
