//! Requests and responses: what the filter is shown of them and when.

use crate::{
    callback::Callback,
    context::{End, Side, Stream},
    flow::{BodyAnswer, Iteration, Sent, Shown},
    headers::Headers,
    outcome::{Fate, Outcome, Reply},
    profile::{Bodies, EndOfStream, EndOrder},
    request::Request,
};

use super::{Guest, Host};

/// A request that the filter has seen and that has not ended; see [`Host::open`].
#[derive(Debug, Eq, PartialEq)]
#[must_use = "a request ends by Host::finish only"]
pub struct OpenStream(pub(super) u32);

impl OpenStream {
    /// The stream's context id.
    #[must_use]
    pub fn context(&self) -> u32 {
        self.0
    }
}

/// How far an open request has come; see [`Host::progress`].
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// What has become of it so far, as [`Host::fate`] says.
    pub fate: Fate,
    /// Whether the VM had ended when the filter was to see a part of it, as in
    /// [`Outcome::failed`](crate::Outcome::failed).
    pub failed: bool,
    /// What has gone on to the upstream.
    pub request: &'a Sent,
    /// What has gone on to the client.
    pub response: &'a Sent,
}

impl<G: Guest> Host<G> {
    /// Takes one request through its whole life.
    pub fn request(&mut self, request: Request) -> Outcome {
        let stream = self.open_whole(request);
        self.finish(stream)
    }

    /// Hands a request to the filter with its body and its trailers; what is left is its response
    /// and its end.
    pub fn open_whole(&mut self, request: Request) -> OpenStream {
        let (body, trailers) = (request.body.clone(), request.trailers.clone());
        let ends = !request.open_ended;
        let stream = self.open(request);
        let mut parts = body.into_iter().peekable();
        while let Some(part) = parts.next() {
            let end = ends && parts.peek().is_none() && trailers.is_none();
            self.show_body(stream.0, Side::Request, part, end);
        }
        if let Some(trailers) = trailers {
            self.request_trailers(&stream, trailers);
        }
        stream
    }

    /// Hands a request's headers to the filter; its body and trailers are for later steps.
    pub fn open(&mut self, request: Request) -> OpenStream {
        let parent = self.root.unwrap_or_default();
        let end = request.ends_with_headers();
        let (context, shown) = self.guest.model(|model| {
            let context = model.add_stream(parent, &request);
            (context, model.arriving(request.headers))
        });
        match shown {
            Ok(headers) => {
                self.call(Callback::ContextCreate { context, parent });
                let action = self.show_headers(context, Side::Request, headers, end);
                self.stream(context, |stream| stream.action = action);
            }
            Err(reply) => self.answer_unseen(context, reply),
        }
        OpenStream(context)
    }

    /// Brings a part of a request's body, and gives the filter's answer.
    ///
    /// There is none (`None`) if the filter is not called: it holds the whole request, so that the
    /// part waits; or the request has ended; or the filter has trapped.
    pub fn request_body(&mut self, stream: &OpenStream, part: &[u8], end: bool) -> Option<u32> {
        self.show_body(stream.0, Side::Request, part.to_vec(), end)
    }

    /// Brings a request's trailers, with which it ends, and gives the filter's answer, as
    /// [`Host::request_body`].
    pub fn request_trailers(&mut self, stream: &OpenStream, trailers: Headers) -> Option<u32> {
        self.show_trailers(stream.0, Side::Request, trailers)
    }

    /// Brings a frame of HTTP/2 metadata of so many pairs with a request.
    ///
    /// Envoy shows the filter their number and nothing else, and goes on whatever it answers.
    pub fn request_metadata(&mut self, stream: &OpenStream, elements: u32) {
        self.show_metadata(stream.0, Side::Request, elements);
    }

    /// Brings the headers of the upstream's response, and gives the filter's answer, as
    /// [`Host::request_body`].
    ///
    /// There is no response to a request whose headers have not gone on.
    pub fn respond_headers(
        &mut self,
        stream: &OpenStream,
        headers: Headers,
        end: bool,
    ) -> Option<u32> {
        let awaited = self.stream(stream.0, |stream| {
            let sent = stream.request.sent.headers.is_some();
            stream.end.is_none() && sent && !stream.response.begun()
        });
        awaited.filter(|awaited| *awaited)?;
        let headers = self.guest.model(|model| model.incoming(headers));
        self.show_headers(stream.0, Side::Response, headers, end)
    }

    /// Brings a part of the response's body, as [`Host::request_body`].
    pub fn respond_body(&mut self, stream: &OpenStream, part: &[u8], end: bool) -> Option<u32> {
        self.show_body(stream.0, Side::Response, part.to_vec(), end)
    }

    /// Brings the response's trailers, with which it ends, as [`Host::request_body`].
    pub fn respond_trailers(&mut self, stream: &OpenStream, trailers: Headers) -> Option<u32> {
        self.show_trailers(stream.0, Side::Response, trailers)
    }

    /// Brings a frame of HTTP/2 metadata with a response, as [`Host::request_metadata`].
    pub fn respond_metadata(&mut self, stream: &OpenStream, elements: u32) {
        self.show_metadata(stream.0, Side::Response, elements);
    }

    /// What has become of an open stream so far.
    pub fn fate(&mut self, stream: &OpenStream) -> Fate {
        self.stream(stream.0, |stream| stream.fate()).unwrap_or(Fate::Reset)
    }

    /// Shows `visit` how far an open stream has come, for a proxy that sends things on as they come.
    pub fn progress<R>(
        &mut self,
        stream: &OpenStream,
        visit: impl FnOnce(Progress<'_>) -> R,
    ) -> Option<R> {
        self.stream(stream.0, |stream| {
            visit(Progress {
                fate: stream.fate(),
                failed: stream.failed,
                request: &stream.request.sent,
                response: &stream.response.sent,
            })
        })
    }

    /// Takes an open stream to its end: the upstream's response, if the request got there and no
    /// step brought one, then log, done, delete.
    ///
    /// A request that is still paused ends as if its client went away.
    pub fn finish(&mut self, stream: OpenStream) -> Outcome {
        if self.fate(&stream) == Fate::Continued {
            self.respond(&stream);
        }
        self.abandon(stream)
    }

    /// Ends an open stream whose client went away: no further response, but log, done and delete.
    pub fn abandon(&mut self, stream: OpenStream) -> Outcome {
        let fate = self.fate(&stream);
        let context = stream.0;
        let ends = self.stream(context, |stream| (stream.failed, stream.unseen));
        let (failed, unseen) = ends.unwrap_or_default();
        let (log, done) = (Callback::Log { context }, Callback::Done { context });
        let order = match self.guest.model(|model| model.profile.end_order) {
            EndOrder::LogFirst => [log, done, Callback::Delete { context }],
            EndOrder::DoneFirst => [done, log, Callback::Delete { context }],
        };
        for callback in order.into_iter().filter(|_| !unseen) {
            // The maps can be read while the stream is logged, and at no other time of its end.
            self.stream(context, |stream| stream.logging = callback == log);
            self.call(callback);
        }
        let trap = self.trap.clone();
        let outcome = self.guest.model(|model| {
            let stream = model.take_stream(context);
            let mut outcome = Outcome {
                fate,
                logs: model.take_logs(),
                trace: model.take_trace(),
                trap,
                failed,
                ..Outcome::default()
            };
            if let Some(stream) = stream {
                let Stream { request, response, .. } = stream;
                outcome.action = stream.action;
                outcome.reply = stream.reply;
                outcome.published = stream.known.published;
                outcome.request_headers = request.sent.headers.unwrap_or(request.headers.headers);
                outcome.request_body = request.sent.body;
                outcome.request_trailers = request.sent.trailers;
                outcome.request_complete = request.sent.complete;
                outcome.response = response.sent.headers;
                outcome.response_body = response.sent.body;
                outcome.response_trailers = response.sent.trailers;
                outcome.response_complete = response.sent.complete;
            }
            outcome
        });
        self.end_retired_roots();
        outcome
    }

    /// The upstream's response as the request says it, unless steps have brought one.
    fn respond(&mut self, stream: &OpenStream) {
        let upstream = self.stream(stream.0, |stream| {
            (!stream.response.begun()).then(|| std::mem::take(&mut stream.upstream))
        });
        let Some(Some(upstream)) = upstream else {
            return;
        };
        let end = upstream.ends_with_headers();
        self.respond_headers(stream, upstream.headers, end);
        let mut parts = upstream.body.into_iter().peekable();
        while let Some(part) = parts.next() {
            let end = parts.peek().is_none() && upstream.trailers.is_none();
            self.show_body(stream.0, Side::Response, part, end);
        }
        if let Some(trailers) = upstream.trailers {
            self.respond_trailers(stream, trailers);
        }
    }

    /// Answers a stream in the filter's name.
    ///
    /// Envoy `FilterManager::sendLocalReply`: the reply takes the way of a response through the
    /// filter; when a response was being made it takes its place unseen; when that was on its way to
    /// the client, nothing is left but to cut it off.
    pub(super) fn reply(&mut self, context: u32, reply: Reply) {
        let profile = self.guest.model(|model| model.profile);
        let through = self.stream(context, |stream| {
            if stream.end == Some(End::Reset) {
                return None;
            }
            stream.request.close();
            let (headers, body) = stream.client.response(&reply, &profile);
            if stream.response.sent.headers.is_some() {
                stream.end = Some(End::Reset);
                stream.response.close();
                return None;
            }
            stream.reply = Some(reply);
            if stream.response.begun() {
                stream.response.replace(headers, body);
                return None;
            }
            stream.end = Some(End::Replied);
            Some((headers, body))
        });
        if let Some(Some((headers, body))) = through {
            self.show_headers(context, Side::Response, headers, body.is_empty());
            if !body.is_empty() {
                self.show_body(context, Side::Response, body, true);
            }
        }
    }

    /// Answers a stream in the host's own name, before the filter has heard of it.
    fn answer_unseen(&mut self, context: u32, reply: Reply) {
        self.guest.model(|model| {
            let profile = model.profile;
            if let Some(stream) = model.stream_mut(context) {
                let (headers, body) = stream.client.response(&reply, &profile);
                stream.unseen = true;
                stream.end = Some(End::Replied);
                stream.reply = Some(reply);
                stream.request.close();
                stream.response.replace(headers, body);
            }
        });
    }

    /// Cuts a stream off.
    pub(super) fn reset(&mut self, context: u32) {
        self.stream(context, |stream| {
            stream.end = Some(End::Reset);
            stream.request.close();
            stream.response.close();
        });
    }

    /// Lets a direction go on; what was held back unseen is shown to the filter.
    pub(super) fn resume(&mut self, context: u32, side: Side) {
        let shown = self.stream(context, |stream| stream.flow_mut(side).resume());
        let Shown { body, trailers } = shown.unwrap_or_default();
        if let Some((body, end)) = body {
            self.show_body(context, side, body, end);
        }
        if let Some(trailers) = trailers {
            self.show_trailers(context, side, trailers);
        }
    }

    fn show_headers(
        &mut self,
        context: u32,
        side: Side,
        headers: Headers,
        end: bool,
    ) -> Option<u32> {
        let (number, end_of_stream) = self.guest.model(|model| {
            let told = model.profile.end_of_stream == EndOfStream::Told;
            let pseudo_count = model.profile.pseudo_headers_count;
            let number = model.stream_mut(context).map(|stream| {
                let flow = stream.flow_mut(side);
                flow.begin(headers, end);
                let headers = flow.headers.headers.iter();
                headers.filter(|(name, _)| pseudo_count || !name.starts_with(b":")).count()
            });
            (u32::try_from(number.unwrap_or_default()).unwrap_or(u32::MAX), end && told)
        });
        let callback = match side {
            Side::Request => Callback::RequestHeaders { context, headers: number, end_of_stream },
            Side::Response => Callback::ResponseHeaders { context, headers: number, end_of_stream },
        };
        let (answer, stop) = self.answer_of(callback);
        self.guest.model(|model| {
            let body_passes = model.settings.body_passes_paused_headers;
            if let Some(stream) = model.stream_mut(context) {
                let answer = answer.unwrap_or_default();
                let iteration = Iteration::after_headers(answer, stop, body_passes);
                stream.flow_mut(side).headers_answered(iteration);
            }
        });
        answer
    }

    fn show_body(&mut self, context: u32, side: Side, part: Vec<u8>, end: bool) -> Option<u32> {
        let part = self.gathered(context, side, part, end)?;
        let shown = self.stream(context, |stream| stream.flow_mut(side).offer_body(part, end));
        let size = u32::try_from(shown??).unwrap_or(u32::MAX);
        let callback = match side {
            Side::Request => Callback::RequestBody { context, size, end_of_stream: end },
            Side::Response => Callback::ResponseBody { context, size, end_of_stream: end },
        };
        let (answer, stop) = self.answer_of(callback);
        self.stream(context, |stream| {
            let answer = BodyAnswer::new(answer.unwrap_or_default(), stop);
            stream.flow_mut(side).body_answered(answer);
        });
        answer
    }

    /// The part of a body that the filter is to see now, if it does not have to wait for the rest.
    fn gathered(&mut self, context: u32, side: Side, part: Vec<u8>, end: bool) -> Option<Vec<u8>> {
        self.guest.model(|model| {
            if side == Side::Response || model.profile.bodies == Bodies::Parts {
                return Some(part);
            }
            let gathered = &mut model.stream_mut(context)?.gathered;
            gathered.extend(part);
            end.then(|| std::mem::take(gathered))
        })
    }

    fn show_trailers(&mut self, context: u32, side: Side, trailers: Headers) -> Option<u32> {
        let body = self.stream(context, |stream| std::mem::take(&mut stream.gathered));
        if let Some(body) = body.filter(|body| side == Side::Request && !body.is_empty()) {
            self.show_body(context, side, body, true);
        }
        let trailers = self.guest.model(|model| model.incoming(trailers));
        let shown = self.stream(context, |stream| stream.flow_mut(side).offer_trailers(trailers));
        let trailers = u32::try_from(shown??).unwrap_or(u32::MAX);
        let callback = match side {
            Side::Request => Callback::RequestTrailers { context, trailers },
            Side::Response => Callback::ResponseTrailers { context, trailers },
        };
        let (answer, stop) = self.answer_of(callback);
        self.stream(context, |stream| {
            stream.flow_mut(side).trailers_answered(answer == Some(0) && !stop);
        });
        answer
    }

    /// Calls the filter and does what it asked for meanwhile, which is before its answer counts: Envoy
    /// does it when the VM has returned and the filter around it has not (`addAfterVmCallAction`).
    ///
    /// Gives the answer, and whether it is to stop whatever it says.
    fn answer_of(&mut self, callback: Callback) -> (Option<u32>, bool) {
        let answer = self.call(callback).map(Option::unwrap_or_default);
        let stop = self.guest.model(|model| model.stop) || answer.is_none();
        self.settle();
        (answer, stop)
    }

    fn show_metadata(&mut self, context: u32, side: Side, elements: u32) {
        let open = self.stream(context, |stream| {
            let flow = stream.flow_mut(side);
            flow.begun() && !flow.closed()
        });
        if open == Some(true) {
            self.call(match side {
                Side::Request => Callback::RequestMetadata { context, elements },
                Side::Response => Callback::ResponseMetadata { context, elements },
            });
            self.settle();
        }
    }

    /// Gives `visit` a stream, if it is there.
    fn stream<R>(&mut self, context: u32, visit: impl FnOnce(&mut Stream) -> R) -> Option<R> {
        self.guest.model(|model| model.stream_mut(context).map(visit))
    }
}
