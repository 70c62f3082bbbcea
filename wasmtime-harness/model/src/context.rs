//! Contexts: the plugin's root, and one for each request or connection.

use std::collections::BTreeMap;

use crate::{
    connection::Connection,
    flow::Flow,
    local_reply::Client,
    outcome::{Fate, Reply},
    properties::Properties,
    request::{Request, Response},
};

/// A context of the VM.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Context {
    Root(Root),
    Stream(Box<Stream>),
    Connection(Box<Connection>),
}

impl Context {
    /// The root of a context that is none itself.
    pub(crate) fn root(&self) -> Option<u32> {
        match self {
            Self::Root(_) => None,
            Self::Stream(stream) => Some(stream.root),
            Self::Connection(connection) => Some(connection.root),
        }
    }

    /// What the proxy knows about it, and what the filter published.
    pub(crate) fn known(&self) -> Option<&Known> {
        match self {
            Self::Root(_) => None,
            Self::Stream(stream) => Some(&stream.known),
            Self::Connection(connection) => Some(&connection.known),
        }
    }

    /// As [`Context::known`], to be changed.
    pub(crate) fn known_mut(&mut self) -> Option<&mut Known> {
        match self {
            Self::Root(_) => None,
            Self::Stream(stream) => Some(&mut stream.known),
            Self::Connection(connection) => Some(&mut connection.known),
        }
    }
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

/// What is known about a request or connection beside its bytes.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Known {
    pub(crate) properties: Properties,
    pub(crate) published: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// The context of one request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Stream {
    pub(crate) root: u32,
    pub(crate) request: Flow,
    pub(crate) response: Flow,
    /// What the upstream would answer.
    pub(crate) upstream: Response,
    pub(crate) client: Client,
    pub(crate) known: Known,
    /// How it ended, once that is settled.
    pub(crate) end: Option<End>,
    pub(crate) action: Option<u32>,
    /// The reply that was given to the client.
    pub(crate) reply: Option<Reply>,
    /// What the filter asked for and the proxy has yet to do.
    pub(crate) wishes: Wishes,
    /// The log phase: all maps can be read.
    pub(crate) logging: bool,
    /// The VM had ended when it was to be called for the stream.
    pub(crate) failed: bool,
    /// The host answered it by itself: the filter is never called for it.
    pub(crate) unseen: bool,
    /// What has arrived of a body that the filter sees at once when all of it is there.
    pub(crate) gathered: Vec<u8>,
}

/// An end that a filter gives a stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum End {
    Replied,
    Reset,
}

/// What a filter asked for during a callback: Envoy does it when the callback has returned.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Wishes {
    pub(crate) reply: Option<Reply>,
    pub(crate) reset: bool,
    pub(crate) resume_request: bool,
    pub(crate) resume_response: bool,
}

impl Stream {
    pub(crate) fn new(root: u32, request: &Request) -> Self {
        Self {
            root,
            request: Flow::default(),
            response: Flow::default(),
            upstream: request.response.clone(),
            client: Client::new(&request.headers),
            known: Known { properties: request.properties.clone(), published: BTreeMap::new() },
            end: None,
            action: None,
            reply: None,
            wishes: Wishes::default(),
            logging: false,
            failed: false,
            unseen: false,
            gathered: Vec::new(),
        }
    }

    /// What has become of it so far.
    pub(crate) fn fate(&self) -> Fate {
        match self.end {
            Some(End::Replied) => Fate::Replied,
            Some(End::Reset) => Fate::Reset,
            None if self.request.held() || !self.request.begun() => match self.failed {
                true => Fate::Trapped,
                false => Fate::Paused,
            },
            None => Fate::Continued,
        }
    }

    /// Whether the filter has asked for a reply already.
    pub(crate) fn answered(&self) -> bool {
        self.reply.is_some() || self.wishes.reply.is_some()
    }

    pub(crate) fn flow_mut(&mut self, side: Side) -> &mut Flow {
        match side {
            Side::Request => &mut self.request,
            Side::Response => &mut self.response,
        }
    }
}

/// A direction of an exchange.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Side {
    Request,
    Response,
}
