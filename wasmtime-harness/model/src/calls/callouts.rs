//! Calls to other services.

use crate::{
    arguments::Pairs,
    callouts::{CallKind, GrpcCall, HttpCall},
    grpc_service::{self, Target},
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
                let known = model.knows_cluster(cluster);
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
                    context: model.context_id(),
                    cluster: cluster.to_owned(),
                    headers,
                    body: body.to_vec(),
                    trailers,
                    timeout,
                    deadline: model.clock.after_millis(timeout),
                };
                let token = call.token;
                if !model.profile.effective_context {
                    model.callouts.callers.insert(token, call.context);
                }
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
    /// `upstream` is the name of a cluster or a serialised `GrpcService`; `timeout` is in
    /// milliseconds, 0 for none.
    ///
    /// # Errors
    ///
    /// `PARSE_FAILURE` when the upstream is neither, `BAD_ARGUMENT` for a `GrpcService` without a
    /// target (which ends Envoy's process), `INTERNAL_FAILURE` for one with an unknown cluster.
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
            |model| {
                model.find_grpc_upstream(upstream)?;
                let mut call =
                    model.new_grpc(CallKind::Grpc, [upstream, service, method], metadata)?;
                call.messages.push(message.to_vec());
                call.closed = true;
                call.deadline = model.clock.after_millis(timeout);
                let token = call.token;
                model.callouts.send_grpc(call, model.clock.monotonic());
                Ok(token)
            },
        )
    }

    /// Opens a gRPC stream and gives its token; see [`Model::grpc_call`].
    ///
    /// # Errors
    ///
    /// `PARSE_FAILURE`, `BAD_ARGUMENT` and `INTERNAL_FAILURE` as for a call.
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
            |model| {
                model.find_grpc_upstream(upstream)?;
                let names = [upstream, service, method];
                let stream = model.new_grpc(CallKind::GrpcStream, names, metadata)?;
                let token = stream.token;
                model.callouts.send_grpc(stream, model.clock.monotonic());
                Ok(token)
            },
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
            if grpc_kind(token)? != CallKind::GrpcStream {
                return Err(Status::BAD_ARGUMENT);
            }
            let call = model.open_grpc(token)?;
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
            grpc_kind(token)?;
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
            let kind = grpc_kind(token)?;
            let call = model.open_grpc(token)?;
            call.closed = true;
            if call.remote_closed || kind == CallKind::Grpc {
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

    /// Whether there is such a cluster.
    fn knows_cluster(&self, name: &str) -> bool {
        self.settings.clusters.contains(name) || self.callouts.services.contains_key(name)
    }

    /// Envoy `Context::grpcCall`: a message, or else the name of a cluster.
    fn find_grpc_upstream(&self, upstream: &[u8]) -> Result<(), Status> {
        let known = |name| str::from_utf8(name).is_ok_and(|name| self.knows_cluster(name));
        match grpc_service::target(upstream) {
            Some(Target::Cluster(name)) if known(name) => Ok(()),
            Some(Target::Cluster(_)) => Err(Status::INTERNAL_FAILURE),
            Some(Target::Address) => Ok(()),
            Some(Target::Nothing) => Err(Status::BAD_ARGUMENT),
            None if known(upstream) => Ok(()),
            None => Err(Status::PARSE_FAILURE),
        }
    }

    /// The gRPC call or stream that this context's root opened.
    fn open_grpc(&mut self, token: u32) -> Result<&mut GrpcCall, Status> {
        let root = self.root_id();
        let call = self.callouts.open_grpc(token).filter(|call| call.root == root);
        call.ok_or(Status::NOT_FOUND)
    }

    /// A gRPC call or stream of this context's root on which nothing has been said.
    fn new_grpc(
        &mut self,
        kind: CallKind,
        names: [&[u8]; 3],
        metadata: &[u8],
    ) -> Result<GrpcCall, Refusal> {
        let [upstream, service, method] = names.map(<[u8]>::to_vec);
        let metadata = self.profile.read_pairs(metadata)?;
        Ok(GrpcCall {
            token: self.callouts.token(kind),
            root: self.root_id(),
            upstream,
            service,
            method,
            metadata,
            messages: Vec::new(),
            deadline: None,
            closed: false,
            remote_closed: false,
        })
    }
}

/// The kind of gRPC call that a token may be of.
fn grpc_kind(token: u32) -> Result<CallKind, Status> {
    let kind = CallKind::of(token).filter(|kind| *kind != CallKind::Http);
    kind.ok_or(Status::BAD_ARGUMENT)
}
