//! The streams of this VM: which request belongs to which configuration, and how far it may go.
//!
//! The SDK has a dispatcher for that, which the root contexts keep; but each request calls into the
//! module four times, and that dispatcher looks through three maps for each call and makes a box for
//! each stream. Nearly all requests pass at once, and nothing is kept of them here: of the calls that
//! follow, each only sees that there is nothing to do.

use std::{
    cell::RefCell,
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
    rc::Rc,
};

use crate::{abi::Action, gate::Gate, stream::Stream};

thread_local! {
    /// The one thing that is not reached through a root context, for it leads to them: a thread is to
    /// a native test what a VM is to a proxy.
    static STREAMS: Streams = const { Streams::new() };
}

/// Roots with what is in force under them, and the streams that are not done with.
///
/// Nothing is borrowed while a stream is asked: hosts call again before a call of ours is back.
struct Streams {
    /// Few: a proxy has one for each configuration of the filter, and for a while its successor.
    roots: RefCell<Vec<(u32, Rc<Gate>)>>,
    open: RefCell<HashMap<u32, Stream, BuildHasherDefault<Numbers>>>,
}

impl Streams {
    const fn new() -> Self {
        let open = HashMap::with_hasher(BuildHasherDefault::new());
        Self { roots: RefCell::new(Vec::new()), open: RefCell::new(open) }
    }

    fn gate(&self, root: u32) -> Option<Rc<Gate>> {
        let roots = self.roots.borrow();
        roots.iter().find(|(known, _)| *known == root).map(|(_, gate)| Rc::clone(gate))
    }

    fn take(&self, context: u32) -> Option<Stream> {
        let mut open = self.open.borrow_mut();
        // As it is for most calls, and that is seen without a look at the map itself.
        if open.is_empty() { None } else { open.remove(&context) }
    }

    fn keep(&self, context: u32, stream: Stream) {
        if !stream.is_done() {
            self.open.borrow_mut().insert(context, stream);
        }
    }

    fn with(&self, context: u32, ask: impl FnOnce(&mut Stream) -> Action) -> Action {
        // One that is not here has passed, or is none that a request was judged for.
        let Some(mut stream) = self.take(context) else {
            return Action::Continue;
        };
        let action = ask(&mut stream);
        self.keep(context, stream);
        action
    }
}

/// Puts a gate in force for the streams that a root context will have.
pub(crate) fn put_in_force(root: u32, gate: &Rc<Gate>) {
    forget(root);
    STREAMS.with(|streams| streams.roots.borrow_mut().push((root, Rc::clone(gate))));
}

/// Forgets a root context; streams that it has keep their gate.
pub(crate) fn forget(root: u32) {
    // At the end of a native test's thread there may be none left.
    let _ = STREAMS.try_with(|streams| {
        streams.roots.borrow_mut().retain(|(known, _)| *known != root);
    });
}

/// Whether a context is one of a root.
pub(crate) fn is_root(context: u32) -> bool {
    STREAMS.with(|streams| streams.gate(context).is_some())
}

/// A new stream under a root.
pub(crate) fn create(context: u32, root: u32) {
    STREAMS.with(|streams| {
        if let Some(gate) = streams.gate(root) {
            streams.open.borrow_mut().insert(context, Stream::new(gate, context));
        }
    });
}

/// Judges the request of a stream.
pub(crate) fn request_headers(context: u32, headers: usize) -> Action {
    STREAMS.with(|streams| {
        // One that nobody announced, or under a root that there is not, gets 503.
        let unknown = || Stream::new(Rc::new(Gate::closed()), context);
        let mut stream = streams.take(context).unwrap_or_else(unknown);
        let action = stream.request_headers(headers);
        streams.keep(context, stream);
        action
    })
}

/// What becomes of the body or the trailers of a request.
pub(crate) fn request_rest(context: u32) -> Action {
    STREAMS.with(|streams| streams.with(context, |stream| stream.request_action()))
}

/// What becomes of a response.
pub(crate) fn response_headers(context: u32) -> Action {
    STREAMS.with(|streams| streams.with(context, Stream::response_headers))
}

/// The end of a stream.
pub(crate) fn delete(context: u32) {
    STREAMS.with(|streams| drop(streams.take(context)));
}

/// A hash of one number that the host chose, and no client.
#[derive(Default)]
struct Numbers(u64);

impl Hasher for Numbers {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32(u32::from(*byte));
        }
    }

    fn write_u32(&mut self, number: u32) {
        // Numbers that follow each other, which the table sorts by their upper and lower bits.
        const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
        self.0 = (self.0 ^ u64::from(number)).wrapping_mul(SPREAD).rotate_left(32);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
