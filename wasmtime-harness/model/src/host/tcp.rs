//! TCP connections: what the filter is shown of them and when.

use crate::{
    callback::Callback,
    connection::{Connection, Pipe},
    outcome::ConnectionOutcome,
};

use super::{Guest, Host};

/// A TCP connection that the filter has seen and that has not ended; see
/// [`Host::open_connection`].
#[derive(Debug, Eq, PartialEq)]
#[must_use = "a connection ends by Host::finish_connection only"]
pub struct OpenConnection(u32);

impl OpenConnection {
    /// The connection's context id.
    #[must_use]
    pub fn context(&self) -> u32 {
        self.0
    }
}

/// Who closed a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Peer {
    /// Nobody knows.
    Unknown,
    /// The proxy.
    Local,
    /// The other side.
    Remote,
}

impl Peer {
    /// The number of it in the ABI.
    #[must_use]
    pub fn number(self) -> u32 {
        match self {
            Self::Unknown => 0,
            Self::Local => 1,
            Self::Remote => 2,
        }
    }
}

impl<G: Guest> Host<G> {
    /// Shows the filter a new TCP connection.
    pub fn open_connection(&mut self) -> OpenConnection {
        let parent = self.root.unwrap_or_default();
        let context = self.guest.model(|model| model.add_connection(parent));
        self.call(Callback::ContextCreate { context, parent });
        let action = self.call(Callback::NewConnection { context }).map(Option::unwrap_or_default);
        self.connection(context, |connection| connection.action = action);
        self.settle();
        OpenConnection(context)
    }

    /// Brings bytes from the client, and gives the filter's answer: 0 lets them go on, anything else
    /// leaves them waiting, to be shown again with those that come next.
    ///
    /// There is no answer (`None`) when the connection is closed or the filter has trapped.
    pub fn downstream_data(
        &mut self,
        connection: &OpenConnection,
        bytes: &[u8],
        end_of_stream: bool,
    ) -> Option<u32> {
        self.data(connection.0, Source::Client, bytes, end_of_stream)
    }

    /// Brings bytes from the upstream, as [`Host::downstream_data`].
    ///
    /// Envoy closes the upstream's side with the end of its stream.
    pub fn upstream_data(
        &mut self,
        connection: &OpenConnection,
        bytes: &[u8],
        end_of_stream: bool,
    ) -> Option<u32> {
        let answer = self.data(connection.0, Source::Upstream, bytes, end_of_stream);
        if end_of_stream {
            self.upstream_close(connection, Peer::Unknown);
        }
        answer
    }

    /// The client's side is closed; for Envoy's filter that is the end of the connection.
    pub fn downstream_close(&mut self, connection: &OpenConnection, peer: Peer) {
        self.close(connection.0, peer);
    }

    /// The upstream's side is closed.
    pub fn upstream_close(&mut self, connection: &OpenConnection, peer: Peer) {
        let context = connection.0;
        let open = self.connection(context, |connection| {
            !std::mem::replace(&mut connection.closed.upstream, true) && !connection.closed.told
        });
        if open == Some(true) {
            self.call(Callback::UpstreamClose { context, peer: peer.number() });
            self.settle();
        }
    }

    /// Takes a connection to its end: if it is open yet, the client goes away.
    pub fn finish_connection(&mut self, connection: OpenConnection) -> ConnectionOutcome {
        self.close(connection.0, Peer::Remote);
        let trap = self.trap.clone();
        let outcome = self.guest.model(|model| {
            let connection = model.take_connection(connection.0);
            let mut outcome = ConnectionOutcome {
                logs: model.take_logs(),
                trace: model.take_trace(),
                trap,
                ..ConnectionOutcome::default()
            };
            if let Some(connection) = connection {
                outcome.action = connection.action;
                outcome.to_upstream = connection.downstream.sent;
                outcome.to_downstream = connection.upstream.sent;
                outcome.held = connection.downstream.waiting;
                outcome.closed_by_filter = connection.closed.by_filter;
                outcome.failed = connection.failed;
                outcome.published = connection.known.published;
            }
            outcome
        });
        self.end_retired_roots();
        outcome
    }

    /// The filter closed a connection.
    pub(super) fn close_by_filter(&mut self, context: u32) {
        self.connection(context, |connection| {
            connection.closed.by_filter |= !connection.closed.downstream;
        });
        self.close(context, Peer::Local);
    }

    /// Lets the client's bytes that wait go on.
    pub(super) fn read_on(&mut self, context: u32) {
        self.connection(context, |connection| connection.downstream.pass());
    }

    fn data(&mut self, context: u32, from: Source, bytes: &[u8], end: bool) -> Option<u32> {
        let size = self.connection(context, |connection| {
            let open = !connection.closed.downstream;
            open.then(|| from.pipe(connection).offer(bytes))
        })??;
        let size = u32::try_from(size).unwrap_or(u32::MAX);
        let callback = match from {
            Source::Client => Callback::DownstreamData { context, size, end_of_stream: end },
            Source::Upstream => Callback::UpstreamData { context, size, end_of_stream: end },
        };
        let answer = self.call(callback).map(Option::unwrap_or_default);
        self.connection(context, |connection| {
            // A connection that is being closed passes nothing on.
            if answer == Some(0) && !connection.close {
                from.pipe(connection).pass();
            }
        });
        self.settle();
        answer
    }

    /// Envoy `Context::onDownstreamConnectionClose`: done, log, delete follow at once, in this order.
    fn close(&mut self, context: u32, peer: Peer) {
        let open = self.connection(context, |connection| {
            !std::mem::replace(&mut connection.closed.downstream, true)
        });
        if open != Some(true) {
            return;
        }
        self.call(Callback::DownstreamClose { context, peer: peer.number() });
        self.connection(context, |connection| connection.closed.told = true);
        self.call(Callback::Done { context });
        self.call(Callback::Log { context });
        self.call(Callback::Delete { context });
        self.settle();
    }

    fn connection<R>(
        &mut self,
        context: u32,
        visit: impl FnOnce(&mut Connection) -> R,
    ) -> Option<R> {
        self.guest.model(|model| model.connection_mut(context).map(visit))
    }
}

/// Where bytes come from.
#[derive(Clone, Copy)]
enum Source {
    Client,
    Upstream,
}

impl Source {
    fn pipe(self, connection: &mut Connection) -> &mut Pipe {
        match self {
            Self::Client => &mut connection.downstream,
            Self::Upstream => &mut connection.upstream,
        }
    }
}
