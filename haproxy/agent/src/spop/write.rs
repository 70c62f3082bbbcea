//! What an agent says.

use super::{
    frame::{Flags, Kind},
    hello::{Status, VERSION},
    varint::put_varint,
};

/// What a variable of HAProxy's lives as long as.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scope {
    /// A request and its response.
    Transaction,
}

/// The value of a variable.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Value<'a> {
    /// A boolean.
    Bool(bool),
    /// A number.
    Number(u32),
    /// Text.
    Text(&'a [u8]),
    /// Bytes.
    Binary(&'a [u8]),
}

/// Appends a frame whose payload is written by `payload`.
///
/// A payload beyond 4 GiB cannot be said; the length is then one that no peer takes.
pub fn frame(
    out: &mut Vec<u8>,
    kind: Kind,
    (stream, frame): (u64, u64),
    payload: impl FnOnce(&mut Vec<u8>),
) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    let body = out.len();
    out.push(kind.number());
    out.extend_from_slice(&Flags::FIN.0.to_be_bytes());
    put_varint(out, stream);
    put_varint(out, frame);
    payload(out);
    let length = u32::try_from(out.len().saturating_sub(body)).unwrap_or(u32::MAX);
    if let Some(place) = out.get_mut(start..body) {
        place.copy_from_slice(&length.to_be_bytes());
    }
}

/// Appends the agent's first frame.
pub fn agent_hello(out: &mut Vec<u8>, max_frame_size: u32, pipelining: bool) {
    frame(out, Kind::AgentHello, (0, 0), |out| {
        put_pair(out, b"version", Value::Text(VERSION.as_bytes()));
        put_pair(out, b"max-frame-size", Value::Number(max_frame_size));
        let capabilities: &[u8] = if pipelining { b"pipelining" } else { b"" };
        put_pair(out, b"capabilities", Value::Text(capabilities));
    });
}

/// Appends the agent's last frame.
pub fn agent_disconnect(out: &mut Vec<u8>, status: Status) {
    frame(out, Kind::AgentDisconnect, (0, 0), |out| {
        put_pair(out, b"status-code", Value::Number(status.number()));
        put_pair(out, b"message", Value::Text(status.to_string().as_bytes()));
    });
}

/// The payload of an answer: variables that HAProxy is to set.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Ack(Vec<u8>);

impl Ack {
    /// Lets HAProxy set a variable.
    pub fn set(&mut self, scope: Scope, name: &[u8], value: Value<'_>) {
        const SET_VAR: u8 = 1;
        const ARGUMENTS: u8 = 3;
        let scope = match scope {
            Scope::Transaction => 2,
        };
        self.0.extend_from_slice(&[SET_VAR, ARGUMENTS, scope]);
        put_string(&mut self.0, name);
        put_value(&mut self.0, value);
    }

    /// Appends the frame that answers this one.
    pub fn write(&self, out: &mut Vec<u8>, ids: (u64, u64)) {
        frame(out, Kind::Ack, ids, |out| out.extend_from_slice(&self.0));
    }

    /// The bytes of the payload.
    #[must_use]
    pub fn size(&self) -> usize {
        self.0.len()
    }
}

fn put_pair(out: &mut Vec<u8>, name: &[u8], value: Value<'_>) {
    put_string(out, name);
    put_value(out, value);
}

fn put_string(out: &mut Vec<u8>, text: &[u8]) {
    put_varint(out, u64::try_from(text.len()).unwrap_or(u64::MAX));
    out.extend_from_slice(text);
}

fn put_value(out: &mut Vec<u8>, value: Value<'_>) {
    match value {
        Value::Bool(false) => out.push(0x01),
        Value::Bool(true) => out.push(0x11),
        Value::Number(number) => {
            out.push(0x03);
            put_varint(out, number.into());
        }
        Value::Text(text) => {
            out.push(0x08);
            put_string(out, text);
        }
        Value::Binary(bytes) => {
            out.push(0x09);
            put_string(out, bytes);
        }
    }
}
