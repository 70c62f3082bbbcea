//! Shared data and queues: what several VMs of one proxy see.

use std::collections::{BTreeMap, VecDeque};

use crate::{place::Place, profile::Cas, status::Status};

/// The proxy-wide store, kept apart by VM id.
///
/// There is no deletion, no expiry and no limit, as in proxy-wasm-cpp-host.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Shared {
    data: BTreeMap<(Vec<u8>, Vec<u8>), Value>,
    last_cas: u32,
    queues: BTreeMap<u32, Queue>,
    last_queue: u32,
    /// One for each item whose consumer has not been told of it, in order.
    ready: VecDeque<Ready>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Value {
    bytes: Vec<u8>,
    cas: u32,
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Queue {
    vm_id: Vec<u8>,
    name: Vec<u8>,
    consumer: Consumer,
    items: VecDeque<Vec<u8>>,
}

/// The root context that is told of items in a queue.
///
/// A place, not a VM: a VM that takes over a thread is told in its predecessor's stead, as in
/// proxy-wasm-cpp-host (`src/shared_queue.cc`, `SharedQueue::enqueue`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Consumer {
    pub(crate) place: Place,
    pub(crate) root: u32,
}

/// Word of an item that is on its way to the consumer of its queue.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Ready {
    pub(crate) consumer: Consumer,
    pub(crate) queue: u32,
}

impl Shared {
    /// The value of a key and its CAS number.
    ///
    /// # Errors
    ///
    /// [`Status::NOT_FOUND`] when nobody set it.
    pub fn get(&self, vm_id: &[u8], key: &[u8]) -> Result<(Vec<u8>, u32), Status> {
        let value = self.data.get(&(vm_id.to_vec(), key.to_vec()));
        value.map(|value| (value.bytes.clone(), value.cas)).ok_or(Status::NOT_FOUND)
    }

    /// The keys that VMs of this id have set, in order.
    pub fn keys(&self, vm_id: &[u8]) -> impl Iterator<Item = &[u8]> {
        let keys = self.data.keys().filter(move |(of, _)| of == vm_id);
        keys.map(|(_, key)| key.as_slice())
    }

    /// Sets a key; `cas` 0 is unconditional, and a key that does not exist yet ignores it.
    ///
    /// # Errors
    ///
    /// [`Status::CAS_MISMATCH`] when the value changed since it was read.
    pub fn set(&mut self, vm_id: &[u8], key: &[u8], value: &[u8], cas: u32) -> Result<(), Status> {
        self.set_by(Cas::NewKeysFree, vm_id, key, value, cas)
    }

    /// As [`Shared::set`], by this rule.
    pub(crate) fn set_by(
        &mut self,
        rule: Cas,
        vm_id: &[u8],
        key: &[u8],
        value: &[u8],
        cas: u32,
    ) -> Result<(), Status> {
        let key = (vm_id.to_vec(), key.to_vec());
        let known = self.data.get(&key).map(|known| known.cas);
        let free = match rule {
            Cas::NewKeysFree => cas == 0 || known.is_none(),
            Cas::ZeroFree => cas == 0,
            Cas::Exact => false,
        };
        if !free && cas != known.unwrap_or(0) {
            return Err(Status::CAS_MISMATCH);
        }
        // 0 means "no condition", so no value ever carries it.
        self.last_cas = self.last_cas.checked_add(1).unwrap_or(1);
        let value = Value { bytes: value.to_vec(), cas: self.last_cas };
        self.data.insert(key, value);
        Ok(())
    }

    /// Changes a value as another VM of this id could: the lowest bit of its last byte.
    pub(crate) fn flip_bit(&mut self, vm_id: &[u8], key: &[u8]) {
        let Ok((mut value, _)) = self.get(vm_id, key) else {
            return;
        };
        if let Some(last) = value.last_mut() {
            *last ^= 1;
        }
        // Without a condition, setting a key that exists cannot fail.
        let _ = self.set(vm_id, key, &value, 0);
    }

    /// Makes a queue, or takes over one of this name with what is in it.
    pub(crate) fn register(&mut self, vm_id: &[u8], name: &[u8], consumer: Consumer) -> u32 {
        if let Some(token) = self.resolve(vm_id, name) {
            if let Some(queue) = self.queues.get_mut(&token) {
                queue.consumer = consumer;
            }
            return token;
        }
        self.last_queue = self.last_queue.checked_add(1).unwrap_or(1);
        let queue =
            Queue { vm_id: vm_id.to_vec(), name: name.to_vec(), consumer, items: VecDeque::new() };
        self.queues.insert(self.last_queue, queue);
        self.last_queue
    }

    pub(crate) fn resolve(&self, vm_id: &[u8], name: &[u8]) -> Option<u32> {
        self.queues
            .iter()
            .find(|(_, queue)| queue.vm_id == vm_id && queue.name == name)
            .map(|(token, _)| *token)
    }

    /// Appends to a queue; its one consumer of this moment will be told.
    pub(crate) fn enqueue(&mut self, token: u32, value: &[u8]) -> Result<(), Status> {
        let queue = self.queues.get_mut(&token).ok_or(Status::NOT_FOUND)?;
        queue.items.push_back(value.to_vec());
        self.ready.push_back(Ready { consumer: queue.consumer, queue: token });
        Ok(())
    }

    pub(crate) fn dequeue(&mut self, token: u32) -> Result<Vec<u8>, Status> {
        let queue = self.queues.get_mut(&token).ok_or(Status::NOT_FOUND)?;
        queue.items.pop_front().ok_or(Status::EMPTY)
    }

    /// What has to be told so far, in order; what comes up meanwhile waits for the next time.
    pub(crate) fn take_ready(&mut self) -> VecDeque<Ready> {
        std::mem::take(&mut self.ready)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cas_guards_an_existing_value_only() {
        let mut shared = Shared::default();
        shared.set(b"vm", b"k", b"1", 77).unwrap();
        let (value, cas) = shared.get(b"vm", b"k").unwrap();
        assert_eq!(value, b"1");
        assert_ne!(cas, 0);
        let mismatch = shared.set(b"vm", b"k", b"2", cas.wrapping_add(1));
        assert_eq!(mismatch, Err(Status::CAS_MISMATCH));
        shared.set(b"vm", b"k", b"2", cas).unwrap();
        shared.set(b"vm", b"k", b"3", 0).unwrap();
        assert_eq!(shared.get(b"vm", b"k").unwrap().0, b"3");
        assert_eq!(shared.get(b"other", b"k"), Err(Status::NOT_FOUND));
        assert_eq!(shared.keys(b"vm").collect::<Vec<_>>(), [b"k"]);
        assert_eq!(shared.keys(b"other").next(), None);
    }

    #[test]
    fn rules_differ_in_what_zero_and_a_new_key_mean() {
        // The rule; whether a number fits a new key, 0 fits a new key, 0 fits one that exists.
        for (rule, number_new, zero_new, zero_known) in [
            (Cas::NewKeysFree, true, true, true),
            (Cas::ZeroFree, false, true, true),
            (Cas::Exact, false, true, false),
        ] {
            let mut shared = Shared::default();
            let mut set = |key: &[u8], cas| shared.set_by(rule, b"vm", key, b"v", cas).is_ok();
            assert_eq!(set(b"a", 7), number_new, "{rule}");
            assert_eq!(set(b"b", 0), zero_new, "{rule}");
            assert_eq!(set(b"b", 0), zero_known, "{rule}");
            let (_, cas) = shared.get(b"vm", b"b").unwrap();
            assert!(shared.set_by(rule, b"vm", b"b", b"w", cas).is_ok(), "{rule}");
        }
    }

    #[test]
    fn a_queue_has_one_consumer_the_last_that_registered() {
        let mut shared = Shared::default();
        let [one, two] = [1, 2].map(|root| Consumer { place: Place::Worker(0), root });
        let token = shared.register(b"vm", b"q", one);
        assert_eq!(shared.enqueue(token, b"a"), Ok(()));
        assert_eq!(shared.register(b"vm", b"q", two), token);
        assert_eq!(shared.enqueue(token, b"b"), Ok(()));
        let told: Vec<Consumer> = shared.take_ready().iter().map(|ready| ready.consumer).collect();
        assert_eq!(told, [one, two]);
        assert!(shared.take_ready().is_empty());
        assert_eq!(shared.dequeue(token), Ok(b"a".to_vec()));
        assert_eq!(shared.dequeue(token), Ok(b"b".to_vec()));
        assert_eq!(shared.dequeue(token), Err(Status::EMPTY));
        assert_eq!(shared.dequeue(99), Err(Status::NOT_FOUND));
        assert_eq!(shared.resolve(b"other", b"q"), None);
    }
}
