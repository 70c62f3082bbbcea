//! Buffers, properties, shared data, queues and metrics.

use crate::{
    context::Context,
    model::Model,
    properties::{from_request, from_settings},
    shared::Consumer,
    status::{Refusal, Status},
};

use super::http::REQUEST_HEADERS;

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
            let body = model.writable_buffer(buffer).ok_or(Status::BAD_ARGUMENT)?;
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

    /// A property, by its path with the parts joined by NUL.
    ///
    /// # Errors
    ///
    /// `NOT_FOUND`, or `SERIALIZATION_FAILURE` for the parent of properties.
    pub fn get_property(&mut self, path: &[u8]) -> Result<Vec<u8>, Refusal> {
        self.host_call("proxy_get_property", &[&path], |model| model.property(path))
    }

    /// Publishes a value for later filters; Envoy shows it as filter state `wasm.NAME`.
    ///
    /// A NUL inside the path stays in the name. The name of a property that exists already is
    /// accepted, and the value is never seen.
    ///
    /// # Errors
    ///
    /// `NOT_FOUND` outside a request or connection.
    pub fn set_property(&mut self, path: &[u8], value: &[u8]) -> Result<(), Refusal> {
        self.host_call("proxy_set_property", &[&path, &value], |model| {
            let known = model.known_mut().ok_or(Status::NOT_FOUND)?;
            known.published.insert(path.to_vec(), value.to_vec());
            Ok(())
        })
    }

    /// A value shared by all VMs of this id, with its CAS number.
    ///
    /// # Errors
    ///
    /// `NOT_FOUND`.
    pub fn get_shared_data(&mut self, key: &[u8]) -> Result<(Vec<u8>, u32), Refusal> {
        self.host_call("proxy_get_shared_data", &[&key], |model| {
            model.shared.get(model.settings.vm_id.as_bytes(), key)
        })
    }

    /// Sets a shared value; `cas` 0 is unconditional.
    ///
    /// # Errors
    ///
    /// `CAS_MISMATCH` when the value changed since it was read.
    pub fn set_shared_data(&mut self, key: &[u8], value: &[u8], cas: u32) -> Result<(), Refusal> {
        self.host_call("proxy_set_shared_data", &[&key, &value, &cas], |model| {
            let vm_id = model.settings.vm_id.as_bytes();
            model.shared.set(vm_id, key, value, cas)
        })
    }

    /// Makes this context's root the one that is told of items in a queue of this VM id.
    ///
    /// # Errors
    ///
    /// None of its own.
    pub fn register_shared_queue(&mut self, name: &[u8]) -> Result<u32, Refusal> {
        self.host_call("proxy_register_shared_queue", &[&name], |model| {
            let consumer = Consumer { place: model.place, root: model.root_id() };
            let vm_id = model.settings.vm_id.as_bytes();
            Ok(model.shared.register(vm_id, name, consumer))
        })
    }

    /// The token of a queue; an empty VM id means the own one.
    ///
    /// # Errors
    ///
    /// `NOT_FOUND`.
    pub fn resolve_shared_queue(&mut self, vm_id: &[u8], name: &[u8]) -> Result<u32, Refusal> {
        self.host_call("proxy_resolve_shared_queue", &[&vm_id, &name], |model| {
            let own = model.settings.vm_id.as_bytes();
            let vm_id = if vm_id.is_empty() { own } else { vm_id };
            model.shared.resolve(vm_id, name).ok_or(Status::NOT_FOUND)
        })
    }

    /// Appends to a queue.
    ///
    /// # Errors
    ///
    /// `NOT_FOUND`.
    pub fn enqueue_shared_queue(&mut self, queue: u32, value: &[u8]) -> Result<(), Refusal> {
        self.host_call("proxy_enqueue_shared_queue", &[&queue, &value], |model| {
            model.shared.enqueue(queue, value)
        })
    }

    /// Takes the oldest item of a queue.
    ///
    /// # Errors
    ///
    /// `EMPTY` or `NOT_FOUND`.
    pub fn dequeue_shared_queue(&mut self, queue: u32) -> Result<Vec<u8>, Refusal> {
        self.host_call("proxy_dequeue_shared_queue", &[&queue], |model| model.shared.dequeue(queue))
    }

    /// Gives a metric an id: kind 0 is a counter, 1 a gauge, 2 a histogram.
    ///
    /// # Errors
    ///
    /// `BAD_ARGUMENT` for another kind.
    pub fn define_metric(&mut self, kind: u32, name: &[u8]) -> Result<u32, Refusal> {
        self.host_call("proxy_define_metric", &[&kind, &name], |model| {
            model.metrics.define(kind, name)
        })
    }

    /// Adds to a counter or moves a gauge.
    ///
    /// # Errors
    ///
    /// `NOT_FOUND`; `BAD_ARGUMENT` for a histogram, or a counter by less than 1.
    pub fn increment_metric(&mut self, metric: u32, offset: i64) -> Result<(), Refusal> {
        self.host_call("proxy_increment_metric", &[&metric, &offset], |model| {
            model.metrics.increment(metric, offset)
        })
    }

    /// Adds to a counter, sets a gauge or takes a sample.
    ///
    /// # Errors
    ///
    /// `NOT_FOUND`.
    pub fn record_metric(&mut self, metric: u32, value: u64) -> Result<(), Refusal> {
        self.host_call("proxy_record_metric", &[&metric, &value], |model| {
            model.metrics.record(metric, value)
        })
    }

    /// The value of a counter or gauge.
    ///
    /// # Errors
    ///
    /// `NOT_FOUND`; `BAD_ARGUMENT` for a histogram.
    pub fn get_metric(&mut self, metric: u32) -> Result<u64, Refusal> {
        self.host_call("proxy_get_metric", &[&metric], |model| model.metrics.get(metric))
    }

    /// A buffer with a number of the ABI, if it is there now.
    fn buffer(&self, buffer: u32) -> Result<&[u8], Status> {
        let found = match buffer {
            0 => self.stream().and_then(|stream| stream.request.visible_body()),
            1 => self.stream().and_then(|stream| stream.response.visible_body()),
            2 => self.connection().and_then(|connection| connection.downstream.visible()),
            3 => self.connection().and_then(|connection| connection.upstream.visible()),
            4 => self.callouts.answer.as_ref().map(|answer| &answer.body),
            5 => self.callouts.grpc_message.as_ref(),
            6 => Some(&self.vm_configuration),
            7 => match self.contexts.get(&self.context_id()) {
                Some(Context::Root(root)) if root.configuring => Some(&root.configuration),
                _ => None,
            },
            8 => Some(&self.call_data),
            _ => return Err(Status::BAD_ARGUMENT),
        };
        found.map(Vec::as_slice).ok_or(Status::NOT_FOUND)
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

    fn property(&self, path: &[u8]) -> Result<Vec<u8>, Status> {
        let known = self.known();
        let mut found = from_settings(&self.settings, path);
        for properties in
            [Some(&self.properties), known.map(|k| &k.properties)].into_iter().flatten()
        {
            found =
                found.or_else(|error| or_worse(error, properties.get(path).map(<[u8]>::to_vec)));
        }
        if self.stream().is_some() {
            let headers = self.readable(REQUEST_HEADERS);
            found = found.or_else(|error| or_worse(error, from_request(headers, path)));
        }
        let Some(known) = known else {
            return found;
        };
        found.or_else(|error| {
            let published = known.published.get(path).filter(|_| !path.contains(&0));
            or_worse(error, published.cloned().ok_or(Status::NOT_FOUND))
        })
    }
}

/// The next source's answer, unless it knows nothing of the path and an earlier one did.
fn or_worse(error: Status, next: Result<Vec<u8>, Status>) -> Result<Vec<u8>, Status> {
    next.map_err(|next| if next == Status::NOT_FOUND { error } else { next })
}
