//! TCP connections.

use proxy_host_model::{Peer, Spawn};

use super::Player;
use crate::{
    compare::{Differences, text},
    expect::{Expect, Passed},
    step::Side,
};

impl<S: Spawn> Player<'_, S> {
    pub(super) fn connect(&mut self, name: &str, worker: usize) -> String {
        let connection = self.fleet.open_connection(worker);
        self.connections.insert(name.to_owned(), connection);
        format!("{name}: a connection")
    }

    pub(super) fn data(&mut self, name: &str, side: Side, parts: &[Vec<u8>], end: bool) -> String {
        let bytes = parts.concat().len();
        if let Some(connection) = self.connections.get(name) {
            let mut parts = parts.iter().peekable();
            while let Some(part) = parts.next() {
                let end = end && parts.peek().is_none();
                match side {
                    Side::Downstream => self.fleet.downstream_data(connection, part, end),
                    Side::Upstream => self.fleet.upstream_data(connection, part, end),
                };
            }
        }
        format!("{name}: {bytes} bytes from {}", side.name())
    }

    pub(super) fn close(&mut self, name: &str, side: Side, peer: bool) -> String {
        if let Some(connection) = self.connections.get(name) {
            let peer = if peer { Peer::Remote } else { Peer::Local };
            match side {
                Side::Downstream => self.fleet.downstream_close(connection, peer),
                Side::Upstream => self.fleet.upstream_close(connection, peer),
            }
        }
        format!("{name}: {} is closed", side.name())
    }

    pub(super) fn disconnect(
        &mut self,
        name: &str,
        expect: &Expect,
        differences: &mut Differences,
    ) -> String {
        let said = format!("{name}: the end");
        let Some(connection) = self.connections.remove(name) else {
            return said;
        };
        let outcome = self.fleet.finish_connection(connection);
        let Passed { to_upstream, to_downstream, held, closed_by_filter } =
            expect.connection.clone().unwrap_or_default();
        let bytes = [
            ("to_upstream", to_upstream, &outcome.to_upstream),
            ("to_downstream", to_downstream, &outcome.to_downstream),
            ("held", held, &outcome.held),
        ];
        for (what, expected, found) in bytes {
            if let Some(expected) = expected.filter(|expected| expected != found) {
                let quoted = |bytes: &[u8]| format!("\"{}\"", text(bytes));
                differences.add(what, quoted(&expected), quoted(found));
            }
        }
        let closed = outcome.closed_by_filter;
        if let Some(expected) = closed_by_filter.filter(|expected| *expected != closed) {
            differences.add("closed_by_filter", expected, closed);
        }
        differences.published(expect.published.as_ref(), &outcome.published);
        let by = match (closed, outcome.failed) {
            (true, _) => ", closed by the filter",
            (false, true) => ", closed since the filter's VM had ended",
            (false, false) => "",
        };
        let (up, down) = (outcome.to_upstream.len(), outcome.to_downstream.len());
        format!("{said} -> {up} bytes to the upstream, {down} to the client{by}")
    }
}

impl Side {
    fn name(self) -> &'static str {
        match self {
            Self::Downstream => "downstream",
            Self::Upstream => "upstream",
        }
    }
}
