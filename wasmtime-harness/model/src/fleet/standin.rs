//! What takes the filter's place in streams that it does not see.

use crate::{
    callback::Callback,
    headers::Headers,
    host::Guest,
    model::Model,
    outcome::{Reply, Trap},
};

/// A filter that is not there: it does to every stream what the proxy does without the filter.
#[derive(Debug)]
pub(super) struct Standin {
    model: Model,
    pub(super) way: Way,
}

/// What the proxy does with a stream that the filter does not see.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Way {
    /// It passes it on.
    Pass,
    /// It answers with an error, or closes the connection.
    Fail,
    /// It is not there: nobody accepts the connection.
    Gone,
}

impl Standin {
    pub(super) fn new(model: Model) -> Self {
        Self { model, way: Way::Pass }
    }
}

impl Guest for Standin {
    fn model<R>(&mut self, visit: impl FnOnce(&mut Model) -> R) -> R {
        visit(&mut self.model)
    }

    fn call(&mut self, callback: Callback) -> Result<Option<u32>, Trap> {
        let failure = failure(self.model.profile.trap_status);
        match callback {
            Callback::RequestHeaders { context, .. } => {
                if let Some(stream) = self.model.stream_mut(context) {
                    match self.way {
                        Way::Pass => {}
                        Way::Fail => stream.wishes.reply = Some(failure),
                        Way::Gone => stream.wishes.reset = true,
                    }
                }
            }
            Callback::NewConnection { context } if self.way != Way::Pass => {
                if let Some(connection) = self.model.connection_mut(context) {
                    connection.fail();
                }
            }
            _ => {}
        }
        Ok(None)
    }
}

/// The reply to a stream whose VM has ended (Envoy `Context::failStream`).
pub(super) fn failure(status: u32) -> Reply {
    Reply {
        status,
        headers: Headers::default(),
        body: Vec::new(),
        grpc_status: Some(14),
        details: b"wasm_fail_stream".to_vec(),
    }
}
