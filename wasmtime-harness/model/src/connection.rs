//! The context of a TCP connection.

use crate::context::Known;

/// A TCP connection from a client to an upstream, with the filter in between.
///
/// Envoy's side of it is `source/common/network/filter_manager_impl.cc`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Connection {
    pub(crate) root: u32,
    pub(crate) known: Known,
    /// From the client.
    pub(crate) downstream: Pipe,
    /// From the upstream.
    pub(crate) upstream: Pipe,
    /// The filter asked to go on reading from the client.
    pub(crate) resume: bool,
    /// The filter asked to close the connection.
    pub(crate) close: bool,
    pub(crate) closed: Closed,
    pub(crate) action: Option<u32>,
    /// The VM had ended when it was to be called for the connection.
    pub(crate) failed: bool,
}

/// Which sides of a connection are closed, and whether the filter knows that it is over.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Closed {
    pub(crate) downstream: bool,
    pub(crate) upstream: bool,
    pub(crate) by_filter: bool,
    pub(crate) told: bool,
}

/// Bytes on their way past the filter.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Pipe {
    /// What waits: the bytes that came, and those that were held back before.
    pub(crate) waiting: Vec<u8>,
    /// Whether the filter can touch them.
    pub(crate) shown: bool,
    /// What has gone on.
    pub(crate) sent: Vec<u8>,
}

impl Connection {
    pub(crate) fn new(root: u32) -> Self {
        Self {
            root,
            known: Known::default(),
            downstream: Pipe::default(),
            upstream: Pipe::default(),
            resume: false,
            close: false,
            closed: Closed::default(),
            action: None,
            failed: false,
        }
    }

    /// Closes it since the VM has ended (Envoy `Context::failStream`).
    pub(crate) fn fail(&mut self) {
        if !self.closed.downstream {
            self.failed = true;
            self.close = false;
            self.closed = Closed { downstream: true, upstream: true, ..self.closed };
        }
    }
}

impl Pipe {
    /// Takes bytes; the number of those that the filter is shown.
    pub(crate) fn offer(&mut self, bytes: &[u8]) -> usize {
        self.waiting.extend_from_slice(bytes);
        self.shown = true;
        self.waiting.len()
    }

    /// Lets the bytes go on.
    pub(crate) fn pass(&mut self) {
        self.shown = false;
        self.sent.append(&mut self.waiting);
    }

    /// What the filter may touch.
    pub(crate) fn visible(&self) -> Option<&Vec<u8>> {
        self.shown.then_some(&self.waiting)
    }

    /// What the filter may change.
    pub(crate) fn visible_mut(&mut self) -> Option<&mut Vec<u8>> {
        self.shown.then_some(&mut self.waiting)
    }
}
