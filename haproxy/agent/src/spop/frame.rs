//! Frames.

use std::fmt;

use super::data::Reader;

/// The bytes that the shortest frame has behind its length: type, flags, stream and frame.
pub const FRAME_MIN: usize = 7;

/// Why something is not what the protocol says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Malformed {
    /// It ends too early.
    End,
    /// A number is longer than 64 bits.
    Number,
    /// A value has this unknown type.
    Type(u8),
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::End => f.write_str("found its end, expected more bytes"),
            Self::Number => f.write_str("found a number of more than 64 bits"),
            Self::Type(kind) => write!(f, "found a value of type {kind}, expected 0 to 9"),
        }
    }
}

impl std::error::Error for Malformed {}

/// What a frame is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// HAProxy begins.
    HaproxyHello,
    /// HAProxy ends the connection.
    HaproxyDisconnect,
    /// HAProxy asks.
    Notify,
    /// The agent begins.
    AgentHello,
    /// The agent ends the connection.
    AgentDisconnect,
    /// The agent answers.
    Ack,
    /// Something else.
    Other(u8),
}

impl Kind {
    /// The number on the wire.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::HaproxyHello => 1,
            Self::HaproxyDisconnect => 2,
            Self::Notify => 3,
            Self::AgentHello => 101,
            Self::AgentDisconnect => 102,
            Self::Ack => 103,
            Self::Other(number) => number,
        }
    }

    fn of(number: u8) -> Self {
        let known = [
            Self::HaproxyHello,
            Self::HaproxyDisconnect,
            Self::Notify,
            Self::AgentHello,
            Self::AgentDisconnect,
            Self::Ack,
        ];
        known.into_iter().find(|kind| kind.number() == number).unwrap_or(Self::Other(number))
    }
}

/// The flags of a frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Flags(pub u32);

impl Flags {
    /// The frame is whole, as all are without fragmentation.
    pub const FIN: Self = Self(1);

    /// Whether the frame is the last part of its payload.
    #[must_use]
    pub fn fin(self) -> bool {
        self.0 & 1 != 0
    }

    /// Whether what the frame belongs to is called off.
    #[must_use]
    pub fn abort(self) -> bool {
        self.0 & 2 != 0
    }
}

/// A frame without its length.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Frame<'a> {
    /// What it is.
    pub kind: Kind,
    /// Its flags.
    pub flags: Flags,
    /// The stream of HAProxy's that it belongs to; 0 for the connection.
    pub stream: u64,
    /// Which frame of that stream it is about.
    pub frame: u64,
    /// The rest.
    pub payload: Reader<'a>,
}

impl<'a> Frame<'a> {
    /// Reads a frame that is there as a whole.
    ///
    /// # Errors
    ///
    /// It ends before its payload begins.
    pub fn parse(body: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(body);
        let kind = Kind::of(reader.byte()?);
        let flags = Flags(u32::from_be_bytes(reader.array()?));
        let (stream, frame) = (reader.varint()?, reader.varint()?);
        Ok(Self { kind, flags, stream, frame, payload: reader })
    }
}

/// The length that a frame says it has, if that much of it has come.
#[must_use]
pub fn body_length(bytes: &[u8]) -> Option<usize> {
    let length = u32::from_be_bytes(*bytes.first_chunk()?);
    Some(usize::try_from(length).unwrap_or(usize::MAX))
}
