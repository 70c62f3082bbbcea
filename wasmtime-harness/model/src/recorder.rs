//! A record of everything that passed between a proxy and a filter.

use std::fmt::Write as _;

use crate::{
    callback::Callback,
    host::Guest,
    model::Model,
    outcome::{LogLine, Trap},
    trace::Call,
};

/// A guest that writes down each callback, the host calls and log lines in it, and its answer.
///
/// The record is text with a line for each, and nothing in it depends on the machine: two runs of
/// the same filter that differ in one byte of it saw something that is not part of the model.
#[derive(Debug)]
pub struct Recorder<G> {
    guest: G,
    record: String,
}

impl<G: Guest> Recorder<G> {
    /// Records what passes between a proxy and this guest from here on.
    pub fn new(mut guest: G) -> Self {
        guest.model(|model| model.trace_arguments = true);
        Self { guest, record: String::new() }
    }

    /// The guest behind it.
    pub fn guest(&mut self) -> &mut G {
        &mut self.guest
    }

    /// The record so far.
    #[must_use]
    pub fn record(&self) -> &str {
        &self.record
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.record, "{line}");
    }
}

impl<G: Guest> Guest for Recorder<G> {
    fn model<R>(&mut self, visit: impl FnOnce(&mut Model) -> R) -> R {
        self.guest.model(visit)
    }

    fn call(&mut self, callback: Callback) -> Result<Option<u32>, Trap> {
        let (calls, logs) = self.guest.model(|model| (model.trace.len(), model.logs.len()));
        let answer = self.guest.call(callback);
        let (calls, logs): (Vec<Call>, Vec<LogLine>) = self.guest.model(|model| {
            let calls = model.trace.get(calls..).unwrap_or_default().to_vec();
            (calls, model.logs.get(logs..).unwrap_or_default().to_vec())
        });
        let arguments: Vec<String> = callback.arguments().iter().map(u32::to_string).collect();
        self.line(format_args!("{}({})", callback.export(), arguments.join(", ")));
        for call in calls {
            self.line(format_args!("  {call}"));
        }
        for line in logs {
            self.line(format_args!("  {line}"));
        }
        match &answer {
            Ok(Some(answer)) => self.line(format_args!("  = {answer}")),
            Ok(None) => self.line(format_args!("  = not exported")),
            Err(trap) => self.line(format_args!("  = trap: {trap}")),
        }
        answer
    }
}
