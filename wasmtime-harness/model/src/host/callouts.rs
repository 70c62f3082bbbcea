//! Answers to the calls that a filter made.

use crate::{
    callback::Callback,
    callouts::{Answer, Arriving},
    headers::Headers,
    profile::FailedCall,
    services::{Answered, GrpcEvent},
    status::Status,
};

use super::{Guest, Host, count, size};

impl<G: Guest> Host<G> {
    /// Delivers the answer to an HTTP call; without headers the call counts as reset.
    ///
    /// Streams that the filter resumes or answers meanwhile are settled. A token that waits for no
    /// answer changes nothing.
    pub fn answer(&mut self, token: u32, headers: Headers, body: &[u8], trailers: Option<Headers>) {
        let Some(call) = self.guest.model(|model| model.callouts.end(token)) else {
            return;
        };
        self.deliver(call.root, token, headers, body, trailers);
    }

    /// Delivers the metadata that begins the answer to a gRPC call or stream; see
    /// [`Host::grpc_close`] for how one ends.
    ///
    /// A token that is not open changes nothing, here and below.
    pub fn grpc_initial_metadata(&mut self, token: u32, metadata: Headers) {
        let Some(context) = self.grpc_root(token) else {
            return;
        };
        let elements = count(&metadata);
        self.guest.model(|model| model.callouts.grpc_initial = Some(model.incoming(metadata)));
        self.call(Callback::GrpcInitialMetadata { context, token, elements });
        self.guest.model(|model| model.callouts.grpc_initial = None);
        self.settle();
    }

    /// Delivers a message to a gRPC call, which ends with it, or to a stream.
    pub fn grpc_message(&mut self, token: u32, message: &[u8]) {
        let Some(context) = self.grpc_root(token) else {
            return;
        };
        self.guest.model(|model| model.callouts.grpc_message = Some(message.to_vec()));
        self.call(Callback::GrpcMessage { context, token, size: size(message) });
        self.guest.model(|model| {
            model.callouts.grpc_message = None;
            model.callouts.grpc_answered(token);
        });
        self.settle();
    }

    /// Delivers the metadata that ends the answer to a gRPC call or stream.
    pub fn grpc_trailing_metadata(&mut self, token: u32, metadata: Headers) {
        let Some(context) = self.grpc_root(token) else {
            return;
        };
        let elements = count(&metadata);
        self.guest.model(|model| model.callouts.grpc_trailing = Some(model.incoming(metadata)));
        self.call(Callback::GrpcTrailingMetadata { context, token, elements });
        self.guest.model(|model| model.callouts.grpc_trailing = None);
        self.settle();
    }

    /// The other side closes a gRPC call or stream; the filter can ask for the status and message
    /// meanwhile.
    ///
    /// A call is over then. A stream is over when the filter has closed its side too.
    pub fn grpc_close(&mut self, token: u32, status: u32, message: &str) {
        let Some(context) = self.grpc_root(token) else {
            return;
        };
        let message = message.as_bytes().to_vec();
        self.guest.model(|model| model.callouts.status = (status, message));
        self.call(Callback::GrpcClose { context, token, status });
        self.guest.model(|model| {
            // Envoy forgets the message and keeps the number.
            model.callouts.status.1.clear();
            model.callouts.grpc_closed(token);
        });
        self.settle();
    }

    /// A foreign function of the proxy calls back with its number and arguments.
    ///
    /// Envoy has none that does so; hosts built on proxy-wasm-cpp-host may.
    pub fn foreign_callback(&mut self, context: u32, function: u32, arguments: &[u8]) {
        self.guest.model(|model| model.call_data = arguments.to_vec());
        self.call(Callback::ForeignFunction { context, function, size: size(arguments) });
        self.guest.model(|model| model.call_data = Vec::new());
        self.settle();
    }

    pub(super) fn arrive(&mut self, root: u32, token: u32, what: Arriving) {
        let no_headers =
            self.guest.model(|model| model.profile.failed_call) == FailedCall::NoHeaders;
        match what {
            Arriving::Http(answered) if no_headers && answered.is_failure() => {
                self.deliver(root, token, Headers::default(), b"", None);
            }
            Arriving::Http(Answered::Response { headers, body, trailers }) => {
                self.deliver(root, token, headers, &body, trailers);
            }
            Arriving::Http(Answered::Reset) => {
                self.deliver(root, token, Headers::default(), b"", None);
            }
            Arriving::Grpc(event) => self.grpc_event(token, event),
        }
    }

    pub(super) fn grpc_event(&mut self, token: u32, event: GrpcEvent) {
        match event {
            GrpcEvent::InitialMetadata(metadata) => self.grpc_initial_metadata(token, metadata),
            GrpcEvent::Message(message) => self.grpc_message(token, &message),
            GrpcEvent::TrailingMetadata(metadata) => self.grpc_trailing_metadata(token, metadata),
            GrpcEvent::Close { status, message } => self.grpc_close(token, status, &message),
        }
    }

    /// Hands an answer to the filter and settles what it makes of it.
    fn deliver(
        &mut self,
        root: u32,
        token: u32,
        headers: Headers,
        body: &[u8],
        trailers: Option<Headers>,
    ) {
        let callback = Callback::HttpCallResponse {
            context: root,
            token,
            headers: count(&headers),
            body: size(body),
            trailers: trailers.as_ref().map_or(0, count),
        };
        self.guest.model(|model| {
            if headers.is_empty() {
                model.callouts.status = (Status::BROKEN_CONNECTION.0, b"reset".to_vec());
            } else {
                let headers = model.incoming(headers);
                let trailers = trailers.map(|trailers| model.incoming(trailers));
                model.callouts.answer = Some(Answer { headers, body: body.to_vec(), trailers });
            }
        });
        self.call(callback);
        self.guest.model(|model| {
            model.callouts.answer = None;
            // Envoy forgets the message and keeps the number.
            model.callouts.status.1.clear();
        });
        self.settle();
    }

    fn grpc_root(&mut self, token: u32) -> Option<u32> {
        self.guest.model(|model| {
            let call = model.callouts.open_grpc(token)?;
            (!call.remote_closed).then_some(call.root)
        })
    }
}
