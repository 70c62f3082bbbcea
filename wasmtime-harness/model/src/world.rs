//! What all VMs of one proxy see.

use std::{collections::BTreeMap, mem};

use crate::{
    clock::Clock,
    metrics::Metrics,
    model::Model,
    services::{GrpcService, Service},
    shared::Shared,
};

/// What all VMs of one proxy see, whichever of them runs.
///
/// There are no threads and so no locks: the VM that runs has the world in its model.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct World {
    /// Time.
    pub clock: Clock,
    /// Shared data and queues, kept apart by VM id.
    pub shared: Shared,
    /// The values of metrics.
    pub metrics: Metrics,
    /// What answers HTTP calls, by cluster: a service counts the calls of all VMs.
    pub services: BTreeMap<String, Service>,
    /// What answers gRPC calls and streams, as `package.Service/Method`.
    pub grpc_services: BTreeMap<String, GrpcService>,
    /// What a [`Recorder`](crate::Recorder) wrote down so far, in order of events.
    pub record: String,
}

impl World {
    /// Exchanges the world with the one in a VM's model.
    pub(crate) fn swap(&mut self, model: &mut Model) {
        mem::swap(&mut self.clock, &mut model.clock);
        mem::swap(&mut self.shared, &mut model.shared);
        self.metrics.swap_values(&mut model.metrics);
        mem::swap(&mut self.services, &mut model.callouts.services);
        mem::swap(&mut self.grpc_services, &mut model.callouts.grpc_services);
        mem::swap(&mut self.record, &mut model.record);
    }
}
