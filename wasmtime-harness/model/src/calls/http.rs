//! Header maps, local replies and the fate of a stream.

use crate::{
    arguments::Pairs,
    headers::Headers,
    model::Model,
    outcome::Reply,
    pairs::{decode_pairs, encode_pairs},
    status::{Refusal, Status},
};

/// The highest number of a header map.
const LAST_MAP: u32 = 7;
/// The highest gRPC status, UNAUTHENTICATED.
const LAST_GRPC_STATUS: u32 = 16;

impl Model {
    /// All pairs of a map, encoded; of a map that is not there now, no bytes at all.
    ///
    /// # Errors
    ///
    /// `BAD_ARGUMENT` for an unknown map.
    pub fn get_header_map_pairs(&mut self, map: u32) -> Result<Vec<u8>, Refusal> {
        self.host_call("proxy_get_header_map_pairs", &[&map], |model| {
            let headers = model.readable(known(map)?);
            Ok(match headers.filter(|headers| !headers.is_empty()) {
                Some(headers) => encode_pairs(headers),
                None => Vec::new(),
            })
        })
    }

    /// Replaces a whole map; pairs that cannot be read empty it.
    ///
    /// # Errors
    ///
    /// `BAD_ARGUMENT` for an unknown map or one that cannot be written now.
    pub fn set_header_map_pairs(&mut self, map: u32, pairs: &[u8]) -> Result<(), Refusal> {
        self.host_call("proxy_set_header_map_pairs", &[&map, &Pairs(pairs)], |model| {
            *model.writable(map)? = decode_pairs(pairs);
            Ok(())
        })
    }

    /// The first value of a name.
    ///
    /// # Errors
    ///
    /// `NOT_FOUND` without such a header; `BAD_ARGUMENT` for an unknown map or one that is not there
    /// now.
    pub fn get_header_map_value(&mut self, map: u32, name: &[u8]) -> Result<Vec<u8>, Refusal> {
        self.host_call("proxy_get_header_map_value", &[&map, &name], |model| {
            let headers = model.readable(known(map)?).ok_or(Status::BAD_ARGUMENT)?;
            headers.first(name).map(<[u8]>::to_vec).ok_or(Status::NOT_FOUND)
        })
    }

    /// Appends a value to a name.
    ///
    /// # Errors
    ///
    /// `BAD_ARGUMENT` for an unknown map or one that cannot be written now.
    pub fn add_header_map_value(
        &mut self,
        map: u32,
        name: &[u8],
        value: &[u8],
    ) -> Result<(), Refusal> {
        self.host_call("proxy_add_header_map_value", &[&map, &name, &value], |model| {
            model.writable(map)?.add(name, value);
            Ok(())
        })
    }

    /// Puts one value in the place of all that a name has.
    ///
    /// # Errors
    ///
    /// `BAD_ARGUMENT` for an unknown map or one that cannot be written now.
    pub fn replace_header_map_value(
        &mut self,
        map: u32,
        name: &[u8],
        value: &[u8],
    ) -> Result<(), Refusal> {
        self.host_call("proxy_replace_header_map_value", &[&map, &name, &value], |model| {
            model.writable(map)?.replace(name, value);
            Ok(())
        })
    }

    /// Removes all values of a name; there need not be one.
    ///
    /// # Errors
    ///
    /// `BAD_ARGUMENT` for an unknown map or one that cannot be written now.
    pub fn remove_header_map_value(&mut self, map: u32, name: &[u8]) -> Result<(), Refusal> {
        self.host_call("proxy_remove_header_map_value", &[&map, &name], |model| {
            model.writable(map)?.remove(name);
            Ok(())
        })
    }

    /// The bytes of all names and values of a map.
    ///
    /// # Errors
    ///
    /// `BAD_ARGUMENT` for an unknown map or one that cannot be written now.
    pub fn get_header_map_size(&mut self, map: u32) -> Result<u32, Refusal> {
        self.host_call("proxy_get_header_map_size", &[&map], |model| {
            let size = model.writable(map)?.byte_size();
            Ok(u32::try_from(size).unwrap_or(u32::MAX))
        })
    }

    /// Answers the request when the callback returns; of several replies the first wins.
    ///
    /// `grpc_status` -1 is none. Pairs that cannot be read mean no headers. Outside a stream nothing
    /// comes of it, and the answer is still OK.
    ///
    /// # Errors
    ///
    /// None of its own.
    pub fn send_local_response(
        &mut self,
        status: u32,
        details: &[u8],
        body: &[u8],
        pairs: &[u8],
        grpc_status: i32,
    ) -> Result<(), Refusal> {
        self.host_call(
            "proxy_send_local_response",
            &[&status, &details, &body, &Pairs(pairs), &grpc_status],
            |model| {
                model.stop = true;
                let Some(stream) = model.current_stream_mut() else {
                    return Ok(());
                };
                stream.reply.get_or_insert_with(|| Reply {
                    status,
                    headers: decode_pairs(pairs),
                    body: body.to_vec(),
                    grpc_status: u32::try_from(grpc_status)
                        .ok()
                        .filter(|status| *status <= LAST_GRPC_STATUS),
                    details: details.to_vec(),
                });
                Ok(())
            },
        )
    }

    /// Lets a paused request (0) or response (1) go on when the callback returns.
    ///
    /// # Errors
    ///
    /// `BAD_ARGUMENT` for any other stream type.
    pub fn continue_stream(&mut self, kind: u32) -> Result<(), Refusal> {
        self.host_call("proxy_continue_stream", &[&kind], |model| {
            if kind > 1 {
                return Err(Status::BAD_ARGUMENT);
            }
            if let Some(stream) = model.current_stream_mut() {
                stream.resumed = true;
                // Envoy takes the request's map away at once, whichever side continues.
                stream.request_headers.access = crate::context::Access::None;
            }
            Ok(())
        })
    }

    /// Resets the stream when the callback returns.
    ///
    /// # Errors
    ///
    /// `BAD_ARGUMENT` for a stream type above 3.
    pub fn close_stream(&mut self, kind: u32) -> Result<(), Refusal> {
        self.host_call("proxy_close_stream", &[&kind], |model| {
            match kind {
                0 | 1 => {
                    if let Some(stream) = model.current_stream_mut() {
                        stream.reset = true;
                    }
                }
                // There is no TCP stream here.
                2 | 3 => {}
                _ => return Err(Status::BAD_ARGUMENT),
            }
            Ok(())
        })
    }

    fn readable(&self, map: u32) -> Option<&Headers> {
        let answer = self.callouts.answer.as_ref();
        match map {
            0 => self.stream()?.request_headers.readable(),
            2 => self.stream()?.response_headers.readable(),
            6 => answer.map(|answer| &answer.headers),
            7 => answer.and_then(|answer| answer.trailers.as_ref()),
            _ => None,
        }
    }

    fn writable(&mut self, map: u32) -> Result<&mut Headers, Status> {
        let map = known(map)?;
        let stream = self.current_stream_mut().ok_or(Status::BAD_ARGUMENT)?;
        match map {
            0 => stream.request_headers.writable(),
            2 => stream.response_headers.writable(),
            _ => None,
        }
        .ok_or(Status::BAD_ARGUMENT)
    }
}

fn known(map: u32) -> Result<u32, Status> {
    (map <= LAST_MAP).then_some(map).ok_or(Status::BAD_ARGUMENT)
}
