//! Header maps, local replies and the fate of a stream.

use crate::{
    arguments::Pairs,
    headers::Headers,
    model::Model,
    outcome::Reply,
    pairs::{decode_pairs, encode_pairs},
    status::{Refusal, Status},
};

/// The number of the map of request headers.
pub(super) const REQUEST_HEADERS: u32 = 0;
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
    /// now, which is `NOT_FOUND` in the log phase.
    pub fn get_header_map_value(&mut self, map: u32, name: &[u8]) -> Result<Vec<u8>, Refusal> {
        self.host_call("proxy_get_header_map_value", &[&map, &name], |model| {
            let logging = model.stream().is_some_and(|stream| stream.logging);
            let absent = if logging { Status::NOT_FOUND } else { Status::BAD_ARGUMENT };
            let headers = model.readable(known(map)?).ok_or(absent)?;
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
                stream.wishes.reply.get_or_insert_with(|| Reply {
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

    /// Lets a paused request (0), response (1) or client's side of a connection (2) go on when the
    /// callback returns.
    ///
    /// Where there is nothing of the kind, nothing comes of it, and the answer is still OK.
    ///
    /// # Errors
    ///
    /// `UNIMPLEMENTED` for the upstream's side of a connection (3); `BAD_ARGUMENT` for any other
    /// stream type.
    pub fn continue_stream(&mut self, kind: u32) -> Result<(), Refusal> {
        self.host_call("proxy_continue_stream", &[&kind], |model| {
            match kind {
                0 | 1 => {
                    if let Some(stream) = model.current_stream_mut() {
                        stream.wishes.resume_request |= kind == 0;
                        stream.wishes.resume_response |= kind == 1;
                        // Envoy takes the request away at once, whichever side continues.
                        stream.request.hide();
                    }
                }
                2 => {
                    if let Some(connection) = model.current_connection_mut() {
                        connection.resume = true;
                    }
                }
                3 => return Err(Status::UNIMPLEMENTED),
                _ => return Err(Status::BAD_ARGUMENT),
            }
            Ok(())
        })
    }

    /// Resets the stream (0 or 1) or closes the connection (2 or 3) when the callback returns.
    ///
    /// Where there is nothing of the kind, nothing comes of it, and the answer is still OK.
    ///
    /// # Errors
    ///
    /// `BAD_ARGUMENT` for a stream type above 3.
    pub fn close_stream(&mut self, kind: u32) -> Result<(), Refusal> {
        self.host_call("proxy_close_stream", &[&kind], |model| {
            match kind {
                0 | 1 => {
                    if let Some(stream) = model.current_stream_mut() {
                        stream.wishes.reset = true;
                    }
                }
                2 | 3 => {
                    if let Some(connection) = model.current_connection_mut() {
                        connection.close = true;
                    }
                }
                _ => return Err(Status::BAD_ARGUMENT),
            }
            Ok(())
        })
    }

    /// The map with this number, if it is there now.
    ///
    /// In the log phase the maps of the exchange are, but for the request's trailers.
    pub(super) fn readable(&self, map: u32) -> Option<&Headers> {
        match map {
            ..4 => {
                let stream = self.stream()?;
                let (slot, logged) = match map {
                    0 => (&stream.request.headers, true),
                    1 => (&stream.request.trailers, false),
                    2 => (&stream.response.headers, true),
                    _ => (&stream.response.trailers, true),
                };
                if stream.logging && logged { Some(&slot.headers) } else { slot.readable() }
            }
            4 => self.callouts.grpc_initial.as_ref(),
            5 => self.callouts.grpc_trailing.as_ref(),
            6 => self.callouts.answer.as_ref().map(|answer| &answer.headers),
            _ => self.callouts.answer.as_ref().and_then(|answer| answer.trailers.as_ref()),
        }
    }

    fn writable(&mut self, map: u32) -> Result<&mut Headers, Status> {
        let map = known(map)?;
        let stream = self.current_stream_mut().ok_or(Status::BAD_ARGUMENT)?;
        match map {
            0 => stream.request.headers.writable(),
            1 => stream.request.trailers.writable(),
            2 => stream.response.headers.writable(),
            3 => stream.response.trailers.writable(),
            _ => None,
        }
        .ok_or(Status::BAD_ARGUMENT)
    }
}

fn known(map: u32) -> Result<u32, Status> {
    (map <= LAST_MAP).then_some(map).ok_or(Status::BAD_ARGUMENT)
}
