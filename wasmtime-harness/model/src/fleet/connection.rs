//! TCP connections on the workers of a fleet.

use super::{Fleet, Spawn};
use crate::{
    host::{OpenConnection, Peer},
    outcome::ConnectionOutcome,
};

/// A TCP connection that a worker has taken and that has not ended; see
/// [`Fleet::open_connection`].
#[derive(Debug, Eq, PartialEq)]
#[must_use = "a connection ends by Fleet::finish_connection only"]
pub struct FleetConnection {
    worker: usize,
    /// Which of the worker's VMs has it; `None` if the filter does not see it.
    generation: Option<u64>,
    open: OpenConnection,
}

impl<S: Spawn> Fleet<S> {
    /// Shows the filter a new TCP connection, or nobody if the worker's VM has ended: where a
    /// request would be answered with an error, a connection is closed.
    pub fn open_connection(&mut self, worker: usize) -> FleetConnection {
        let (generation, open) = match self.admitted(worker) {
            Ok((generation, host)) => (Some(generation), host.open_connection()),
            Err(standin) => (None, standin.open_connection()),
        };
        FleetConnection { worker, generation, open }
    }

    /// Brings bytes from the client; see [`Host::downstream_data`](crate::Host::downstream_data).
    pub fn downstream_data(
        &mut self,
        connection: &FleetConnection,
        bytes: &[u8],
        end: bool,
    ) -> Option<u32> {
        on_its_host!(self, connection, |host| host.downstream_data(&connection.open, bytes, end))
    }

    /// Brings bytes from the upstream; see [`Host::upstream_data`](crate::Host::upstream_data).
    pub fn upstream_data(
        &mut self,
        connection: &FleetConnection,
        bytes: &[u8],
        end: bool,
    ) -> Option<u32> {
        on_its_host!(self, connection, |host| host.upstream_data(&connection.open, bytes, end))
    }

    /// The client's side is closed.
    pub fn downstream_close(&mut self, connection: &FleetConnection, peer: Peer) {
        on_its_host!(self, connection, |host| host.downstream_close(&connection.open, peer));
    }

    /// The upstream's side is closed.
    pub fn upstream_close(&mut self, connection: &FleetConnection, peer: Peer) {
        on_its_host!(self, connection, |host| host.upstream_close(&connection.open, peer));
    }

    /// Takes a connection to its end: if it is open yet, the client goes away.
    pub fn finish_connection(&mut self, connection: FleetConnection) -> ConnectionOutcome {
        let FleetConnection { worker, generation, open } = connection;
        let outcome = match self.host_of(worker, generation) {
            Some(host) => host.finish_connection(open),
            None => self.standin.finish_connection(open),
        };
        self.prune(worker);
        outcome
    }
}
