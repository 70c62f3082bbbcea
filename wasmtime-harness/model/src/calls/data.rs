//! Buffers.

use crate::{
    context::Context,
    model::Model,
    status::{Refusal, Status},
};

/// The number of the request body's buffer.
const REQUEST_BODY: u32 = 0;
/// The highest number of a buffer.
const LAST_BUFFER: u32 = 8;

impl Model {
    /// Bytes of a buffer; reading past its end gives what is there.
    ///
    /// # Errors
    ///
    /// `NOT_FOUND` for a buffer that is not there now; `BAD_ARGUMENT` for an unknown one.
    pub fn get_buffer_bytes(
        &mut self,
        buffer: u32,
        start: u32,
        length: u32,
    ) -> Result<Vec<u8>, Refusal> {
        self.host_call("proxy_get_buffer_bytes", &[&buffer, &start, &length], |model| {
            let bytes = model.buffer(buffer)?;
            let start = usize::try_from(start).map_err(|_| Status::BAD_ARGUMENT)?;
            let length = usize::try_from(length).map_err(|_| Status::BAD_ARGUMENT)?;
            let rest = bytes.get(start..).unwrap_or_default();
            Ok(rest.get(..length).unwrap_or(rest).to_vec())
        })
    }

    /// The length of a buffer and its flags, which are always 0.
    ///
    /// # Errors
    ///
    /// `NOT_FOUND` for a buffer that is not there now; `BAD_ARGUMENT` for an unknown one.
    pub fn get_buffer_status(&mut self, buffer: u32) -> Result<(u32, u32), Refusal> {
        self.host_call("proxy_get_buffer_status", &[&buffer], |model| {
            let length = model.buffer(buffer)?.len();
            Ok((u32::try_from(length).unwrap_or(u32::MAX), 0))
        })
    }

    /// Changes a buffer: puts bytes in front of it (`start` and `length` 0), in its place (`start` 0
    /// and `length` at least its size) or behind it (`start` at least its size).
    ///
    /// # Errors
    ///
    /// `NOT_FOUND` for a buffer that is not there now; `BAD_ARGUMENT` for an unknown one, one that
    /// cannot be written, and any other place (the specification allows it, Envoy does not).
    pub fn set_buffer_bytes(
        &mut self,
        buffer: u32,
        start: u32,
        length: u32,
        bytes: &[u8],
    ) -> Result<(), Refusal> {
        self.host_call("proxy_set_buffer_bytes", &[&buffer, &start, &length, &bytes], |model| {
            model.buffer(buffer)?;
            let body = match buffer {
                REQUEST_BODY => model.current_stream_mut(),
                _ => None,
            };
            let body = body.and_then(|stream| stream.request_body.as_mut());
            let body = body.ok_or(Status::BAD_ARGUMENT)?;
            let size = u32::try_from(body.len()).map_err(|_| Status::BAD_ARGUMENT)?;
            match (start, length) {
                (0, 0) => *body = [bytes, body].concat(),
                (0, length) if length >= size => *body = bytes.to_vec(),
                (start, _) if start > 0 && start >= size => body.extend_from_slice(bytes),
                _ => return Err(Status::BAD_ARGUMENT),
            }
            Ok(())
        })
    }

    fn buffer(&self, buffer: u32) -> Result<&[u8], Status> {
        match buffer {
            REQUEST_BODY => self.stream().and_then(|stream| stream.request_body.as_deref()),
            4 => self.callouts.answer.as_ref().map(|answer| &*answer.body),
            6 => Some(&*self.vm_configuration),
            7 => match self.contexts.get(&self.context_id()) {
                Some(Context::Root(root)) if root.configuring => Some(&*root.configuration),
                _ => None,
            },
            // Response bodies, TCP data and gRPC messages are not part of these exchanges; call data
            // is there and empty.
            LAST_BUFFER => Some(&[][..]),
            1..LAST_BUFFER => None,
            _ => return Err(Status::BAD_ARGUMENT),
        }
        .ok_or(Status::NOT_FOUND)
    }
}
