//! Buffers.

use crate::{
    context::Context,
    model::Model,
    profile::{OverRead, Readable},
    status::{Refusal, Status},
};

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
        self.denied_call("proxy_get_buffer_bytes", &[&buffer, &start, &length], |model| {
            let bytes = model.buffer(buffer)?;
            let start = if model.profile.buffer_start { start } else { 0 };
            let start = usize::try_from(start).map_err(|_| Status::BAD_ARGUMENT)?;
            let length = usize::try_from(length).map_err(|_| Status::BAD_ARGUMENT)?;
            let rest = match (bytes.get(start..), model.profile.over_read) {
                (Some(rest), _) => rest,
                (None, OverRead::Empty) => &[],
                (None, OverRead::BadArgument) => return Err(Status::BAD_ARGUMENT.into()),
            };
            Ok(rest.get(..length).unwrap_or(rest).to_vec())
        })
    }

    /// The length of a buffer and its flags, which are always 0.
    ///
    /// # Errors
    ///
    /// `NOT_FOUND` for a buffer that is not there now; `BAD_ARGUMENT` for an unknown one.
    pub fn get_buffer_status(&mut self, buffer: u32) -> Result<(u32, u32), Refusal> {
        self.denied_call("proxy_get_buffer_status", &[&buffer], |model| {
            let length = model.buffer(buffer)?.len();
            Ok((u32::try_from(length).unwrap_or(u32::MAX), 0))
        })
    }

    /// Changes a buffer: puts bytes in front of it (`start` and `length` 0), in its place (`start` 0
    /// and `length` at least its size), behind it (`start` at least its size), or, in profiles that
    /// can, in the place of some of it.
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
        self.denied_call("proxy_set_buffer_bytes", &[&buffer, &start, &length, &bytes], |model| {
            model.buffer(buffer)?;
            let splices = model.profile.inner_splice;
            let body = model.writable_buffer(buffer).ok_or(Status::BAD_ARGUMENT)?;
            let size = u32::try_from(body.len()).map_err(|_| Status::BAD_ARGUMENT)?;
            match (start, length) {
                (0, length) => {
                    let length = usize::try_from(length).unwrap_or(usize::MAX);
                    let rest = body.get(length..).unwrap_or_default();
                    *body = [bytes, rest].concat();
                }
                (start, _) if start > 0 && start >= size => body.extend_from_slice(bytes),
                (start, length) if splices => {
                    let end = start.saturating_add(length).min(size);
                    let place = usize::try_from(start).ok().zip(usize::try_from(end).ok());
                    let (start, end) = place.ok_or(Status::BAD_ARGUMENT)?;
                    body.splice(start..end, bytes.iter().copied());
                }
                _ => return Err(Status::BAD_ARGUMENT.into()),
            }
            Ok(())
        })
    }

    /// A buffer with a number of the ABI, if it is there now.
    fn buffer(&self, buffer: u32) -> Result<&[u8], Refusal> {
        let found = match buffer {
            0 => self.stream().and_then(|stream| stream.request.visible_body()),
            1 => self.stream().and_then(|stream| stream.response.visible_body()),
            2 => self.connection().and_then(|connection| connection.downstream.visible()),
            3 => self.connection().and_then(|connection| connection.upstream.visible()),
            4 => self.callouts.answer.as_ref().map(|answer| &answer.body),
            5 => self.callouts.grpc_message.as_ref(),
            6 => Some(&self.vm_configuration),
            7 => self.configuration(),
            8 => Some(&self.call_data),
            _ => return Err(Status::BAD_ARGUMENT.into()),
        };
        if found.is_none() && self.profile.empty_buffers.contains(&buffer) {
            return Ok(&[]);
        }
        let denial = self.profile.absent_buffer;
        found
            .map(Vec::as_slice)
            .ok_or_else(|| denial.of(format!("buffer {buffer} in this callback")))
    }

    fn configuration(&self) -> Option<&Vec<u8>> {
        let id = match self.profile.configuration {
            Readable::Configuring => self.context_id(),
            Readable::Always => self.root_id(),
        };
        match self.contexts.get(&id) {
            Some(Context::Root(root))
                if root.configuring || self.profile.configuration == Readable::Always =>
            {
                Some(&root.configuration)
            }
            _ => None,
        }
    }

    fn writable_buffer(&mut self, buffer: u32) -> Option<&mut Vec<u8>> {
        match buffer {
            0 => self.current_stream_mut()?.request.visible_body_mut(),
            1 => self.current_stream_mut()?.response.visible_body_mut(),
            2 => self.current_connection_mut()?.downstream.visible_mut(),
            3 => self.current_connection_mut()?.upstream.visible_mut(),
            _ => None,
        }
    }
}
