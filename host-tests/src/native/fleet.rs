//! Several VMs of the native filter side by side, for a fleet.

use std::{
    mem,
    sync::mpsc::{Receiver, Sender, channel},
    thread,
};

use proxy_host_model::{Callback, Guest, Model, Spawn, Trap};

use super::{enter, memory};

/// Makes VMs of the native filter, each on a thread of its own.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spawner;

/// The filter on a thread of its own, which has the model for as long as a call lasts.
#[derive(Debug)]
pub struct Vm {
    model: Model,
    /// The thread ends when this does, and drops the filter's contexts.
    calls: Sender<(Model, Callback)>,
    answers: Receiver<(Model, Option<u32>)>,
}

impl Spawn for Spawner {
    type Guest = Vm;

    fn spawn(&mut self, model: Model) -> Result<Vm, String> {
        let (calls, asked) = channel::<(Model, Callback)>();
        let (answer, answers) = channel();
        let vm = move || {
            memory::install(model);
            jwt_gate::start();
            let mut said = None;
            while answer.send((memory::with_model(mem::take), said)).is_ok() {
                let Ok((model, callback)) = asked.recv() else {
                    return;
                };
                memory::install(model);
                // SAFETY: as for `Native`: this is the thread that holds the filter's contexts.
                said = unsafe { enter(callback) };
            }
        };
        thread::Builder::new().spawn(vm).map_err(|error| error.to_string())?;
        let (model, _) = answers.recv().map_err(|error| error.to_string())?;
        Ok(Vm { model, calls, answers })
    }
}

impl Guest for Vm {
    fn model<R>(&mut self, visit: impl FnOnce(&mut Model) -> R) -> R {
        visit(&mut self.model)
    }

    fn call(&mut self, callback: Callback) -> Result<Option<u32>, Trap> {
        let ended = || Trap("the filter's thread has ended".to_owned());
        let model = mem::take(&mut self.model);
        self.calls.send((model, callback)).map_err(|_| ended())?;
        let (model, answer) = self.answers.recv().map_err(|_| ended())?;
        self.model = model;
        Ok(answer)
    }
}
