//! Streams on the workers of a fleet.

use super::{Fleet, Spawn};
use crate::{
    headers::Headers,
    host::{OpenStream, Progress},
    outcome::{Fate, Outcome},
    request::Request,
};

/// A request that a worker has taken and that has not ended; see [`Fleet::open`].
#[derive(Debug, Eq, PartialEq)]
#[must_use = "a request ends by Fleet::finish or Fleet::abandon only"]
pub struct FleetStream {
    worker: usize,
    /// Which of the worker's VMs has it; `None` if the filter does not see it.
    generation: Option<u64>,
    open: OpenStream,
}

impl FleetStream {
    /// The worker that took it.
    #[must_use]
    pub fn worker(&self) -> usize {
        self.worker
    }

    /// The stream's context id in the VM of its worker; `None` if the filter does not see it.
    #[must_use]
    pub fn context(&self) -> Option<u32> {
        self.generation.map(|_| self.open.context())
    }
}

impl<S: Spawn> Fleet<S> {
    /// Takes one request through its whole life on this worker.
    ///
    /// A worker that does not exist resets it, as does a proxy that has exited.
    pub fn request(&mut self, worker: usize, request: Request) -> Outcome {
        let mut outcome = match self.admitted(worker) {
            Ok((_, host)) => host.request(request),
            Err(standin) => standin.request(request),
        };
        self.fail(&mut outcome);
        outcome
    }

    /// Hands a request's headers to the filter, or to nobody if the worker's VM has ended.
    pub fn open(&mut self, worker: usize, request: Request) -> FleetStream {
        let (generation, open) = match self.admitted(worker) {
            Ok((generation, host)) => (Some(generation), host.open(request)),
            Err(standin) => (None, standin.open(request)),
        };
        FleetStream { worker, generation, open }
    }

    /// Hands a request to the filter with its body and its trailers; see
    /// [`Host::open_whole`](crate::Host::open_whole).
    pub fn open_whole(&mut self, worker: usize, request: Request) -> FleetStream {
        let (generation, open) = match self.admitted(worker) {
            Ok((generation, host)) => (Some(generation), host.open_whole(request)),
            Err(standin) => (None, standin.open_whole(request)),
        };
        FleetStream { worker, generation, open }
    }

    /// Brings a part of a request's body; see [`Host::request_body`](crate::Host::request_body).
    pub fn request_body(&mut self, stream: &FleetStream, part: &[u8], end: bool) -> Option<u32> {
        on_its_host!(self, stream, |host| host.request_body(&stream.open, part, end))
    }

    /// Brings a request's trailers; see [`Host::request_trailers`](crate::Host::request_trailers).
    pub fn request_trailers(&mut self, stream: &FleetStream, trailers: Headers) -> Option<u32> {
        on_its_host!(self, stream, |host| host.request_trailers(&stream.open, trailers))
    }

    /// Brings a frame of metadata with a request; see [`Host::request_metadata`](crate::Host::request_metadata).
    pub fn request_metadata(&mut self, stream: &FleetStream, elements: u32) {
        on_its_host!(self, stream, |host| host.request_metadata(&stream.open, elements))
    }

    /// Brings the headers of the upstream's response; see [`Host::respond_headers`](crate::Host::respond_headers).
    pub fn respond_headers(
        &mut self,
        stream: &FleetStream,
        headers: Headers,
        end: bool,
    ) -> Option<u32> {
        on_its_host!(self, stream, |host| host.respond_headers(&stream.open, headers, end))
    }

    /// Brings a part of the response's body; see [`Host::respond_body`](crate::Host::respond_body).
    pub fn respond_body(&mut self, stream: &FleetStream, part: &[u8], end: bool) -> Option<u32> {
        on_its_host!(self, stream, |host| host.respond_body(&stream.open, part, end))
    }

    /// Brings the response's trailers; see [`Host::respond_trailers`](crate::Host::respond_trailers).
    pub fn respond_trailers(&mut self, stream: &FleetStream, trailers: Headers) -> Option<u32> {
        on_its_host!(self, stream, |host| host.respond_trailers(&stream.open, trailers))
    }

    /// Brings a frame of metadata with a response; see [`Host::respond_metadata`](crate::Host::respond_metadata).
    pub fn respond_metadata(&mut self, stream: &FleetStream, elements: u32) {
        on_its_host!(self, stream, |host| host.respond_metadata(&stream.open, elements))
    }

    /// What has become of an open stream so far.
    ///
    /// A stream that waits in a VM that has ended stays paused until its client goes away: nothing
    /// calls the VM for it any more, so nothing finds out. Other streams fail as soon as a further
    /// part of them, or of their response, was to be shown to the filter.
    pub fn fate(&mut self, stream: &FleetStream) -> Fate {
        on_its_host!(self, stream, |host| host.fate(&stream.open))
    }

    /// Shows `visit` how far an open stream has come; see [`Host::progress`](crate::Host::progress).
    pub fn progress<R>(
        &mut self,
        stream: &FleetStream,
        visit: impl FnOnce(Progress<'_>) -> R,
    ) -> Option<R> {
        on_its_host!(self, stream, |host| host.progress(&stream.open, visit))
    }

    /// Takes an open stream to its end; see [`Host::finish`](crate::Host::finish).
    pub fn finish(&mut self, stream: FleetStream) -> Outcome {
        let FleetStream { worker, generation, open } = stream;
        let mut outcome = match self.host_of(worker, generation) {
            Some(host) => host.finish(open),
            None => self.standin.finish(open),
        };
        self.fail(&mut outcome);
        self.prune(worker);
        outcome
    }

    /// Ends an open stream whose client went away: no response, but log, done and delete.
    pub fn abandon(&mut self, stream: FleetStream) -> Outcome {
        let FleetStream { worker, generation, open } = stream;
        let outcome = match self.host_of(worker, generation) {
            Some(host) => host.abandon(open),
            None => self.standin.abandon(open),
        };
        self.prune(worker);
        outcome
    }
}
