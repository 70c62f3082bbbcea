//! What a test reads after the filter ran.

use std::{collections::BTreeMap, fmt};

use crate::{headers::Headers, trace::Call};

/// Everything observable about one request.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Outcome {
    /// Where the request ended up.
    pub fate: Fate,
    /// The number that the request headers callback returned, 0 being Continue and 1 Pause; `None`
    /// when it trapped or is not there.
    pub action: Option<u32>,
    /// The local reply that the client got, as the filter gave it, in whatever phase.
    pub reply: Option<Reply>,
    /// The request's headers as the filter left them; what the upstream sees if [`Fate::Continued`].
    pub request_headers: Headers,
    /// The bytes of the request's body that went on to the upstream.
    pub request_body: Vec<u8>,
    /// The request's trailers as they went on to the upstream.
    pub request_trailers: Option<Headers>,
    /// Whether the upstream saw the end of the request.
    pub request_complete: bool,
    /// What the filter published, by name: `sub` is `wasm.sub` in Envoy's filter state.
    pub published: BTreeMap<Vec<u8>, Vec<u8>>,
    /// What the client gets: the upstream's response or the local reply, after the filter's
    /// response phase. `None` when the request was left paused, was reset, or the filter trapped
    /// before.
    pub response: Option<Headers>,
    /// The bytes of the response's body that the client got.
    pub response_body: Vec<u8>,
    /// The response's trailers as the client got them.
    pub response_trailers: Option<Headers>,
    /// Whether the client saw the end of the response.
    pub response_complete: bool,
    /// Lines logged during the request, in order.
    pub logs: Vec<LogLine>,
    /// Host calls made during the request, in order.
    pub trace: Vec<Call>,
    /// Why the filter's VM ended, if it did.
    pub trap: Option<Trap>,
    /// Whether the VM had ended when the filter was to see a part of this request or of its
    /// response; a proxy that fails closed answers for it.
    pub failed: bool,
}

impl Outcome {
    /// Whether the request went on to the upstream.
    #[must_use]
    pub fn continued(&self) -> bool {
        self.fate == Fate::Continued
    }

    /// A header of the local reply.
    #[must_use]
    pub fn reply_header(&self, name: &str) -> Option<&[u8]> {
        self.reply.as_ref()?.headers.first(name)
    }
}

/// Where a request ended up.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Fate {
    /// It went on to the upstream, all of it that came; a filter may answer later, in the upstream's
    /// place, as [`Outcome::reply`] shows.
    Continued,
    #[default]
    /// The filter holds it, or a part of it; the client waits.
    Paused,
    /// The filter answered it before the upstream did.
    Replied,
    /// The stream was cut off: the filter closed it, or answered when an answer was on its way.
    Reset,
    /// The filter's VM ended; the proxy does what its failure policy says.
    Trapped,
}

/// A local reply as a filter gave it, before the proxy makes a response of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u32,
    /// Further headers.
    pub headers: Headers,
    /// The body.
    pub body: Vec<u8>,
    /// The gRPC status; `None` for -1 and for numbers that gRPC does not define.
    pub grpc_status: Option<u32>,
    /// The response-code details for the access log.
    pub details: Vec<u8>,
}

/// Everything observable about one TCP connection.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ConnectionOutcome {
    /// The number that the callback of the new connection returned, 0 being Continue and 1 Pause;
    /// `None` when it trapped or is not there.
    pub action: Option<u32>,
    /// The bytes that the upstream got.
    pub to_upstream: Vec<u8>,
    /// The bytes that the client got.
    pub to_downstream: Vec<u8>,
    /// Bytes of the client that the filter held to the end.
    pub held: Vec<u8>,
    /// Whether the filter closed the connection.
    pub closed_by_filter: bool,
    /// What the filter published, by name.
    pub published: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Lines logged meanwhile, in order.
    pub logs: Vec<LogLine>,
    /// Host calls made meanwhile, in order.
    pub trace: Vec<Call>,
    /// Why the filter's VM ended, if it did.
    pub trap: Option<Trap>,
    /// Whether the VM had ended when the filter was to see a part of it; the proxy closes it then.
    pub failed: bool,
}

/// What came of making a root context and configuring it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Startup {
    /// The root context's id.
    pub root: u32,
    /// Whether `proxy_on_vm_start` said yes.
    pub vm_started: bool,
    /// Whether `proxy_on_vm_start` and `proxy_on_configure` both said yes.
    pub accepted: bool,
    /// Lines logged meanwhile, in order.
    pub logs: Vec<LogLine>,
    /// Host calls made meanwhile, in order.
    pub trace: Vec<Call>,
    /// Why the filter's VM ended, if it did.
    pub trap: Option<Trap>,
}

/// The end of a filter's VM: a panic, a bad memory access, or a rule of the host broken.
///
/// The first line of the text says why. More lines, if there are any, say where.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Trap(pub String);

impl Trap {
    /// Why the VM ended, in one line.
    #[must_use]
    pub fn reason(&self) -> &str {
        self.0.lines().next().unwrap_or_default()
    }
}

impl fmt::Display for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Trap {}

/// A line that the filter logged.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LogLine {
    /// Its level.
    pub level: LogLevel,
    /// Its text, with bytes that are not UTF-8 replaced.
    pub text: String,
}

impl fmt::Display for LogLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.level, self.text)
    }
}

/// The level of a log line.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum LogLevel {
    /// 0.
    Trace,
    /// 1.
    Debug,
    /// 2.
    Info,
    /// 3.
    Warn,
    /// 4.
    Error,
    /// 5.
    Critical,
}

impl LogLevel {
    /// The level of this number in the ABI.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        Some(match number {
            0 => Self::Trace,
            1 => Self::Debug,
            2 => Self::Info,
            3 => Self::Warn,
            4 => Self::Error,
            5 => Self::Critical,
            _ => return None,
        })
    }

    /// The number of this level in the ABI.
    #[must_use]
    pub fn number(self) -> u32 {
        match self {
            Self::Trace => 0,
            Self::Debug => 1,
            Self::Info => 2,
            Self::Warn => 3,
            Self::Error => 4,
            Self::Critical => 5,
        }
    }
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Critical => "critical",
        })
    }
}
