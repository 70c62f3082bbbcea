//! Header maps, local replies and the fate of a stream.

use crate::{
    arguments::Pairs,
    headers::Headers,
    model::Model,
    outcome::Reply,
    profile::{LineBreaks, MapSize, Which},
    status::{Refusal, Status},
};

/// The number of the map of request headers.
pub(super) const REQUEST_HEADERS: u32 = 0;
/// The map of a response's headers.
pub(super) const RESPONSE_HEADERS: u32 = 2;
/// The highest number of a header map.
const LAST_MAP: u32 = 7;
/// The highest gRPC status, UNAUTHENTICATED.
const LAST_GRPC_STATUS: u32 = 16;

impl Model {
    /// All pairs of a map, encoded; a map that is not there now is empty in most profiles.
    ///
    /// # Errors
    ///
    /// `BAD_ARGUMENT` for an unknown map; what the profile says to one that is not there now.
    pub fn get_header_map_pairs(&mut self, map: u32) -> Result<Vec<u8>, Refusal> {
        self.denied_call("proxy_get_header_map_pairs", &[&map], |model| {
            let empty = Headers::default();
            let headers = match (model.readable(known(map)?), model.profile.absent_map_pairs) {
                (Some(headers), _) => headers,
                (None, None) => &empty,
                (None, Some(denial)) => return Err(denial.of(absent(map))),
            };
            Ok(model.profile.give_pairs(headers))
        })
    }

    /// Replaces a whole map; pairs that cannot be read empty it.
    ///
    /// # Errors
    ///
    /// `BAD_ARGUMENT` for an unknown map or one that cannot be written now.
    pub fn set_header_map_pairs(&mut self, map: u32, pairs: &[u8]) -> Result<(), Refusal> {
        self.denied_call("proxy_set_header_map_pairs", &[&map, &Pairs(pairs)], |model| {
            let pairs = model.profile.read_pairs(pairs)?;
            let fixed = model.fixed(map);
            let headers = model.writable(map)?;
            let old = headers.clone();
            headers.assign(&Headers::default());
            for (name, value) in old.given().filter(|(name, _)| is_one(name, fixed)) {
                headers.add(name, value);
            }
            for (name, value) in pairs.given().filter(|(name, _)| !is_one(name, fixed)) {
                headers.add(name, value);
            }
            Ok(())
        })
    }

    /// The first value of a name, in most profiles.
    ///
    /// # Errors
    ///
    /// `NOT_FOUND` without such a header; `BAD_ARGUMENT` for an unknown map or one that is not there
    /// now, which is `NOT_FOUND` in the log phase; what the profile says in their place.
    pub fn get_header_map_value(&mut self, map: u32, name: &[u8]) -> Result<Vec<u8>, Refusal> {
        self.denied_call("proxy_get_header_map_value", &[&map, &name], |model| {
            let name = model.alias(map, name);
            let logging = model.stream().is_some_and(|stream| stream.logging);
            let denial = if logging {
                model.profile.absent_map_value_in_log
            } else {
                model.profile.absent_map_value
            };
            let headers = model.readable(known(map)?).ok_or_else(|| denial.of(absent(map)))?;
            let mut values = headers.all(name);
            let value = match model.profile.header_value {
                Which::First => values.next(),
                Which::Last => values.next_back(),
            };
            value.map(<[u8]>::to_vec).ok_or(model.profile.absent_header.into())
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
        self.denied_call("proxy_add_header_map_value", &[&map, &name, &value], |model| {
            let name = model.alias(map, name);
            let fixed = is_one(name, model.fixed(map));
            let joined = is_one(name, model.joined(map));
            let headers = model.writable(map)?;
            match (fixed, joined) {
                (true, _) => {}
                (false, true) => headers.join(name, value),
                (false, false) => headers.add(name, value),
            }
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
        self.denied_call("proxy_replace_header_map_value", &[&map, &name, &value], |model| {
            let name = model.alias(map, name);
            let fixed = is_one(name, model.fixed(map));
            let headers = model.writable(map)?;
            if !fixed {
                headers.replace(name, value);
            }
            Ok(())
        })
    }

    /// Removes all values of a name; there need not be one.
    ///
    /// # Errors
    ///
    /// `BAD_ARGUMENT` for an unknown map or one that cannot be written now.
    pub fn remove_header_map_value(&mut self, map: u32, name: &[u8]) -> Result<(), Refusal> {
        self.denied_call("proxy_remove_header_map_value", &[&map, &name], |model| {
            let name = model.alias(map, name);
            let fixed = is_one(name, model.fixed(map));
            let headers = model.writable(map)?;
            if !fixed {
                headers.remove(name);
            }
            Ok(())
        })
    }

    /// The bytes of all names and values of a map, or in some profiles of the map as it is handed
    /// over.
    ///
    /// # Errors
    ///
    /// `BAD_ARGUMENT` for an unknown map or one that cannot be written now.
    pub fn get_header_map_size(&mut self, map: u32) -> Result<u32, Refusal> {
        self.denied_call("proxy_get_header_map_size", &[&map], |model| {
            let profile = model.profile;
            let headers = model.writable(map)?;
            let size = match profile.map_size {
                MapSize::Contents => headers.byte_size(),
                MapSize::Serialized => profile.give_pairs(headers).len(),
            };
            Ok(u32::try_from(size).unwrap_or(u32::MAX))
        })
    }

    /// Answers the request when the callback returns; of several replies the first wins.
    ///
    /// `grpc_status` -1 is none. Pairs that cannot be read mean no headers in most profiles. Outside a
    /// stream nothing comes of it, and the answer is still OK.
    ///
    /// # Errors
    ///
    /// None of its own; what the profile says to a status, to line breaks and to a second reply.
    pub fn send_local_response(
        &mut self,
        status: u32,
        details: &[u8],
        body: &[u8],
        pairs: &[u8],
        grpc_status: i32,
    ) -> Result<(), Refusal> {
        self.denied_call(
            "proxy_send_local_response",
            &[&status, &details, &body, &Pairs(pairs), &grpc_status],
            |model| {
                let headers = model.reply_headers(status, pairs)?;
                let again = model.profile.second_reply;
                let Some(stream) = model.current_stream_mut() else {
                    model.stop = true;
                    return Ok(());
                };
                if let Some(denial) = again.filter(|_| stream.answered()) {
                    return Err(denial.of("a second reply to the same request"));
                }
                stream.wishes.reply.get_or_insert_with(|| Reply {
                    status,
                    headers,
                    body: body.to_vec(),
                    grpc_status: u32::try_from(grpc_status)
                        .ok()
                        .filter(|status| *status <= LAST_GRPC_STATUS),
                    details: details.to_vec(),
                });
                model.stop = true;
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
                        // Too late when the stream has been answered or closed.
                        let wishes = &mut stream.wishes;
                        let open = wishes.reply.is_none() && !wishes.reset;
                        wishes.resume_request |= kind == 0 && open;
                        wishes.resume_response |= kind == 1 && open;
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
                let early = map == 2 && self.profile.early_response_headers && slot.is_early();
                let shown = early || (stream.logging && logged);
                if shown { Some(&slot.headers) } else { slot.readable() }
            }
            4 => self.callouts.grpc_initial.as_ref(),
            5 => self.callouts.grpc_trailing.as_ref(),
            6 => self.callouts.answer.as_ref().map(|answer| &answer.headers),
            _ => self.callouts.answer.as_ref().and_then(|answer| answer.trailers.as_ref()),
        }
    }

    fn writable(&mut self, map: u32) -> Result<&mut Headers, Refusal> {
        let map = known(map)?;
        let denial = self.profile.absent_map_write;
        let early = self.profile.early_response_headers;
        let denied = || denial.of(absent(map));
        let stream = self.current_stream_mut().ok_or_else(denied)?;
        match map {
            0 => stream.request.headers.writable(),
            1 => stream.request.trailers.writable(),
            2 if early && stream.response.headers.is_early() => {
                Some(&mut stream.response.headers.headers)
            }
            2 => stream.response.headers.writable(),
            3 => stream.response.trailers.writable(),
            _ => None,
        }
        .ok_or_else(denied)
    }

    /// The headers of a reply of this status, if this host takes it.
    fn reply_headers(&self, status: u32, pairs: &[u8]) -> Result<Headers, Refusal> {
        let headers = self.profile.read_pairs(pairs)?.shown(self.profile.header_names);
        let (least, most) = self.profile.reply_statuses;
        let breaks = |value: &[u8]| value.iter().any(|byte| b"\r\n".contains(byte));
        let split = self.profile.reply_line_breaks == LineBreaks::Refused
            && headers.iter().any(|(_, value)| breaks(value));
        if split || !(least..=most).contains(&status) {
            return Err(Status::BAD_ARGUMENT.into());
        }
        Ok(headers)
    }

    /// What nobody can change in a map.
    /// The name under which a map keeps a header.
    fn alias<'a>(&self, map: u32, name: &'a [u8]) -> &'a [u8] {
        let is_host = map == REQUEST_HEADERS && name.eq_ignore_ascii_case(b"host");
        if is_host && self.profile.host_is_authority { b":authority" } else { name }
    }

    /// Headers of which a map has one value.
    fn joined(&self, map: u32) -> &'static [&'static str] {
        match map {
            0 | 1 => self.profile.joined_headers,
            _ => self.profile.joined_response_headers,
        }
    }

    fn fixed(&self, map: u32) -> &'static [&'static str] {
        if map == REQUEST_HEADERS { self.profile.fixed_headers } else { &[] }
    }
}

fn absent(map: u32) -> String {
    format!("map {map} in this callback")
}

fn is_one(name: &[u8], names: &[&str]) -> bool {
    names.iter().any(|one| name.eq_ignore_ascii_case(one.as_bytes()))
}

fn known(map: u32) -> Result<u32, Status> {
    (map <= LAST_MAP).then_some(map).ok_or(Status::BAD_ARGUMENT)
}
