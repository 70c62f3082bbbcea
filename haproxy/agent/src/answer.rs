//! What became of a request, and the variables that tell HAProxy.

use proxy_host_model::Headers;

use crate::{
    request::{Refused, is_token},
    spop::{Ack, Scope, Value, put_varint},
};

/// What an ACK has in front of its payload at most: type, flags, and two numbers of ten bytes.
const ACK_HEAD: usize = 25;

/// What became of a request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Answer {
    /// The filter lets it go on, changed so.
    Allow(Changes),
    /// The filter answers it.
    Deny(Reply),
    /// There is no verdict of the filter's; the reason is logged, and told to no client.
    Error {
        /// The status that the client gets.
        status: u32,
        /// A fixed code for the access log.
        reason: &'static str,
    },
}

/// What is to be changed of a request that goes on, and of its response.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Changes {
    /// Headers to be removed, all of a name, before others are added.
    pub(crate) remove: Vec<Vec<u8>>,
    /// Headers to be added.
    pub(crate) add: Vec<(Vec<u8>, Vec<u8>)>,
    /// The path and the query in the place of those that were sent.
    pub(crate) path: Option<Vec<u8>>,
    /// A `cache-control` to be added to the response.
    pub(crate) cache_control: Option<Vec<u8>>,
}

/// What the filter answers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Reply {
    /// The status.
    pub(crate) status: u32,
    /// The headers.
    pub(crate) headers: Headers,
    /// The body.
    pub(crate) body: Vec<u8>,
    /// The response-code details, such as `jwt_gate.expired`.
    pub(crate) details: Vec<u8>,
}

impl Changes {
    /// What turned one request into the other, and an empty response into this one.
    ///
    /// # Errors
    ///
    /// HAProxy could not be told: the request must not go on half changed.
    pub(crate) fn between(
        before: &Headers,
        after: &Headers,
        response: &Headers,
    ) -> Result<Self, String> {
        let mut changes = Self::default();
        let mut names: Vec<&[u8]> = Vec::new();
        for (name, _) in before.iter().chain(after.iter()) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        for name in names {
            if before.all(name).eq(after.all(name)) {
                continue;
            }
            let shown = name.escape_ascii();
            let values: Vec<&[u8]> = after.all(name).collect();
            for value in &values {
                // A line break would be another header, or another request, to the server behind.
                if value.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
                    return Err(format!("found a control character in the new value of {shown}"));
                }
            }
            match (name, values.as_slice()) {
                (b":path", [path]) if path.starts_with(b"/") => {
                    changes.path = Some(path.to_vec());
                }
                (b":path" | b":method" | b":scheme" | b":authority" | b"host", _) => {
                    return Err(format!("found another {shown}, which HAProxy cannot be told"));
                }
                _ if name.iter().copied().all(is_token) => {
                    if before.has(name) {
                        changes.remove.push(name.to_vec());
                    }
                    let values = values.into_iter().map(|value| (name.to_vec(), value.to_vec()));
                    changes.add.extend(values);
                }
                _ => return Err(format!("found a header \"{shown}\", which is no token")),
            }
        }
        for (name, value) in response.iter().filter(|(name, _)| *name != b":status") {
            if name != b"cache-control" || value.iter().any(u8::is_ascii_control) {
                let shown = name.escape_ascii();
                return Err(format!("found {shown} in the response, expected cache-control only"));
            }
            if changes.cache_control.replace(value.to_vec()).is_some() {
                return Err("found cache-control in the response twice".to_owned());
            }
        }
        Ok(changes)
    }

    /// How many operations there are for whoever carries them out.
    fn operations(&self) -> u32 {
        let count = self.remove.len().saturating_add(self.add.len());
        u32::try_from(count).unwrap_or(u32::MAX)
    }
}

impl Answer {
    /// An answer without a verdict.
    pub(crate) fn error(reason: &'static str) -> Self {
        Self::Error { status: 503, reason }
    }

    /// An answer to a request that the filter is not shown.
    pub(crate) fn refused(refused: &Refused) -> Self {
        Self::Error { status: refused.status, reason: "agent.request" }
    }

    /// The value of the variable `verdict`.
    #[must_use]
    pub(crate) fn verdict(&self) -> &'static str {
        match self {
            Self::Allow(_) => "allow",
            Self::Deny(_) => "deny",
            Self::Error { .. } => "error",
        }
    }

    /// The variables, in a frame of at most so many bytes.
    ///
    /// An answer that does not fit is one without a verdict: HAProxy would drop the connection over it,
    /// and from 3.5 on fails others for seconds.
    #[must_use]
    pub(crate) fn ack(&self, max_frame_size: usize) -> Ack {
        let ack = self.variables();
        if ack.size().saturating_add(ACK_HEAD) > max_frame_size {
            return Self::error("agent.answer_too_long").variables();
        }
        ack
    }

    fn variables(&self) -> Ack {
        let mut ack = Ack::default();
        let mut set = |name: &str, value: Value<'_>| {
            ack.set(Scope::Transaction, name.as_bytes(), value);
        };
        match self {
            Self::Allow(changes) => {
                set("ops", Value::Number(changes.operations()));
                let names = changes.remove.iter().map(Vec::as_slice);
                let removed = strings(names.chain([&b""[..]]));
                if !changes.remove.is_empty() {
                    set("del", Value::Binary(&removed));
                }
                let pairs = changes.add.iter();
                let pairs = pairs.flat_map(|(name, value)| [name.as_slice(), value]);
                let added = strings(pairs.chain([&b""[..], b""]));
                if !changes.add.is_empty() {
                    set("add", Value::Binary(&added));
                }
                if let Some(path) = &changes.path {
                    set("path", Value::Text(path));
                }
                if let Some(value) = &changes.cache_control {
                    set("cache_control", Value::Text(value));
                }
            }
            Self::Deny(reply) => {
                set("status", Value::Number(reply.status));
                set("reason", Value::Text(&reply.details));
                // In a log-format string, HAProxy shows a line break as `%0A`.
                let body: Vec<u8> = reply
                    .body
                    .iter()
                    .map(|byte| match byte {
                        b'\r' | b'\n' => b' ',
                        byte => *byte,
                    })
                    .collect();
                set("body", Value::Text(&body));
                for (header, name) in [
                    ("content-type", "type"),
                    ("www-authenticate", "challenge"),
                    ("retry-after", "retry_after"),
                    ("grpc-status", "grpc_status"),
                    ("grpc-message", "grpc_message"),
                ] {
                    if let Some(value) = reply.headers.first(header) {
                        set(name, Value::Text(value));
                    }
                }
            }
            Self::Error { status, reason } => {
                set("status", Value::Number(*status));
                set("reason", Value::Text(reason.as_bytes()));
            }
        }
        // Last: whatever goes wrong in front of it, nothing is allowed.
        set("verdict", Value::Text(self.verdict().as_bytes()));
        ack
    }
}

/// Strings one after the other, each with its length: what `req.hdrs_bin` is made of.
fn strings<'a>(texts: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut out = Vec::new();
    for text in texts {
        put_varint(&mut out, u64::try_from(text.len()).unwrap_or(u64::MAX));
        out.extend_from_slice(text);
    }
    out
}
