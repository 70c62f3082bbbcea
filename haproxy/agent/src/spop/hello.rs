//! How a connection begins and ends.

use std::fmt;

use super::{
    data::{Data, Reader},
    frame::Malformed,
};

/// The version of the protocol that is spoken here.
pub const VERSION: &str = "2.0";

/// Why a connection ends (`doc/SPOE.txt`, section 3.5).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Status {
    /// Nothing is wrong.
    Normal,
    /// A frame is longer than was agreed.
    FrameTooBig,
    /// A frame cannot be read, or has no business here.
    InvalidFrame,
    /// HAProxy's first frame says no version.
    NoVersion,
    /// It says no size of frames.
    NoMaxFrameSize,
    /// It says no capabilities.
    NoCapabilities,
    /// It speaks other versions.
    BadVersion,
    /// Its frames are too small to say anything in.
    BadMaxFrameSize,
    /// A frame in parts.
    Fragmented,
}

impl Status {
    /// The number on the wire.
    #[must_use]
    pub fn number(self) -> u32 {
        match self {
            Self::Normal => 0,
            Self::FrameTooBig => 3,
            Self::InvalidFrame => 4,
            Self::NoVersion => 5,
            Self::NoMaxFrameSize => 6,
            Self::NoCapabilities => 7,
            Self::BadVersion => 8,
            Self::BadMaxFrameSize => 9,
            Self::Fragmented => 10,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Normal => "the agent ends",
            Self::FrameTooBig => "found a frame longer than agreed",
            Self::InvalidFrame => "found a frame that cannot be read or has no business here",
            Self::NoVersion => "found no supported-versions, expected 2.0 among them",
            Self::NoMaxFrameSize => "found no max-frame-size",
            Self::NoCapabilities => "found no capabilities",
            Self::BadVersion => "found other versions than 2.0",
            Self::BadMaxFrameSize => "found a max-frame-size that is too small",
            Self::Fragmented => "found a frame in parts, which was not agreed",
        })
    }
}

/// What HAProxy says at the beginning.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Hello<'a> {
    /// The most bytes that a frame may have.
    pub max_frame_size: usize,
    /// Whether it takes answers in another order than it asked in.
    pub pipelining: bool,
    /// Whether it only wants to know if the agent lives.
    pub healthcheck: bool,
    /// The name of the engine.
    pub engine: Option<&'a [u8]>,
}

impl<'a> Hello<'a> {
    /// Reads the payload of HAProxy's first frame.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn parse(payload: Reader<'a>) -> Result<Self, Status> {
        let (mut versions, mut size, mut capabilities) = (None, None, None);
        let (mut healthcheck, mut engine) = (false, None);
        each(payload, |name, value| match (name, value) {
            (b"supported-versions", Data::Bytes(text)) => versions = Some(text),
            (b"max-frame-size", Data::Number(number)) => size = Some(number),
            (b"capabilities", Data::Bytes(text)) => capabilities = Some(text),
            (b"healthcheck", Data::Bool(is)) => healthcheck = is,
            (b"engine-id", Data::Bytes(text)) => engine = Some(text),
            _ => {}
        })
        .map_err(|_| Status::InvalidFrame)?;
        let versions = versions.ok_or(Status::NoVersion)?;
        if !listed(versions).any(|version| version == VERSION.as_bytes()) {
            return Err(Status::BadVersion);
        }
        let size = size.ok_or(Status::NoMaxFrameSize)?;
        let capabilities = capabilities.ok_or(Status::NoCapabilities)?;
        Ok(Self {
            max_frame_size: usize::try_from(size).unwrap_or(usize::MAX),
            pipelining: listed(capabilities).any(|capability| capability == b"pipelining"),
            healthcheck,
            engine,
        })
    }
}

/// What HAProxy says at the end.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Disconnect {
    /// A number, 0 if nothing is wrong.
    pub status: u64,
    /// Some words.
    pub message: String,
}

impl Disconnect {
    /// Reads the payload of HAProxy's last frame, so far as it can be read: it ends in any case.
    #[must_use]
    pub fn parse(payload: Reader<'_>) -> Self {
        let mut found = Self::default();
        // Whatever came before a break is worth a line.
        let _ = each(payload, |name, value| match (name, value) {
            (b"status-code", Data::Number(number)) => found.status = number,
            (b"message", Data::Bytes(text)) => found.message = text.escape_ascii().to_string(),
            _ => {}
        });
        found
    }
}

fn each<'a>(
    mut payload: Reader<'a>,
    mut take: impl FnMut(&'a [u8], Data<'a>),
) -> Result<(), Malformed> {
    while !payload.is_empty() {
        let name = payload.string()?;
        take(name, payload.data()?);
    }
    Ok(())
}

fn listed(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}
