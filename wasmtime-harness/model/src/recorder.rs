//! A record of everything that passed between a proxy and a filter.

use std::fmt::Write as _;

use crate::{callback::Callback, fleet::Spawn, host::Guest, model::Model, outcome::Trap};

/// A guest that writes down each callback, the host calls and log lines in it, and its answer.
///
/// The record is text with a line for each, and nothing in it depends on the machine: two runs of
/// the same filter that differ in one byte of it saw something that is not part of the model.
///
/// The VMs of a [`Fleet`](crate::Fleet) write into one record, in order of events. If there are
/// several, each callback has the place of its VM in front.
#[derive(Debug)]
pub struct Recorder<G> {
    guest: G,
}

impl<G: Guest> Recorder<G> {
    /// Records what passes between a proxy and this guest from here on.
    pub fn new(mut guest: G) -> Self {
        guest.model(|model| model.trace_arguments = true);
        Self { guest }
    }

    /// The guest behind it.
    pub fn guest(&mut self) -> &mut G {
        &mut self.guest
    }

    /// The record so far.
    #[must_use]
    pub fn record(&mut self) -> String {
        self.guest.model(|model| model.record.clone())
    }
}

impl<G: Guest> Guest for Recorder<G> {
    fn model<R>(&mut self, visit: impl FnOnce(&mut Model) -> R) -> R {
        self.guest.model(visit)
    }

    fn call(&mut self, callback: Callback) -> Result<Option<u32>, Trap> {
        let (calls, logs) = self.guest.model(|model| (model.trace.len(), model.logs.len()));
        let answer = self.guest.call(callback);
        self.guest.model(|model| {
            // Writing to a string cannot fail.
            let _ = write(model, callback, calls, logs, &answer);
        });
        answer
    }
}

/// Makes VMs that are recorded: all of a fleet into the record of its [`World`](crate::World).
#[derive(Clone, Debug)]
pub struct Recorded<S>(pub S);

impl<S: Spawn> Spawn for Recorded<S> {
    type Guest = Recorder<S::Guest>;

    fn spawn(&mut self, model: Model) -> Result<Self::Guest, String> {
        self.0.spawn(model).map(Recorder::new)
    }
}

fn write(
    model: &mut Model,
    callback: Callback,
    calls: usize,
    logs: usize,
    answer: &Result<Option<u32>, Trap>,
) -> std::fmt::Result {
    let record = &mut model.record;
    if let Some(label) = &model.label {
        write!(record, "{label}: ")?;
    }
    let arguments: Vec<String> = callback.arguments().iter().map(u32::to_string).collect();
    writeln!(record, "{}({})", callback.export(), arguments.join(", "))?;
    for call in model.trace.since(calls) {
        writeln!(record, "  {call}")?;
    }
    for line in model.logs.since(logs) {
        // A filter that logs a line break must not write a line of the record.
        write!(record, "  {}: ", line.level)?;
        for character in line.text.chars() {
            if character.is_control() {
                write!(record, "{}", character.escape_default())?;
            } else {
                write!(record, "{character}")?;
            }
        }
        writeln!(record)?;
    }
    match answer {
        Ok(Some(answer)) => writeln!(record, "  = {answer}"),
        Ok(None) => writeln!(record, "  = not exported"),
        // Where it was moves with the module's code, which makes every kept record stale.
        Err(trap) => writeln!(record, "  = trap: {}", trap.reason()),
    }
}
