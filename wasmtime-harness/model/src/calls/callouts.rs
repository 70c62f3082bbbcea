//! Calls to other services.

use crate::{
    arguments::Pairs,
    callouts::{CallKind, GrpcCall, HttpCall},
    model::Model,
    profile::UnknownUpstream,
    status::{Refusal, Status},
};

impl Model {
    /// Sends an HTTP request to a cluster and gives the token that the answer will carry.
    ///
    /// `timeout` is in milliseconds, 0 for none.
    ///
    /// # Errors
    ///
    /// `BAD_ARGUMENT` for an unknown cluster, a missing `:method`, `:path` or `:authority`, or a
    /// timeout beyond 31 bits; what the profile says in their place, or to a call in this callback.
    pub fn http_call(
        &mut self,
        cluster: &[u8],
        headers: &[u8],
        body: &[u8],
        trailers: &[u8],
        timeout: u32,
    ) -> Result<u32, Refusal> {
        self.denied_call(
            "proxy_http_call",
            &[&cluster, &Pairs(headers), &body, &Pairs(trailers), &timeout],
            |model| {
                if let Some(denial) = model.profile.call_elsewhere.filter(|_| !model.calls_out) {
                    return Err(denial.of("a call to a service in this callback"));
                }
                let cluster = str::from_utf8(cluster).map_err(|_| Status::BAD_ARGUMENT)?;
                let headers = model.profile.read_pairs(headers)?;
                let trailers = model.profile.read_pairs(trailers)?;
                let complete =
                    [":method", ":path", ":authority"].iter().all(|name| headers.has(name));
                let known = model.settings.clusters.contains(cluster)
                    || model.callouts.services.contains_key(cluster);
                let refused = model.profile.unknown_upstream == UnknownUpstream::BadArgument;
                if (!known && refused) || i32::try_from(timeout).is_err() {
                    return Err(Status::BAD_ARGUMENT.into());
                }
                if !complete {
                    return Err(model.profile.incomplete_call.into());
                }
                let call = HttpCall {
                    token: model.callouts.token(CallKind::Http),
                    root: model.root_id(),
                    cluster: cluster.to_owned(),
                    headers,
                    body: body.to_vec(),
                    trailers,
                    timeout,
                    deadline: model.clock.after_millis(timeout),
                };
                let token = call.token;
                let now = model.clock.monotonic();
                if known {
                    model.callouts.send(call, now);
                } else {
                    model.callouts.send_nowhere(call, now);
                }
                Ok(token)
            },
        )
    }

    /// Sends a gRPC request and gives the token that the answer will carry.
    ///
    /// `timeout` is in milliseconds, 0 for none.
    ///
    /// # Errors
    ///
    /// None of its own.
    pub fn grpc_call(
        &mut self,
        upstream: &[u8],
        service: &[u8],
        method: &[u8],
        metadata: &[u8],
        message: &[u8],
        timeout: u32,
    ) -> Result<u32, Refusal> {
        self.denied_call(
            "proxy_grpc_call",
            &[&upstream, &service, &method, &Pairs(metadata), &message, &timeout],
            |model| model.add_grpc([upstream, service, method], metadata, Some(message)),
        )
    }

    /// Opens a gRPC stream and gives its token.
    ///
    /// # Errors
    ///
    /// None of its own.
    pub fn grpc_stream(
        &mut self,
        upstream: &[u8],
        service: &[u8],
        method: &[u8],
        metadata: &[u8],
    ) -> Result<u32, Refusal> {
        self.denied_call(
            "proxy_grpc_stream",
            &[&upstream, &service, &method, &Pairs(metadata)],
            |model| model.add_grpc([upstream, service, method], metadata, None),
        )
    }

    /// Sends a message on a gRPC stream.
    ///
    /// # Errors
    ///
    /// `BAD_ARGUMENT` for a token that is not one of a stream; `NOT_FOUND` for a stream that is not
    /// open.
    pub fn grpc_send(&mut self, token: u32, message: &[u8], end: bool) -> Result<(), Refusal> {
        self.host_call("proxy_grpc_send", &[&token, &message, &end], |model| {
            if CallKind::of(token) != Some(CallKind::GrpcStream) {
                return Err(Status::BAD_ARGUMENT);
            }
            let call = model.callouts.open_grpc(token).ok_or(Status::NOT_FOUND)?;
            call.messages.push(message.to_vec());
            call.closed |= end;
            Ok(())
        })
    }

    /// Drops a gRPC call or stream.
    ///
    /// # Errors
    ///
    /// `BAD_ARGUMENT` for a token of neither; `NOT_FOUND` when it is not open.
    pub fn grpc_cancel(&mut self, token: u32) -> Result<(), Refusal> {
        self.host_call("proxy_grpc_cancel", &[&token], |model| {
            model.open_grpc(token)?;
            model.callouts.drop_grpc(token);
            Ok(())
        })
    }

    /// Drops a gRPC call, or closes the filter's side of a stream, which is over when the other side
    /// is closed too.
    ///
    /// # Errors
    ///
    /// `BAD_ARGUMENT` for a token of neither; `NOT_FOUND` when it is not open.
    pub fn grpc_close(&mut self, token: u32) -> Result<(), Refusal> {
        self.host_call("proxy_grpc_close", &[&token], |model| {
            let call = model.open_grpc(token)?;
            call.closed = true;
            if call.remote_closed || CallKind::of(token) == Some(CallKind::Grpc) {
                model.callouts.drop_grpc(token);
            }
            Ok(())
        })
    }

    /// How the last call ended: a number and a message.
    ///
    /// # Errors
    ///
    /// None of its own.
    pub fn get_status(&mut self) -> Result<(u32, Vec<u8>), Refusal> {
        self.host_call("proxy_get_status", &[], |model| Ok(model.callouts.status.clone()))
    }

    /// The gRPC call or stream that this context's root opened.
    fn open_grpc(&mut self, token: u32) -> Result<&mut GrpcCall, Status> {
        if !matches!(CallKind::of(token), Some(CallKind::Grpc | CallKind::GrpcStream)) {
            return Err(Status::BAD_ARGUMENT);
        }
        self.callouts.open_grpc(token).ok_or(Status::NOT_FOUND)
    }

    fn add_grpc(
        &mut self,
        names: [&[u8]; 3],
        metadata: &[u8],
        message: Option<&[u8]>,
    ) -> Result<u32, Refusal> {
        let [upstream, service, method] = names.map(<[u8]>::to_vec);
        let kind = if message.is_some() { CallKind::Grpc } else { CallKind::GrpcStream };
        let call = GrpcCall {
            token: self.callouts.token(kind),
            root: self.root_id(),
            upstream,
            service,
            method,
            metadata: self.profile.read_pairs(metadata)?,
            messages: message.map(<[u8]>::to_vec).into_iter().collect(),
            closed: message.is_some(),
            remote_closed: false,
        };
        let token = call.token;
        self.callouts.grpc.push(call);
        Ok(token)
    }
}
