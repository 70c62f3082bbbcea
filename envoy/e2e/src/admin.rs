//! Envoy's admin interface: state, counters, listeners.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};

use crate::{Reply, http1};

/// The admin interface of one Envoy.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Admin {
    pub(crate) port: u16,
}

impl Admin {
    pub(crate) fn get(self, path: &str) -> Result<Reply> {
        http1::get(self.port, path)
    }

    pub(crate) fn is_ready(self) -> bool {
        self.get("/ready").is_ok_and(|reply| reply.status == 200)
    }

    /// The port of each listener by its name.
    pub(crate) fn listeners(self) -> Result<BTreeMap<String, u16>> {
        let reply = self.get("/listeners?format=json")?.json()?;
        let statuses = reply["listener_statuses"].as_array().cloned().unwrap_or_default();
        (statuses.iter())
            .map(|status| {
                let port = status["local_address"]["socket_address"]["port_value"].as_u64();
                let port = port.and_then(|port| u16::try_from(port).ok());
                let name = status["name"].as_str().context("a listener without a name")?;
                Ok((name.to_owned(), port.context("a listener without a port")?))
            })
            .collect()
    }

    /// All counters and gauges whose name holds `part`.
    pub(crate) fn stats(self, part: &str) -> Result<BTreeMap<String, u64>> {
        let reply = self.get("/stats?format=json")?;
        ensure!(reply.status == 200, "GET /stats: {reply:?}");
        let all = reply.json()?;
        let all = all["stats"].as_array().context("GET /stats: no list")?;
        Ok((all.iter())
            .filter_map(|stat| Some((stat["name"].as_str()?, stat["value"].as_u64()?)))
            .filter(|(name, _)| name.contains(part))
            .map(|(name, value)| (name.to_owned(), value))
            .collect())
    }
}
