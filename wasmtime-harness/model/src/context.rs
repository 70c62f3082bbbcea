//! Contexts: the plugin's root and one for each request.

use std::collections::BTreeMap;

use crate::{
    headers::Headers,
    outcome::{Fate, Reply},
    properties::Properties,
    request::Request,
};

/// A context of the VM.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Context {
    Root(Root),
    Stream(Box<Stream>),
}

/// The context of one plugin configuration.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Root {
    pub(crate) configuration: Vec<u8>,
    /// The configuration can be read only while the filter is being configured.
    pub(crate) configuring: bool,
    /// Milliseconds between ticks; 0 is none.
    pub(crate) tick_period: u32,
    /// When the next tick is due, on the monotonic clock in nanoseconds.
    pub(crate) next_tick: Option<u64>,
    /// `proxy_on_done` said "not yet"; `proxy_done` ends it.
    pub(crate) pending_done: bool,
    pub(crate) finished: bool,
    /// A newer configuration has taken over; it ends with its last stream.
    pub(crate) retired: bool,
}

/// The context of one request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Stream {
    pub(crate) root: u32,
    pub(crate) request_headers: Slot,
    pub(crate) response_headers: Slot,
    pub(crate) upstream_response: Headers,
    /// The part of the body that the filter is being shown.
    pub(crate) request_body: Option<Vec<u8>>,
    pub(crate) properties: Properties,
    pub(crate) published: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(crate) fate: Fate,
    pub(crate) action: Option<u32>,
    pub(crate) reply: Option<Reply>,
    pub(crate) resumed: bool,
    pub(crate) reset: bool,
    /// The VM had ended when it was to be called for the stream.
    pub(crate) failed: bool,
}

impl Stream {
    pub(crate) fn new(root: u32, request: Request) -> Self {
        Self {
            root,
            request_headers: Slot::new(request.headers),
            response_headers: Slot::default(),
            upstream_response: request.response,
            request_body: None,
            properties: request.properties,
            published: BTreeMap::new(),
            fate: Fate::Paused,
            action: None,
            reply: None,
            resumed: false,
            reset: false,
            failed: false,
        }
    }

    /// Does what the filter asked for during the callback that just returned.
    ///
    /// Envoy defers replies, resumption and resets until then; a reply beats the rest, whatever
    /// action was returned.
    pub(crate) fn settle(&mut self, action: Option<u32>) {
        if self.fate != Fate::Paused {
            return;
        }
        if self.failed {
            // A VM that ends takes along what it asked for in the same callback.
            self.reply = None;
        } else if self.reply.is_some() {
            self.fate = Fate::Replied;
        } else if self.reset {
            self.fate = Fate::Reset;
        } else if self.resumed || action == Some(0) {
            self.fate = Fate::Continued;
            self.request_headers.access = Access::None;
        }
    }
}

/// A header map and what the filter may do with it now.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Slot {
    pub(crate) headers: Headers,
    pub(crate) access: Access,
}

impl Slot {
    fn new(headers: Headers) -> Self {
        Self { headers, access: Access::None }
    }

    pub(crate) fn readable(&self) -> Option<&Headers> {
        (self.access != Access::None).then_some(&self.headers)
    }

    pub(crate) fn writable(&mut self) -> Option<&mut Headers> {
        (self.access == Access::Write).then_some(&mut self.headers)
    }
}

/// What a filter may do with a header map.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Access {
    #[default]
    None,
    Read,
    Write,
}
