//! Whether the steps of a scenario fit together: what is used is open, and what is open ends.

use std::collections::BTreeMap;

use crate::{
    read::{Value, similar},
    step::{Action, Step},
};

/// What a name stands for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Stream,
    Connection,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Stream => "stream",
            Self::Connection => "connection",
        }
    }
}

/// Notes every step that names what is not open, or a worker that is not there.
pub(crate) fn check(values: &[Value<'_, '_>], steps: &[Step], workers: usize) {
    if values.len() != steps.len() {
        // The missing ones would make others look wrong.
        return;
    }
    let mut open: BTreeMap<&str, (Kind, &Value<'_, '_>)> = BTreeMap::new();
    for (value, step) in values.iter().zip(steps) {
        let (worker, opens) = match &step.action {
            Action::Request(exchange, _) => (Some(exchange.worker), None),
            Action::Open(name, exchange, _) => (Some(exchange.worker), Some((name, Kind::Stream))),
            Action::Connect(name, worker) => (Some(*worker), Some((name, Kind::Connection))),
            _ => (None, None),
        };
        if let Some(worker) = worker.filter(|worker| *worker >= workers) {
            wrong(value, &format!("found worker {worker}, expected one of the {workers}, from 0"));
        }
        if let Some((name, kind)) = opens
            && let Some((other, _)) = open.insert(name, (kind, value))
        {
            wrong(value, &format!("found the name {name:?} of a {} that is open", other.name()));
        }
        let (name, expected, ends) = match &step.action {
            Action::Send(name, _) | Action::Respond(name, _) => (name, Kind::Stream, false),
            Action::Data(name, ..) | Action::Close(name, ..) => (name, Kind::Connection, false),
            Action::Finish(name) | Action::Abandon(name) => (name, Kind::Stream, true),
            Action::Disconnect(name) => (name, Kind::Connection, true),
            _ => continue,
        };
        match open.get(name.as_str()) {
            Some((kind, _)) if *kind == expected => {
                if ends {
                    open.remove(name.as_str());
                }
            }
            Some((kind, _)) => {
                let (found, expected) = (kind.name(), expected.name());
                wrong(value, &format!("found the {found} {name:?}, expected a {expected}"));
            }
            None => {
                let meant = match similar(name, open.keys().copied()) {
                    Some(meant) => format!("; did you mean {meant:?}?"),
                    None => String::new(),
                };
                wrong(value, &format!("found {name:?}, which is not open here{meant}"));
            }
        }
    }
    for (name, (kind, value)) in open {
        let ends = match kind {
            Kind::Stream => "`finish` or `abandon`",
            Kind::Connection => "`disconnect`",
        };
        wrong(
            value,
            &format!("the {} {name:?} never ends, expected a step with {ends}", kind.name()),
        );
    }
}

fn wrong(value: &Value<'_, '_>, text: &str) {
    let _: Option<()> = value.wrong(text);
}
