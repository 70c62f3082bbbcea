//! Shared data and queues.

use crate::{
    model::Model,
    shared::Consumer,
    status::{Refusal, Status},
};

impl Model {
    /// A value shared by all VMs of this id, with its CAS number.
    ///
    /// # Errors
    ///
    /// `NOT_FOUND`, and what the profile says to a key in a zone that is not declared.
    pub fn get_shared_data(&mut self, key: &[u8]) -> Result<(Vec<u8>, u32), Refusal> {
        self.denied_call("proxy_get_shared_data", &[&key], |model| {
            model.may_share(key)?;
            let vm_id = model.settings.vm_id.as_bytes();
            if model.profile.shared_data_changes {
                model.shared.flip_bit(vm_id, key);
            }
            model.shared.get(vm_id, key).map_err(Refusal::Status)
        })
    }

    /// Sets a shared value; `cas` 0 is unconditional in most profiles.
    ///
    /// # Errors
    ///
    /// `CAS_MISMATCH` when the value changed since it was read, and what the profile says to a key
    /// in a zone that is not declared.
    pub fn set_shared_data(&mut self, key: &[u8], value: &[u8], cas: u32) -> Result<(), Refusal> {
        self.denied_call("proxy_set_shared_data", &[&key, &value, &cas], |model| {
            model.may_share(key)?;
            let vm_id = model.settings.vm_id.as_bytes();
            let rule = model.profile.cas;
            model.shared.set_by(rule, vm_id, key, value, cas).map_err(Refusal::Status)
        })
    }

    /// Makes this context's root the one that is told of items in a queue of this VM id.
    ///
    /// # Errors
    ///
    /// None of its own; what the profile says to a queue whose zone is not declared.
    pub fn register_shared_queue(&mut self, name: &[u8]) -> Result<u32, Refusal> {
        self.denied_call("proxy_register_shared_queue", &[&name], |model| {
            let text = String::from_utf8_lossy(name);
            if !model.settings.zones.contains(&*text) {
                model.without_zone(&format!("the queue {text:?}"))?;
            }
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
    /// `NOT_FOUND`, or what the profile says in its place.
    pub fn enqueue_shared_queue(&mut self, queue: u32, value: &[u8]) -> Result<(), Refusal> {
        self.denied_call("proxy_enqueue_shared_queue", &[&queue, &value], |model| {
            let put = model.shared.enqueue(queue, value);
            put.map_err(|status| model.queue_refusal(queue, status))
        })
    }

    /// Takes the oldest item of a queue.
    ///
    /// # Errors
    ///
    /// `EMPTY`, and `NOT_FOUND` or what the profile says in its place.
    pub fn dequeue_shared_queue(&mut self, queue: u32) -> Result<Vec<u8>, Refusal> {
        self.denied_call("proxy_dequeue_shared_queue", &[&queue], |model| {
            let item = model.shared.dequeue(queue);
            item.map_err(|status| model.queue_refusal(queue, status))
        })
    }

    /// A key needs a zone in some hosts: the one that it names before its first `/`, or `*`.
    fn may_share(&self, key: &[u8]) -> Result<(), Refusal> {
        let key = String::from_utf8_lossy(key);
        let zones = &self.settings.zones;
        let own = key.split_once('/').is_some_and(|(zone, _)| zones.contains(zone));
        if own || zones.contains("*") {
            return Ok(());
        }
        self.without_zone(&format!("the shared key {key:?}"))
    }

    fn without_zone(&self, what: &str) -> Result<(), Refusal> {
        let why = || format!("{what} is in no zone that is declared");
        self.profile.shared_without_zone.map_or(Ok(()), |denial| Err(denial.of(why())))
    }

    fn queue_refusal(&self, queue: u32, status: Status) -> Refusal {
        match status {
            Status::NOT_FOUND => {
                self.profile.unknown_queue.of(format!("there is no queue {queue}"))
            }
            status => Refusal::Status(status),
        }
    }
}
