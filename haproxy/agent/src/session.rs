//! One connection of HAProxy's: what is said on it, without the socket.

use std::time::Instant;

use proxy_host_model::Request;

use crate::{
    answer::Answer,
    counters::Counters,
    request::{self, Refused},
    spop::{
        Disconnect, Flags, Frame, Hello, Kind, Status, agent_disconnect, agent_hello, body_length,
        messages,
    },
    worker::Ids,
};

/// The least that HAProxy takes (`include/haproxy/spoe-t.h`, `MIN_FRAME_SIZE`).
const MIN_FRAME_SIZE: usize = 256;
/// The bytes of a frame's length.
const LENGTH: usize = 4;

/// What has been agreed on a connection.
#[derive(Debug)]
pub(crate) struct Session {
    /// The most bytes of a frame: of the agent's, and later those that were agreed.
    max_frame_size: usize,
    greeted: bool,
}

/// Why a connection is to end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum End {
    /// HAProxy wants it so, or was asked to.
    Normal,
    /// HAProxy broke the rules.
    Broken(Status),
}

impl Session {
    /// A connection on which nothing was said yet.
    pub(crate) fn new(max_frame_size: u32) -> Self {
        Self {
            max_frame_size: usize::try_from(max_frame_size).unwrap_or(usize::MAX),
            greeted: false,
        }
    }

    /// The most bytes that a frame may have.
    pub(crate) fn max_frame_size(&self) -> usize {
        self.max_frame_size
    }

    /// Whether the connection has begun.
    pub(crate) fn greeted(&self) -> bool {
        self.greeted
    }

    /// Takes the whole frames from the beginning of `input`, and appends to `out` what is said to
    /// them; gives the number of bytes that were taken. `ask` gives no answer if it comes later.
    ///
    /// # Errors
    ///
    /// The connection is to end, once `out` is sent.
    pub(crate) fn take(
        &mut self,
        input: &[u8],
        out: &mut Vec<u8>,
        counters: &Counters,
        mut ask: impl FnMut(Request, Ids) -> Option<Answer>,
    ) -> (usize, Result<(), End>) {
        let mut taken = 0_usize;
        while let Some(rest) = input.get(taken..)
            && let Some(length) = body_length(rest)
        {
            // Nothing behind it could be found.
            if length > self.max_frame_size {
                return (taken, Err(self.broken(out, Status::FrameTooBig)));
            }
            let end = LENGTH.saturating_add(length);
            let Some(body) = rest.get(LENGTH..end) else {
                break;
            };
            taken = taken.saturating_add(end);
            if let Err(end) = self.frame(body, out, counters, &mut ask) {
                return (taken, Err(end));
            }
        }
        (taken, Ok(()))
    }

    fn frame(
        &mut self,
        body: &[u8],
        out: &mut Vec<u8>,
        counters: &Counters,
        ask: &mut impl FnMut(Request, Ids) -> Option<Answer>,
    ) -> Result<(), End> {
        let frame = match Frame::parse(body) {
            Ok(frame) => frame,
            Err(_) if !self.greeted => return Err(self.broken(out, Status::InvalidFrame)),
            Err(malformed) => {
                // Where it ends is known, so the next one can be read: the streams beside it go on.
                counters.broken_frame();
                tracing::warn!("a frame is passed over: {malformed}");
                return Ok(());
            }
        };
        match frame.kind {
            Kind::HaproxyHello if !self.greeted => self.hello(&frame, out),
            Kind::HaproxyDisconnect => {
                let Disconnect { status, message } = Disconnect::parse(frame.payload);
                if status != 0 {
                    tracing::warn!(status, "HAProxy ends a connection: {message}");
                }
                agent_disconnect(out, Status::Normal);
                Err(End::Normal)
            }
            Kind::Notify if self.greeted => {
                self.notify(&frame, out, counters, ask);
                Ok(())
            }
            _ if !self.greeted => Err(self.broken(out, Status::InvalidFrame)),
            kind => {
                counters.broken_frame();
                tracing::warn!("a frame is passed over: found {kind:?}, expected NOTIFY");
                Ok(())
            }
        }
    }

    fn hello(&mut self, frame: &Frame<'_>, out: &mut Vec<u8>) -> Result<(), End> {
        if frame.flags != Flags::FIN {
            return Err(self.broken(out, Status::Fragmented));
        }
        let hello = Hello::parse(frame.payload).map_err(|status| self.broken(out, status))?;
        if hello.max_frame_size < MIN_FRAME_SIZE {
            return Err(self.broken(out, Status::BadMaxFrameSize));
        }
        self.max_frame_size = self.max_frame_size.min(hello.max_frame_size);
        self.greeted = true;
        let size = u32::try_from(self.max_frame_size).unwrap_or(u32::MAX);
        agent_hello(out, size, hello.pipelining);
        if hello.healthcheck {
            return Err(End::Normal);
        }
        Ok(())
    }

    fn notify(
        &self,
        frame: &Frame<'_>,
        out: &mut Vec<u8>,
        counters: &Counters,
        ask: &mut impl FnMut(Request, Ids) -> Option<Answer>,
    ) {
        let ids = (frame.stream, frame.frame);
        let start = Instant::now();
        let answer = match read(frame) {
            Ok(request) => ask(request, ids),
            Err(refused) => {
                if refused.status >= 500 {
                    counters.broken_frame();
                    tracing::error!(stream = ids.0, "a request is refused: {refused}");
                } else {
                    tracing::info!(stream = ids.0, "a request is refused: {refused}");
                }
                Some(Answer::refused(&refused))
            }
        };
        if let Some(answer) = answer {
            counters.answered(&answer, start.elapsed());
            answer.ack(self.max_frame_size).write(out, ids);
        }
    }

    fn broken(&self, out: &mut Vec<u8>, status: Status) -> End {
        agent_disconnect(out, status);
        End::Broken(status)
    }
}

/// The one request of a frame.
fn read(frame: &Frame<'_>) -> Result<Request, Refused> {
    if frame.flags != Flags::FIN {
        return Err(Refused::platform(
            "found a frame in parts or called off, expected a whole one",
        ));
    }
    let messages = messages(frame.payload)
        .map_err(|malformed| Refused::platform(format!("found a broken message: {malformed}")))?;
    match messages.as_slice() {
        [message] => request::read(message),
        others => {
            let count = others.len();
            Err(Refused::platform(format!("found {count} messages in a frame, expected one")))
        }
    }
}
