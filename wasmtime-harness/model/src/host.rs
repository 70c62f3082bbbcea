//! The proxy's part: when a filter is called, and what comes of it.

mod callouts;
mod http;
mod tcp;
mod time;

use crate::{
    callback::Callback,
    context::Wishes,
    headers::Headers,
    model::Model,
    outcome::{Startup, Trap},
    wish::Wish,
};

pub use http::{OpenStream, Progress};
pub use tcp::{OpenConnection, Peer};
pub(crate) use time::{QUEUE_TURNS, Rush};

/// Something that runs a filter: a WebAssembly engine, or native code.
pub trait Guest {
    /// Gives `visit` the model that this filter's host calls go to.
    ///
    /// The model belongs to the guest since host calls need it while a callback runs.
    fn model<R>(&mut self, visit: impl FnOnce(&mut Model) -> R) -> R;

    /// Calls an exported function of the filter.
    ///
    /// The answer is 0 for a function that returns nothing, and `None` when the filter does not have
    /// it.
    ///
    /// # Errors
    ///
    /// A trap; the filter is not called again after one.
    fn call(&mut self, callback: Callback) -> Result<Option<u32>, Trap>;
}

/// A proxy with one filter in it, driven step by step.
#[derive(Debug)]
pub struct Host<G> {
    guest: G,
    root: Option<u32>,
    trap: Option<Trap>,
}

impl<G: Guest> Host<G> {
    /// A proxy that has loaded the filter and not started it.
    pub fn new(mut guest: G) -> Self {
        guest.model(|model| model.loading = false);
        Self { guest, root: None, trap: None }
    }

    /// Starts the VM with its first plugin configuration.
    ///
    /// Requests go to this root even if it refused the configuration, as in hosts that go on
    /// regardless; Envoy exits instead.
    pub fn start(&mut self, vm_configuration: &[u8], plugin_configuration: &[u8]) -> Startup {
        self.guest.model(|model| model.vm_configuration = vm_configuration.to_vec());
        let startup = self.add_root(plugin_configuration);
        self.root = Some(startup.root);
        startup
    }

    /// Updates the configuration in the running VM: a new root context beside the old one.
    ///
    /// An accepted one takes over, and the old root ends with the last stream that it has. A refused
    /// one ends at once, and the old root serves on: Envoy finds out in a VM of its own, with the
    /// same result.
    pub fn reconfigure(&mut self, plugin_configuration: &[u8]) -> Startup {
        let startup = self.add_root(plugin_configuration);
        let ended =
            if startup.accepted { self.root.replace(startup.root) } else { Some(startup.root) };
        self.guest.model(|model| {
            if let Some(root) = ended.and_then(|root| model.root_mut(root)) {
                root.retired = true;
            }
        });
        self.end_retired_roots();
        startup
    }

    /// The root context that new requests go to.
    #[must_use]
    pub fn root(&self) -> Option<u32> {
        self.root
    }

    /// Why the VM ended, if it did; it answers nothing after that.
    #[must_use]
    pub fn trap(&self) -> Option<&Trap> {
        self.trap.as_ref()
    }

    /// Gives `visit` the model.
    pub fn model<R>(&mut self, visit: impl FnOnce(&mut Model) -> R) -> R {
        self.guest.model(visit)
    }

    /// What runs the filter.
    pub fn guest(&mut self) -> &mut G {
        &mut self.guest
    }

    fn add_root(&mut self, configuration: &[u8]) -> Startup {
        let context = self.guest.model(|model| model.add_root(configuration));
        // The plugin's configuration cannot be read while the VM starts: it may serve many plugins.
        self.guest.model(|model| model.set_configuring(context, true));
        self.call(Callback::ContextCreate { context, parent: 0 });
        let vm_size = self.guest.model(|model| {
            model.set_configuring(context, false);
            size(&model.vm_configuration)
        });
        let started = self.call(Callback::VmStart { context, size: vm_size });
        self.guest.model(|model| model.set_configuring(context, true));
        let configured = self.call(Callback::Configure { context, size: size(configuration) });
        // A function that the filter does not have cannot refuse.
        let yes = |answer: Option<Option<u32>>| answer.is_some_and(|answer| answer != Some(0));
        let vm_started = yes(started);
        let accepted = vm_started && yes(configured);
        self.settle();
        let trap = self.trap.clone();
        self.guest.model(|model| {
            model.set_configuring(context, false);
            Startup {
                root: context,
                vm_started,
                accepted,
                logs: model.take_logs(),
                trace: model.take_trace(),
                trap,
            }
        })
    }

    /// Ends the roots that a newer configuration has replaced and that have no more streams: Envoy's
    /// streams hold on to their plugin (`PluginHandleBase::~PluginHandleBase`).
    fn end_retired_roots(&mut self) {
        for root in self.guest.model(|model| model.retired_roots()) {
            self.end_root(root);
        }
    }

    fn end_root(&mut self, root: u32) {
        if self.call(Callback::Done { context: root }).flatten() == Some(0) {
            self.guest.model(|model| {
                if let Some(root) = model.root_mut(root) {
                    root.retired = false;
                    root.pending_done = true;
                }
            });
        } else {
            self.delete_root(root);
        }
        self.settle();
    }

    /// Does what the filter asked for during a callback; that may call it again.
    fn settle(&mut self) {
        while let Some(wish) = self.guest.model(Model::next_wish) {
            match wish {
                Wish::Reply(context, reply) => self.reply(context, reply),
                Wish::Reset(context) => self.reset(context),
                Wish::Resume(context, side) => self.resume(context, side),
                Wish::Read(context) => self.read_on(context),
                Wish::Close(context) => self.close_by_filter(context),
                Wish::Delete(root) => self.delete_root(root),
            }
        }
    }

    fn delete_root(&mut self, root: u32) {
        self.call(Callback::Delete { context: root });
        self.guest.model(|model| model.remove_root(root));
    }

    /// The filter's answer, or `None` when its VM has ended, which fails the stream that the call
    /// was for (`CHECK_FAIL` of proxy-wasm-cpp-host).
    fn call(&mut self, callback: Callback) -> Option<Option<u32>> {
        let context = callback.context();
        if self.trap.is_none() {
            if self.guest.model(|model| model.profile.silent_callbacks.contains(&callback.export()))
            {
                return Some(None);
            }
            self.guest.model(|model| {
                model.enter(&callback);
                if let Callback::HttpCallResponse { token, .. } = callback {
                    model.speak_for_caller(token);
                }
            });
            match self.guest.call(callback) {
                Ok(answer) => return Some(answer),
                Err(trap) => self.trap = Some(trap),
            }
        }
        self.guest.model(|model| {
            if let Some(stream) = model.stream_mut(context) {
                stream.failed = true;
                // A VM that ends takes along what it asked for in the same callback.
                stream.wishes = Wishes::default();
            }
            if let Some(connection) = model.connection_mut(context) {
                connection.fail();
            }
        });
        None
    }
}

fn count(headers: &Headers) -> u32 {
    u32::try_from(headers.len()).unwrap_or(u32::MAX)
}

fn size(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}
